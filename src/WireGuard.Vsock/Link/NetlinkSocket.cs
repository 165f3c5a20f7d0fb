using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>A netlink socket (man 7 netlink), non-blocking, in the network namespace it was opened in. Control only.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>The origin of a message from the socket's own namespace.</summary>
    public const int OwnNamespace = -1;

    private const int ControlSize = 64;

    private readonly FileDescriptor _socket;

    /// <param name="protocol">NETLINK_ROUTE or its like.</param>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    public NetlinkSocket(int protocol) =>
        _socket = new FileDescriptor(Sys.Check(Sys.Socket(AF_NETLINK, SOCK_RAW, protocol), "socket(AF_NETLINK)"));

    public int Fd => _socket.Fd;

    /// <summary>Subscribes to multicast groups.</summary>
    /// <param name="groups">A bit for each group.</param>
    /// <exception cref="LinuxException">The groups cannot be had.</exception>
    public void Subscribe(uint groups)
    {
        sockaddr_nl address = new() { nl_family = AF_NETLINK, nl_groups = groups };
        Sys.Check(Sys.Bind(Fd, MemoryMarshal.AsBytes(new ReadOnlySpan<sockaddr_nl>(ref address))), "bind(AF_NETLINK)");
    }

    /// <summary>Receives the next message of the kernel, skipping those of other senders.</summary>
    /// <param name="buffer">Receives it.</param>
    /// <param name="origin">The id of the namespace it comes from (NETLINK_LISTEN_ALL_NSID).</param>
    /// <param name="flags">MSG_TRUNC to have the whole length, though the buffer is shorter.</param>
    /// <returns>Its length, or a negated errno: -ENOBUFS if the kernel has dropped messages.</returns>
    public int Receive(Span<byte> buffer, out int origin, int flags = 0)
    {
        origin = OwnNamespace;
        byte* control = stackalloc byte[ControlSize];
        sockaddr_nl source;
        fixed (byte* start = buffer)
        {
            iovec piece = new() { iov_base = start, iov_len = (nuint)buffer.Length };
            msghdr message;
            int n;
            do
            {
                message = new()
                {
                    msg_name = &source,
                    msg_namelen = (uint)sizeof(sockaddr_nl),
                    msg_iov = &piece,
                    msg_iovlen = 1,
                    msg_control = control,
                    msg_controllen = ControlSize,
                };
                n = Sys.RecvMsg(Fd, &message, flags);
            }
            while (n >= 0 && source.nl_pid != 0);
            for (cmsghdr* c = n < 0 ? null : CMSG_FIRSTHDR(&message); c != null; c = CMSG_NXTHDR(&message, c))
            {
                if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
                    origin = *(int*)CMSG_DATA(c);
            }

            return n;
        }
    }

    public void Dispose() => _socket.Dispose();
}
