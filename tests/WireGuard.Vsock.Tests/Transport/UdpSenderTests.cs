using System.Runtime.InteropServices;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Transport;

public sealed unsafe class UdpSenderTests
{
    private const uint Loopback = 0x7f000001;

    [TunFact]
    public void Batch_leaves_without_a_source_address_that_is_gone() => Namespace.Run(() =>
    {
        Namespace.Sh("ip link set lo up");
        using UdpSocket from = UdpSocket.Open(isIPv6: false, 0, isShared: false, mark: 0, UdpOffloads.Segment);
        using UdpSocket to = UdpSocket.Open(isIPv6: false, 0, isShared: false, mark: 0, UdpOffloads.Segment);
        using var sender = new UdpSender();
        Span<byte> address = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        int length = EndpointAddress.IPv4(Loopback, to.LocalPort).WriteSockaddr(address);
        in_pktinfo source = new() { ipi_spec_dst = 0x090200c0 }; // 192.0.2.9, which is not ours
        var destination = new UdpDestination(
            address[..length], MemoryMarshal.AsBytes(new ReadOnlySpan<in_pktinfo>(ref source)));
        byte* datagram = stackalloc byte[1];
        for (int i = 0; i < 3; i++)
            sender.Add(datagram, 1, destination);

        Assert.Equal(0, sender.Flush(from));
        Assert.False(destination.HasSource);
        using var receiver = new UdpReceiver();
        Assert.Equal(3, receiver.Receive(to.Fd));
    });
}
