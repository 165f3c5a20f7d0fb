using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>Which of a peer's connections a lane sends on.</summary>
public sealed class PeerTests : IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly Peer _peer = Tunnel.NewPeer();
    private readonly StreamConnection _first;
    private readonly StreamConnection _second;

    public PeerTests() => (_first, _second) = (New(1), New(2));

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public void Every_lane_sends_on_the_one_connection_there_is()
    {
        _peer.Destination = _first;
        Assert.All(Enumerable.Range(Peer.NoLane, 6), lane => Assert.Same(_first, _peer.StreamFor(lane)));
        _peer.Destination = null;
        Assert.All(Enumerable.Range(Peer.NoLane, 6), lane => Assert.Null(_peer.StreamFor(lane)));
    }

    [Fact]
    public void Lane_sends_on_its_own_of_several_and_control_where_handshakes_go()
    {
        (_peer.Destination, _peer.StreamByLane) = (_first, [_second, _first]);
        Assert.Equal([_second, _first], Enumerable.Range(0, 2).Select(_peer.StreamFor));
        Assert.Same(_first, _peer.StreamFor(Peer.NoLane));
    }

    [Fact]
    public void Connection_that_has_failed_is_not_sent_on_before_control_knows()
    {
        (_peer.Destination, _peer.StreamByLane) = (_first, [_first, _second]);
        Assert.Same(_second, _peer.StreamFor(1));
        _second.Fail();
        Assert.Same(_first, _peer.StreamFor(1));
    }

    /// <summary>Another peer has authenticated on it, and uses it: messages for this one would go to that one.</summary>
    [Fact]
    public void Lane_leaves_a_connection_that_is_another_peers_now_at_once()
    {
        _first.HandshakeReceived(_peer, 1);
        _second.HandshakeReceived(_peer, 1);
        _first.IsInUse = _second.IsInUse = true;
        _peer.Destination = _first;
        Assert.Same(_first, _peer.StreamToSendOn(0, 1_000));
        _first.HandshakeReceived(Tunnel.NewPeer(), 1_001);
        _peer.Destination = _second;
        Assert.Same(_second, _peer.StreamOf(0));
        Assert.Same(_second, _peer.StreamToSendOn(0, 1_001));
    }

    [Fact]
    public void Lane_stays_on_its_connection_while_what_it_sent_is_under_way()
    {
        _first.HandshakeReceived(_peer, 1);
        _second.HandshakeReceived(_peer, 1);
        _first.IsInUse = _second.IsInUse = true;
        _peer.Destination = _first;
        Assert.Same(_first, _peer.StreamToSendOn(0, 1_000));
        _peer.Destination = _second;
        Assert.Same(_first, _peer.StreamToSendOn(0, 1_000 + Peer.QuietMs - 1));
        Assert.Same(_second, _peer.StreamToSendOn(0, 1_000 + (2 * Peer.QuietMs)));
    }

    private StreamConnection New(ulong id) => new(-1, id, EndpointAddress.IPv4(0xc0000201, 51820), isDialed: false, _inbox);
}
