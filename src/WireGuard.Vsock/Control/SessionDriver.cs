using System.Numerics;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Does what the peers' sessions ask for: timers that are due, and what lanes have signalled. It sends keepalives, and has lanes
/// send the packets that they staged. Control only.
/// </summary>
internal sealed class SessionDriver : INetworkEvents
{
    private readonly Device _device;
    private readonly Network _network;
    private readonly Handshakes _handshakes;
    private readonly EventLoop _loop;
    private readonly Hellos _hellos;
    private readonly OutboundBatch _batch;
    private readonly Func<UdpSockets?> _sockets;
    private readonly Action<int, Peer> _askLane;
    private readonly ILogger _log;

    /// <param name="device">The device.</param>
    /// <param name="network">Under the tunnel.</param>
    /// <param name="handshakes">To begin them.</param>
    /// <param name="hellos">To say what we are.</param>
    /// <param name="loop">The control loop.</param>
    /// <param name="batch">The control thread's own.</param>
    /// <param name="sockets">The UDP sockets to send with.</param>
    /// <param name="askLane">Has a lane, by its index, send what it has staged for a peer.</param>
    /// <param name="log">Of the daemon.</param>
    public SessionDriver(
        Device device,
        Network network,
        Handshakes handshakes,
        Hellos hellos,
        EventLoop loop,
        OutboundBatch batch,
        Func<UdpSockets?> sockets,
        Action<int, Peer> askLane,
        ILogger log)
    {
        _device = device;
        _network = network;
        _handshakes = handshakes;
        _hellos = hellos;
        _loop = loop;
        _batch = batch;
        _sockets = sockets;
        _askLane = askLane;
        _log = log;
    }

    /// <summary>Called when a peer cannot be reached where its endpoint says.</summary>
    public Action<Peer> Unreached { get; set; } = _ => { };

    /// <summary>Lanes have signalled something of the peer.</summary>
    public void OnSignals(Peer peer)
    {
        PeerSignals signals = peer.TakeSignals();
        if (peer.IsRemoved)
            return;
        if ((signals & PeerSignals.Roamed) != 0 && peer.TakeRoaming() is { } destination)
            _network.OnRoamed(peer, destination);
        if ((signals & PeerSignals.Loops) != 0 && peer.Destination is { } loops)
            Log.RoutingLoop(_log, peer, loops.Address);
        // Timers are the deadline's, which a peer has only while the interface is up.
        if ((signals & PeerSignals.Confirmed) != 0 && peer.TryConfirm())
            OnConfirmed(peer);
        if ((signals & PeerSignals.SaidHello) != 0)
        {
            _hellos.Answer(peer);
            _network.OnHello(peer);
        }

        if ((signals & PeerSignals.HasStaged) != 0)
            SendStaged(peer);
        if ((signals & PeerSignals.WantsHandshake) != 0)
            _handshakes.Begin(peer, isRetry: false);
        Schedule(peer);
    }

    /// <summary>A connection to the peer was made: a handshake begins on it, as soon as one may.</summary>
    public void OnReached(Peer peer)
    {
        if (peer.AllowInitiation(_loop.NowMs))
            _handshakes.Begin(peer, isRetry: true);
        Schedule(peer);
    }

    /// <summary>The peer has a connection to send on again: what was staged goes there.</summary>
    public void OnReachable(Peer peer)
    {
        SendStaged(peer);
        Schedule(peer);
    }

    public void OnUnreached(Peer peer) => Unreached(peer);

    public void OnDeadlineMoved(Peer peer) => Schedule(peer);

    /// <summary>
    /// Sets the peer's one deadline anew, after anything that may have moved one of its parts: the first of what its session and
    /// its connections wait for. A peer that was removed, or one of an interface that is down, has none.
    /// </summary>
    public void Schedule(Peer peer)
    {
        peer.Deadline ??= new Deadline(() => OnDeadline(peer));
        _loop.Schedule(peer.Deadline, _device.IsUp && !peer.IsRemoved
            ? Math.Min(peer.NextDeadline(_loop.NowMs), _network.NextDeadline(peer))
            : WireGuardPeer.Never);
    }

    /// <summary>Begins a handshake, if the peer can be reached.</summary>
    public void BeginHandshake(Peer peer)
    {
        _handshakes.Begin(peer, isRetry: false);
        Schedule(peer);
    }

    /// <summary>Has lanes send what they have staged for the peer; begins what is missing for that.</summary>
    public void SendStaged(Peer peer)
    {
        if (peer.Staged.IsEmpty)
            return;
        if (CanSend(peer, out _))
            TryAskLanes(peer);
        else
            _handshakes.Begin(peer, isRetry: false);
    }

    /// <summary>Has what is staged sent, or sends an empty message; begins a handshake if there is no session.</summary>
    public void SendKeepalive(Peer peer)
    {
        if (!CanSend(peer, out Keypair? keypair))
        {
            _handshakes.Begin(peer, isRetry: false);
        }
        else if (!TryAskLanes(peer) && _batch.TrySeal(peer, keypair!, default, 0, Ecn.NotEct, _device.Mtu, _loop.NowMs))
        {
            Log.KeepaliveSent(_log, peer);
            _batch.Flush(_sockets(), _loop.NowMs);
        }
    }

    /// <summary>
    /// What is sent to the peer goes another way from now on. A peer that only sends would not hear of it, and go on writing to
    /// where we may no longer be reached; so it is told, if it has been there lately.
    /// </summary>
    public void OnMoved(Peer peer)
    {
        if (peer.Destination is not null && peer.IsInUse(_loop.NowMs))
            SendKeepalive(peer);
    }

    /// <summary>
    /// A response has completed a handshake that we began. The responder may not send before it has heard from us under the new
    /// keypair, so something is sent at once: an empty message and HELLO over streams, else what is staged, or an empty message.
    /// </summary>
    public void OnComplete(Peer peer)
    {
        _hellos.TrySay(peer);
        // A lane that had nothing staged may have sent already, and confirmed the session: another's packets still wait.
        if (peer.MustConfirm)
            SendKeepalive(peer);
        else
            SendStaged(peer);
        Schedule(peer);
    }

    /// <returns>False when nothing is staged.</returns>
    private bool TryAskLanes(Peer peer)
    {
        bool isStaged = peer.Staged.TryAsk(out uint lanes);
        for (; lanes != 0; lanes &= lanes - 1)
            _askLane(BitOperations.TrailingZeroCount(lanes), peer);
        return isStaged;
    }

    private bool CanSend(Peer peer, out Keypair? keypair)
    {
        keypair = peer.Keypairs.Current;
        return keypair is not null && keypair.CanSend(_loop.NowMs) && peer.Destination is not null;
    }

    private void OnConfirmed(Peer peer)
    {
        Handshakes.NoteComplete(peer);
        Log.HandshakeConfirmed(_log, peer);
        _hellos.TrySay(peer);
        SendStaged(peer);
    }

    private void OnDeadline(Peer peer)
    {
        PeerAction action;
        while ((action = peer.Poll(_loop.NowMs)) != PeerAction.None)
            Do(peer, action);
        _network.OnDeadline(peer);
        Schedule(peer);
    }

    private void Do(Peer peer, PeerAction action)
    {
        switch (action)
        {
            case PeerAction.SessionConfirmed:
                OnConfirmed(peer);
                break;
            case PeerAction.Initiate:
                _handshakes.Begin(peer, isRetry: true);
                break;
            case PeerAction.BeginHandshake:
                Log.NoReply(_log, peer);
                _network.OnSilence(peer, isHandshake: false);
                _handshakes.Begin(peer, isRetry: false);
                break;
            case PeerAction.RetryHandshake:
                Log.NoResponse(_log, peer);
                _network.OnSilence(peer, isHandshake: true);
                _handshakes.Begin(peer, isRetry: true);
                break;
            case PeerAction.AbandonHandshake:
                Log.HandshakeAbandoned(_log, peer);
                peer.CountDropped(peer.Staged.Clear());
                _network.OnAbandoned(peer);
                break;
            // What was staged may have left under a session that still was.
            case PeerAction.DropStaged when !peer.Staged.IsEmpty:
                Log.NoWay(_log, peer);
                peer.CountDropped(peer.Staged.Clear());
                break;
            case PeerAction.SendKeepalive:
                SendKeepalive(peer);
                break;
            case PeerAction.KeysWiped:
                Log.KeysWiped(_log, peer);
                break;
        }
    }
}
