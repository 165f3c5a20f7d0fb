using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// What is checked before anything is made. /dev/net/tun and privilege are checked when the TUN is made.
/// </summary>
internal static class Prerequisites
{
    /// <summary>Descriptors of the daemon: control, names, the control socket, the first connections.</summary>
    private const int Descriptors = 21;

    /// <summary>More than the keys of 65,536 peers take, in bytes.</summary>
    public const int LockedMemory = 32 * 1024 * 1024;

    /// <summary>For each lane: its epoll, its eventfd, its queue of the interface.</summary>
    private const int DescriptorsOfLane = 3;

    /// <summary>For each lane with UDP: a socket for each family.</summary>
    private const int SocketsOfLane = 2;

    /// <param name="network">Under the tunnel.</param>
    /// <param name="limit">How many descriptors may be open; negative if that cannot be told.</param>
    /// <param name="lanes">How many lanes there will be.</param>
    /// <returns>How many more there are than are needed.</returns>
    /// <exception cref="SetupException">They are too few.</exception>
    public static long CheckDescriptors(NetworkKind network, long limit, int lanes)
    {
        int needed = Descriptors + (lanes * (DescriptorsOfLane + (network.IsStream ? 0 : SocketsOfLane)));
        if (limit >= 0 && limit < needed)
            throw new SetupException($"only {limit} descriptors may be open at a time, {needed} are needed: raise ulimit -n");
        return limit < 0 ? long.MaxValue : limit - needed;
    }

    /// <exception cref="SetupException">Something is missing; the message says what and how to mend it.</exception>
    public static void Check(NetworkKind network)
    {
        if (!CryptoLibrary.IsAvailable(out string reason)) throw new SetupException(reason);
        if (network != NetworkKind.Vsock) return;
        // The kernel loads its vsock module, if there is one, when the first socket is asked for.
        int result = Sys.Socket(AF_VSOCK, SOCK_STREAM, 0);
        if (result < 0) throw new SetupException(VsockProblem(-result));
        Sys.Close(result);
    }

    /// <summary>What a failure of socket(AF_VSOCK) means.</summary>
    public static string VsockProblem(int errno) => errno switch
    {
        Errno.EAFNOSUPPORT or Errno.ESOCKTNOSUPPORT or Errno.EPROTONOSUPPORT =>
            "this kernel has no AF_VSOCK: load it (modprobe vsock) or take another network (-n tcp, -n udp)",
        Errno.EPERM or Errno.EACCES =>
            $"AF_VSOCK sockets are not allowed here: {Errno.Text(errno)}; a container's seccomp profile may be the reason",
        _ => $"cannot open an AF_VSOCK socket: {Errno.Text(errno)}",
    };
}
