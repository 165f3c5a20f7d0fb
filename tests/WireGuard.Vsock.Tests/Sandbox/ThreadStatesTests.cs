using WireGuard.Vsock.Sandbox;

namespace WireGuard.Vsock.Tests.Sandbox;

public sealed class ThreadStatesTests
{
    private const string Status = "Name:\tlane 0\nCapInh:\t0000000000000000\nCapPrm:\t0000000000001000\n"
        + "CapEff:\t0000000000001000\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n";

    [Fact]
    public void Thread_with_these_capabilities_that_gains_none_is_right() =>
        Assert.True(ThreadStates.Has(Status, 0x1000, couldLower: true));

    [Theory]
    [InlineData("CapPrm:\t0000000000001000", "CapPrm:\t000001ffffffffff")]
    [InlineData("CapEff:\t0000000000001000", "CapEff:\t0000000000001400")]
    [InlineData("CapInh:\t0000000000000000", "CapInh:\t0000000000001000")]
    [InlineData("CapAmb:\t0000000000000000", "CapAmb:\t0000000000001000")]
    [InlineData("NoNewPrivs:\t1", "NoNewPrivs:\t0")]
    [InlineData("CapPrm:\t0000000000001000\n", "")]
    public void Thread_with_other_rights_is_not(string part, string other) =>
        Assert.False(ThreadStates.Has(Status.Replace(part, other, StringComparison.Ordinal), 0x1000, couldLower: true));

    /// <summary>Docker before 20.10.14 gives some. Where capset(2) is refused they stay, and nothing is executed.</summary>
    [Theory]
    [InlineData("CapInh:\t0000000000001000", true)]
    [InlineData("CapInh:\t0000000000001000\nCapAmb:\t0000000000001000", false)]
    public void Inheritable_capabilities_stay_where_they_cannot_be_lowered(string other, bool isRight)
    {
        string status = Status.Replace("CapInh:\t0000000000000000", other, StringComparison.Ordinal);
        Assert.Equal(isRight, ThreadStates.Has(status, 0x1000, couldLower: false));
    }
}
