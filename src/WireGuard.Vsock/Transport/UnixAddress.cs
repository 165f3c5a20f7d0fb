using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Protocol.Routing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// Where a guest of Firecracker or Cloud Hypervisor is, as text: unix:PATH:PORT. PATH is the Unix socket by which the host
/// reaches the guest, PORT the VSOCK port in it. The port follows the last colon. From the guest, its monitor connects to
/// PATH_PORT, PORT being what the guest has connected to.
/// <code>
/// address := "unix:" path ":" port
/// path    := "/" and printable ASCII but '#', which begins a comment in files; without "//", "/./" and "/../"; at most 107
///            bytes with "_" and a port behind it
/// port    := 0..4294967294
/// </code>
/// </summary>
internal static unsafe class UnixAddress
{
    public const string Prefix = "unix:";

    /// <summary>sizeof(sun_path) without the zero behind it (unix(7)).</summary>
    public const int MaxPathLength = 107;

    /// <summary>The digits of the longest port that a daemon listens on.</summary>
    private const int PortDigits = 5;

    private static readonly SearchValues<char> Letters =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code).Where(letter => letter != '#')]);

    /// <summary>Whether such an address is meant, right or wrong: in no other network does one begin so.</summary>
    public static bool IsMeant(ReadOnlySpan<char> text) => text.StartsWith("unix:/", StringComparison.Ordinal);

    /// <param name="error">What is wrong, without the text itself; empty when nothing is.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out string path, out uint port, out string error)
    {
        (path, port) = ("", 0);
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            error = "not unix:/PATH:PORT";
            return false;
        }

        ReadOnlySpan<char> rest = text[Prefix.Length..];
        int colon = rest.LastIndexOf(':');
        error = WhyNoPath(rest[..Math.Max(colon, 0)], rest[(colon + 1)..]);
        if (colon < 0)
            error = "not unix:/PATH:PORT: the port is missing";
        else if (error.Length == 0 && !DecimalText.TryParse(rest[(colon + 1)..], VMADDR_PORT_ANY - 1, out port))
            error = "the port is not a number from 0 to 4294967294";
        if (error.Length == 0)
            path = rest[..colon].ToString();
        return error.Length == 0;
    }

    public static string Format(string path, uint port) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{path}:{port}");

    /// <summary>Where one listens for what the guest behind PATH connects to the host's port.</summary>
    public static string ListeningPath(string path, uint port) => string.Create(CultureInfo.InvariantCulture, $"{path}_{port}");

    /// <summary>Writes the struct sockaddr_un.</summary>
    /// <param name="path">At most <see cref="MaxPathLength"/> bytes in UTF-8.</param>
    /// <param name="sockaddr">At least <see cref="EndpointAddress.MaxUnixSockaddrSize"/> bytes.</param>
    /// <returns>How many bytes it is, with the zero behind the path.</returns>
    public static int WriteSockaddr(string path, Span<byte> sockaddr)
    {
        MemoryMarshal.Write(sockaddr, (ushort)AF_UNIX);
        int length = Encoding.UTF8.GetBytes(path, sockaddr.Slice(sizeof(ushort), MaxPathLength));
        sockaddr[sizeof(ushort) + length] = 0;
        return sizeof(ushort) + length + 1;
    }

    private static string WhyNoPath(ReadOnlySpan<char> path, ReadOnlySpan<char> port)
    {
        if (!path.StartsWith('/'))
            return "the path is not absolute: unix:/PATH:PORT";
        if (path.EndsWith('/'))
            return "the path ends with '/', which is a folder: the socket in it is meant";
        if (path.ContainsAnyExcept(Letters))
            return "the path has a space, a '#' or what is not printable ASCII: take another";
        // Guests are told apart by their paths' text.
        foreach (Range range in path[1..].Split('/'))
        {
            if (path[1..][range] is "" or "." or "..")
                return "the path has '//', '/./' or '/../': write it without";
        }

        int longest = MaxPathLength - 1 - Math.Max(PortDigits, port.Length);
        return path.Length <= longest
            ? ""
            : $"the path has {path.Length} bytes, at most {longest} are possible: "
                + $"_PORT follows it, and a Unix socket's path is at most {MaxPathLength}";
    }
}
