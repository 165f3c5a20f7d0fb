using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class PrerequisitesTests
{
    [Fact]
    public void A_kernel_without_AF_VSOCK_is_told_how_to_load_it() => Assert.Equal(
        "this kernel has no AF_VSOCK: load it (modprobe vsock) or take another network (-n tcp, -n udp)",
        Prerequisites.VsockProblem(Errno.EAFNOSUPPORT));

    [Theory]
    [InlineData(Errno.EPERM)]
    [InlineData(Errno.EMFILE)]
    public void Other_failures_say_the_systems_reason(int errno) =>
        Assert.Contains(Errno.Text(errno), Prerequisites.VsockProblem(errno));
}
