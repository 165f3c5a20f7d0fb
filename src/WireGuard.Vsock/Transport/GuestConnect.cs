using System.Buffers.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// What is said on a connection to the Unix socket of a guest before the stream begins (docs/vsock.md of Firecracker,
/// docs/vsock.md of Cloud Hypervisor). One a socket, which is non-blocking.
/// <code>
/// host  -> guest  "CONNECT " port newline
/// guest -> host   "OK " number newline        1 to 10 digits, at most 4294967295; a refusal closes the connection
/// </code>
/// The answer is read byte by byte: what follows the newline is the stream's.
/// </summary>
internal struct GuestConnect
{
    private const ulong LargestNumber = uint.MaxValue;
    private const int MostDigits = 10;

    private int _length;
    private ulong _number;

    private static ReadOnlySpan<byte> Begin => "OK "u8;

    /// <summary>Asks for a port. The socket is new, so it takes the line whole.</summary>
    /// <returns>0, or a negated errno.</returns>
    public static int SendRequest(int fd, uint port)
    {
        Span<byte> line = stackalloc byte[32];
        "CONNECT "u8.CopyTo(line);
        Utf8Formatter.TryFormat(port, line["CONNECT ".Length..], out int digits);
        int length = "CONNECT ".Length + digits;
        line[length++] = (byte)'\n';
        int sent = Sys.Send(fd, line[..length], MSG_NOSIGNAL);
        return sent < 0 ? sent : sent == length ? 0 : -Errno.ENOBUFS;
    }

    /// <summary>Reads what has come of the answer, and nothing behind it. Not to be called again once it has ended.</summary>
    public GuestConnectStatus Read(int fd)
    {
        Span<byte> next = stackalloc byte[1];
        GuestConnectStatus status = GuestConnectStatus.Pending;
        while (status == GuestConnectStatus.Pending)
        {
            int received = Sys.Recv(fd, next, 0);
            if (received == -Errno.EAGAIN)
                break;
            status = received > 0 ? Take(next[0]) : End();
        }

        return status;
    }

    /// <summary>Takes the next byte.</summary>
    internal GuestConnectStatus Take(byte next)
    {
        int place = _length++;
        if (place < Begin.Length)
            return next == Begin[place] ? GuestConnectStatus.Pending : GuestConnectStatus.Malformed;
        int digits = place - Begin.Length;
        if (next == (byte)'\n' && digits != 0)
            return GuestConnectStatus.Connected;
        if (next is < (byte)'0' or > (byte)'9' || digits == MostDigits)
            return GuestConnectStatus.Malformed;
        _number = (_number * 10) + next - '0';
        return _number <= LargestNumber ? GuestConnectStatus.Pending : GuestConnectStatus.Malformed;
    }

    /// <summary>The connection has ended or was reset.</summary>
    internal readonly GuestConnectStatus End() => _length == 0 ? GuestConnectStatus.Refused : GuestConnectStatus.Malformed;

    /// <summary>What <see cref="StreamSocket.ConnectProblem"/> puts into words; 0 of a connection that is made.</summary>
    public static int ErrnoOf(GuestConnectStatus status) => status switch
    {
        GuestConnectStatus.Refused => Errno.ECONNRESET,
        GuestConnectStatus.Malformed => Errno.EPROTO,
        _ => 0,
    };
}

/// <summary>How far a <see cref="GuestConnect"/> has come.</summary>
internal enum GuestConnectStatus
{
    /// <summary>The answer is not whole yet.</summary>
    Pending,

    /// <summary>The stream begins.</summary>
    Connected,

    /// <summary>It was closed without an answer: nothing listens on the port in the guest.</summary>
    Refused,

    /// <summary>The answer is none: what listens there is no such socket.</summary>
    Malformed,
}
