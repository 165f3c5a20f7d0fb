using System.Diagnostics;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The sockets that are connecting. CID 3 is the host of an enclave; where the kernel takes it for a guest of this machine, since
/// it has the transports of both, the attempt is made once more by the transport to the host. Behind a guest's Unix socket an
/// attempt lasts until the guest has answered. Control only.
/// </summary>
/// <param name="loop">The control loop.</param>
/// <param name="connect">As <see cref="StreamSocket.Connect"/>.</param>
internal sealed class StreamDialer(EventLoop loop, Func<EndpointAddress, uint, int> connect)
{
    /// <summary>The parent of a Nitro enclave, as the enclave sees it.</summary>
    private const uint ParentCid = 3;

    private readonly Dictionary<PeerConnection, Attempt> _attempts = [];
    private uint _mark;

    /// <summary>SO_MARK of sockets that are connecting, now and later.</summary>
    public uint Mark
    {
        get => _mark;
        set
        {
            _mark = value;
            foreach (Attempt attempt in _attempts.Values)
                StreamSocket.SetMark(attempt.Fd, value);
        }
    }

    /// <summary>Begins to connect a socket.</summary>
    /// <param name="connection">That is to come of it.</param>
    /// <param name="endpoint">Where.</param>
    /// <param name="onEnded">Called when the attempt has ended, with 0 or an errno. After 0 the socket is to be taken.</param>
    /// <param name="onToHost">Called when it has failed with that errno and is made once more, to the host.</param>
    /// <returns>0, or the errno with which it cannot begin.</returns>
    public int Connect(PeerConnection connection, EndpointAddress endpoint, Action<int> onEnded, Action<int> onToHost)
    {
        int began = Begin(connection, endpoint, OnFirst);
        return began == 0 ? 0 : TryToHost(began);

        void OnFirst(int first)
        {
            int error = first == 0 ? 0 : TryToHost(first);
            if (first == 0 || error != 0)
                onEnded(error);
        }

        // 0 when it is under way.
        int TryToHost(int first)
        {
            bool isParent = endpoint is { IsVsock: true, IsToHost: false, Cid: ParentCid };
            if (!isParent || first is not (Errno.ENODEV or Errno.ECONNRESET))
                return first;
            onToHost(first);
            return Clearer(first, Begin(connection, endpoint.ToHost(), second => onEnded(Clearer(first, second))));
        }
    }

    /// <summary>The socket of an attempt under way; -1 if there is none.</summary>
    public int SocketOf(PeerConnection connection) => _attempts.TryGetValue(connection, out Attempt? attempt) ? attempt.Fd : -1;

    /// <summary>Gives up a socket that is connected: it is the caller's.</summary>
    public int Take(PeerConnection connection, out EndpointAddress address)
    {
        bool hasConnected = _attempts.Remove(connection, out Attempt? attempt);
        Debug.Assert(hasConnected, "it has connected");
        address = attempt!.Address;
        return attempt.Fd;
    }

    /// <summary>Closes the socket of an attempt, if there is one.</summary>
    public void Cancel(PeerConnection connection)
    {
        if (!_attempts.Remove(connection, out Attempt? attempt))
            return;
        loop.Unwatch(attempt.Watch, attempt.Fd);
        Sys.Close(attempt.Fd);
    }

    /// <summary>Of two errors the one that tells more: that there is no transport to a host explains nothing.</summary>
    private static int Clearer(int first, int second) => second is Errno.ENODEV or Errno.EINVAL ? first : second;

    /// <returns>0, or the errno with which it cannot begin.</returns>
    private int Begin(PeerConnection connection, EndpointAddress address, Action<int> onEnded)
    {
        int fd = connect(address, Mark);
        if (fd < 0)
            return -fd;
        int watched = loop.TryWatch(fd, address.IsUnix ? EPOLLIN : EPOLLOUT, _ => Ended(connection, onEnded), out ulong watch);
        if (watched < 0)
        {
            Sys.Close(fd);
            return -watched;
        }

        _attempts.Add(connection, new Attempt(fd, watch, address));
        return 0;
    }

    private void Ended(PeerConnection connection, Action<int> onEnded)
    {
        Attempt attempt = _attempts[connection];
        if (attempt.Outcome() is not { } error)
            return;
        if (error != 0)
            Cancel(connection);
        else
            loop.Unwatch(attempt.Watch, attempt.Fd);
        onEnded(error);
    }

    private sealed class Attempt(int fd, ulong watch, EndpointAddress address)
    {
        private GuestConnect _guest;

        public int Fd => fd;

        public ulong Watch => watch;

        public EndpointAddress Address => address;

        /// <summary>0, or the errno with which it has failed; null while a guest has not answered.</summary>
        public int? Outcome()
        {
            if (!address.IsUnix)
                return StreamSocket.ConnectError(fd);
            GuestConnectStatus status = _guest.Read(fd);
            return status == GuestConnectStatus.Pending ? null : GuestConnect.ErrnoOf(status);
        }
    }
}

/// <summary>
/// Whether TCP sockets that we connected have the source address that their route would choose now. One that has not may lead
/// nowhere, since the network that routes lead to now may carry no packets from that address. Control only.
/// </summary>
internal sealed class StreamSources(RouteQuery routes)
{
    /// <summary>Says so of a socket, or that one more attempt would not make it right.</summary>
    /// <param name="peer">That it was connected for.</param>
    /// <param name="fd">The socket.</param>
    /// <param name="to">What it was connected to.</param>
    /// <param name="sinceMs">When it was.</param>
    /// <param name="mark">Its SO_MARK.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool IsRight(StreamPeer peer, int fd, EndpointAddress to, long sinceMs, uint mark, long nowMs)
    {
        Span<byte> local = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        if (!to.IsIP || to.ScopeId != 0 || Sys.GetSockName(fd, local) < 0)
            return true;
        UInt128 used = RouteQuery.AddressBits(to.IsIPv6 ? local.Slice(8, 16) : local.Slice(4, 4));
        int result = routes.TryAsk(to, [], IPPROTO_TCP, fromPort: 0, mark, out Route now);
        // Without any route, or where one cannot tell, there is nothing better to use.
        if (result < 0 || now.Source == 0)
            return true;
        if (now.Source == used)
        {
            peer.Moved = default;
            return true;
        }

        if ((peer.Moved.Used, peer.Moved.Chosen) != (used, now.Source))
            peer.Moved = (used, now.Source, nowMs);
        // Else something that is not asked here, such as a BPF program, chooses for this socket: it would do so again.
        return sinceMs > peer.Moved.AtMs;
    }
}
