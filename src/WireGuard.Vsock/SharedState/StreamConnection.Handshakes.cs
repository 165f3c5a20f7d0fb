using WireGuard.Protocol;
using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// The handshake messages that came on this connection and wait for control: two at most, in places of its own, so that no
/// connection can take another's. Its owner lane puts them there, control takes them; neither waits for the other.
/// </summary>
internal sealed partial class StreamConnection
{
    /// <summary>An initiation and a response, as when both ends have begun.</summary>
    public const int MaxHandshakes = 2;

    /// <summary>One handshake message in this time needs no cookie, twice as many at once.</summary>
    private const int FreeHandshakeMs = 1_000;

    /// <summary>A byte that says how long it is, and the message.</summary>
    private const int HandshakeSlotSize = 1 + InitiationMessage.Size;

    // Made with the first message. A slot is written before the count of those posted, and read before the count of those taken.
    private byte[] _handshakes = [];
    private uint _handshakesPosted;
    private uint _handshakesTaken;
    private int _isCalling;
    private long _freeHandshakeAtMs;

    /// <summary>Keeps a copy of a message. Owner lane only.</summary>
    /// <returns>False when two wait.</returns>
    public bool TryAddHandshake(ReadOnlySpan<byte> message)
    {
        uint posted = _handshakesPosted;
        if (posted - Volatile.Read(ref _handshakesTaken) == MaxHandshakes)
            return false;
        if (_handshakes.Length == 0)
            _handshakes = new byte[MaxHandshakes * HandshakeSlotSize];
        Span<byte> slot = _handshakes.AsSpan((int)(posted % MaxHandshakes) * HandshakeSlotSize, HandshakeSlotSize);
        slot[0] = (byte)message.Length;
        message.CopyTo(slot[1..]);
        Interleaving.Point();
        Volatile.Write(ref _handshakesPosted, posted + 1);
        return true;
    }

    /// <summary>Takes the older one. Control only.</summary>
    /// <param name="buffer">Receives it: <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="length">Its length.</param>
    public bool TryTakeHandshake(Span<byte> buffer, out int length)
    {
        length = 0;
        uint taken = _handshakesTaken;
        if (Volatile.Read(ref _handshakesPosted) == taken)
            return false;
        ReadOnlySpan<byte> slot = _handshakes.AsSpan((int)(taken % MaxHandshakes) * HandshakeSlotSize, HandshakeSlotSize);
        length = slot[0];
        Interleaving.Point();
        slot.Slice(1, length).CopyTo(buffer);
        Volatile.Write(ref _handshakesTaken, taken + 1);
        return true;
    }

    /// <summary>Its owner lane has put a message there.</summary>
    /// <returns>Whether it is to be queued: it is not already.</returns>
    public bool BeginCalling() => Interlocked.Exchange(ref _isCalling, 1) == 0;

    /// <summary>To be called before anything is taken: what is put there from now on has it queued again. Control only.</summary>
    public void EndCalling() => Interlocked.Exchange(ref _isCalling, 0);

    /// <summary>
    /// Whether one more handshake message may be looked at though we are under load and it carries no cookie. A connection has
    /// proved its source by coming about, and who made it must not wait REKEY_TIMEOUT for what a cookie would prove once more.
    /// Control only.
    /// </summary>
    public bool TryTakeFreeHandshake(long nowMs)
    {
        if (nowMs + FreeHandshakeMs < _freeHandshakeAtMs)
            return false;
        _freeHandshakeAtMs = Math.Max(nowMs, _freeHandshakeAtMs) + FreeHandshakeMs;
        return true;
    }
}
