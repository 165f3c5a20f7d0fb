using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// An address that the relay listens on, with its sockets, for the rule that has it now. Streams are accepted by control and
/// given to the lane with the fewest links; of UDP each lane has a socket of its own. Control only.
/// </summary>
internal sealed class RelayPort : IDisposable
{
    /// <summary>How many accepted streams may wait for a lane.</summary>
    private const int MaxWaiting = 256;

    private readonly IReadOnlyList<RelayLane> _lanes;
    private readonly RelayCounters _counters;
    private readonly Acceptor _acceptor;
    private readonly List<UdpSocket[]> _sockets = []; // by address family; then by lane
    private readonly GuestListener? _guest; // of a Unix socket
    private ActiveRule? _rule;
    private uint _nextLane; // it may wrap

    private RelayPort(
        TransportAddress address,
        IReadOnlyList<RelayLane> lanes,
        RelayCounters counters,
        EventLoop loop,
        Func<bool> onShortage,
        ILogger log)
    {
        Address = address;
        _lanes = lanes;
        _counters = counters;
        _acceptor = new Acceptor(loop, Accepted, onShortage);
        _guest = address.Network == NetworkKind.Unix ? new GuestListener(_acceptor, address.Host, log) : null;
    }

    public TransportAddress Address { get; }

    /// <summary>False of a Unix socket that cannot be had for now.</summary>
    public bool IsListening => _guest is null or { IsOpen: true };

    /// <summary>
    /// Opens the sockets. Nothing is accepted before control's next turn, nor received before it serves. A Unix socket may come
    /// later: its folder is the virtual machine's, which may not have been started.
    /// </summary>
    /// <exception cref="SetupException">It cannot listen there: the message says where and why.</exception>
    public static RelayPort Open(
        TransportAddress address,
        IReadOnlyList<RelayLane> lanes,
        UdpOffloads offloads,
        RelayCounters counters,
        EventLoop loop,
        Func<bool> onShortage,
        ILogger log)
    {
        var port = new RelayPort(address, lanes, counters, loop, onShortage, log);
        try
        {
            if (address.Network == NetworkKind.Udp)
                port.OpenUdp(offloads);
            else if (address.Network == NetworkKind.Unix)
                port.OpenUnix();
            else
                port.OpenStream();
            return port;
        }
        catch (LinuxException e)
        {
            port.Dispose();
            string problem = address.Network == NetworkKind.Unix ? UnixListener.Problem(e.Errno) : e.Message;
            throw new SetupException($"cannot listen on {address}: {problem}");
        }
    }

    /// <summary>Called once a second: a Unix socket is set up where it could not be before, or was removed.</summary>
    public void Look() => _guest?.Look(Address.Port);

    /// <summary>What comes in from now on is that rule's.</summary>
    public void Serve(ActiveRule rule)
    {
        _rule = rule;
        foreach (UdpSocket[] family in _sockets)
        {
            for (int i = 0; i < family.Length; i++)
                _lanes[i].Post(new LaneOrder(rule, LaneOrderKind.Listen, socket: family[i]));
        }
    }

    /// <summary>Closes the sockets, those of UDP by their lanes if they serve.</summary>
    public void Dispose()
    {
        _acceptor.Close();
        foreach (UdpSocket[] family in _sockets)
        {
            for (int i = 0; i < family.Length; i++)
            {
                if (_rule is not null)
                    _lanes[i].Post(new LaneOrder(_rule, LaneOrderKind.EndListen, socket: family[i]));
                else
                    family[i]?.Dispose();
            }
        }

        _sockets.Clear();
    }

    private void OpenUnix()
    {
        int error = _guest!.TryOpen(Address.Port);
        if (error is not (0 or Errno.ENOENT))
            throw new LinuxException("listen", error);
        Look();
    }

    private void OpenStream()
    {
        List<int> opened = [];
        try
        {
            foreach (EndpointAddress local in Locals())
                AddIfFamilyExists(local, isOptional: opened.Count != 0, () => opened.Add(StreamSocket.Listen(local, mark: 0)));
        }
        catch
        {
            opened.ForEach(Sys.Close);
            throw;
        }

        _acceptor.Replace(opened);
    }

    private void OpenUdp(UdpOffloads offloads)
    {
        foreach (EndpointAddress local in Locals())
        {
            AddIfFamilyExists(local, isOptional: _sockets.Count != 0, () =>
            {
                // Shared, it would be had beside another process's, too, and the kernel would spread sources over both.
                UdpSocket.Open(local, isShared: false, mark: 0, offloads).Dispose();
                var family = new UdpSocket[_lanes.Count];
                _sockets.Add(family);
                for (int i = 0; i < family.Length; i++)
                    family[i] = UdpSocket.Open(local, isShared: true, mark: 0, offloads);
            });
        }
    }

    /// <summary>The addresses to bind to: one, or for any address that of each IP version.</summary>
    private EndpointAddress[] Locals()
    {
        if (Address.Network is NetworkKind.Tcp or NetworkKind.Udp && Address.Host.Length == 0)
        {
            ushort port = (ushort)Address.Port;
            return [EndpointAddress.Any(isIPv6: false, port), EndpointAddress.Any(isIPv6: true, port)];
        }

        _ = Address.TryResolved(out EndpointAddress local);
        return [local];
    }

    /// <summary>A kernel without IPv6 still has IPv4.</summary>
    private static void AddIfFamilyExists(EndpointAddress local, bool isOptional, Action open)
    {
        try
        {
            open();
        }
        catch (LinuxException missing)
            when (isOptional && local.IsIPv6 && missing.Errno is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
        }
    }

    private void Accepted(int fd, EndpointAddress from)
    {
        RelayLane lane = LeastBusy();
        if (_rule is null || lane.OrderCount >= MaxWaiting)
        {
            _counters.CountDropped(RelayDrop.TooManyConnections);
            Sys.Close(fd);
            return;
        }

        lane.Post(new LaneOrder(_rule, LaneOrderKind.Accepted, fd, from, Address.Network));
    }

    /// <summary>The lane with the fewest links; of equals, each in its turn.</summary>
    private RelayLane LeastBusy()
    {
        RelayLane best = _lanes[(int)(_nextLane++ % (uint)_lanes.Count)];
        foreach (RelayLane lane in _lanes)
        {
            if (lane.Counters.Links + lane.OrderCount < best.Counters.Links + best.OrderCount)
                best = lane;
        }

        return best;
    }
}
