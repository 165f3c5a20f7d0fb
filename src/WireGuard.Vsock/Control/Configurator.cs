using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Applies a parsed change of the configuration. What can fail (binding a port, too many peers) is tried before anything is
/// changed. How it listens is in Configurator.Listening.cs, how handshakes that are asked for begin in
/// Configurator.Handshakes.cs, what it reports in Configurator.Report.cs. Control only.
/// </summary>
internal sealed partial class Configurator
{
    private readonly Device _device;
    private readonly Network _network;
    private readonly SessionDriver _sessions;
    private readonly IReadOnlyList<LaneCounters> _counters;
    private readonly Hellos _hellos;
    private readonly EndpointNames _names;
    private readonly DaemonOptions _options;
    private readonly EventLoop _loop;
    private readonly ILogger _log;

    /// <param name="device">The device.</param>
    /// <param name="network">Under the tunnel.</param>
    /// <param name="sessions">Sends what a change makes possible.</param>
    /// <param name="hellos">Which say what we take.</param>
    /// <param name="names">Of endpoints.</param>
    /// <param name="options">Of the daemon.</param>
    /// <param name="counters">Of every thread that drops packets.</param>
    /// <param name="loop">The control loop.</param>
    /// <param name="log">Of the daemon.</param>
    public Configurator(
        Device device,
        Network network,
        SessionDriver sessions,
        Hellos hellos,
        EndpointNames names,
        DaemonOptions options,
        IReadOnlyList<LaneCounters> counters,
        EventLoop loop,
        ILogger log)
    {
        _counters = counters;
        _hellos = hellos;
        _names = names;
        _options = options;
        _device = device;
        _network = network;
        _sessions = sessions;
        _loop = loop;
        _log = log;
        _listenAgain = new Deadline(ListenAgain);
        _beginMore = new Deadline(BeginSome);
        names.OnResolved = OnResolved;
        sessions.Unreached = names.OnUnreached;
    }

    /// <summary>The interface, for what `status` tells of it.</summary>
    public LinkMonitor? Link { get; init; }

    /// <summary>What confines this process, likewise.</summary>
    public SandboxReport? Sandbox { get; set; }

    /// <summary>Applies all of it, or nothing. Lanes see it as one change.</summary>
    /// <returns>0, or the errno, positive.</returns>
    public int Apply(DeviceChange change)
    {
        if (CountAfter(change) > Limits.MaxPeers)
            return Errno.ENOSPC;
        if (change.ListenPort is { } port)
        {
            int error = TryListen(port);
            if (error != 0)
                return error;
        }

        if (change.FirewallMark is { } mark)
        {
            _device.FirewallMark = mark;
            _network.SetMark(mark);
        }

        _device.Notes = change.Notes ?? _device.Notes;
        var request = new Request();
        ApplyPrivateKey(change, request);
        if (change.ReplacesPeers)
            request.Replaced = _device.WithdrawAll();
        foreach (PeerChange peerChange in change.Peers)
            Apply(peerChange, request);
        request.Removed.AddRange(request.Replaced.Values);

        _device.Publish();
        foreach (Peer peer in request.Removed)
            End(peer);
        foreach ((Peer peer, Changed changed) in request.Changed)
            Settle(peer, changed);
        return 0;
    }

    /// <summary>The machine was declared a clone: all sessions and connections end before this returns.</summary>
    public void DeclareCloned()
    {
        _device.Published.Continuity.Declare();
        _loop.OnWake();
    }

    private int CountAfter(DeviceChange change)
    {
        var added = new HashSet<PublicKey>();
        foreach (PeerChange peer in change.Peers)
        {
            if (!peer.Removes && !peer.UpdatesOnly && (change.ReplacesPeers || !_device.Peers.ContainsKey(peer.PublicKey)))
                added.Add(peer.PublicKey);
        }

        return added.Count + (change.ReplacesPeers ? 0 : _device.Peers.Count);
    }

    private void ApplyPrivateKey(DeviceChange change, Request request)
    {
        if (change.RemovesPrivateKey)
        {
            _device.SetPrivateKey(null);
            _network.OnPrivateKeySet(null, _device.Peers.Values);
            return;
        }

        // wg(8) sets the same key again with every syncconf: sessions live on.
        if (change.PrivateKey is not { } key
            || (_device.PrivateKey is { } old && old.PublicKey.Equals(key.PublicKey)))
            return;
        change.PrivateKey = null;
        if (_device.Peers.TryGetValue(key.PublicKey, out Peer? ourselves))
            Remove(ourselves, request);
        _device.SetPrivateKey(key);
        _network.OnPrivateKeySet(key.PublicKey, _device.Peers.Values);
        Log.PrivateKeySet(_log);
    }

    private void Apply(PeerChange change, Request request)
    {
        bool exists = _device.Peers.TryGetValue(change.PublicKey, out Peer? peer);
        bool isOurselves = _device.PrivateKey is { } local && local.PublicKey.Equals(change.PublicKey);
        if (change.Removes)
        {
            if (exists)
                Remove(peer!, request);
            return;
        }

        if (isOurselves || (!exists && change.UpdatesOnly))
            return;
        if (exists)
        {
            Alter(peer!, change, peer!.Endpoint, request);
        }
        else if (request.Replaced.Remove(change.PublicKey, out peer) && HasPresharedKeyOf(peer, change))
        {
            EndpointAddress? previous = peer.Endpoint;
            PutBack(peer, change);
            Alter(peer, change, previous, request);
        }
        else
        {
            if (peer is not null)
                request.Removed.Add(peer);
            Add(change, request);
        }
    }

    private void Add(PeerChange change, Request request)
    {
        Peer peer = _device.Add(change.PublicKey);
        Log.PeerAdded(_log, peer);
        // Before lanes find the peer, they must find its destination.
        peer.Endpoint = change.Endpoint;
        SetName(peer, change);
        if (change.Endpoint is not null)
            _network.OnEndpointSet(peer, previous: null);
        request.ChangedOf(peer, peer.Endpoint).Keepalive = change.PersistentKeepalive;
        ApplyTo(peer, change);
    }

    /// <summary>
    /// A peer that is replaced by itself takes all settings from the request, and keeps its destination and its session.
    /// DEVIATION: the kernel and wireguard-go end its session, and drop packets in flight. Test: ConfiguratorTests.
    /// </summary>
    private void PutBack(Peer peer, PeerChange change)
    {
        _device.PutBack(peer);
        peer.Endpoint = null;
        if (change.EndpointName is null)
            _names.Remove(peer);
        if (change.PersistentKeepalive is null)
            peer.SetPersistentKeepalive(0, _loop.NowMs);
    }

    /// <summary>Whether it is the same peer: a session made with another preshared key must end.</summary>
    private static bool HasPresharedKeyOf(Peer peer, PeerChange change)
    {
        PresharedKey? before = peer.PresharedKey;
        PresharedKey? after = change.PresharedKey is { IsZero: false } given ? given : null;
        return before is null || after is null
            ? before is null && after is null
            : CryptographicOperations.FixedTimeEquals(before.Bytes, after.Bytes);
    }

    /// <summary>Changes a peer that lanes know. The network is told of its endpoint once lanes see the rest.</summary>
    private void Alter(Peer peer, PeerChange change, EndpointAddress? previous, Request request)
    {
        Changed changed = request.ChangedOf(peer, previous);
        changed.Keepalive = change.PersistentKeepalive ?? changed.Keepalive;
        // What a name was resolved to stays while the name does, and what is used now until another name is resolved.
        bool isResolved = previous is not null && change.EndpointName is { } name && name == _names.NameOf(peer);
        if (change.Endpoint is { } endpoint && !isResolved)
            (changed.NamesEndpoint, peer.Endpoint) = (true, endpoint);
        else if (change.EndpointName is not null)
            peer.Endpoint ??= previous;
        SetName(peer, change);
        ApplyTo(peer, change);
    }

    private void SetName(Peer peer, PeerChange change)
    {
        if (change.EndpointName is { } name)
            _names.Set(peer, name);
        else if (change.Endpoint is not null)
            _names.Remove(peer);
    }

    /// <summary>The peer's name has another address.</summary>
    private void OnResolved(Peer peer, EndpointAddress endpoint, bool hasFailed)
    {
        EndpointAddress? previous = peer.Endpoint;
        peer.Endpoint = endpoint;
        _network.OnEndpointSet(peer, previous);
        if (!_device.IsUp)
            return;
        // Where the last address has failed, only what is under way goes on at this one: a connection goes on being dialled, and
        // an initiation is sent again. Anything more would begin anew, for ever, what is to be given up after REKEY_ATTEMPT_TIME.
        if (!hasFailed)
            Start(peer);
        else if (peer.Timers.IsInitiationInFlight)
            _sessions.OnReached(peer);
        else
            _sessions.Schedule(peer);
    }

    private void ApplyTo(Peer peer, PeerChange change)
    {
        if (change.PresharedKey is { } presharedKey)
        {
            change.PresharedKey = null;
            peer.SetPresharedKey(presharedKey);
        }

        peer.Note = change.Note ?? peer.Note;
        if (change.ReplacesAllowedIps)
            _device.ClearAllowedIps(peer);
        foreach (AllowedIpChange allowedIp in change.AllowedIps)
        {
            if (allowedIp.Removes)
                _device.RemoveAllowedIp(peer, allowedIp.Prefix);
            else
                _device.AddAllowedIp(peer, allowedIp.Prefix);
        }
    }

    /// <summary>
    /// Once lanes see the change: sends a keepalive that was switched on, and packets that waited for an endpoint.
    /// </summary>
    private void Settle(Peer peer, Changed changed)
    {
        if (peer.IsRemoved)
            return;
        if (changed.NamesEndpoint || peer.Endpoint != changed.Previous)
            _network.OnEndpointSet(peer, changed.Previous);
        bool switchedOn = changed.Keepalive is { } seconds
            && peer.SetPersistentKeepalive(seconds * 1000, _loop.NowMs);
        if (!_device.IsUp)
            return;
        if (switchedOn)
            _sessions.SendKeepalive(peer);
        else
            _sessions.SendStaged(peer);
        _sessions.Schedule(peer);
    }

    private void Remove(Peer peer, Request request)
    {
        _device.Withdraw(peer);
        request.Removed.Add(peer);
    }

    private void End(Peer peer)
    {
        Log.PeerRemoved(_log, peer);
        peer.End();
        _names.Remove(peer);
        _network.OnRemoved(peer);
        _sessions.Schedule(peer);
    }

    /// <summary>What one request has changed so far, and what is left to do once lanes see it.</summary>
    private sealed class Request
    {
        /// <summary>All previous peers, if all are replaced, except those named again.</summary>
        public Dictionary<PublicKey, Peer> Replaced { get; set; } = [];

        public List<Peer> Removed { get; } = [];

        public Dictionary<Peer, Changed> Changed { get; } = [];

        /// <summary>What the request changes of a peer, however often it names it.</summary>
        /// <param name="peer">The peer.</param>
        /// <param name="endpoint">The endpoint that the network knows of it, when it is named for the first time.</param>
        public Changed ChangedOf(Peer peer, EndpointAddress? endpoint)
        {
            if (!Changed.TryGetValue(peer, out Changed? changed))
                Changed.Add(peer, changed = new Changed(endpoint));
            return changed;
        }
    }

    /// <param name="previous">The endpoint that the network knows.</param>
    private sealed class Changed(EndpointAddress? previous)
    {
        public EndpointAddress? Previous { get; } = previous;

        /// <summary>Whether an endpoint is given, even the same: a peer that has roamed returns to it.</summary>
        public bool NamesEndpoint { get; set; }

        public ushort? Keepalive { get; set; }
    }
}
