using System.Buffers;

namespace WireGuard.Vsock.Transport;

/// <summary>The beginning of a frame whose end has not come yet, between two reads of a stream. Owned by the reader.</summary>
internal struct PartialFrame
{
    private byte[]? _bytes;

    public int Length { get; private set; }

    public readonly void CopyTo(Span<byte> buffer) => _bytes.AsSpan(0, Length).CopyTo(buffer);

    /// <summary>Keeps what was left over; with nothing it holds no memory.</summary>
    public void Keep(ReadOnlySpan<byte> partial)
    {
        if (partial.IsEmpty || partial.Length > _bytes?.Length)
            Release();
        if (partial.IsEmpty)
            return;
        _bytes ??= ArrayPool<byte>.Shared.Rent(partial.Length);
        partial.CopyTo(_bytes);
        Length = partial.Length;
    }

    public void Release()
    {
        if (_bytes is not null)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = null;
        Length = 0;
    }
}
