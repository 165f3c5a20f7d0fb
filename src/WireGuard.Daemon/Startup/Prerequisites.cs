using WireGuard.Daemon.Interop;
using WireGuard.Daemon.Transport;
using WireGuard.Protocol.Crypto;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Startup;

/// <summary>
/// What the machine must have before anything is made on it. /dev/net/tun and privilege are seen when the TUN is made.
/// </summary>
internal static class Prerequisites
{
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

    /// <summary>What it means that socket(AF_VSOCK) failed so.</summary>
    public static string VsockProblem(int errno) => errno switch
    {
        Errno.EAFNOSUPPORT or Errno.ESOCKTNOSUPPORT or Errno.EPROTONOSUPPORT =>
            "this kernel has no AF_VSOCK: load it (modprobe vsock) or take another network (-n tcp, -n udp)",
        Errno.EPERM or Errno.EACCES =>
            $"AF_VSOCK sockets are not allowed here: {Errno.Text(errno)}; a container's seccomp profile may be the reason",
        _ => $"cannot open an AF_VSOCK socket: {Errno.Text(errno)}",
    };
}
