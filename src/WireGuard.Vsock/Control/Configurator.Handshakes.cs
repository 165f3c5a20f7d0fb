using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Control;

/// <summary>Handshakes that are asked for with all peers at once: a few in each turn of control.</summary>
internal sealed partial class Configurator
{
    /// <summary>How many are begun in one turn, which takes about 20 ms.</summary>
    internal const int HandshakesATurn = 64;

    private readonly Deadline _beginMore;
    private Queue<Peer> _toBegin = new(); // each peer once; whether it is still wanted is asked when its turn comes

    /// <summary>
    /// Begins a handshake with every peer that can be reached and has no session: the first now, the others in the turns that
    /// follow. Where it cannot begin yet, since the link is down or a name is not resolved, it begins as soon as it can.
    /// </summary>
    public void BeginHandshakes()
    {
        Peer[] without = [.. _device.Peers.Values.Where(peer => !HasSession(peer))];
        foreach (Peer peer in without)
            peer.IsHandshakeWanted = true;
        // Those that were asked for before keep their turn.
        _toBegin = new Queue<Peer>(_toBegin.Union(without));
        BeginSome();
    }

    /// <summary>
    /// Begins a handshake with one peer, whether or not it has a session: its answer tells that the peer is there.
    /// </summary>
    public void BeginHandshake(PublicKey key)
    {
        if (_device.IsUp && _device.Peers.TryGetValue(key, out Peer? peer))
            _sessions.BeginHandshake(peer);
    }

    private void BeginSome()
    {
        // While the link is down none can begin; when it comes up, all that are wanted do.
        if (!_device.IsUp)
            _toBegin.Clear();
        for (int left = HandshakesATurn; left > 0 && _toBegin.TryDequeue(out Peer? peer);)
        {
            if (peer.IsRemoved || !peer.IsHandshakeWanted)
                continue;
            left--;
            _sessions.BeginHandshake(peer);
        }

        // A deadline for this very time could be due again in the same turn.
        if (_toBegin.Count != 0)
            _loop.Schedule(_beginMore, _loop.NowMs + 1);
    }

    /// <summary>Whether there is a session that can be sent in.</summary>
    public bool HasSession(Peer peer) => peer.Keypairs.Current is { } keypair && keypair.CanSend(_loop.NowMs);
}
