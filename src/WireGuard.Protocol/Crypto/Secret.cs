using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Owns a place in <see cref="SecretMemory"/>: bytes that are zeros at first, and wiped and given back by <see cref="Dispose"/>.
/// <para>
/// A span of it is valid until then, and the collector does not see that it is in use. So its owner is disposed of when no thread
/// can be using it, and a thread that is not the owner's keeps the owner alive as long as it uses the span (GC.KeepAlive). Where
/// the time of the last use is not known, there is <see cref="Wipe"/>, and the collector gives the place back.
/// </para>
/// </summary>
internal sealed unsafe class Secret : IDisposable
{
    /// <summary>The length of most keys.</summary>
    internal const int KeySize = 32;

    private readonly SecretArena _arena;
    private readonly int _size;
    private nint _bytes; // 0 once it is given back
    private int _collectionsLeft = 2;

    /// <param name="size">In bytes.</param>
    internal Secret(int size = KeySize)
    {
        _size = size;
        _bytes = (nint)SecretMemory.Rent(SecretMemory.UnitsOf(size), out _arena);
    }

    /// <summary>
    /// What was dropped without <see cref="Dispose"/> is given back, though not at once: a span that was taken just before
    /// outlives its owner by a call, not by the collections that pass meanwhile.
    /// </summary>
    ~Secret()
    {
        if (_bytes != 0 && _collectionsLeft-- > 0)
            GC.ReRegisterForFinalize(this);
        else
            Free();
    }

    /// <exception cref="ObjectDisposedException">It was disposed of: what was a key must not serve as another.</exception>
    internal Span<byte> Bytes
    {
        get
        {
            nint bytes = _bytes;
            ObjectDisposedException.ThrowIf(bytes == 0, this);
            return new Span<byte>((byte*)bytes, _size);
        }
    }

    internal static Secret CopyOf(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeySize) throw new ArgumentException($"A key is {KeySize} bytes, not {key.Length}.", nameof(key));
        var secret = new Secret();
        key.CopyTo(secret.Bytes);
        return secret;
    }

    /// <summary>
    /// Wipes it at once, also while other threads read it, who must find out that they have read nothing. Nothing else takes its
    /// place before the collector has found that no thread can.
    /// </summary>
    internal void Wipe()
    {
        if (_bytes != 0)
            CryptographicOperations.ZeroMemory(Bytes);
        GC.KeepAlive(this);
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        byte* bytes = (byte*)Interlocked.Exchange(ref _bytes, 0);
        if (bytes == null)
            return;
        Interleaving.Point();
        CryptographicOperations.ZeroMemory(new Span<byte>(bytes, _size));
        SecretMemory.Return(_arena, bytes, SecretMemory.UnitsOf(_size));
    }
}
