using System.Globalization;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>The environment variables, as in wireguard-go.</summary>
internal static class Environs
{
    public const string LogLevel = "LOG_LEVEL";
    public const string Foreground = "WG_PROCESS_FOREGROUND";
    public const string TunFd = "WG_TUN_FD";
    public const string UapiFd = "WG_UAPI_FD";

    // Those of wg(8).
    public const string ColorMode = "WG_COLOR_MODE";
    public const string HideKeys = "WG_HIDE_KEYS";
    public const string EndpointRetries = NameLookup.RetriesVariable;
    public const string NoColor = "NO_COLOR";

    /// <summary>Not in wireguard-go, for tests: what to read instead of <see cref="SharedState.VmClock.DevicePath"/>.</summary>
    public const string VmClock = "WG_VSOCK_VMCLOCK";

    /// <summary>Not in wireguard-go: the pipe on which the background process reports to its command.</summary>
    public const string ReadyFd = ChildProcess.ReadyVariable;

    /// <summary>Of a daemon that `up` starts: which `up` it was (<see cref="SharedState.DaemonOptions.Instance"/>).</summary>
    public const string Instance = "WG_VSOCK_INSTANCE";

    /// <summary>Of a daemon that `up` starts: what each line of its log has behind the interface's name.</summary>
    public const string LogNote = "WG_VSOCK_LOG_NOTE";

    /// <summary>Of a daemon that `up` starts: 1 if its file has a port below 1024.</summary>
    public const string LowPorts = "WG_VSOCK_LOW_PORTS";

    /// <summary>Of a daemon that `up` starts: the descriptor of the tunnel's lock, which it holds until it is ready.</summary>
    public const string LockFd = "WG_VSOCK_LOCK_FD";

    private const int MaxInstance = 64;

    public static string? Get(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    /// <summary>Which `up` has started this daemon; null if none has.</summary>
    /// <exception cref="SetupException">It is not made of hexadecimal digits.</exception>
    public static string? InstanceId() => CheckInstance(Get(Instance));

    /// <inheritdoc cref="InstanceId"/>
    internal static string? CheckInstance(string? id) =>
        id is null || (id.Length <= MaxInstance && id.All(char.IsAsciiHexDigit))
            ? id
            : throw new SetupException($"{Instance} is not 1 to {MaxInstance} hexadecimal digits");

    /// <summary>A descriptor's number from the environment; null if the variable is not set.</summary>
    /// <exception cref="SetupException">It is set to something that is no descriptor.</exception>
    public static int? Descriptor(string name)
    {
        if (Get(name) is not { } text) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int fd)) return fd;
        throw new SetupException($"{name}='{text}' is no descriptor's number");
    }
}
