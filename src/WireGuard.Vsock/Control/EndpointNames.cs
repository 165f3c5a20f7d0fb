using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The peers whose endpoints were given by name. What is asked when, and which address is used, <see cref="PeerName"/> decides;
/// here its questions are put, and what it says is done. Control only.
/// </summary>
internal sealed class EndpointNames : IDisposable
{
    private readonly EventLoop _loop;
    private readonly NameResolver<PeerName> _resolver;
    private readonly ILogger _log;
    private readonly Dictionary<Peer, Entry> _entries = [];
    private readonly Dictionary<PeerName, Entry> _byName = [];

    /// <param name="loop">The control loop.</param>
    /// <param name="resolver">Its own from now on.</param>
    /// <param name="log">Of the daemon.</param>
    public EndpointNames(EventLoop loop, NameResolver<PeerName> resolver, ILogger log)
    {
        (_loop, _resolver, _log) = (loop, resolver, log);
        loop.Watch(resolver.Fd, EPOLLIN, _ => TakeAnswers());
    }

    /// <summary>
    /// Called when a peer's endpoint is another: the address, and whether it follows one at which the peer was not reached.
    /// </summary>
    public Action<Peer, EndpointAddress, bool> OnResolved { get; set; } = (_, _, _) => { };

    /// <summary>The peer's name, HOST:PORT; null if it has none.</summary>
    public string? NameOf(Peer peer) => _entries.TryGetValue(peer, out Entry? entry) ? entry.Name.Text : null;

    /// <summary>Why the peer's name was not resolved when it was last asked for; null if it was, or it has none.</summary>
    public string? ErrorOf(Peer peer) => _entries.TryGetValue(peer, out Entry? entry) && entry.Name.Error is { } error
        ? $"the name {entry.Name.Host} cannot be resolved: {error}"
        : null;

    /// <summary>Gives a peer a name, which is resolved at once; the one that it has already changes nothing.</summary>
    public void Set(Peer peer, string text)
    {
        if (NameOf(peer) == text)
            return;
        Remove(peer);
        var entry = new Entry(peer, new PeerName(text), OnDeadline);
        _entries[peer] = entry;
        _byName[entry.Name] = entry;
        Schedule(entry);
    }

    /// <summary>The peer has no name any more. An answer that is still to come changes nothing.</summary>
    public void Remove(Peer peer)
    {
        if (!_entries.Remove(peer, out Entry? entry))
            return;
        _byName.Remove(entry.Name);
        _resolver.Forget(entry.Name);
        _loop.Cancel(entry.Deadline);
    }

    /// <summary>The peer cannot be reached where its endpoint says.</summary>
    public void OnUnreached(Peer peer)
    {
        if (!_entries.TryGetValue(peer, out Entry? entry))
            return;
        entry.NoteHandshake();
        // Done at the end of the turn: its connections are being gone through.
        entry.Next = entry.Name.Failed(_loop.NowMs) ?? entry.Next;
        Schedule(entry);
    }

    public void Dispose() => _resolver.Dispose();

    private void Schedule(Entry entry) =>
        _loop.Schedule(entry.Deadline, entry.Next is not null ? _loop.NowMs : entry.Name.AskAtMs);

    private void OnDeadline(Entry entry)
    {
        entry.NoteHandshake();
        if (entry.Next is { } next)
            Use(entry, next);
        if (_loop.NowMs >= entry.Name.AskAtMs)
        {
            entry.Name.Asked(_loop.NowMs);
            _resolver.Ask(entry.Name);
        }

        Schedule(entry);
    }

    private void TakeAnswers()
    {
        _resolver.BeginTaking();
        while (_resolver.TryTake(out PeerName? name, out NameAnswer answer))
        {
            if (!_byName.TryGetValue(name, out Entry? entry))
                continue;
            entry.NoteHandshake();
            if (answer.Addresses.Count == 0)
            {
                Log.NameUnresolved(_log, entry.Peer, name.Host, answer.Error);
                name.Unresolved(answer.Error, _loop.NowMs);
            }
            else if (name.Resolved(answer.Addresses, InUse(entry.Peer)) is { } address)
            {
                Use(entry, address);
            }

            Schedule(entry);
        }
    }

    /// <summary>Over UDP a peer roams away from its endpoint, and comes back to it when it is set.</summary>
    private static EndpointAddress? InUse(Peer peer) => peer.Destination is UdpDestination udp ? udp.Address : peer.Endpoint;

    private void Use(Entry entry, EndpointAddress address)
    {
        entry.Next = null;
        Log.NameResolved(_log, entry.Peer, entry.Name.Host, address);
        OnResolved(entry.Peer, address, entry.Name.HasFailed);
    }

    private sealed class Entry
    {
        private (long, int) _handshake;

        public Entry(Peer peer, PeerName name, Action<Entry> onDeadline)
        {
            (Peer, Name, _handshake) = (peer, name, peer.LastHandshake);
            Deadline = new Deadline(() => onDeadline(this));
        }

        public Peer Peer { get; }

        public PeerName Name { get; }

        public Deadline Deadline { get; }

        /// <summary>The address to use at the end of the turn.</summary>
        public EndpointAddress? Next { get; set; }

        /// <summary>Tells the name of a handshake that was completed since it was last told anything.</summary>
        public void NoteHandshake()
        {
            if (_handshake == Peer.LastHandshake)
                return;
            _handshake = Peer.LastHandshake;
            Next = null;
            Name.Reached();
        }
    }
}
