using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation.Tests;

/// <summary>A good document, and policies that it does not meet.</summary>
public sealed class PolicyTests
{
    internal delegate AttestationPolicy Change(AttestationPolicy policy);

    private static readonly byte[] Other = [.. Enumerable.Repeat((byte)1, 48)];

    internal static readonly Dictionary<string, (AttestationFault Fault, Change Change)> Bad = new()
    {
        ["later than five minutes"] = (TooOld, p => p with { Now = p.Now.AddMinutes(5).AddMilliseconds(1) }),
        ["earlier than five minutes"] = (AheadOfTime, p => p with { Now = p.Now.AddMinutes(-5).AddMilliseconds(-1) }),
        ["another nonce"] = (WrongNonce, p => p with { Nonce = new byte[32] }),
        ["a part of its nonce"] = (WrongNonce, p => p with { Nonce = Good.Nonce.AsMemory(0, 31) }),
        ["another key"] = (WrongPublicKey, p => p with { PublicKey = new byte[32] }),
        ["other user data"] = (WrongUserData, p => p with { UserData = new byte[32] }),
        ["no user data"] = (WrongUserData, p => p with { UserData = Array.Empty<byte>() }),
        ["another image"] = (WrongPcr, p => p with { Pins = [new(0, Other)] }),
        ["its image, and another application"] = (WrongPcr, p => p with { Pins = [.. p.Pins, new(2, Other)] }),
        ["a part of its image's measurement"] = (WrongPcr, p => p with { Pins = [new(0, Good.Image.AsMemory(0, 32))] }),
        ["its image, and a PCR that it does not have"] = (MissingPcr, p => p with { Pins = [.. p.Pins, new(16, new byte[48])] }),
        ["its image, and a PCR of no bytes"] = (MissingPcr, p => p with { Pins = [.. p.Pins, new(16, default)] }),
        ["nothing"] = (NothingPinned, p => p with { Pins = [] }),
        ["the kernel, the role and the instance alone"] =
            (NothingPinned, p => p with { Pins = [new(1, new byte[48]), new(3, new byte[48]), new(4, new byte[48])] }),
        ["its image, and a PCR that there is not"] = (MissingPcr, p => p with { Pins = [.. p.Pins, new(32, Good.Image)] }),
        ["its image, and a negative PCR"] = (MissingPcr, p => p with { Pins = [new(-1, Good.Image), .. p.Pins] }),
        ["that nobody signed the image"] = (NothingPinned, p => p with { Pins = [new(8, new byte[48])] }),
        ["that somebody signed the image, or nobody"] =
            (NothingPinned, p => p with { Pins = [new(8, Other), new(8, new byte[48])] }),
        ["that nobody signed the image, if it is of debug mode"] =
            (NothingPinned, p => p with { Pins = [new(8, new byte[48])], AllowsDebugMode = true }),
        ["its application or none, if it is of debug mode"] =
            (NothingPinned, p => p with { Pins = [new(2, Good.Pcrs[2]), new(2, new byte[48])], AllowsDebugMode = true }),
        ["its image, or zeros"] = (NothingPinned, p => p with { Pins = [.. p.Pins, new(0, new byte[48])] }),
        ["its image, or no bytes"] = (NothingPinned, p => p with { Pins = [.. p.Pins, new(0, default)] }),
    };

    private static readonly Dictionary<string, Change> Met = new()
    {
        ["five minutes later"] = p => p with { Now = p.Now.AddMinutes(5) },
        ["five minutes earlier"] = p => p with { Now = p.Now.AddMinutes(-5) },
        ["an hour later, if that is allowed"] = p => p with { Now = p.Now.AddHours(1), LargestSkew = TimeSpan.FromHours(1) },
        ["no questions"] = p => p with { Nonce = null, PublicKey = null, UserData = null },
        ["any of two images"] = p => p with { Pins = [new(0, Other), new(0, Good.Image)] },
        ["the application alone"] = p => p with { Pins = [new(2, Good.Pcrs[2])] },
        ["the image, and that nobody signed it"] = p => p with { Pins = [.. p.Pins, new(8, new byte[48])] },
        ["debug mode, if it likes"] = p => p with { AllowsDebugMode = true },
        ["the image, or zeros in debug mode"] =
            p => p with { Pins = [.. p.Pins, new(0, new byte[48])], AllowsDebugMode = true },
        ["the image, and that somebody signed it, or nobody"] =
            p => p with { Pins = [.. p.Pins, new(8, Other), new(8, new byte[48])] },
    };

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    public static TheoryData<string> MetNames => [.. Met.Keys];

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Document_is_refused_by_a_policy_that_it_does_not_meet(string name)
    {
        (AttestationFault fault, Change change) = Bad[name];
        Assert.Equal([fault], Good.Faults(Good.Document, change(Good.Policy)));
    }

    [Theory]
    [MemberData(nameof(MetNames))]
    public void Document_holds_where_it_meets_the_policy(string name) =>
        Assert.Empty(Good.Faults(Good.Document, Met[name](Good.Policy)));

    [Theory]
    [InlineData(
        "later than five minutes",
        "it was made 301 s ago, over 300 s: it is an old one, or the enclave's clock or this one drifts")]
    [InlineData("earlier than five minutes", "its time is 301 s ahead, over 300 s: the enclave's clock or this one drifts")]
    [InlineData("another nonce", "its nonce is not the one that was asked for")]
    [InlineData("nothing", "none of PCR0, PCR2 and PCR8 is pinned to a measurement: any image would pass")]
    public void Lines_say_what_is_wrong(string name, string line) =>
        Assert.Equal(line, AttestationVerifier.Verify(Good.Document, Bad[name].Change(Good.Policy)).Problems[0].Text);

    [Fact]
    public void Debug_mode_is_refused_unless_it_is_allowed()
    {
        SortedDictionary<int, byte[]> pcrs = Good.Pcrs;
        pcrs[0] = new byte[48];
        byte[] document = Good.Signer.Document(pcrs, Good.Nonce, Good.PublicKey, Good.UserData, Good.Time);
        AttestationPolicy application = Good.Policy with { Pins = [new(2, pcrs[2])] };
        AttestationPolicy zero = Good.Policy with { Pins = [new(0, pcrs[0])] };
        Assert.Equal([DebugMode], Good.Faults(document, application));
        Assert.Equal([DebugMode, NothingPinned], Good.Faults(document, zero));
        Assert.All([application, zero], policy => Assert.Empty(Good.Faults(document, policy with { AllowsDebugMode = true })));
        AttestationPolicy unsigned = Good.Policy with { Pins = [new(8, pcrs[8])], AllowsDebugMode = true };
        Assert.Equal([NothingPinned], Good.Faults(document, unsigned));
    }

    [Fact]
    public void Document_that_does_not_say_whether_it_is_of_debug_mode_is_refused()
    {
        SortedDictionary<int, byte[]> pcrs = Good.Pcrs;
        pcrs.Remove(0);
        byte[] document = Good.Signer.Document(pcrs, Good.Nonce, Good.PublicKey, Good.UserData, Good.Time);
        Assert.Equal([DebugMode], Good.Faults(document, Good.Policy with { Pins = [new(2, pcrs[2])] }));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(32)]
    public void Pcr_that_there_is_not_cannot_be_asked_for(int index)
    {
        Assert.True(AttestationDocument.TryRead(Good.Document, out AttestationDocument? document, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => document.Pcr(index));
    }

    [Fact]
    public void Every_fault_is_in_a_table()
    {
        IEnumerable<AttestationFault> tested =
        [
            .. ShapeTests.Bad.Values.Select(row => row.Fault), .. ChainTests.Bad.Values.Select(row => row.Fault),
            .. ChainTests.BadBytes.Values.Select(row => row.Fault), .. Bad.Values.Select(row => row.Fault),
            None, CertificateExpired, CertificateNotYetValid, NotCa, UnknownCriticalExtension, DebugMode, // beside the tables
            NoCryptoLibrary, // from end to end, where the library is hidden
        ];
        Assert.Equal(Enum.GetValues<AttestationFault>(), tested.Distinct().Order());
    }
}
