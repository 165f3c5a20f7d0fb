using System.Runtime.InteropServices;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class UdpDestinationTests
{
    private static readonly byte[] Here = Source(0x0100000a), There = Source(0x0200000a);

    [Fact]
    public void Source_that_was_forgotten_is_learned_from_the_next_message()
    {
        UdpDestination destination = To(1, Here);
        Assert.True(destination.HasSource && Comes(destination, 1, Here));
        destination.ForgetSource();
        Assert.False(destination.HasSource || Comes(destination, 1, Here));
    }

    [Fact]
    public void Source_that_was_rejected_is_not_learned_from_what_still_comes_for_it()
    {
        UdpDestination destination = To(1, Here);
        destination.RejectSource();
        Assert.True(destination.IsSourceRejected && Comes(destination, 1, Here));
        Assert.False(destination.HasSource || Comes(destination, 1, There) || Comes(destination, 2, Here));
        destination.ForgetSource();
        Assert.True(destination.IsSourceRejected);
        destination.AcceptSource();
        Assert.True(destination.HasSource);
    }

    [Fact]
    public void Rejection_outlives_the_peers_own_moves()
    {
        UdpDestination first = To(1, Here), second = To(2, Here), third = To(2, There), fourth = To(2, Here);
        first.RejectSource();
        second.InheritFrom(first);
        Assert.True(second.IsSourceRejected);
        third.InheritFrom(second);
        Assert.True(third.HasSource);
        fourth.InheritFrom(third);
        Assert.True(fourth.IsSourceRejected);
    }

    [Fact]
    public void Source_is_the_address_without_what_is_around_it()
    {
        Assert.Equal([10, 0, 0, 1], To(1, Here).Source.ToArray());
        Assert.Empty(new UdpDestination(EndpointAddress.IPv4(1, 1)).Source.ToArray());
    }

    private static bool Comes(UdpDestination destination, uint from, byte[] source) => destination.IsSame(To(from, source));

    private static byte[] Source(uint address)
    {
        in_pktinfo source = new() { ipi_spec_dst = address };
        return MemoryMarshal.AsBytes(new ReadOnlySpan<in_pktinfo>(in source)).ToArray();
    }

    private static UdpDestination To(uint address, byte[] source)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return new UdpDestination(sockaddr.AsSpan(0, EndpointAddress.IPv4(address, 9).WriteSockaddr(sockaddr)), source);
    }
}
