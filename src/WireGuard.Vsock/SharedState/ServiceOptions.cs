using WireGuard.Vsock.Metrics;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Who besides root may look into a daemon, and what it may do itself: options of its line, and of its configuration file.
/// </summary>
internal sealed record ServiceOptions
{
    private const uint AllWrite = 0b000_000_010;

    /// <summary>The group of the control socket, a name or a number; null for ours.</summary>
    public string? SocketGroup { get; init; }

    /// <summary>The mode of the control socket; null for the usual one.</summary>
    public uint? SocketMode { get; init; }

    /// <summary>Where metrics are served; null for nowhere.</summary>
    public MetricsAddress? Metrics { get; init; }

    /// <summary>Whether metrics have the allowed IPs as a label; null if that was not said.</summary>
    public bool? MetricsAllowedIps { get; init; }

    /// <summary>Whether it is confined; null if that was not said, which means on.</summary>
    public bool? Sandbox { get; init; }

    /// <summary>The same with what others say where these say nothing.</summary>
    public ServiceOptions Or(ServiceOptions others) => new()
    {
        SocketGroup = SocketGroup ?? others.SocketGroup,
        SocketMode = SocketMode ?? others.SocketMode,
        Metrics = Metrics ?? others.Metrics,
        MetricsAllowedIps = MetricsAllowedIps ?? others.MetricsAllowedIps,
        Sandbox = Sandbox ?? others.Sandbox,
    };

    /// <summary>As options of a daemon's line.</summary>
    public IEnumerable<string> ToArguments()
    {
        if (SocketGroup is { } group)
            yield return $"--socket-group={group}";
        if (SocketMode is { } mode)
            yield return $"--socket-mode={Convert.ToString((int)mode, 8)}";
        if (Metrics is { } address)
            yield return $"--metrics={address}";
        if (MetricsAllowedIps is { } shows)
            yield return $"--metrics-allowed-ips={(shows ? "on" : "off")}";
        if (Sandbox is { } isOn)
            yield return $"--sandbox={(isOn ? "on" : "off")}";
    }

    /// <summary>Reads a mode as chmod(1) takes it, of three or four octal digits.</summary>
    /// <param name="error">What is wrong, without the text itself.</param>
    public static bool TryReadMode(ReadOnlySpan<char> text, out uint mode, out string error)
    {
        mode = 0;
        bool isMode = text.Length is 3 or 4 && !text.ContainsAnyExceptInRange('0', '7') && (text.Length == 3 || text[0] == '0');
        if (!isMode)
        {
            error = "no mode: three octal digits, such as 660";
            return false;
        }

        foreach (char digit in text)
            mode = (8 * mode) + digit - '0';
        error = (mode & AllWrite) == 0 ? ""
            : "it would let every user read the private key and set the tunnel: name a group, and use 660";
        return error.Length == 0;
    }
}
