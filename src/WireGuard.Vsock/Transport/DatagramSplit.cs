namespace WireGuard.Vsock.Transport;

/// <summary>
/// The datagrams of a message that the kernel may have coalesced (UDP_GRO): each has the segment size, the last may be
/// shorter. A segment size that fits no such message (none, negative, longer than it) means one datagram.
/// </summary>
/// <param name="start">Where the message begins.</param>
/// <param name="length">The message's bytes. An empty message is one empty datagram.</param>
/// <param name="segmentSize">What the kernel says, or 0 if it says nothing.</param>
internal struct DatagramSplit(int start, int length, int segmentSize)
{
    private readonly int _segmentSize = segmentSize > 0 && segmentSize < length ? segmentSize : length;
    private readonly int _end = start + length;
    private int _next = start;
    private bool _hasMore = true;

    /// <summary>Where the current datagram begins.</summary>
    public int Offset { get; private set; }

    /// <summary>The current datagram's bytes.</summary>
    public int Length { get; private set; }

    public bool MoveNext()
    {
        if (!_hasMore)
            return false;
        Offset = _next;
        Length = Math.Min(_segmentSize, _end - _next);
        _next += Length;
        _hasMore = _next < _end;
        return true;
    }
}
