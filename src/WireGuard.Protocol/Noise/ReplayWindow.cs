namespace WireGuard.Protocol.Noise;

/// <summary>
/// Which counters of one receiving key have been seen: the sliding window of section 5.4.6 of the WireGuard paper, by the
/// algorithm of RFC 6479. A ring of 64-bit words is cleared word by word as the window moves, never shifted.
/// </summary>
/// <remarks>
/// The ring holds <see cref="Limits.WindowSize"/> bits, but the word that the newest counter is in is in part still to
/// come, so the window one can count on is <see cref="Size"/>, as in the kernel and in wireguard-go.
/// <para>
/// DEVIATION: where it <see cref="MayGrow"/>, it doubles, up to <see cref="LargestSize"/>, when an authentic message comes too
/// late for it. The messages of a keypair may travel on several connections, each in order, and while one waits for a lost
/// segment the others move on by more than the kernel's window: all that waited would be dropped. What the longer ring has not
/// told apart counts as seen.
/// Test: ReplayWindowTests.
/// </para>
/// </remarks>
internal sealed class ReplayWindow
{
    /// <summary>
    /// A counter this far behind the newest is still told apart; one further behind is rejected unseen, at first.
    /// </summary>
    public const int Size = Limits.WindowSize - WordBits;

    /// <summary>The same, once it has grown as far as it may: by then it is 16 KiB.</summary>
    public const int LargestSize = LargestWordCount * WordBits - WordBits;

    private const int WordBits = 64;
    private const int WordShift = 6;
    private const int WordCount = Limits.WindowSize / WordBits;
    private const int LargestWordCount = WordCount * 16;

    private readonly Lock _lock = new(); // two lanes may receive for one keypair; guards all below
    private ulong[] _ring = new ulong[1]; // a session that carries nothing never needs the whole kilobyte
    private ulong _newest;
    private ulong _size = Size;
    private volatile bool _mayGrow;

    /// <summary>Whether the peer may send by several ways at once, of which one may lag.</summary>
    public bool MayGrow
    {
        get => _mayGrow;
        set => _mayGrow = value;
    }

    /// <summary>
    /// Takes a counter that no message had before; false when it is a repeat, too old, or at or past
    /// <see cref="Limits.RejectAfterMessages"/>. Call it only for a message whose tag was right, or a forger moves the window.
    /// </summary>
    /// <param name="counter">The message's.</param>
    /// <param name="isNewest">Whether none as high was taken before.</param>
    public bool TryAccept(ulong counter, out bool isNewest)
    {
        isNewest = false;
        if (counter >= Limits.RejectAfterMessages)
            return false;
        lock (_lock)
        {
            if (counter >= WordBits && _ring.Length == 1)
                Grow(WordCount);
            if (counter > _newest)
                MoveTo(counter);
            else if (_newest - counter > _size)
                return TooLate(counter);
            ref ulong word = ref _ring[WordOf(counter)];
            ulong bit = 1UL << (int)counter; // the shift takes the low six bits of its count
            if ((word & bit) != 0)
                return false;
            word |= bit;
            isNewest = counter == _newest;
            return true;
        }
    }

    /// <summary>The message is lost. Those that come as late after it need not be.</summary>
    private bool TooLate(ulong counter)
    {
        if (_mayGrow && _newest - counter <= LargestSize)
        {
            Grow(_ring.Length * 2);
            _size = (ulong)(_ring.Length * WordBits - WordBits);
        }

        return false;
    }

    private void Grow(int words)
    {
        ulong[] ring = new ulong[words];
        long newest = (long)(_newest >> WordShift);
        for (long word = newest; word > newest - words && word >= 0; word--)
            ring[word & (words - 1)] = newest - word < _ring.Length ? _ring[word & (_ring.Length - 1)] : ulong.MaxValue;
        _ring = ring;
    }

    private int WordOf(ulong counter) => (int)(counter >> WordShift) & (_ring.Length - 1); // the length is a power of two

    /// <summary>Clears the words between the newest counter's and this one's, at most the whole ring.</summary>
    private void MoveTo(ulong counter)
    {
        ulong from = _newest >> WordShift;
        ulong words = Math.Min((counter >> WordShift) - from, (ulong)_ring.Length);
        for (ulong i = 1; i <= words; i++)
            _ring[(int)(from + i) & (_ring.Length - 1)] = 0;
        _newest = counter;
    }
}
