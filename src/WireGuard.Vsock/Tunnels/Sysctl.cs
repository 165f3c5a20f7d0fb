using System.Buffers.Text;
using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tunnels;

/// <summary>Settings of the kernel: numbers under /proc/sys, which may be read-only (containers) or missing (enclaves).</summary>
internal static class Sysctl
{
    /// <summary>Reads one; null if it cannot be read.</summary>
    /// <param name="name">As <c>net/ipv4/conf/all/rp_filter</c>.</param>
    public static int? Read(string name) =>
        Sys.ReadFile(PathOf(name), out byte[] text) >= 0 && Utf8Parser.TryParse(text, out int value, out _) ? value : null;

    /// <summary>Sets one.</summary>
    /// <returns>0, or a negated errno; 0 also where it cannot be written but has that value.</returns>
    public static int Set(string name, int value)
    {
        if (Read(name) == value)
            return 0;
        // Without O_CREAT and O_TRUNC, which mean nothing there.
        int fd = Sys.Open(PathOf(name), Libc.O_WRONLY);
        if (fd < 0)
            return fd;
        using FileDescriptor file = new(fd);
        return Math.Min(Sys.Write(fd, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture))), 0);
    }

    private static string PathOf(string name) => $"/proc/sys/{name}";
}
