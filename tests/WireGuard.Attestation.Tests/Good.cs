using WireGuard.Attestation.Signing;

namespace WireGuard.Attestation.Tests;

/// <summary>A document of the tests' own signer that holds, and what has to be said for it: what a test makes wrong.</summary>
internal static class Good
{
    internal static readonly DateTimeOffset Time = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    internal static readonly byte[] Nonce = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    internal static readonly byte[] PublicKey = [.. Enumerable.Repeat((byte)7, 32)];
    internal static readonly byte[] UserData = [.. Enumerable.Repeat((byte)9, 32)];
    internal static readonly byte[] Image = [.. Enumerable.Repeat((byte)0x3f, 48)];
    internal static readonly Signer Signer = Signer.Create(Time);

    internal static SortedDictionary<int, byte[]> Pcrs => Signer.Pcrs((0, Image), (2, [.. Image.Select(b => (byte)(b + 2))]));

    internal static Draft Draft => DraftOf(Signer);

    internal static byte[] Document => Draft.Sign(Signer.Key);

    internal static AttestationPolicy Policy => PolicyOf(Signer);

    internal static Draft DraftOf(Signer signer) => signer.Draft(Pcrs, Nonce, PublicKey, UserData, Time);

    internal static AttestationPolicy PolicyOf(Signer signer) => new()
    {
        Now = Time,
        Pins = [new PcrPin(0, Image)],
        Roots = [signer.Root],
        Nonce = Nonce,
        PublicKey = PublicKey,
        UserData = UserData,
    };

    internal static AttestationFault[] Faults(byte[] document, AttestationPolicy? policy = null)
    {
        AttestationVerdict verdict = AttestationVerifier.Verify(document, policy ?? Policy);
        Assert.Equal(verdict.Problems.Count == 0, verdict.Holds);
        Assert.All(verdict.Problems, problem => Assert.Matches("^[ -~]{10,250}$", problem.Text));
        return [.. verdict.Problems.Select(problem => problem.Fault)];
    }
}
