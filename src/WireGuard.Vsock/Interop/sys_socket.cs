using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// sys/socket.h and sys/un.h (include/linux/socket.h, include/uapi/asm-generic/socket.h). Addresses go as bytes with a length.
/// </summary>
internal static unsafe partial class Libc
{
    public const int AF_UNSPEC = 0;
    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int AF_NETLINK = 16;
    public const int AF_VSOCK = 40;

    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int SOCK_RAW = 3;
    public const int SOCK_SEQPACKET = 5;
    public const int SOCK_NONBLOCK = O_NONBLOCK;
    public const int SOCK_CLOEXEC = O_CLOEXEC;

    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_ERROR = 4;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SO_KEEPALIVE = 9;
    public const int SO_REUSEPORT = 15;
    public const int SO_SNDBUFFORCE = 32;
    public const int SO_RCVBUFFORCE = 33;
    public const int SO_MARK = 36;
    public const int SO_DOMAIN = 39;

    /// <summary>Of recv: gives the length of the whole datagram, even if the buffer is shorter.</summary>
    public const int MSG_TRUNC = 0x20;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;

    public const int SHUT_WR = 1;
    public const int SHUT_RDWR = 2;

    /// <summary>Space for any socket address.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    public struct sockaddr_storage
    {
        [FieldOffset(0)] public ushort ss_family;
        [FieldOffset(0)] private readonly ulong _alignment;
        [FieldOffset(0)] public fixed byte bytes[128];
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_un
    {
        public ushort sun_family;
        public fixed byte sun_path[108];
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct msghdr
    {
        public void* msg_name;
        public uint msg_namelen;
        public iovec* msg_iov;
        public nuint msg_iovlen;
        public void* msg_control;
        public nuint msg_controllen;
        public int msg_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct mmsghdr
    {
        public msghdr msg_hdr;
        public uint msg_len;
    }

    /// <summary>
    /// Head of a control message; its data follow, and the next message begins at a multiple of 8 (CMSG_ALIGN).
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct cmsghdr
    {
        /// <summary>Of head and data, without the padding (CMSG_LEN).</summary>
        public nuint cmsg_len;
        public int cmsg_level;
        public int cmsg_type;
    }

    /// <summary>CMSG_LEN: what <see cref="cmsghdr.cmsg_len"/> says of a message with this many bytes of data.</summary>
    public static nuint CMSG_LEN(int dataLength) => (nuint)(sizeof(cmsghdr) + dataLength);

    /// <summary>CMSG_SPACE: the space that a control message with this many bytes of data takes.</summary>
    public static int CMSG_SPACE(int dataLength) => sizeof(cmsghdr) + ((dataLength + 7) & ~7);

    /// <summary>CMSG_DATA.</summary>
    public static byte* CMSG_DATA(cmsghdr* header) => (byte*)(header + 1);

    /// <summary>CMSG_FIRSTHDR: null if there is none.</summary>
    public static cmsghdr* CMSG_FIRSTHDR(msghdr* message) =>
        message->msg_controllen >= (nuint)sizeof(cmsghdr) ? (cmsghdr*)message->msg_control : null;

    /// <summary>CMSG_NXTHDR: null after the last.</summary>
    public static cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* header)
    {
        if (header->cmsg_len < (nuint)sizeof(cmsghdr)) return null;
        byte* next = (byte*)header + ((header->cmsg_len + 7) & ~(nuint)7);
        byte* end = (byte*)message->msg_control + message->msg_controllen;
        return next + sizeof(cmsghdr) <= end ? (cmsghdr*)next : null;
    }

    [LibraryImport(LibraryName)]
    public static partial int socket(int domain, int type, int protocol);

    [LibraryImport(LibraryName)]
    public static partial int bind(int fd, void* address, uint length);

    [LibraryImport(LibraryName)]
    public static partial int listen(int fd, int backlog);

    [LibraryImport(LibraryName)]
    public static partial int connect(int fd, void* address, uint length);

    [LibraryImport(LibraryName)]
    public static partial int accept4(int fd, void* address, uint* length, int flags);

    [LibraryImport(LibraryName)]
    public static partial nint send(int fd, void* buffer, nuint count, int flags);

    [LibraryImport(LibraryName)]
    public static partial nint recv(int fd, void* buffer, nuint count, int flags);

    [LibraryImport(LibraryName)]
    public static partial nint sendmsg(int fd, msghdr* message, int flags);

    [LibraryImport(LibraryName)]
    public static partial nint recvmsg(int fd, msghdr* message, int flags);

    [LibraryImport(LibraryName)]
    public static partial int sendmmsg(int fd, mmsghdr* messages, uint count, int flags);

    [LibraryImport(LibraryName)]
    public static partial int recvmmsg(int fd, mmsghdr* messages, uint count, int flags, timespec* timeout);

    [LibraryImport(LibraryName)]
    public static partial int socketpair(int domain, int type, int protocol, int* ends);

    [LibraryImport(LibraryName)]
    public static partial int shutdown(int fd, int how);

    [LibraryImport(LibraryName)]
    public static partial int getsockopt(int fd, int level, int name, void* value, uint* length);

    [LibraryImport(LibraryName)]
    public static partial int setsockopt(int fd, int level, int name, void* value, uint length);

    [LibraryImport(LibraryName)]
    public static partial int getsockname(int fd, void* address, uint* length);
}
