using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class RoamingTests
{
    private readonly Roaming _roaming = new();

    [Fact]
    public void Nothing_noted_moves_nobody() => Assert.Null(_roaming.Take(null));

    [Fact]
    public void Newest_address_alone_counts_and_counts_once()
    {
        Note(1);
        Note(2);
        Assert.Equal(AddressOf(2), _roaming.Take(null)!.Address);
        Assert.Null(_roaming.Take(null));
    }

    [Fact]
    public void Peer_that_is_there_already_does_not_move()
    {
        Note(1);
        UdpDestination current = _roaming.Take(null)!;
        Note(1);
        Assert.Null(_roaming.Take(current));
    }

    [Fact]
    public void Another_address_of_ours_that_the_peer_writes_to_counts()
    {
        Note(1);
        UdpDestination current = _roaming.Take(null)!;
        Note(1, source: 9);
        Assert.Equal([9, 9, 9, 9], _roaming.Take(current)!.Source.ToArray());
    }

    [Fact]
    public void Peer_that_goes_to_and_fro_allocates_nothing()
    {
        Note(1);
        UdpDestination one = _roaming.Take(null)!;
        Note(2);
        UdpDestination two = _roaming.Take(one)!;
        Note(1);
        Assert.Same(one, _roaming.Take(two));
        Note(2);
        Assert.Same(two, _roaming.Take(one));
    }

    private void Note(uint number, byte source = 7)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        int length = AddressOf(number).WriteSockaddr(sockaddr);
        _roaming.Note(sockaddr.AsSpan(0, length), [0, 0, 0, 0, source, source, source, source, 0, 0, 0, 0]);
    }

    private static EndpointAddress AddressOf(uint number) => EndpointAddress.IPv4(0x0A000000 + number, 51820);
}
