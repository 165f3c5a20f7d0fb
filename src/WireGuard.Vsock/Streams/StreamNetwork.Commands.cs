using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>Doing what <see cref="PeerConnections"/> says.</summary>
internal sealed partial class StreamNetwork
{
    /// <summary>
    /// Tells a peer's connections of an event, and does what comes of it. A peer that there was no need to reach yet has none.
    /// </summary>
    private void Tell(Peer peer, Action<PeerConnections> what)
    {
        if (!_peers.TryGetValue(peer, out StreamPeer? known))
            return;
        what(known.Connections);
        Follow(known);
    }

    /// <summary>
    /// Publishes to lanes what has changed, and does what is to be done. That may bring about the next event, which does what was
    /// left here first.
    /// </summary>
    private void Follow(StreamPeer known)
    {
        while (known.Connections.TryTake(out ConnectionCommand command))
        {
            // The answer to the HELLO that joins must be the first message on its connection: lanes send on it from then on.
            if (command.Action != ConnectionAction.SayJoin)
                Publish(known.Peer, known.Connections);
            Do(known, command);
        }

        Publish(known.Peer, known.Connections);
        Events.OnDeadlineMoved(known.Peer);
    }

    private void Publish(Peer peer, PeerConnections connections)
    {
        if (!connections.TakeChange())
            return;
        foreach (PeerConnection connection in connections.All)
            _connections.Of(connection).IsInUse = connection.State == ConnectionState.InUse;
        Destination? before = peer.Destination;
        peer.Destination = connections.Destination is { } destination ? _connections.Of(destination) : null;
        peer.StreamByLane = [.. connections.ByLane(_connections.Lanes).Select(_connections.Of)];
        // The session may last, as when the peer has come another way; but this path is not proven.
        if (!ReferenceEquals(peer.Destination, before))
            _hellos.TrySay(peer);
    }

    private void Do(StreamPeer known, ConnectionCommand command)
    {
        Peer peer = known.Peer;
        PeerConnection connection = command.Connection!;
        StreamConnection open = connection is { View: not null } ? _connections.Of(connection) : null!;
        switch (command.Action)
        {
            case ConnectionAction.Connect:
                Connect(known, connection);
                break;
            case ConnectionAction.CancelConnect:
                _dialer.Cancel(connection);
                break;
            case ConnectionAction.Open:
            case ConnectionAction.OpenJoining:
                int socket = _dialer.Take(connection, out EndpointAddress address);
                Log.ConnectionDialed(_log, peer, address);
                _connections.Dialed(known, connection, socket, address, joins: command.Action == ConnectionAction.OpenJoining);
                peer.Hinder(null);
                break;
            case ConnectionAction.Close:
                _connections.End(open, command.Reason);
                break;
            case ConnectionAction.SayJoin:
                _hellos.TryJoin(peer, open);
                break;
            case ConnectionAction.Ask:
                _hellos.TryAsk(peer, open);
                break;
            case ConnectionAction.BeginHandshake:
                Events.OnReached(peer);
                break;
            case ConnectionAction.SendStaged:
                Events.OnReachable(peer);
                break;
            case ConnectionAction.DropStaged:
                peer.CountDropped(peer.Staged.Clear());
                break;
            case ConnectionAction.NoteDialFailed:
                Log.DialFailed(_log, peer, peer.Endpoint, command.Reason, command.Value);
                NoteHindrance(known, command.Reason);
                break;
            case ConnectionAction.NoteJoined:
                Log.ConnectionJoined(_log, peer, open.Address, command.Value);
                break;
            case ConnectionAction.NoteSuperseded:
                Log.ConnectionSuperseded(_log, peer, open.Address);
                break;
            case ConnectionAction.NoteSilent:
                Log.ConnectionSilent(_log, peer, open.Address);
                break;
        }
    }

    private void Connect(StreamPeer known, PeerConnection connection)
    {
        Peer peer = known.Peer;
        EndpointAddress endpoint = peer.Endpoint!.Value;
        int error = _dialer.Connect(connection, endpoint, Ended, OnToHost);
        if (error == 0)
            Log.Dialing(_log, peer, endpoint);
        else
            Ended(error);

        void Ended(int error)
        {
            string? problem = known.ConnectProblem = error == 0 ? null : StreamSocket.ConnectProblem(endpoint, error);
            Tell(peer, state =>
            {
                if (error == 0)
                    state.Connected(connection, _loop.NowMs);
                else
                    state.ConnectFailed(connection, endpoint.IsUnix ? problem! : Errno.Text(error), _loop.NowMs);
            });
        }

        void OnToHost(int error)
        {
            if (known.HasTriedToHost)
                return;
            known.HasTriedToHost = true;
            string reason = Errno.Text(error);
            Log.DialingToHost(_log, peer, endpoint, reason);
        }
    }

    /// <summary>A connection of the peer has failed. If it has no other, nothing can be sent to it.</summary>
    private void NoteHindrance(StreamPeer known, string reason)
    {
        string? problem = known.ConnectProblem;
        known.ConnectProblem = null;
        if (reason == PeerConnections.TimedOut && known.Peer.Endpoint is { IsUnix: true } guest)
            problem = StreamSocket.ConnectProblem(guest, Errno.ETIMEDOUT);
        if (known.Connections.HandshakePath is not null)
            return;
        // Of a peer that does not answer, the initiations tell more.
        if (reason != PeerConnections.IsSilent)
            known.Peer.Hinder(problem ?? $"no connection: {reason}");
        Events.OnUnreached(known.Peer);
    }
}
