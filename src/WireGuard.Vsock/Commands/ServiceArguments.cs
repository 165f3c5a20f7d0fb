using System.Diagnostics;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Commands;

/// <summary>The options that say who may look into a daemon, and what it may do: of its own line, and of `up`.</summary>
internal static class ServiceArguments
{
    private const string SocketGroup = "--socket-group";
    private const string SocketMode = "--socket-mode";
    private const string Metrics = "--metrics";
    private const string MetricsAllowedIps = "--metrics-allowed-ips";
    private const string Sandbox = "--sandbox";

    private static readonly HelpItem s_sandbox = new($"{Sandbox}=on|off", "Whether the process gives up, once it is ready, all "
        + "that it does not need of the system; on if not given. show --long tells what is in force.");

    /// <summary>Each has a value.</summary>
    public static IReadOnlyList<string> Names { get; } = [SocketGroup, SocketMode, Metrics, MetricsAllowedIps, Sandbox];

    /// <summary>In the daemon's own help, which is one page.</summary>
    public static IReadOnlyList<HelpItem> ShortHelp { get; } =
    [
        new($"{SocketGroup} GROUP", "A group that may use the control socket: it may do what root may."),
        new($"{SocketMode} MODE", "The control socket's mode: 660 if a group is named, else 700."),
        new($"{Metrics} ADDRESS", $"Serve metrics at {MetricsAddress.Forms}: see help up."),
        new($"{MetricsAllowedIps}=on|off", "Whether metrics have peers' allowed IPs; off if not given."),
        new($"{Sandbox}=on|off", "Give up what is not needed; on if not given."),
    ];

    public static IReadOnlyList<HelpItem> Help { get; } =
    [
        new($"{SocketGroup} GROUP", "The group of the control socket, a name or a number. Its members may do with wg(8) all that "
            + "root may: read the private key, and set what they like. To look on, metrics are enough."),
        new($"{SocketMode} MODE", "The control socket's mode: 660 if a group is named, else 700."),
        new($"{Metrics} ADDRESS", $"Serve metrics for Prometheus, HTTP GET /metrics, at {MetricsAddress.Forms}. They hold no "
            + "secret, but tell every client which peers there are, by public key, and when they talk: over vsock that is this "
            + "machine's host."),
        new($"{MetricsAllowedIps}=on|off", "Whether metrics have a peer's allowed IPs as a label; off if not given, for their "
            + "number."),
        s_sandbox,
    ];

    /// <summary>Which of them a word is, with its value or without; null for none.</summary>
    public static string? NameIn(string word) =>
        Names.FirstOrDefault(name => word == name || word.StartsWith(name + "=", StringComparison.Ordinal));

    /// <summary>Adds an option to others, or takes its place among them.</summary>
    /// <param name="error">What is wrong with its value.</param>
    public static bool TryAdd(ServiceOptions others, string name, string value, out ServiceOptions all, out string error)
    {
        all = others;
        error = "";
        switch (name)
        {
            case SocketGroup:
                error = value.Length == 0 ? "which group?" : "";
                all = others with { SocketGroup = value };
                break;
            case SocketMode:
                if (ServiceOptions.TryReadMode(value, out uint mode, out error))
                    all = others with { SocketMode = mode };
                break;
            case Metrics:
                if (MetricsAddress.TryParse(value, out MetricsAddress address, out error))
                    all = others with { Metrics = address };
                break;
            default:
                Debug.Assert(name is MetricsAllowedIps or Sandbox, "no option of these");
                error = value is "on" or "off" ? "" : "neither on nor off";
                all = name == Sandbox
                    ? others with { Sandbox = value == "on" }
                    : others with { MetricsAllowedIps = value == "on" };
                break;
        }

        if (error.Length == 0)
            return true;
        error = $"'{value}': {error}";
        return false;
    }

    /// <summary>The same with an option that was checked; null if it was not given.</summary>
    public static ServiceOptions With(ServiceOptions others, string name, string? value)
    {
        if (value is null)
            return others;
        bool isGood = TryAdd(others, name, value, out ServiceOptions all, out _);
        Debug.Assert(isGood, "it was checked");
        return all;
    }
}
