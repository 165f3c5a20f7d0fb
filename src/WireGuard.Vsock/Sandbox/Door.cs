using System.Diagnostics;
#if DOORS
using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;
#endif

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// For tests: has a running process try what its sandbox forbids, as code would that an attacker has put there. Only the build of
/// `make doors` has any of it (DOORS): its control socket's <c>set</c> takes <c>door=NAME</c>, which the control thread tries,
/// and <c>door_lane=NAME</c>, which the next lane does that takes a turn.
/// </summary>
internal static class Door
{
    /// <summary>A lane's turn begins.</summary>
    [Conditional("DOORS")]
    public static void Pass()
    {
#if DOORS
        if (s_ofLane is not null && Interlocked.Exchange(ref s_ofLane, null) is { } name)
            Say.Error($"door {name}: {Try(name)}");
#endif
    }

#if DOORS
    private const int CLONE_SIGCHLD = SIGCHLD;
    private const int SOCK_PACKET_FAMILY = 17;
    private const uint X32 = 0x40000000;
    private static readonly nuint Here = unchecked((nuint)AT_FDCWD);

    private static string? s_ofLane; // interlocked

    /// <summary>What a lane tries at its next turn.</summary>
    public static void Leave(string name) => Interlocked.Exchange(ref s_ofLane, name);

    /// <summary>Gives what the kernel does: 0 or more if it lets it happen, or a negated errno.</summary>
    public static unsafe int Try(string name)
    {
        fixed (byte* path = "/bin/true\0"u8, temporary = "/tmp/wireguard-vsock-door\0"u8, secret = "/root\0"u8)
        {
            nint* none = stackalloc nint[1];
            none[0] = 0;
            byte* request = stackalloc byte[64];
            new Span<byte>(request, 64).Clear();
            nuint page = (nuint)Environment.SystemPageSize;
            return name switch
            {
                "execve" => Call(SystemCall.execve, (nuint)path, (nuint)none, (nuint)none),
                "execveat" => Call(SystemCall.execveat, 0, (nuint)path, (nuint)none, (nuint)none),
                "fork" => Call(SystemCall.clone, CLONE_SIGCHLD),
                "clone3" => Call(SystemCall.clone3, (nuint)request, 64),
                "ptrace" => Call(SystemCall.ptrace, 0),
                "mount" => Call(SystemCall.mount, (nuint)path, (nuint)path),
                "setns" => Call(SystemCall.setns, 0),
                "unshare" => Call(SystemCall.unshare, 0x20000),
                "seccomp" => Call(SystemCall.seccomp, 0, 0, 0),
                "socket_packet" => Call(SystemCall.socket, SOCK_PACKET_FAMILY, SOCK_RAW),
                "socket_raw" => Call(SystemCall.socket, AF_INET, SOCK_RAW, 1),
                "socket_alg" => Call(SystemCall.socket, 38, SOCK_STREAM),
                "socket_unix" => Call(SystemCall.socket, AF_UNIX, SOCK_STREAM),
                "socket_netlink" => Call(SystemCall.socket, AF_NETLINK, SOCK_RAW),
                "open_write" => Call(SystemCall.openat, Here, (nuint)temporary, O_WRONLY | O_CREAT, 0x180),
                "open_folder" => Call(SystemCall.openat, Here, (nuint)secret, O_RDONLY),
                "unlink" => Call(SystemCall.unlinkat, Here, (nuint)temporary, 0),
                "tunsetiff" => Call(SystemCall.ioctl, 3, TUNSETIFF, (nuint)request),
                "mprotect" => Call(SystemCall.mprotect, (nuint)Page(), page, 7),
                "mmap" => Call(SystemCall.mmap, 0, page, 7, 0x22),
                "kill" => Call(SystemCall.kill, (nuint)getppid(), 0),
                "tgkill" => Call(SystemCall.tgkill, 1, 1, 0),
                "dumpable" => Call(SystemCall.prctl, PR_SET_DUMPABLE, 1),
                "prlimit" => Call(SystemCall.prlimit64, 0, RLIMIT_CORE, (nuint)request),
                "fcntl" => Call(SystemCall.fcntl, 1, 8, (nuint)Environment.ProcessId), // F_SETOWN
                "bind_to_device" => SetOptionOf(25), // SO_BINDTODEVICE
                "route" => ChangeRoutes(),
                "x32" => (int)syscall(unchecked((nint)(X32 | 39)), 0, 0, 0, 0),
                _ => -Errno.ENOENT,
            };
        }
    }

    private static unsafe void* Page() => mmap(null, (nuint)Environment.SystemPageSize, 3, 0x22, -1, 0);

    private static int SetOptionOf(int option)
    {
        int fd = Sys.Socket(AF_INET, SOCK_DGRAM, 0);
        return fd < 0 ? fd : Sys.SetOption(fd, SOL_SOCKET, option, "lo"u8);
    }

    /// <summary>
    /// On the netlink sockets that are open: what the kernel answers to RTM_NEWLINK; -EPERM if it may not. The message names the
    /// kernel as where it goes: then it does not matter who has opened the socket.
    /// </summary>
    private static unsafe int ChangeRoutes()
    {
        Span<byte> message = stackalloc byte[32];
        Span<byte> answer = stackalloc byte[4096];
        message.Clear();
        (message[0], message[4], message[6]) = (32, 16, 5); // RTM_NEWLINK, NLM_F_REQUEST and NLM_F_ACK
        sockaddr_nl kernel = new() { nl_family = AF_NETLINK };
        int worst = -Errno.ENOENT;
        for (int fd = 3; fd < 1024; fd++)
        {
            if (Sys.GetOption(fd, SOL_SOCKET, SO_DOMAIN, out int domain) < 0 || domain != AF_NETLINK)
                continue;
            fixed (byte* bytes = message)
            {
                iovec piece = new() { iov_base = bytes, iov_len = (nuint)message.Length };
                msghdr header = new()
                {
                    msg_name = &kernel, msg_namelen = (uint)sizeof(sockaddr_nl), msg_iov = &piece, msg_iovlen = 1,
                };
                if (Sys.SendMsg(fd, &header, 0) < 0)
                    continue;
            }

            for (int n = Sys.Recv(fd, answer, 0); n >= 20; n = Sys.Recv(fd, answer, 0))
            {
                if (answer[4] == 2) // NLMSG_ERROR
                    worst = worst is -Errno.ENOENT or -Errno.EPERM ? MemoryMarshal.Read<int>(answer[16..]) : worst;
            }
        }

        return worst;
    }

    private static int Call(
        SystemCall call, nuint first, nuint second = 0, nuint third = 0, nuint fourth = 0)
    {
        nint result = syscall(call.NumberOn(RuntimeInformation.ProcessArchitecture), first, second, third, fourth);
        return result >= 0 ? 0 : -Marshal.GetLastSystemError();
    }
#endif
}
