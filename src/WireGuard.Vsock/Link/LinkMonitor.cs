using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// What happened to the interface since the last read. <see cref="Down"/> is handled before <see cref="Up"/>.
/// </summary>
[Flags]
internal enum LinkEvents
{
    None = 0,

    /// <summary>The interface went down, maybe for a moment.</summary>
    Down = 1,

    /// <summary>The interface is up now, and was down at some time since.</summary>
    Up = 2,

    MtuChanged = 4,

    /// <summary>The interface no longer exists: the daemon ends.</summary>
    Deleted = 8,

    /// <summary>
    /// It moved to a namespace that cannot be followed. It is assumed to be up; lanes notice its deletion on their queues.
    /// </summary>
    OutOfSight = 16,
}

/// <summary>
/// Follows the TUN interface: up and down, MTU, moves to another network namespace, deletion.
/// <para>
/// 1. A route netlink socket (man 7 rtnetlink) in the namespace the daemon was started in subscribes to RTMGRP_LINK. 2. It also
/// receives from namespaces that have an id in ours (NETLINK_LISTEN_ALL_NSID). The kernel assigns such an id to a namespace that
/// an interface moves to, and reports it in the RTM_DELLINK of the one it leaves. So the interface is known by a namespace id and
/// an index. We hold no descriptor of the other namespace, so it can be deleted, and our interface with it. 3. Without
/// CAP_NET_BROADCAST, or after a second move, the interface is out of sight until it returns; one that was made in another
/// namespace (WG_TUN_FD), until it comes.
/// </para>
/// <para>
/// The kernel tells the namespace of a TUN descriptor (TUNGETDEVNETNS) only to those with CAP_NET_ADMIN, which a confined daemon
/// has not. So an interface here is taken for ours by its name and its index, which a move keeps or tells. The index of one that
/// was made elsewhere is not known: when it comes it is a TUN interface of its name, made as it was, that was not here at the
/// start.
/// </para>
/// <para>
/// DEVIATION: wireguard-go makes an empty write to the TUN every second and tells EIO (down) from EINVAL (up). Linux 6.18 returns
/// EINVAL in both cases, and counts each try as a receive error of the interface. Test: LinkMonitorTests.
/// </para>
/// <para>Owned by the control thread, whose epoll watches <see cref="Fd"/>.</para>
/// </summary>
internal sealed class LinkMonitor : IDisposable
{
    private const int NeverHere = -1;

    private readonly TunDevice _tun;
    private readonly NetlinkSocket _route = new(NETLINK_ROUTE);
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(32 * 1024, pinned: true);

    private readonly ulong? _home;      // the inode of the namespace that the daemon was started in
    private readonly bool _hearsOthers; // whether messages of other namespaces come
    private readonly int _namesake;     // the index of another of its name, here at the start; 0 for none

    private int _namespace = NetlinkSocket.OwnNamespace;
    private int _index; // in the namespace that the interface is in, as was last told; 0 before that, or NeverHere
    private bool _isInSight;

    /// <summary>Begins to follow the interface; its state now is in <see cref="IsUp"/> and <see cref="Mtu"/>.</summary>
    /// <exception cref="LinuxException">A netlink socket cannot be opened.</exception>
    public LinkMonitor(TunDevice tun)
    {
        _tun = tun;
        _home = Sys.NetworkNamespace(_route.Fd, SIOCGSKNS);
        _route.Subscribe(RTMGRP_LINK);
        _hearsOthers = Sys.SetOption(_route.Fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1) >= 0;
        // One that a launcher made elsewhere: another of its name may be here.
        if (tun.Namespace is { } there && there != _home) (_index, _namesake) = (NeverHere, IndexHere());
        if (!TryFindHere()) LoseSight();
        _ = Read();
    }

    /// <summary>Readable when there is something to <see cref="Read"/>.</summary>
    public int Fd => _route.Fd;

    public bool IsUp { get; private set; }

    /// <summary>See <see cref="LinkEvents.OutOfSight"/>.</summary>
    public bool IsOutOfSight => !_isInSight;

    /// <summary>The interface's name now, in whatever namespace it is; null if it is gone.</summary>
    public string? Name => _tun.CurrentName();

    /// <summary>
    /// The inode of the network namespace that the daemon was started in, as long as the interface is there; 0 once it is in
    /// another; null if the kernel does not say.
    /// </summary>
    public ulong? Namespace => _isInSight && _namespace == NetlinkSocket.OwnNamespace ? _home : 0;

    public int Mtu { get; private set; } = TunDevice.DefaultMtu;

    /// <summary>Reads what has happened since the last call.</summary>
    public LinkEvents Read()
    {
        LinkEvents events = LinkEvents.None;
        bool lost = false;
        while (true)
        {
            int n = _route.Receive(_buffer, out int origin);
            if (n == -Errno.ENOBUFS)
            {
                lost = true; // the kernel dropped messages
                continue;
            }
            if (n <= 0)
            {
                if (!lost) break;
                lost = false;
                if (!_tun.Exists) return events | Vanish();
                // The buffer is empty now, so the answer fits: ask for the current state; the interface may have moved, too.
                // Of another namespace the kernel answers only with CAP_NET_ADMIN there.
                if (!TryFindHere() && _isInSight) events |= LoseSight();
                if (_index == NeverHere) _ = RequestState(IndexHere());
                continue;
            }
            var datagram = new NetlinkMessages(_buffer.AsSpan(0, n));
            while (LinkMessage.TryTake(ref datagram, out LinkMessage message)) events |= Apply(message, origin);
        }
        // Up is reported only if it is up now.
        return IsUp ? events : events & ~LinkEvents.Up;
    }

    public void Dispose() => _route.Dispose();

    private LinkEvents Apply(in LinkMessage message, int origin)
    {
        if (origin == NetlinkSocket.OwnNamespace) origin = message.Namespace;
        if (!_isInSight)
        {
            // Out of sight: an interface that appears in our namespace may be ours.
            if (message.IsDelete || origin != NetlinkSocket.OwnNamespace) return LinkEvents.None;
            if (_index == NeverHere && HasCome(message)) _index = message.Index;
            if (!TryFindHere()) return LinkEvents.None;
        }
        if (origin != _namespace || message.Index != _index) return LinkEvents.None;
        if (message.IsDelete) return Leave(message);

        LinkEvents events = LinkEvents.None;
        if (message.Mtu > 0 && message.Mtu != Mtu)
        {
            Mtu = message.Mtu;
            events |= LinkEvents.MtuChanged;
        }
        return events | SetUp(message.IsUp);
    }

    /// <summary>It has left its namespace: deleted, or moved to a namespace that can or cannot be followed.</summary>
    private LinkEvents Leave(in LinkMessage message)
    {
        if (!_tun.Exists) return Vanish();
        if (message.NewIndex > 0) _index = message.NewIndex;
        // The id is relative to the namespace it leaves, so it means something to us only if that is ours.
        if (!_hearsOthers || _namespace != NetlinkSocket.OwnNamespace || message.NewNamespace < 0)
            return TryFindHere() ? LinkEvents.None : LoseSight();
        _namespace = message.NewNamespace;
        return SetUp(false); // a move takes it down (net/core/dev.c, __dev_change_net_namespace); what follows is told
    }

    private LinkEvents Vanish()
    {
        _isInSight = false;
        return LinkEvents.Deleted | SetUp(false);
    }

    private LinkEvents SetUp(bool up)
    {
        if (up == IsUp) return LinkEvents.None;
        IsUp = up;
        return up ? LinkEvents.Up : LinkEvents.Down;
    }

    private LinkEvents LoseSight()
    {
        _isInSight = false;
        return LinkEvents.OutOfSight | SetUp(true);
    }

    /// <summary>Looks for the interface in our own namespace and asks for its state.</summary>
    private bool TryFindHere()
    {
        int index = IndexHere();
        if (index == 0 || (_index != 0 && index != _index)) return false;
        _namespace = NetlinkSocket.OwnNamespace;
        _index = index;
        _isInSight = true;
        return RequestState(index) >= 0;
    }

    /// <summary>Whether an interface is ours, which was made in another namespace.</summary>
    private bool HasCome(in LinkMessage message) => message.Index != _namesake && message.Index == IndexHere()
        && message.TunFlags == (_tun.Flags & LinkMessage.ToldFlags);

    /// <summary>The index of the interface of its name in our own namespace; 0 if there is none.</summary>
    private int IndexHere() => _tun.CurrentName() is { } name ? LinkQuery.IndexOf(_route.Fd, name) : 0;

    /// <summary>Sends RTM_GETLINK, for our own namespace; its answer is in the socket before the call returns.</summary>
    private int RequestState(int index)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], RTM_GETLINK, 0);
        request.Append(new ifinfomsg { ifi_family = AF_UNSPEC, ifi_index = index });
        return Sys.Send(_route.Fd, request.Complete(sequence: 0), 0);
    }
}
