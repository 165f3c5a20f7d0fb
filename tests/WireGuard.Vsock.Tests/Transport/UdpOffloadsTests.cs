using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class UdpOffloadsTests
{
    [Theory]
    [InlineData("4.19.0-26-amd64", false)]
    [InlineData("5.10.0-28-amd64", false)]
    [InlineData("5.11.22", false)]
    [InlineData("5.12.0", true)]
    [InlineData("6.1.0-18-amd64", true)]
    [InlineData("unreadable", false)]
    public void Udp_gro_is_used_from_Linux_5_12_on(string release, bool expected)
    {
        UdpOffloads offloads = UdpOffloads.Of(KernelRelease.Parse(release));
        Assert.Equal(expected, offloads.HasFlag(UdpOffloads.Coalesce));
        Assert.True(offloads.HasFlag(UdpOffloads.Segment));
    }

    [Theory]
    [InlineData(UdpOffloads.None)]
    [InlineData(UdpOffloads.Segment)]
    [InlineData(UdpOffloads.Segment | UdpOffloads.Coalesce)]
    public void Socket_has_what_was_asked_for(object asked)
    {
        var offloads = (UdpOffloads)asked;
        using UdpSocket socket = UdpSocket.Open(isIPv6: false, 0, isShared: false, mark: 0, offloads);
        Assert.Equal(offloads.HasFlag(UdpOffloads.Segment), socket.IsSegmenting);
        Sys.Check(Sys.GetOption(socket.Fd, IPPROTO_UDP, UDP_GRO, out int joins), "getsockopt UDP_GRO");
        Assert.Equal(offloads.HasFlag(UdpOffloads.Coalesce), joins != 0);
    }
}
