namespace WireGuard.Protocol.Noise;

/// <summary>
/// Which counters of one receiving key have been seen: the sliding window of section 5.4.6 of the WireGuard paper, by the
/// algorithm of RFC 6479. A ring of 64-bit words is cleared word by word as the window moves, never shifted.
/// </summary>
/// <remarks>
/// The ring holds <see cref="Limits.WindowSize"/> bits, but the word that the newest counter is in is in part still to
/// come, so the window one can count on is <see cref="Size"/>, as in the kernel and in wireguard-go.
/// </remarks>
public sealed class ReplayWindow
{
    /// <summary>A counter this far behind the newest is still told apart; one further behind is rejected unseen.</summary>
    public const int Size = Limits.WindowSize - WordBits;

    private const int WordBits = 64;
    private const int WordShift = 6;
    private const int WordCount = Limits.WindowSize / WordBits;

    private readonly Lock _lock = new(); // two lanes may receive for one keypair; guards all below
    private ulong[] _ring = new ulong[1]; // grows once; a session that carries nothing never needs the whole kilobyte
    private ulong _newest;

    /// <summary>
    /// Takes a counter that no message had before; false when it is a repeat, too old, or at or past
    /// <see cref="Limits.RejectAfterMessages"/>. Call it only for a message whose tag was right, or a forger moves the window.
    /// </summary>
    public bool TryAccept(ulong counter)
    {
        if (counter >= Limits.RejectAfterMessages)
            return false;
        lock (_lock)
        {
            if (counter >= WordBits && _ring.Length != WordCount)
                Grow();
            if (counter > _newest)
                MoveTo(counter);
            else if (_newest - counter > Size)
                return false;
            ref ulong word = ref _ring[WordOf(counter)];
            ulong bit = 1UL << (int)counter; // the shift takes the low six bits of its count
            if ((word & bit) != 0)
                return false;
            word |= bit;
            return true;
        }
    }

    /// <summary>Makes the ring whole. Its first word is then where it was.</summary>
    private void Grow()
    {
        ulong[] ring = new ulong[WordCount];
        ring[0] = _ring[0];
        _ring = ring;
    }

    private int WordOf(ulong counter) => (int)(counter >> WordShift) & (_ring.Length - 1); // the length is a power of two

    /// <summary>Clears the words between the newest counter's and this one's, at most the whole ring.</summary>
    private void MoveTo(ulong counter)
    {
        ulong from = _newest >> WordShift;
        ulong words = Math.Min((counter >> WordShift) - from, WordCount);
        for (ulong i = 1; i <= words; i++)
            _ring[(int)(from + i) & (_ring.Length - 1)] = 0;
        _newest = counter;
    }
}
