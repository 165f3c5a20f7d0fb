using System.Security.Cryptography.X509Certificates;
using CsCheck;
using WireGuard.Attestation.Signing;

namespace WireGuard.Attestation.Tests;

public sealed class RandomTests
{
    /// <summary>Beginnings of CBOR's odd items: breaks, indefinite lengths, tags, null, huge numbers and maps.</summary>
    private static byte[][] Heads =>
    [
        [0xff], [0x5f], [0x9f], [0xbf], [0xd2], [0xf6],
        [0x1b, 255, 255, 255, 255, 255, 255, 255, 255], [0xbb, 0, 0, 0, 1, 0, 0, 0, 0],
    ];

    /// <summary>Where, what, and how many bytes.</summary>
    private static readonly Gen<(int Kind, int At, byte[] Bytes)> Mutation = Gen.Select(
        Gen.Int[0, 3], Gen.Int[0, 6000], Gen.OneOf(Gen.Byte.Array[1, 4], Gen.Int[0, Heads.Length - 1].Select(i => Heads[i])));

    [Fact]
    public void Noise_is_refused() => Gen.Byte.Array[0, 300].Sample(
        bytes => !AttestationVerifier.Verify(bytes, Good.Policy).Holds, iter: 20_000, seed: "0000KhkTwPs4");

    [Fact]
    public void Changed_document_is_refused()
    {
        byte[] good = Good.Document;
        Mutation.Array[1, 4].Sample(
            mutations =>
            {
                byte[] bytes = mutations.Aggregate(good, Mutate);
                ReadOnlySpan<byte> untagged = bytes is [0xd2, ..] ? bytes.AsSpan(1) : bytes; // as good with its tag
                return untagged.SequenceEqual(good) || !AttestationVerifier.Verify(bytes, Good.Policy).Holds;
            },
            iter: 2_000,
            seed: "0000KhkTwPs5");
    }

    /// <summary>The signature is right, so everything behind it is reached.</summary>
    [Fact]
    public void Changed_payload_that_is_signed_makes_a_verdict()
    {
        Draft draft = Good.Draft;
        byte[] good = draft.Payload();
        Mutation.Array[1, 3].Sample(
            mutations =>
            {
                var changed = new Draft { Raw = mutations.Aggregate(good, Mutate) };
                AttestationVerdict verdict = AttestationVerifier.Verify(changed.Sign(Good.Signer.Key), Good.Policy);
                return verdict.Holds ? SaysTheSame(verdict.Document!) : verdict.Problems.Count != 0;
            },
            iter: 1_000,
            seed: "0000KhkTwPs6");
    }

    [Fact]
    public void Changed_root_is_refused_or_read() => Mutation.Array[1, 3].Sample(
        mutations =>
        {
            byte[] bytes = mutations.Aggregate(Good.Signer.Root, Mutate);
            bool isRoot = AttestationVerifier.TryReadRoot(bytes, out ReadOnlyMemory<byte> der, out AttestationProblem problem);
            return isRoot ? der.Span.SequenceEqual(bytes) && IsOfOneCA(bytes) : problem.Fault != AttestationFault.None;
        },
        iter: 2_000,
        seed: "0000KhkTwPs7");

    /// <summary>What was asked for, and whoever vouches for it.</summary>
    private static bool SaysTheSame(AttestationDocument document) =>
        document.Certificate.Span.SequenceEqual(Good.Signer.Chain[^1])
        && document.CaBundle.Select(certificate => certificate.ToArray())
            .SequenceEqual(Good.Signer.Chain.SkipLast(1), EqualityComparer<byte[]>.Create((a, b) => a.AsSpan().SequenceEqual(b)))
        && document.Pcr(0).Span.SequenceEqual(Good.Image)
        && document.Nonce!.Value.Span.SequenceEqual(Good.Nonce)
        && document.PublicKey!.Value.Span.SequenceEqual(Good.PublicKey)
        && document.UserData!.Value.Span.SequenceEqual(Good.UserData);

    /// <summary>That of .NET reads basic constraints more strictly, so their bytes are looked at.</summary>
    private static bool IsOfOneCA(byte[] der)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der);
        byte[]? constraints = certificate.Extensions["2.5.29.19"]?.RawData;
        return constraints is [0x30, _, 0x01, 0x01, not 0, ..]
            && Plain(certificate.Subject) == Plain(certificate.Issuer);
    }

    /// <summary>RFC 5280 section 7.1: names are compared without regard to case and the kind of spaces.</summary>
    private static string Plain(string name) =>
        string.Join(' ', name.ToUpperInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static byte[] Mutate(byte[] bytes, (int Kind, int At, byte[] Bytes) mutation)
    {
        int at = mutation.At % (bytes.Length + 1), end = Math.Min(at + mutation.Bytes.Length, bytes.Length);
        return mutation.Kind switch
        {
            0 => [.. bytes[..at], .. mutation.Bytes, .. bytes[end..]], // overwritten
            1 => [.. bytes[..at], .. mutation.Bytes, .. bytes[at..]], // put in
            2 => [.. bytes[..at], .. bytes[end..]], // left out
            _ => bytes[..at],
        };
    }
}
