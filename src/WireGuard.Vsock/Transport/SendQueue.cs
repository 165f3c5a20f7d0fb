using System.Buffers;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// The bytes that a connection's socket did not take yet: a ring of at most <see cref="Limit"/> bytes of whole frames, or of what
/// the socket takes in 100 ms if that is more (<see cref="RecentlyTaken"/>), after the rest of one batch. An empty one holds no
/// memory. Guarded by its connection's lock; what <see cref="Peek"/> returned may be read without the lock until
/// <see cref="Skip"/>, since appending does not change it.
/// </summary>
internal sealed class SendQueue
{
    /// <summary>How much may always be queued.</summary>
    public const int Limit = 256 * 1024;

    /// <summary>How much may be queued for the fastest socket.</summary>
    public const int LargestLimit = 16 * 1024 * 1024;

    private readonly ArrayPool<byte> _pool;
    private byte[] _ring = [];

    // How much of the ring is used: a power of two, however large the pool's array; 0 while there is none.
    private int _size;
    private int _head;
    private bool _isPeeked;

    // A ring that was replaced while its bytes were being sent: it is returned to the pool afterwards.
    private byte[] _outgrown = [];

    /// <param name="pool">Where its memory comes from; null for the shared pool.</param>
    public SendQueue(ArrayPool<byte>? pool = null) => _pool = pool ?? ArrayPool<byte>.Shared;

    /// <summary>How long a ring is at least: less for what may never be sent.</summary>
    public int SmallestRing { get; set; } = 64 * 1024;

    /// <summary>Bytes queued.</summary>
    public int Count { get; private set; }

    /// <summary>Appends one whole frame, unless the queue would hold more than its limit.</summary>
    public bool TryAppend(ReadOnlySpan<byte> frame, int limit = Limit)
    {
        if (Count + frame.Length > limit)
            return false;
        Reserve(frame.Length);
        Write(_head + Count, frame);
        Count += frame.Length;
        return true;
    }

    /// <summary>Puts bytes before all others: the rest of a batch whose beginning was sent. Never refused.</summary>
    public void Prepend(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        _head = (_head - bytes.Length) & (_size - 1);
        Write(_head, bytes);
        Count += bytes.Length;
    }

    /// <summary>As the other, for what is behind the first <paramref name="sent"/> bytes of pieces of memory.</summary>
    public unsafe void Prepend(iovec* pieces, int count, nint sent)
    {
        nint end = 0;
        for (int i = 0; i < count; i++)
            end += (nint)pieces[i].iov_len;
        // Backwards, so that each piece goes before the ones behind it.
        for (int i = count - 1; i >= 0 && end > sent; i--)
        {
            var piece = new ReadOnlySpan<byte>(pieces[i].iov_base, (int)pieces[i].iov_len);
            end -= piece.Length;
            Prepend(end >= sent ? piece : piece[(int)(sent - end)..]);
        }
    }

    /// <summary>The oldest bytes, as many as are contiguous.</summary>
    public ReadOnlySpan<byte> Peek()
    {
        _isPeeked = true;
        return _ring.AsSpan(_head, Math.Min(Count, _size - _head));
    }

    /// <summary>Removes the oldest bytes.</summary>
    public void Skip(int count)
    {
        _isPeeked = false;
        Return(_outgrown);
        _outgrown = [];
        _head = (_head + count) & (_size - 1);
        Count -= count;
        if (Count == 0)
            Clear();
    }

    /// <summary>Drops everything and gives the memory back.</summary>
    public void Clear()
    {
        if (_isPeeked && _outgrown.Length == 0)
            _outgrown = _ring;
        else
            Return(_ring);
        _ring = [];
        _size = 0;
        _head = 0;
        Count = 0;
    }

    private void Reserve(int more)
    {
        if (Count + more <= _size)
            return;
        int size = Math.Max(SmallestRing, _size);
        while (size < Count + more)
            size *= 2;
        byte[] larger = _pool.Rent(size);
        int firstPart = Math.Min(Count, _size - _head);
        _ring.AsSpan(_head, firstPart).CopyTo(larger);
        _ring.AsSpan(0, Count - firstPart).CopyTo(larger.AsSpan(firstPart));
        int count = Count;
        Clear();
        (_ring, _size, _head, Count) = (larger, size, 0, count);
    }

    private void Return(byte[] ring)
    {
        if (ring.Length != 0)
            _pool.Return(ring);
    }

    private void Write(int position, ReadOnlySpan<byte> bytes)
    {
        position &= _size - 1;
        int firstPart = Math.Min(bytes.Length, _size - position);
        bytes[..firstPart].CopyTo(_ring.AsSpan(position));
        bytes[firstPart..].CopyTo(_ring);
    }
}
