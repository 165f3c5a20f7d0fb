using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// Tells the service manager how this process is (sd_notify(3), sd_watchdog_enabled(3)): datagrams of VARIABLE=VALUE lines to
/// the socket that NOTIFY_SOCKET names. Without that variable nothing is sent. Programs that this process starts do not get the
/// variables: the service is this process, and only its own word counts (NotifyAccess=main). So the daemon of a tunnel whose `up`
/// stays tells its supervisor, which passes on how it is and that it is alive. Any thread may use it.
/// </summary>
internal static class ServiceNotify
{
    /// <summary>Kept from children: <see cref="ChildProcess"/>.</summary>
    public static readonly string[] Variables = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

    /// <summary>That it is alive, and how it is: the longest message that a supervisor passes on.</summary>
    public const int LongestPassedOn = 512;

    /// <summary>Of a process whose supervisor passes on what it says.</summary>
    private const string PassesOnVariable = "WG_VSOCK_NOTIFY";

    /// <summary>How long a message that must arrive waits for space in the manager's queue.</summary>
    private const int PatienceMs = 5_000;

    /// <summary>The longest sun_path that leaves room for a closing zero.</summary>
    private const int MaxName = 107;

    private static readonly byte[]? s_address = AddressOf(Environment.GetEnvironmentVariable(Variables[0]));

    private static readonly bool s_isPassedOn =
        Supervisor.Socket is not null && Environment.GetEnvironmentVariable(PassesOnVariable) == "1";

    private static int s_socket = -1; // set before other threads use it
    private static bool s_isConnected; // likewise: whether it was tried, after which no socket is made
    private static string? s_status; // interlocked: the last one sent
    private static volatile bool s_isReady;

    /// <summary>Whether a service manager listens.</summary>
    public static bool IsHeard => s_address is not null || s_isPassedOn;

    /// <summary>How often <see cref="Watchdog"/> must be called, in ms: half of what the manager waits; null for never.</summary>
    public static long? WatchdogMs { get; } = s_address is null && !s_isPassedOn ? null : WatchdogMsOf(
        Environment.GetEnvironmentVariable(Variables[1]), Environment.GetEnvironmentVariable(Variables[2]));

    /// <summary>What the environment of a process has for which <see cref="TryPassOn"/> is called.</summary>
    public static IReadOnlyList<string> PassedOn =>
    [
        $"{PassesOnVariable}={(IsHeard ? 1 : 0)}",
        string.Create(CultureInfo.InvariantCulture, $"{Variables[2]}={WatchdogMs * 2000}"),
    ];

    /// <summary>Connects now, since the process will make no such sockets later.</summary>
    public static void Connect()
    {
        s_isConnected = true;
        if (s_address is not { } address || Sys.Socket(AF_UNIX, SOCK_DGRAM, 0) is not (>= 0 and var fd))
            return;
        if (Sys.Connect(fd, address) >= 0)
            s_socket = fd;
        else
            Sys.Close(fd);
    }

    /// <summary>The service has started, or has taken up its changed configuration.</summary>
    public static void Ready()
    {
        Send("READY=1", PatienceMs);
        s_isReady = true;
    }

    /// <summary>It takes up its configuration anew; <see cref="Ready"/> follows, whatever comes of it.</summary>
    /// <returns>False if it has not been ready yet: then nothing is said, and <see cref="Ready"/> would be too early.</returns>
    public static bool Reloading()
    {
        if (s_isReady)
            Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={Sys.MonotonicUs()}"), PatienceMs);
        return s_isReady;
    }

    /// <summary>It is about to end.</summary>
    public static void Stopping() => Send("STOPPING=1", PatienceMs);

    /// <summary>What it does, in a line for people; sent if it is another than before.</summary>
    public static void Status(string line)
    {
        if (Interlocked.Exchange(ref s_status, line) != line)
            Send($"STATUS={line.ReplaceLineEndings(" ")}");
    }

    /// <summary>It is alive.</summary>
    public static void Watchdog() => Send("WATCHDOG=1");

    /// <summary>Passes on what a daemon says: that it is alive, or how it is, in one line of text; nothing else.</summary>
    /// <returns>Whether it was that.</returns>
    public static bool TryPassOn(ReadOnlySpan<byte> message)
    {
        if (!MayPass(message))
            return false;
        if (s_address is { } address)
            _ = Send(address, message, 0);
        return true;
    }

    /// <inheritdoc cref="TryPassOn"/>
    internal static bool MayPass(ReadOnlySpan<byte> message) => message.SequenceEqual("WATCHDOG=1"u8)
        || (message.StartsWith("STATUS="u8) && message.Length <= LongestPassedOn
            && !message.ContainsAnyInRange((byte)0, (byte)31));

    /// <summary>
    /// A struct sockaddr_un: of a path, or, after '@', of an abstract name. Null for anything else, such as the vsock: form,
    /// which is for process 1 of a virtual machine.
    /// </summary>
    internal static byte[]? AddressOf(string? socket)
    {
        if (socket is not (['/', _, ..] or ['@', _, ..]))
            return null;
        byte[] name = Encoding.UTF8.GetBytes(socket);
        if (name.Length > MaxName)
            return null;
        if (name[0] == (byte)'@')
            name[0] = 0;
        return [AF_UNIX, 0, .. name];
    }

    /// <summary>Half of WATCHDOG_USEC in ms; null if it is not set, or WATCHDOG_PID is another process.</summary>
    internal static long? WatchdogMsOf(string? pid, string? microseconds)
    {
        bool isOurs = pid is null || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        bool isSet = long.TryParse(microseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long us) && us > 0;
        return isOurs && isSet ? Math.Max(1, us / 2000) : null;
    }

    private static void Send(string message, int patienceMs = 0)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(message);
        if (s_isPassedOn)
            _ = Sys.Send(Supervisor.Socket!.Fd, bytes, MSG_NOSIGNAL);
        else if (s_socket >= 0)
            _ = Send(s_socket, bytes, patienceMs);
        else if (!s_isConnected && s_address is { } address)
            _ = Send(address, bytes, patienceMs);
    }

    /// <summary>Sends one datagram. Gives 0 or more, or a negated errno, for which there is no reader.</summary>
    internal static int Send(byte[] address, ReadOnlySpan<byte> message, int patienceMs)
    {
        int fd = Sys.Socket(AF_UNIX, SOCK_DGRAM, 0);
        if (fd < 0)
            return fd;
        using FileDescriptor socket = new(fd);
        int result = Sys.Connect(fd, address);
        if (result < 0)
            return result;
        return Send(fd, message, patienceMs);
    }

    private static int Send(int fd, ReadOnlySpan<byte> message, int patienceMs)
    {
        int result = Sys.Send(fd, message, MSG_NOSIGNAL);
        if (result == -Errno.EAGAIN && patienceMs > 0 && Sys.Poll(fd, POLLOUT, patienceMs) > 0)
            result = Sys.Send(fd, message, MSG_NOSIGNAL);
        return result;
    }
}
