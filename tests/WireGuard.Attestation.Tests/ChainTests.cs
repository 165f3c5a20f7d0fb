using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using WireGuard.Attestation.Signing;
using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation.Tests;

/// <summary>Documents whose certificates are wrong in one thing, and right in everything else.</summary>
public sealed class ChainTests
{
    private const int Leaf = 4;

    /// <summary>A subject's alternative name that is no list of names.</summary>
    internal static readonly X509Extension UnreadableName = new("2.5.29.17", [0x04, 0x00], critical: false);

    private static readonly X509Extension s_another =
        X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(new byte[20]);

    /// <summary>One whose certificates name no key but are signed by it: as somebody would forge those of another.</summary>
    private static readonly Signer s_forger = SignerWith(s =>
    {
        for (int i = 0; i < s.Count; i++) s[i] = s[i] with { HasKeyIdentifiers = false };
    });

    /// <summary>What is done to the certificates before they are signed.</summary>
    internal static readonly Dictionary<string, (AttestationFault Fault, Action<List<CertificateShape>> Change)> Bad = new()
    {
        ["a region whose path is too short"] = (PathTooLong, s => s[1] = s[1] with { PathLength = 1 }),
        ["a root whose path is too short"] = (PathTooLong, s => s[0] = s[0] with { PathLength = 0 }),
        ["a leaf that is a CA"] = (LeafIsCa, s => s[Leaf] = s[Leaf] with { IsCa = true }),
        ["a leaf whose key agrees on keys"] =
            (WrongKeyUsage, s => s[Leaf] = s[Leaf] with { Usage = X509KeyUsageFlags.KeyAgreement }),
        ["a leaf without key usage"] = (WrongKeyUsage, s => s[Leaf] = s[Leaf] with { Usage = null }),
        ["a leaf on P-256"] = (WrongLeafKey, s => s[Leaf] = s[Leaf] with { Curve = ECCurve.NamedCurves.nistP256 }),
        ["a leaf on P-521"] = (WrongLeafKey, s => s[Leaf] = s[Leaf] with { Curve = ECCurve.NamedCurves.nistP521 }),
        ["a region signed with SHA-1"] = (WeakCertificate, s => s[1] = s[1] with { Hash = HashAlgorithmName.SHA1 }),
        ["a leaf signed with SHA-1"] = (WeakCertificate, s => s[Leaf] = s[Leaf] with { Hash = HashAlgorithmName.SHA1 }),
        ["a zone on P-224"] = (WeakCertificate, s => s[2] = s[2] with { Curve = ECCurve.CreateFromValue("1.3.132.0.33") }),
        ["a zone with RSA of 2,048 bits"] = (WeakCertificate, s => s[2] = s[2] with { RsaBits = 2048 }),
        ["a zone that names another issuer's key"] =
            (ChainOutOfOrder, s => s[2] = s[2] with { HasKeyIdentifiers = false, Extensions = [s_another] }),
        ["a leaf that names another issuer's key"] = (ChainOutOfOrder, s => s[Leaf] = s[Leaf] with { Extensions = [s_another] }),
        ["a zone that names another issuer"] = (ChainOutOfOrder, s => s[2] = s[2] with { Issuer = "CN=another" }),
        ["a leaf that names the root"] = (ChainOutOfOrder, s => s[Leaf] = s[Leaf] with { Issuer = s[0].Name }),
    };

    /// <summary>What is done to the certificates once they are signed: the root first, the leaf last.</summary>
    internal static readonly Dictionary<string, (AttestationFault Fault, Action<List<byte[]>> Change)> BadBytes = new()
    {
        ["the root after the region"] = (RootNotFirst, c => c.Reverse(0, 2)),
        ["another root before ours"] = (RootNotFirst, c => c.Insert(0, Signer.Create(Good.Time).Root)),
        ["another root instead of ours"] = (UnknownRoot, c => c[0] = Signer.Create(Good.Time).Root),
        ["no root"] = (UnknownRoot, c => c.RemoveAt(0)),
        ["region and zone swapped"] = (ChainOutOfOrder, c => c.Reverse(1, 2)),
        ["no zone"] = (ChainOutOfOrder, c => c.RemoveAt(2)),
        ["the region twice"] = (ChainOutOfOrder, c => c.Insert(1, c[1])),
        ["the root alone"] = (ChainOutOfOrder, c => c.RemoveRange(1, 3)),
        ["a certificate that has nothing to do with it"] = (ChainOutOfOrder, c => c.Insert(4, Signer.Create(Good.Time).Chain[3])),
        ["a region that others signed"] = (BrokenChain, c => c[1] = s_forger.Chain[1]),
        ["a chain that others signed, under our root"] = (BrokenChain, TakeOthers),
        ["a zone with a byte after it"] = (MalformedCertificate, c => c[2] = [.. c[2], 0]),
        ["a zone that is cut short"] = (MalformedCertificate, c => c[2] = c[2][..^1]),
        ["a zone that is noise"] = (MalformedCertificate, c => c[2] = [.. Enumerable.Repeat((byte)0x30, 100)]),
        ["a zone with a length as DER has none"] = (MalformedCertificate, c => c[2] = [0x30, 0x83, 0, .. c[2][2..]]),
        ["a region whose signature has another bit"] = (BrokenChain, c => c[1] = [.. c[1][..^1], (byte)(c[1][^1] ^ 1)]),
        ["a leaf whose key is no point of its curve"] = (WrongLeafKey, BendKey),
        ["a leaf that is noise"] = (MalformedCertificate, c => c[Leaf] = [1, 2, 3]),
        ["a leaf whose signature has another bit"] = (BrokenChain, c => c[Leaf] = [.. c[Leaf][..^1], (byte)(c[Leaf][^1] ^ 1)]),
    };

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    public static TheoryData<string> BadBytesNames => [.. BadBytes.Keys];

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Bad_certificate_is_refused_for_what_is_wrong_with_it(string name)
    {
        (AttestationFault fault, Action<List<CertificateShape>> change) = Bad[name];
        Assert.Equal([fault], FaultsWith(change));
    }

    [Theory]
    [MemberData(nameof(BadBytesNames))]
    public void Bad_chain_is_refused_for_what_is_wrong_with_it(string name)
    {
        (AttestationFault fault, Action<List<byte[]>> change) = BadBytes[name];
        List<byte[]> chain = [.. Good.Signer.Chain];
        change(chain);
        byte[] document = Good.Draft
            .Replace("certificate", w => w.WriteByteString(chain[^1]))
            .Replace("cabundle", w => Signer.WriteBundle(w, [.. chain.SkipLast(1)]))
            .Sign(Good.Signer.Key);
        Assert.Equal(fault, Good.Faults(document)[0]);
        Assert.Empty(Good.Faults(document).Except([fault, ChainOutOfOrder, WrongLeafKey]));
    }

    /// <summary>Root, region, zone, instance, leaf: what has to be so of each.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Each_certificate_is_checked(int i)
    {
        Assert.Equal([CertificateExpired], FaultsWith(s => s[i] = s[i] with { NotAfter = Good.Time }));
        Assert.Equal([CertificateNotYetValid], FaultsWith(s => s[i] = s[i] with { NotBefore = Good.Time.AddSeconds(1) }));
        Assert.Equal([MalformedCertificate], FaultsWith(s => s[i] = s[i] with { Extensions = [UnreadableName] }));
        Assert.Equal([WrongKeyUsage], FaultsWith(s => s[i] = s[i] with { Usage = X509KeyUsageFlags.CrlSign }));
        Assert.Empty(FaultsWith(s => s[i] = s[i] with { IsUsageCritical = !s[i].IsUsageCritical }));
        Assert.Empty(FaultsWith(s => s[i] = s[i] with { NotBefore = Good.Time, NotAfter = Good.Time.AddSeconds(1) }));
        if (i == Leaf)
            return;
        Assert.Equal([NotCa], FaultsWith(s => s[i] = s[i] with { IsCa = false, PathLength = null }));
        Assert.Equal([NotCa], FaultsWith(s => s[i] = s[i] with { IsCa = null }));
        Assert.Equal([WrongKeyUsage], FaultsWith(s => s[i] = s[i] with { Usage = null }));
    }

    /// <summary>libcrypto knows all but the first, and looks at none: extended key usage, and what policies demand.</summary>
    [Theory]
    [InlineData("1.3.6.1.4.1.55555.1", "0500")]
    [InlineData("2.5.29.37", "300a06082b06010505070301")]
    [InlineData("2.5.29.32", "3006300406022a03")]
    [InlineData("2.5.29.36", "3003800100")]
    public void Critical_extension_that_is_not_looked_at_is_refused(string identifier, string value)
    {
        for (int i = 0; i <= Leaf; i++)
        {
            Assert.Equal([UnknownCriticalExtension], With(i, isCritical: true));
            Assert.Empty(With(i, isCritical: false));
        }

        AttestationFault[] With(int i, bool isCritical) => FaultsWith(s =>
            s[i] = s[i] with { Extensions = [new(identifier, Convert.FromHexString(value), isCritical)] });
    }

    [Fact]
    public void Critical_name_is_looked_at()
    {
        var name = new SubjectAlternativeNameBuilder();
        name.AddDnsName("enclave.test");
        Assert.Empty(FaultsWith(s => s[Leaf] = s[Leaf] with { Extensions = [name.Build(critical: true)] }));
        // Name constraints: none but names below other.test.
        byte[] other = [0x30, 0x10, 0xa0, 0x0e, 0x30, 0x0c, 0x82, 0x0a, .. "other.test"u8];
        Assert.Equal([BrokenChain], FaultsWith(s =>
        {
            s[3] = s[3] with { Extensions = [new("2.5.29.30", other, critical: true)] };
            s[Leaf] = s[Leaf] with { Extensions = [name.Build(critical: true)] };
        }));
    }

    [Fact]
    public void Zone_of_128_bits_of_security_holds() => Assert.Empty(FaultsWith(s =>
    {
        s[2] = s[2] with { Curve = ECCurve.NamedCurves.nistP256, Hash = HashAlgorithmName.SHA256 };
        s[3] = s[3] with { Hash = HashAlgorithmName.SHA256 };
    }));

    /// <summary>Each is the issuer of the one behind it, by all that they say; only libcrypto's own chain is another.</summary>
    [Fact]
    public void Root_that_is_there_twice_is_refused_for_that_alone()
    {
        byte[] document = Good.Draft
            .Replace("cabundle", w => Signer.WriteBundle(w, [Good.Signer.Root, .. Good.Signer.Chain.SkipLast(1)]))
            .Sign(Good.Signer.Key);
        Assert.Equal([BrokenChain], Good.Faults(document));
    }

    [Fact]
    public void Everything_that_is_wrong_is_said()
    {
        using Signer signer = SignerWith(s =>
        {
            s[1] = s[1] with { NotAfter = Good.Time.AddDays(-1), PathLength = 1 };
            s[4] = s[4] with { Usage = null };
        });
        byte[] document = Good.DraftOf(signer).Sign(signer.Key);
        Assert.Equal(
            [CertificateExpired, WrongKeyUsage, PathTooLong, TooOld, WrongNonce],
            Good.Faults(document, Good.PolicyOf(signer) with { Now = Good.Time.AddHours(1), Nonce = new byte[32] }));
    }

    [Fact]
    public void Chain_of_a_root_and_a_leaf_holds()
    {
        using Signer signer = SignerWith(s => s.RemoveRange(1, 3));
        Assert.Empty(Good.Faults(Good.DraftOf(signer).Sign(signer.Key), Good.PolicyOf(signer)));
    }

    [Fact]
    public void Chain_of_ones_own_is_refused_where_AWS_is_trusted()
    {
        Assert.Equal([UnknownRoot], Good.Faults(Good.Document, Good.Policy with { Roots = [] }));
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(Good.Signer.Root));
        Assert.EndsWith(sha256, AttestationVerifier.Verify(Good.Document, Good.Policy with { Roots = [] }).Problems[0].Text);
    }

    [Fact]
    public void Root_cannot_sign_a_document()
    {
        byte[] document = Good.Draft
            .Replace("certificate", w => w.WriteByteString(Good.Signer.Root))
            .Replace("cabundle", w => Signer.WriteBundle(w, [Good.Signer.Root]))
            .Sign(Good.Signer.KeyOf(0));
        Assert.Equal([LeafIsCa, WrongKeyUsage, BrokenChain], Good.Faults(document));
    }

    [Fact]
    public void Certificate_of_an_instance_cannot_sign_a_document()
    {
        byte[] document = Good.Draft
            .Replace("certificate", w => w.WriteByteString(Good.Signer.Chain[3]))
            .Replace("cabundle", w => Signer.WriteBundle(w, [.. Good.Signer.Chain.Take(3)]))
            .Sign(Good.Signer.KeyOf(3));
        Assert.Equal([LeafIsCa, WrongKeyUsage], Good.Faults(document));
    }

    [Fact]
    public void Any_of_several_roots_is_one()
    {
        using Signer other = Signer.Create(Good.Time);
        Assert.Empty(Good.Faults(Good.Document, Good.Policy with { Roots = [other.Root, Good.Signer.Root] }));
    }

    internal static X509Extension ForServers(bool isCritical) =>
        new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], isCritical);

    private static void TakeOthers(List<byte[]> chain)
    {
        for (int i = 1; i < Leaf; i++) chain[i] = s_forger.Chain[i];
    }

    private static void BendKey(List<byte[]> chain)
    {
        byte[] x = Good.Signer.Key.ExportParameters(false).Q.X!;
        chain[Leaf] = [.. chain[Leaf]];
        chain[Leaf][chain[Leaf].AsSpan().IndexOf(x)] ^= 1;
    }

    private static Signer SignerWith(Action<List<CertificateShape>> change)
    {
        List<CertificateShape> shapes = CertificateShape.Nitro(Good.Time);
        change(shapes);
        return Signer.Create(shapes);
    }

    private static AttestationFault[] FaultsWith(Action<List<CertificateShape>> change)
    {
        using Signer signer = SignerWith(change);
        Draft draft = Good.DraftOf(signer);
        byte[] document = signer.Key.KeySize == 384 ? draft.Sign(signer.Key) : draft.With(draft.Payload(), new byte[96]);
        return Good.Faults(document, Good.PolicyOf(signer));
    }
}
