using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// The kernel's checks of where IPv4 packets come from (rp_filter in its ip-sysctl.rst), which a default route into the tunnel
/// has them fail: they look up the way back, and find the tunnel. wg-quick sets src_valid_mark, and has netfilter mark what comes
/// from peers; the latter is not done here, so a strict check drops it.
/// </summary>
internal static class SourceChecks
{
    private const string ValidMark = "net/ipv4/conf/all/src_valid_mark";
    private const int Strict = 1;

    /// <summary>Has the look-up of the way back count the mark of a packet.</summary>
    /// <param name="uplinks">The interfaces on which peers' packets come; none unless it is over IP.</param>
    /// <exception cref="SetupException">It cannot be set, and matters.</exception>
    public static void Prepare(IReadOnlyList<string> uplinks)
    {
        int result = Sysctl.Set(ValidMark, 1);
        if (result >= 0 || !uplinks.Any(uplink => FilterOf(uplink) is not 0))
            return;
        string problem = $"net.ipv4.conf.all.src_valid_mark is not 1 and cannot be set: {Errno.Text(-result)}";
        if (result != -Errno.ENOENT)
        {
            throw new SetupException(
                $"{problem}; set it outside, as docker run --sysctl net.ipv4.conf.all.src_valid_mark=1 does");
        }

        Say.Error($"warning: {problem}; mount /proc if rp_filter may be on");
    }

    /// <summary>Says which uplinks drop what comes from peers, with the line that mends it.</summary>
    public static void Warn(IReadOnlyList<string> uplinks)
    {
        foreach (string uplink in uplinks.Where(uplink => FilterOf(uplink) == Strict))
        {
            Say.Error($"warning: {uplink} drops what comes from peers, since its rp_filter is strict and the default route "
                + $"leads into the tunnel: sysctl -w net.ipv4.conf.{uplink.Replace('.', '/')}.rp_filter=2");
        }
    }

    /// <summary>The larger of the interface's and that of all counts; null if it cannot be read.</summary>
    private static int? FilterOf(string link) =>
        Sysctl.Read("net/ipv4/conf/all/rp_filter") is { } all && Sysctl.Read($"net/ipv4/conf/{link}/rp_filter") is { } own
            ? Math.Max(all, own)
            : null;
}
