using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Metrics;

/// <summary>
/// Where metrics are served: unix:PATH, 127.0.0.1:PORT, [::1]:PORT or vsock:PORT. They tell every
/// client who a tunnel's peers are, so any IP address but loopback's is refused: a proxy that authenticates its clients may serve
/// them elsewhere. A Unix socket is as
/// open as its folder.
/// </summary>
/// <param name="Path">Of the Unix socket; null for another address.</param>
/// <param name="Address">What is listened on; the default value for a Unix socket.</param>
internal sealed record MetricsAddress(string? Path, EndpointAddress Address)
{
    public const string Forms = "unix:PATH, 127.0.0.1:PORT, [::1]:PORT or vsock:PORT";

    private const string VsockPrefix = "vsock:";
    private const int Backlog = 16;

    /// <param name="error">What is wrong, without the text itself.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out MetricsAddress address, out string error)
    {
        address = new MetricsAddress(null, default);
        error = $"no address for metrics: {Forms}";
        if (text.StartsWith(UnixAddress.Prefix, StringComparison.Ordinal))
        {
            ReadOnlySpan<char> path = text[UnixAddress.Prefix.Length..];
            error = path is not ['/', .., not '/'] ? "unix: is followed by an absolute path"
                : System.Text.Encoding.UTF8.GetByteCount(path) > UnixAddress.MaxPathLength
                    ? $"the path is longer than the {UnixAddress.MaxPathLength} bytes of a Unix socket's"
                : "";
            address = address with { Path = path.ToString() };
            return error.Length == 0;
        }

        if (text.StartsWith(VsockPrefix, StringComparison.Ordinal))
        {
            if (!DecimalText.TryParse(text[VsockPrefix.Length..], VMADDR_PORT_ANY - 1, out uint port) || port == 0)
                return false;
            address = address with { Address = EndpointAddress.Vsock(VMADDR_CID_ANY, port) };
            error = "";
            return true;
        }

        if (!EndpointAddress.TryParse(text, NetworkKind.Tcp, _ => 0, out EndpointAddress found, out _) || found.Port == 0)
            return false;
        bool isLoopback = found.IsIPv6 ? found.IPv6Address == 1 : found.IPv4Address >> 24 == 127;
        error = isLoopback ? "" : "metrics are for this machine alone, and this is not its loopback: 127.0.0.1 or [::1]";
        address = address with { Address = found };
        return isLoopback;
    }

    /// <summary>As it is written.</summary>
    public override string ToString() => Path is not null ? UnixAddress.Prefix + Path
        : Address.IsVsock ? $"{VsockPrefix}{Address.Port}"
        : Address.ToString();

    /// <summary>Listens there.</summary>
    /// <returns>The descriptor, and what removes it again; null if closing the descriptor does.</returns>
    /// <exception cref="SetupException">It cannot.</exception>
    public (int Fd, IDisposable? Owner) Listen()
    {
        try
        {
            if (Path is null)
                return (StreamSocket.Listen(Address, mark: 0), null);
            var listener = UnixListener.Open(Path, mode: 0b110_110_110, Backlog);
            return (listener.Fd, listener);
        }
        catch (LinuxException e)
        {
            string why = Path is null ? Errno.Text(e.Errno) : UnixListener.Problem(e.Errno);
            throw new SetupException($"metrics cannot be served at {this}: {why}");
        }
    }
}
