using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Config;

/// <summary>
/// The text of a file that may hold keys: on the pinned heap, where the collector leaves no copies behind, and wiped by
/// <see cref="Dispose"/>. It is read as UTF-8; what is not becomes U+FFFD.
/// </summary>
internal sealed class SecretFile : IDisposable
{
    private const int FirstBytes = 4096;

    private readonly char[] _text;
    private readonly int _length;

    private SecretFile(ReadOnlySpan<byte> bytes, bool isSeekable)
    {
        IsSeekable = isSeekable;
        _text = GC.AllocateUninitializedArray<char>(bytes.Length, pinned: true); // no byte becomes more than one
        _length = Encoding.UTF8.GetChars(bytes, _text);
    }

    /// <summary>Whether it has a position, as files and /dev/null do, and pipes do not.</summary>
    internal bool IsSeekable { get; }

    /// <summary>Valid until <see cref="Dispose"/>.</summary>
    internal ReadOnlySpan<char> Text => _text.AsSpan(0, _length);

    /// <summary>Reads a whole file.</summary>
    /// <param name="maxBytes">More is refused.</param>
    /// <param name="takesPipes">Whether it may be something else than an ordinary file, and is waited for.</param>
    /// <exception cref="LinuxException">A call failed: open or read.</exception>
    /// <exception cref="SetupException">It is too long, or no ordinary file.</exception>
    internal static SecretFile Read(string path, int maxBytes, bool takesPipes = false) =>
        Read(path, maxBytes, takesPipes, (bytes, isSeekable) => new SecretFile(bytes, isSeekable));

    /// <summary>Reads a whole file that holds no secret.</summary>
    /// <inheritdoc cref="Read(string, int, bool)"/>
    internal static byte[] ReadBytes(string path, int maxBytes) =>
        Read(path, maxBytes, takesPipes: false, (bytes, _) => bytes.ToArray());

    private static T Read<T>(string path, int maxBytes, bool takesPipes, Func<ReadOnlySpan<byte>, bool, T> make)
    {
        // A FIFO without a writer would hold up a blocking open(2).
        int fd = Sys.Check(Sys.Open(path, O_RDONLY | (takesPipes ? 0 : O_NONBLOCK)), "open");
        byte[] buffer = GC.AllocateUninitializedArray<byte>(FirstBytes, pinned: true);
        try
        {
            Sys.Check(Sys.Stat(fd, out statx_t status), "statx");
            if (!takesPipes && (status.stx_mode & S_IFMT) != S_IFREG)
                throw new SetupException($"{Printable.Quote(path)} is {KindOf(status.stx_mode)}, not a file: name a file");
            int length = 0;
            while (true)
            {
                if (length == buffer.Length)
                    buffer = Doubled(buffer);
                int count = Sys.Check(Sys.Read(fd, buffer.AsSpan(length)), "read");
                length += count;
                if (length > maxBytes)
                    throw new SetupException($"{Printable.Quote(path)} has more than {maxBytes} bytes: it is not the one meant");
                if (count == 0)
                    return make(buffer.AsSpan(0, length), Sys.IsSeekable(fd));
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
            Sys.Close(fd);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_text.AsSpan()));

    private static byte[] Doubled(byte[] full)
    {
        byte[] larger = GC.AllocateUninitializedArray<byte>(2 * full.Length, pinned: true);
        full.CopyTo(larger, 0);
        CryptographicOperations.ZeroMemory(full);
        return larger;
    }

    private static string KindOf(ushort mode) => (mode & S_IFMT) switch
    {
        S_IFDIR => "a directory",
        S_IFIFO => "a pipe",
        S_IFSOCK => "a socket",
        _ => "a device",
    };
}
