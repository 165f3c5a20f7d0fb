using System.Security.Cryptography;
using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation.Tests;

public sealed class PublicDocumentsTests
{
    [Theory]
    [InlineData("real-1", 1665651482136, "i-020b6af9246d90e92-enc0183d09086c24190")]
    [InlineData("real-2", 1723012689640, "i-084e1dd2f1b2c529b-enc0190fecc5b166251")]
    [InlineData("debug-mode", 1665582606081, "i-03ad7cdb817437eeb-enc0183cc7569b3f6e1")]
    [InlineData("other-root", 1734080745008, "i-0d69bec447a037a2a-enc01939aab191aadd2")]
    public void Documents_are_read(string name, long timestamp, string module)
    {
        AttestationDocument document = PublicDocument.Read(name);
        Assert.Equal(timestamp, document.Timestamp.ToUnixTimeMilliseconds());
        Assert.Equal(module, document.ModuleId);
        Assert.Equal("SHA384", document.Digest);
        Assert.All(Enumerable.Range(0, 32), i => Assert.Equal(i < 16 ? 48 : 0, document.Pcr(i).Length));
    }

    [Fact]
    public void Fields_are_those_of_the_documents()
    {
        AttestationDocument one = PublicDocument.Read("real-1"), two = PublicDocument.Read("real-2");
        Assert.Equal((256, null, null), (one.Nonce?.Length, one.PublicKey?.Length, one.UserData?.Length));
        Assert.Equal((null, 64, null), (two.Nonce?.Length, two.PublicKey?.Length, two.UserData?.Length));
        Assert.Equal("my super secret key"u8, PublicDocument.Read("debug-mode").PublicKey!.Value.Span);
        Assert.Equal("hello, world!"u8, PublicDocument.Read("debug-mode").UserData!.Value.Span);
        Assert.Equal(4, one.CaBundle.Count);
    }

    [Theory]
    [InlineData("real-1")]
    [InlineData("real-2")]
    public void Real_documents_hold_at_their_own_times_under_the_root_that_is_built_in(string name)
    {
        AttestationVerdict verdict = AttestationVerifier.Verify(PublicDocument.Bytes(name), PublicDocument.PolicyOf(name));
        Assert.Empty(verdict.Problems);
        Assert.True(verdict.Holds);
    }

    [Fact]
    public void Document_of_debug_mode_is_refused_unless_that_is_allowed()
    {
        AttestationPolicy policy = PublicDocument.PolicyOf("debug-mode");
        Assert.Equal([DebugMode, NothingPinned], Faults("debug-mode", policy));
        Assert.Equal([], Faults("debug-mode", policy with { AllowsDebugMode = true }));
    }

    [Fact]
    public void Document_under_another_root_is_refused_unless_that_root_is_given()
    {
        AttestationPolicy policy = PublicDocument.PolicyOf("other-root") with { AllowsDebugMode = true };
        Assert.Equal([UnknownRoot], Faults("other-root", policy));
        Assert.Equal([], Faults("other-root", policy with { Roots = [PublicDocument.Read("other-root").CaBundle[0]] }));
        Assert.Equal([UnknownRoot], Faults("real-1", PublicDocument.PolicyOf("real-1") with
        {
            Roots = [PublicDocument.Read("other-root").CaBundle[0]],
        }));
    }

    /// <summary>AWS publishes the fingerprint: "Verifying the root of trust".</summary>
    [Fact]
    public void Root_that_is_built_in_is_the_one_that_AWS_publishes()
    {
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(AwsRoot.G1));
        Assert.Equal("641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b", sha256);
        Assert.Equal(AwsRoot.G1, PublicDocument.Read("real-1").CaBundle[0].Span);
    }

    [Fact]
    public void Documents_are_old_by_now()
    {
        AttestationPolicy policy = PublicDocument.PolicyOf("real-2");
        Assert.Equal([TooOld], Faults("real-2", policy with { Now = policy.Now.AddYears(1) }));
    }

    private static IEnumerable<AttestationFault> Faults(string name, AttestationPolicy policy) =>
        AttestationVerifier.Verify(PublicDocument.Bytes(name), policy).Problems.Select(problem => problem.Fault);
}
