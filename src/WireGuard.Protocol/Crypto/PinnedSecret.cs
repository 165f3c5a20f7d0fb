using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// 32 secret bytes on the pinned heap, where the collector leaves no copies behind, wiped by <see cref="Dispose"/>.
/// </summary>
internal sealed class PinnedSecret : IDisposable
{
    internal const int Size = 32;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
    private bool _disposed;

    internal Span<byte> Bytes
    {
        get
        {
            // A wiped key must not serve as a key of zeros.
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _bytes;
        }
    }

    internal static PinnedSecret CopyOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException($"A key is {Size} bytes, not {bytes.Length}.", nameof(bytes));
        var secret = new PinnedSecret();
        bytes.CopyTo(secret._bytes);
        return secret;
    }

    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_bytes);
    }
}
