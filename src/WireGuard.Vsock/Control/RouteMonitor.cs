using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.SharedState;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Control;

/// <summary>
/// Learns that routes, rules, addresses or links have changed (man 7 rtnetlink), and has every peer checked: the routes may
/// choose another source address towards it now.
/// <code>
/// waiting --a message--> ignoring --SettleMs, and PauseMs after the last pass--> checks all peers, a few a turn --> waiting
/// </code>
/// The messages are not parsed: a router with a full table sends too many. While it ignores them, those that do not fit its small
/// buffer are lost, and the others are discarded before it checks. So a flood costs one pass every <see cref="PauseMs"/>, or
/// every four times the duration of a pass, and few messages each. Control only.
/// </summary>
internal sealed class RouteMonitor : IDisposable
{
    /// <summary>Changes come by the dozen: those within this time are handled together.</summary>
    public const int SettleMs = 100;

    /// <summary>From one pass to the next.</summary>
    public const int PauseMs = 250;

    /// <summary>How many peers are checked in one turn of the control loop.</summary>
    public const int PeersPerTurn = 256;

    private const uint Groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE
        | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_RULE | RTMGRP_NEXTHOP;

    /// <summary>The kernel raises it to its least: space for a few messages.</summary>
    private const int BufferSize = 1;

    private readonly EventLoop _loop;
    private readonly Func<IReadOnlyList<Peer>> _peers;
    private readonly Action<Peer> _look;
    private readonly NetlinkSocket _netlink = new(NETLINK_ROUTE);
    private readonly byte[] _scratch = new byte[1];
    private readonly Deadline _next;
    private IReadOnlyList<Peer> _left = [];
    private int _done;
    private ulong _watch;
    private long _beganMs;
    private long _notBeforeMs;

    /// <param name="loop">The control loop.</param>
    /// <param name="peers">Returns all peers.</param>
    /// <param name="look">Checks one: routes may have changed.</param>
    /// <exception cref="LinuxException">A netlink socket cannot be opened.</exception>
    public RouteMonitor(EventLoop loop, Func<IReadOnlyList<Peer>> peers, Action<Peer> look)
    {
        (_loop, _peers, _look) = (loop, peers, look);
        _next = new Deadline(Look);
        Sys.SetOption(_netlink.Fd, SOL_SOCKET, SO_RCVBUF, BufferSize);
        Sys.SetOption(_netlink.Fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
        _netlink.Subscribe(Groups);
        Listen();
    }

    public void Dispose()
    {
        _loop.Cancel(_next);
        _netlink.Dispose();
    }

    private void Listen() => _watch = _loop.Watch(_netlink.Fd, EPOLLIN, _ => OnChanged());

    private void OnChanged()
    {
        _loop.Unwatch(_watch, _netlink.Fd);
        _loop.Schedule(_next, Math.Max(_loop.NowMs + SettleMs, _notBeforeMs));
    }

    /// <summary>Begins a pass, or continues it.</summary>
    private void Look()
    {
        if (_done == _left.Count)
            Begin();
        int end = Math.Min(_done + PeersPerTurn, _left.Count);
        for (; _done < end; _done++)
            _look(_left[_done]);
        if (_done < _left.Count)
        {
            _loop.Schedule(_next, _loop.NowMs + 1);
            return;
        }

        (_left, _done) = ([], 0);
        long endedMs = Sys.BootMs();
        _notBeforeMs = endedMs + Math.Max(PauseMs, 4 * (endedMs - _beganMs));
        Listen();
    }

    private void Begin()
    {
        // A change from now on may be missed by this pass; its message stays and starts another.
        while (Sys.Recv(_netlink.Fd, _scratch, MSG_DONTWAIT) > 0)
        {
        }

        (_left, _done, _beganMs) = (_peers(), 0, Sys.BootMs());
    }
}
