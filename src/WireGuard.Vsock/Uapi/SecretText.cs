using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// UTF-8 text that may contain keys, written piece by piece: on the pinned heap, wiped when it is moved, cleared or disposed of.
/// </summary>
internal sealed class SecretText : IBufferWriter<byte>, IDisposable
{
    private const int InitialSize = 4096;

    private byte[] _buffer = [];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, Length);

    public SecretText Append(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(GetSpan(utf8.Length));
        Advance(utf8.Length);
        return this;
    }

    public SecretText Append(ReadOnlySpan<char> text)
    {
        Advance(Encoding.UTF8.GetBytes(text, GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
        return this;
    }

    public SecretText Append(ulong number) => Append(number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Writes a key of 32 bytes as 44 characters.</summary>
    public SecretText AppendBase64(ReadOnlySpan<byte> key)
    {
        _ = Base64.EncodeToUtf8(key, GetSpan(Base64.GetMaxEncodedToUtf8Length(key.Length)), out _, out int written);
        Advance(written);
        return this;
    }

    /// <summary>Writes two lower-case hexadecimal digits a byte.</summary>
    public SecretText AppendHex(ReadOnlySpan<byte> key)
    {
        _ = Convert.TryToHexStringLower(key, GetSpan(2 * key.Length), out int written);
        Advance(written);
        return this;
    }

    /// <summary>Wipes the text.</summary>
    public void Clear()
    {
        CryptographicOperations.ZeroMemory(_buffer);
        Length = 0;
    }

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(Length);
    }

    public void Dispose()
    {
        Clear();
        _buffer = [];
    }

    private void Reserve(int size)
    {
        if (_buffer.Length - Length >= size)
            return;
        int doubled = (int)Math.Min(2L * _buffer.Length, Array.MaxLength);
        byte[] larger = GC.AllocateUninitializedArray<byte>(
            Math.Max(InitialSize, Math.Max(checked(Length + size), doubled)), pinned: true);
        Bytes.CopyTo(larger);
        CryptographicOperations.ZeroMemory(_buffer);
        _buffer = larger;
    }
}
