using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>Handshake messages in datagrams: who has a place when many come.</summary>
public sealed class HandshakeQueueTests
{
    private const long Now = 1_000_000;

    private readonly HandshakeQueue _queue = new(new RateLimiter());
    private readonly byte[] _message = new byte[InitiationMessage.Size];

    [Fact]
    public void Messages_are_copied_with_their_addresses_and_come_in_order()
    {
        byte[] ours = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        _message[0] = 1;
        Assert.True(_queue.TryPost(_message, Sockaddr(EndpointAddress.IPv4(7, 70)), ours));
        _message[0] = 2;
        EndpointAddress other = EndpointAddress.IPv6((UInt128)0x20010DB8 << 96 | 5, 50);
        Assert.True(_queue.TryPost(_message.AsSpan(0, ResponseMessage.Size), Sockaddr(other), default));
        Assert.Equal(2, _queue.Count);
        Array.Clear(_message);

        Assert.True(_queue.TryTake(_message, out int length, out UdpDestination? from, out bool isProven));
        Assert.Equal((1, InitiationMessage.Size, false), (_message[0], length, isProven));
        Assert.True(from.Equals(Sockaddr(EndpointAddress.IPv4(7, 70)), ours));
        UdpDestination kept = from.Copy();
        Assert.True(_queue.TryTake(_message, out length, out from, out isProven));
        Assert.Equal((2, ResponseMessage.Size, false), (_message[0], length, isProven));
        Assert.Equal(other, from.Address);
        Assert.True(from.IsIPv6);
        Assert.False(from.HasSource);
        Assert.True(kept.Equals(Sockaddr(EndpointAddress.IPv4(7, 70)), ours));
        Assert.False(_queue.TryTake(_message, out _, out _, out _));
    }

    [Fact]
    public void No_more_than_256_wait_that_prove_nothing()
    {
        int posted = 0, next = 0;
        for (int round = 0; round < 5; round++)
        {
            while (Post(posted))
                posted++;
            Assert.Equal(256, _queue.Count);
            for (int i = 0; i < 100 + round; i++)
                Assert.Equal(next++, Take(isProven: false));
        }
    }

    [Fact]
    public void Full_queue_still_serves_whose_mac2_is_valid_and_serves_them_first()
    {
        for (int i = 0; Post(i);)
            i++;
        for (int source = 1; source <= 40; source++)
            Assert.True(PostProven(source, (uint)source));
        for (int source = 1; source <= 40; source++)
            Assert.Equal(source, Take(isProven: true));
        Assert.Equal(0, Take(isProven: false));
        Assert.True(PostProven(77, 77));
        Assert.Equal(77, Take(isProven: true));
    }

    [Fact]
    public void One_source_that_proves_itself_takes_no_more_than_its_share()
    {
        int taken = 0;
        for (int ms = 0; ms < 1_000; ms++)
        {
            for (int i = 0; i < 100; i++)
                taken += PostProven(1, 1, Now + ms) ? 1 : 0;
        }

        Assert.InRange(taken, 20, 25);
        Assert.True(PostProven(2, 2, Now + 999));
    }

    [Fact]
    public void No_more_than_256_wait_of_all_sources()
    {
        int taken = 0;
        for (int source = 0; source < 1_000; source++)
            taken += PostProven(1, (uint)source) ? 1 : 0;
        Assert.Equal(HandshakeQueue.MaxProven, taken);
        Take(isProven: true);
        Assert.True(PostProven(1, 2_000));
    }

    private static byte[] Sockaddr(EndpointAddress address)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return sockaddr[..address.WriteSockaddr(sockaddr)];
    }

    private bool Post(int number)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_message, number);
        return _queue.TryPost(_message, Sockaddr(EndpointAddress.IPv4(1, 1)), default);
    }

    private bool PostProven(int number, uint host, long nowMs = Now)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_message, number);
        var from = EndpointAddress.IPv4(host, 1);
        return _queue.TryPostProven(_message, Sockaddr(from), default, from.Source(), nowMs);
    }

    private int Take(bool isProven)
    {
        Assert.True(_queue.TryTake(_message, out _, out _, out bool was));
        Assert.Equal(isProven, was);
        return BinaryPrimitives.ReadInt32LittleEndian(_message);
    }
}
