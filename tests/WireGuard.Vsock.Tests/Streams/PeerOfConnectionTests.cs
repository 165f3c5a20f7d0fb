using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Whose a connection is: that of the peer whose message came in on it last.</summary>
public sealed class PeerOfConnectionTests : IDisposable
{
    private readonly StreamNetworkParts _parts = new();

    public void Dispose() => _parts.Dispose();

    private StreamNetwork Network => _parts.Network;

    private Peer Peer => _parts.Peer;

    // ---- whose a connection is --------------------------------------------------------------------------------------

    [Fact]
    public void First_authentic_message_makes_a_connection_the_peers_and_the_newest_counter_the_one_in_use()
    {
        Network.Open(0);
        StreamConnection first = _parts.Accept()[0], second = _parts.Accept()[1];
        _parts.Hear(first, _parts.Tunnel);
        Assert.Same(first, Peer.Destination);
        Assert.True(first.IsInUse);
        _parts.Hear(second, _parts.Tunnel);
        Assert.Same(second, Peer.Destination);
        Assert.Equal((false, true), (first.IsInUse, second.IsInUse));
        Assert.Equal(_parts.NowMs + 10_000, Network.NextDeadline(Peer));
        _parts.Pass(10_000);
        Network.OnDeadline(Peer);
        Assert.Equal([second], _parts.Open);
        Assert.True(first.IsFailed);
    }

    [Fact]
    public void Connection_on_which_another_peer_authenticates_is_that_ones_alone()
    {
        Network.Open(0);
        StreamConnection shared = _parts.Accept()[0];
        _parts.Hear(shared, _parts.Tunnel);
        _parts.Hear(shared, _parts.Other);
        Assert.Null(Peer.Destination);
        Assert.Same(shared, _parts.Other.Peer.Destination);
        shared.Fail();
        _parts.Follow(shared);
        Assert.Null(_parts.Other.Peer.Destination);
        Assert.Empty(_parts.Open);
    }

    [Fact]
    public void Connection_that_was_dialled_and_on_which_another_peer_authenticates_ends_the_attempt()
    {
        Network.Open(0);
        StreamConnection dialed = _parts.Dial();
        _parts.Hear(dialed, _parts.Other);
        Assert.Same(dialed, _parts.Other.Peer.Destination);
        Assert.Equal(long.MaxValue, Network.NextDeadline(Peer));
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Connection_that_has_ended_is_found_by_nobody_and_what_it_dropped_is_counted_to_its_peer()
    {
        Network.Open(0);
        StreamConnection broken = _parts.Accept()[0];
        _parts.Hear(broken, _parts.Tunnel);
        broken.Fail();
        broken.Send(new byte[92], _parts.NowMs);
        Assert.Equal(1, Network.TotalsOf(Peer).DroppedFrames);
        _parts.Follow(broken);
        Assert.Equal((0, 1), (Network.TotalsOf(Peer).DroppedFrames, Peer.DroppedPackets));
        Assert.Empty(_parts.Open);
        Assert.Null(Peer.Destination);
        // What lanes had still to say of it is nothing now.
        broken.Received(Peer, _parts.Tunnel.Keypair, isNewest: true, _parts.NowMs);
        _parts.Follow(broken);
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Removed_peer_loses_its_connections_and_comes_by_none()
    {
        Network.Open(0);
        StreamConnection used = _parts.Accept()[0], late = _parts.Accept()[1];
        _parts.Hear(used, _parts.Tunnel);
        Peer.IsRemoved = true;
        Network.OnRemoved(Peer);
        Assert.Equal([late], _parts.Open);
        Assert.Null(Peer.Destination);
        _parts.Hear(late, _parts.Tunnel);
        Assert.Empty(_parts.Open);
        Assert.Null(Peer.Destination);
    }

    [Fact]
    public void Connection_that_another_peer_had_meanwhile_is_again_used_beside_those_it_was_used_with()
    {
        Network.Open(0);
        StreamConnection first = _parts.Accept()[0], second = _parts.Accept()[1], third = _parts.Accept()[2];
        _parts.Hear(first, _parts.Tunnel);
        _parts.Join(second, _parts.Tunnel);
        _parts.Join(third, _parts.Tunnel);
        foreach (StreamConnection lent in (StreamConnection[])[first, second, third])
        {
            _parts.Hear(lent, _parts.Other);
            Assert.Same(lent, _parts.Other.Peer.Destination);
            Assert.DoesNotContain(lent, Peer.StreamByLane);
            _parts.Hear(lent, _parts.Tunnel);
            Assert.All(_parts.Open, connection => Assert.True(connection.IsInUse));
            Assert.Null(_parts.Other.Peer.Destination);
        }

        Assert.DoesNotContain(_parts.Log.Lines, line => line.Contains("taken its place", StringComparison.Ordinal));
    }

    [Fact]
    public void Connection_that_joins_is_answered_before_lanes_use_it()
    {
        Network.Open(0);
        StreamConnection first = _parts.Accept()[0], joining = _parts.Accept()[1];
        _parts.Hear(first, _parts.Tunnel);
        bool? wasUsed = null;
        _parts.Log.OnLine = line =>
        {
            if (line.Contains("HELLO", StringComparison.Ordinal))
                wasUsed ??= joining.IsInUse || Peer.StreamByLane.Contains(joining);
        };
        _parts.Join(joining, _parts.Tunnel);
        Assert.False(wasUsed);
        Assert.True(joining.IsInUse);
    }

    [Fact]
    public void Hello_is_said_once_on_each_connection_that_takes_the_place_of_another()
    {
        Network.Open(0);
        StreamConnection first = _parts.Accept()[0], second = _parts.Accept()[1];
        foreach ((StreamConnection connection, int said) in ((StreamConnection, int)[])[(first, 1), (second, 2), (first, 2)])
        {
            _parts.Hear(connection, _parts.Tunnel);
            Assert.Same(connection, Peer.Destination);
            Assert.Equal(said, _parts.Log.Lines.Count(line => line.Contains("HELLO", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void Connection_that_fails_while_it_becomes_a_peers_is_closed_though_that_peer_is_removed()
    {
        Network.Open(0);
        StreamConnection shared = _parts.Accept()[0];
        _parts.Hear(shared, _parts.Tunnel);
        // As a lane does, just when the peer before is told that it has lost the connection.
        _parts.OnDeadlineMoved = shared.Fail;
        shared.Received(_parts.Other.Peer, _parts.Other.Keypair, isNewest: true, _parts.NowMs);
        _parts.Follow(shared);
        Assert.False(shared.IsInUse);
        Network.OnRemoved(_parts.Other.Peer);
        _parts.Follow(shared);
        Assert.Empty(_parts.Open);
    }

    [Fact]
    public void Message_of_a_removed_peer_closes_a_connection_that_was_dialled_for_another_without_a_failure()
    {
        Network.Open(0);
        StreamConnection dialed = _parts.Dial();
        _parts.Other.Peer.IsRemoved = true;
        _parts.Hear(dialed, _parts.Other);
        Assert.Empty(_parts.Open);
        Assert.Equal(long.MaxValue, Network.NextDeadline(Peer));
        Assert.DoesNotContain(_parts.Log.Lines, line => line.Contains("not again for", StringComparison.Ordinal));
    }
}
