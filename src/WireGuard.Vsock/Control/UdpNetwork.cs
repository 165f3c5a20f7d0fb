using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>The tunnel over UDP: for each lane a socket of each family, all on one port. Peers roam. Control only.</summary>
internal sealed class UdpNetwork : Network
{
    /// <summary>How often to look for an ephemeral port that is free in both families.</summary>
    private const int PortAttempts = 10;

    private readonly IReadOnlyList<Lane> _lanes;
    private readonly GracePeriod _grace;
    private readonly UdpOffloads _offloads;
    private readonly UdpReserve? _reserve;
    private readonly UdpSources _sources;
    private readonly ILogger _log;
    private readonly bool _wantsIPv4;
    private readonly bool _wantsIPv6;
    private UdpSockets[] _sockets = [];
    private ushort _port;
    private uint _mark;
    private bool _saidReserveSpent;

    /// <param name="kind">UDP, of one family or both.</param>
    /// <param name="lanes">Those that receive and send.</param>
    /// <param name="grace">Of these lanes.</param>
    /// <param name="offloads">Which of the kernel's to use.</param>
    /// <param name="routes">Asked for source addresses.</param>
    /// <param name="reserve">Sockets with large buffers, its caller's to close; null where new ones get them.</param>
    /// <param name="log">Told when none of these is left.</param>
    public UdpNetwork(
        NetworkKind kind, IReadOnlyList<Lane> lanes, GracePeriod grace, UdpOffloads offloads, RouteQuery routes,
        UdpReserve? reserve, ILogger log)
    {
        (_reserve, _log) = (reserve, log);
        _sources = new UdpSources(routes);
        _offloads = offloads;
        _lanes = lanes;
        _grace = grace;
        _wantsIPv4 = kind is NetworkKind.Udp or NetworkKind.Udp4;
        _wantsIPv6 = kind is NetworkKind.Udp or NetworkKind.Udp6;
    }

    public override ushort Port => _port;

    public override bool IsOpen => _sockets.Length != 0;

    public override void Open(ushort port)
    {
        if (IsOpen && port == _port)
            return;
        // Sockets closed in this turn hold their port, which may be this one, until lanes have let go of them.
        _grace.Wait();
        (UdpSockets[] old, ushort oldPort) = (_sockets, _port);
        UdpSockets[] opened = OpenAll(port);
        try
        {
            Publish(opened, (opened[0].IPv4 ?? opened[0].IPv6)!.LocalPort);
            Retire(old);
        }
        catch (LinuxException)
        {
            // A lane could not watch one of them: it goes back to the old ones.
            Publish(old, oldPort);
            Retire(opened);
            throw;
        }

        if (_reserve is null || _saidReserveSpent || Array.TrueForAll(opened, sockets => sockets.HaveLargeBuffers))
            return;
        _saidReserveSpent = true;
        Log.UdpReserveSpent(_log, UdpSocket.BufferSize);
    }

    public override void Close()
    {
        UdpSockets[] old = _sockets;
        Publish([], 0);
        Retire(old);
    }

    public override void SetMark(uint mark)
    {
        _mark = _sources.Mark = mark;
        foreach (UdpSockets sockets in _sockets)
        {
            sockets.IPv4?.SetMark(mark);
            sockets.IPv6?.SetMark(mark);
        }
    }

    public override void OnEndpointSet(Peer peer, EndpointAddress? previous)
    {
        if (peer.Endpoint is not { } endpoint)
            return;
        var set = new UdpDestination(endpoint);
        if (peer.Destination is UdpDestination before)
            set.InheritFrom(before);
        peer.Destination = set;
        if (endpoint != previous)
            peer.Hindrance = null;
    }

    public override void OnRemoved(Peer peer) => peer.Destination = null;

    public override bool TryReach(Peer peer) => IsOpen && peer.Destination is not null;

    public override void OnSilence(Peer peer, bool isHandshake)
    {
        (peer.Destination as UdpDestination)?.ForgetSource();
        // A cookie is an answer too.
        if (isHandshake && peer.Timers.IsInitiationUnanswered)
            Events.OnUnreached(peer);
    }

    public override void SendHandshake(Peer peer, ReadOnlySpan<byte> message)
    {
        if (peer.Destination is not UdpDestination destination)
            return;
        int result = Send(destination, message);
        peer.Hinder(result < 0 ? $"send to {destination.Address}: {Errno.Text(-result)}" : null);
    }

    public override void Answer(Destination from, ReadOnlySpan<byte> message) => Send((UdpDestination)from, message);

    public override void OnAuthenticated(Peer peer, Destination from)
    {
        // Overwritten by the next message, so it is copied.
        var sender = (UdpDestination)from;
        if (peer.Destination is not UdpDestination current || !current.IsSame(sender))
            _sources.Adopt(peer, sender.Copy());
        if (peer.Destination is UdpDestination now)
            sender.InheritFrom(now);
    }

    public override void OnRoamed(Peer peer, UdpDestination to) => _sources.Adopt(peer, to);

    public override void OnRoutesChanged(Peer peer)
    {
        if (IsOpen && _sources.TryCorrect(peer))
            Events.OnMoved(peer);
    }

    /// <returns>A negated errno if it was not sent.</returns>
    private int Send(UdpDestination destination, ReadOnlySpan<byte> message)
    {
        if (_sockets.Length == 0 || _sockets[0].For(destination) is not { } socket)
            return -Errno.EAFNOSUPPORT;
        int result = socket.SendHandshake(message, destination);
        if (result >= 0 || !destination.HasSource)
            return result;
        destination.ForgetSource();
        return socket.SendHandshake(message, destination);
    }

    /// <summary>Opens the sockets of all lanes, or none.</summary>
    private UdpSockets[] OpenAll(ushort port)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return TryOpenAll(port);
            }
            catch (LinuxException taken) when (taken.Errno == Errno.EADDRINUSE && port == 0 && attempt < PortAttempts)
            {
                // The port that IPv4 was given is taken in IPv6: try another.
            }
        }
    }

    private UdpSockets[] TryOpenAll(ushort port)
    {
        bool isShared = _lanes.Count > 1;
        var opened = new List<UdpSockets>();
        try
        {
            port = Probe(port);
            foreach (Lane _ in _lanes)
            {
                UdpSocket? ipv4 = null;
                try
                {
                    ipv4 = _wantsIPv4 ? UdpSocket.Open(isIPv6: false, port, isShared, _mark, _offloads, _reserve) : null;
                    UdpSocket? ipv6 = _wantsIPv6 ? OpenIPv6(ipv4?.LocalPort ?? port, isShared, _reserve) : null;
                    opened.Add(new UdpSockets(ipv4, ipv6));
                }
                catch
                {
                    ipv4?.Dispose();
                    throw;
                }

                port = (opened[0].IPv4 ?? opened[0].IPv6)!.LocalPort;
            }

            return [.. opened];
        }
        catch
        {
            opened.ForEach(sockets => sockets.Dispose());
            throw;
        }
    }

    /// <summary>IPv6 is left out where the kernel has none, unless it is all that was asked for.</summary>
    private UdpSocket? OpenIPv6(ushort port, bool isShared, UdpReserve? reserve)
    {
        try
        {
            return UdpSocket.Open(isIPv6: true, port, isShared, _mark, _offloads, reserve);
        }
        catch (LinuxException missing) when (_wantsIPv4 && missing.Errno is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
            return null;
        }
    }

    /// <summary>
    /// Makes sure that the port is ours alone before it is shared among lanes: with SO_REUSEPORT a bind succeeds beside
    /// another daemon's sockets, and the kernel would spread the datagrams over both. So a port that is taken costs none of the
    /// reserve, either.
    /// </summary>
    private ushort Probe(ushort port)
    {
        using UdpSocket? ipv4 = _wantsIPv4 ? UdpSocket.Open(isIPv6: false, port, isShared: false, _mark, _offloads) : null;
        using UdpSocket? ipv6 = _wantsIPv6 ? OpenIPv6(ipv4?.LocalPort ?? port, isShared: false, reserve: null) : null;
        return (ipv4 ?? ipv6)!.LocalPort;
    }

    private void Publish(UdpSockets[] sockets, ushort port)
    {
        (_sockets, _port) = (sockets, port);
        _sources.Port = port;
        for (int i = 0; i < _lanes.Count; i++)
            _lanes[i].Sockets = i < sockets.Length ? sockets[i] : null;
    }

    private void Retire(UdpSockets[] sockets)
    {
        foreach (UdpSockets ofLane in sockets)
            _grace.Retire(ofLane);
    }
}
