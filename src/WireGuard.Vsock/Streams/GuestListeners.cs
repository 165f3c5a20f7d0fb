using System.Globalization;
using Microsoft.Extensions.Logging;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The listening sockets of guests behind Unix sockets: for each path that the endpoint of a peer has, one at PATH_PORT, PORT
/// being ours. One that cannot be had, and one whose file was removed, is tried again each second. Control only.
/// </summary>
internal sealed class GuestListeners(Acceptor acceptor, ILogger log)
{
    // As of StreamListener.
    private const int FirstEphemeralPort = 1024;
    private const int LastEphemeralPort = 65_535;

    private readonly Dictionary<Peer, string> _paths = [];
    private readonly Dictionary<string, Guest> _guests = []; // by path

    /// <summary>What guests know us by; 0 while closed.</summary>
    public ushort Port { get; private set; }

    /// <summary>Listens at another port, or for the first time.</summary>
    /// <param name="port">0 for an ephemeral one.</param>
    public void Open(ushort port)
    {
        if (Port != 0 && port == Port)
            return;
        Close();
        Port = port != 0 ? port : (ushort)Random.Shared.Next(FirstEphemeralPort, LastEphemeralPort + 1);
        Sweep();
    }

    public void Close()
    {
        foreach (Guest guest in _guests.Values)
            guest.Listener.Close();
        Port = 0;
    }

    /// <summary>A peer's endpoint was set.</summary>
    /// <param name="peer">The peer.</param>
    /// <param name="path">That its endpoint has; null if it has none any more.</param>
    public void Follow(Peer peer, string? path)
    {
        string? before = _paths.GetValueOrDefault(peer);
        if (before == path)
            return;
        _paths.Remove(peer);
        if (path is not null)
        {
            _paths[peer] = path;
            if (!_guests.TryGetValue(path, out Guest? guest))
                _guests[path] = guest = new Guest(new GuestListener(acceptor, path, log));
            guest.Peers++;
            Look(guest);
        }

        if (before is null || --_guests[before].Peers != 0)
            return;
        _guests.Remove(before, out Guest? gone);
        gone!.Listener.Close();
    }

    /// <summary>Called once a second: listens where it could not before.</summary>
    public void Sweep()
    {
        foreach (Guest guest in _guests.Values)
            Look(guest);
    }

    /// <summary>Why the peer's guest cannot call; null if it can.</summary>
    public string? ProblemOf(Peer peer) => _paths.TryGetValue(peer, out string? path) ? _guests[path].Listener.Problem : null;

    /// <summary>Why some guest cannot call, and how many others; null if all can.</summary>
    public string? Problem()
    {
        string[] problems = [.. _guests.Values.Select(guest => guest.Listener.Problem).OfType<string>()];
        return problems.Length < 2
            ? problems.FirstOrDefault()
            : string.Create(CultureInfo.InvariantCulture, $"{problems[0]}; likewise of {problems.Length - 1} more");
    }

    private void Look(Guest guest)
    {
        if (Port != 0)
            guest.Listener.Look(Port);
    }

    private sealed class Guest(GuestListener listener)
    {
        public GuestListener Listener { get; } = listener;

        /// <summary>How many peers' endpoints have the path.</summary>
        public int Peers { get; set; }
    }
}
