using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>The files by which the C library resolves names: a process that is confined to them needs no other.</summary>
internal static class NameFiles
{
    private const string Resolver = "/etc/resolv.conf";

    public static readonly string[] All =
        [Resolver, "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

    /// <summary>Which files they are: a file that takes another's place is another, one that is written anew is not.</summary>
    public static ulong Identity(IEnumerable<string> paths)
    {
        ulong identity = 0;
        foreach (string path in paths)
        {
            _ = Sys.StatTarget(path, out statx_t status);
            identity = (identity * 31) + status.stx_ino + ((ulong)status.stx_dev_minor << 32);
        }

        return identity;
    }

    /// <summary>
    /// What to add to the error of a look-up: that this process may not read which servers to ask, so that the C library asks
    /// 127.0.0.1. A sandbox has the folder that the file leads to at the start, and no other. Empty if that is not so.
    /// </summary>
    public static string WhyUnread()
    {
        using FileDescriptor file = new(Sys.Open(Resolver, O_RDONLY));
        return file.Fd == -Errno.EACCES
            ? $" ({Resolver} may not be read by this process: if it leads elsewhere than when it started, restart it)"
            : "";
    }
}
