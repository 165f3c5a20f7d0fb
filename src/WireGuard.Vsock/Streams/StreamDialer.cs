using System.Diagnostics;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>The sockets that are connecting. Control only.</summary>
/// <param name="loop">The control loop.</param>
internal sealed class StreamDialer(EventLoop loop)
{
    private readonly Dictionary<PeerConnection, (int Fd, ulong Watch)> _sockets = [];
    private uint _mark;

    /// <summary>SO_MARK of sockets that are connecting, now and later.</summary>
    public uint Mark
    {
        get => _mark;
        set
        {
            _mark = value;
            foreach ((int fd, _) in _sockets.Values)
                StreamSocket.SetMark(fd, value);
        }
    }

    /// <summary>Begins to connect a socket.</summary>
    /// <param name="connection">That is to come of it.</param>
    /// <param name="endpoint">Where.</param>
    /// <param name="onEnded">Called when the attempt has ended, with 0 or an errno. After 0 the socket is to be taken.</param>
    /// <returns>0, or the errno with which it cannot begin.</returns>
    public int Connect(PeerConnection connection, EndpointAddress endpoint, Action<int> onEnded)
    {
        int fd = StreamSocket.Connect(endpoint, Mark);
        if (fd < 0)
            return -fd;
        int watched = loop.TryWatch(fd, EPOLLOUT, _ => Ended(connection, onEnded), out ulong watch);
        if (watched < 0)
        {
            Sys.Close(fd);
            return -watched;
        }

        _sockets.Add(connection, (fd, watch));
        return 0;
    }

    /// <summary>The socket of an attempt under way; -1 if there is none.</summary>
    public int SocketOf(PeerConnection connection) =>
        _sockets.TryGetValue(connection, out (int Fd, ulong Watch) socket) ? socket.Fd : -1;

    /// <summary>Gives up a socket that is connected: it is the caller's.</summary>
    public int Take(PeerConnection connection)
    {
        int fd = SocketOf(connection);
        Debug.Assert(fd >= 0, "it has connected");
        _sockets.Remove(connection);
        return fd;
    }

    /// <summary>Closes the socket of an attempt, if there is one.</summary>
    public void Cancel(PeerConnection connection)
    {
        if (!_sockets.Remove(connection, out (int Fd, ulong Watch) socket))
            return;
        loop.Unwatch(socket.Watch, socket.Fd);
        Sys.Close(socket.Fd);
    }

    private void Ended(PeerConnection connection, Action<int> onEnded)
    {
        (int fd, ulong watch) = _sockets[connection];
        int error = StreamSocket.ConnectError(fd);
        if (error != 0)
            Cancel(connection);
        else
            loop.Unwatch(watch, fd);
        onEnded(error);
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
        if (to.IsVsock || to.ScopeId != 0 || Sys.GetSockName(fd, local) < 0)
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
