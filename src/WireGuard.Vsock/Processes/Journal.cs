using System.Globalization;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// Whether what is written goes to systemd's journal, which notes the time itself and takes a line's level from a prefix such as
/// &lt;3&gt; (sd-daemon(3)): JOURNAL_STREAM then names the device and the inode of the stream (systemd.exec(5)). A descriptor
/// that was redirected since is another file.
/// </summary>
internal static class Journal
{
    private static readonly Lazy<bool> s_isStderr = new(() => Is(2, Environment.GetEnvironmentVariable("JOURNAL_STREAM")));

    /// <summary>Whether stderr was the journal when this was first asked.</summary>
    public static bool IsStderr => s_isStderr.Value;

    /// <param name="fd">An open descriptor.</param>
    /// <param name="stream">DEVICE:INODE, in decimal.</param>
    internal static bool Is(int fd, string? stream) =>
        stream is not null && Sys.Stat(fd, out Libc.statx_t status) >= 0
            && stream == string.Create(CultureInfo.InvariantCulture, $"{DeviceOf(status)}:{status.stx_ino}");

    /// <summary>As makedev(3) puts it together.</summary>
    private static ulong DeviceOf(in Libc.statx_t status)
    {
        ulong major = status.stx_dev_major, minor = status.stx_dev_minor;
        return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffUL) << 12) | ((major & ~0xfffUL) << 32);
    }
}
