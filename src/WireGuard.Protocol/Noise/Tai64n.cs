using System.Buffers.Binary;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The timestamp of a handshake initiation (section 5.1 of the WireGuard paper): TAI64N, https://cr.yp.to/libtai/tai64.html.
/// On the wire 12 bytes: u64 BE seconds, 2^62 + 10 at the Unix epoch | u32 BE nanoseconds. An unauthenticated sender's bytes
/// may be any; they only ever get compared.
/// </summary>
internal readonly record struct Tai64n
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 12;

    private const ulong UnixEpoch = (1UL << 62) + 10;
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>
    /// 2^24 ns, about 16.7 ms, as in Linux and wireguard-go: finer time would tell of this machine's clock, and no peer
    /// listens to more initiations than one in 20 ms.
    /// </summary>
    private const uint Grain = 1U << 24;

    private readonly ulong _seconds;
    private readonly uint _nanoseconds;

    private Tai64n(ulong seconds, uint nanoseconds)
    {
        _seconds = seconds;
        _nanoseconds = nanoseconds;
    }

    /// <summary>Reads the 12 bytes of the wire.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than 12 bytes.</exception>
    public Tai64n(ReadOnlySpan<byte> bytes)
        : this(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]))
    {
    }

    /// <summary>A moment of Unix time, its nanoseconds rounded down to a grain of about 16.7 ms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The nanoseconds are a second or more.</exception>
    public static Tai64n FromUnixTime(long seconds, uint nanoseconds)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(nanoseconds, NanosecondsPerSecond);
        return new Tai64n(unchecked(UnixEpoch + (ulong)seconds), nanoseconds & ~(Grain - 1));
    }

    /// <summary>A moment of real time, rounded down likewise.</summary>
    public static Tai64n FromRealTime(DateTimeOffset time)
    {
        long seconds = time.ToUnixTimeSeconds(); // rounded down, before 1970 too
        long ticks = time.UtcTicks - DateTimeOffset.FromUnixTimeSeconds(seconds).UtcTicks;
        return FromUnixTime(seconds, (uint)(ticks * TimeSpan.NanosecondsPerTick));
    }

    /// <summary>Whether this is later: the order of the 12 bytes.</summary>
    public bool IsAfter(Tai64n other) =>
        _seconds != other._seconds ? _seconds > other._seconds : _nanoseconds > other._nanoseconds;

    /// <summary>How many seconds this is later than another, which may be any: for people to read.</summary>
    public double SecondsSince(Tai64n earlier) =>
        (double)((Int128)_seconds - earlier._seconds) + (((double)_nanoseconds - earlier._nanoseconds) / NanosecondsPerSecond);

    /// <summary>Writes the 12 bytes of the wire.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is room for fewer than 12 bytes.</exception>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], _nanoseconds);
        BinaryPrimitives.WriteUInt64BigEndian(destination, _seconds);
    }

    /// <summary>One nanosecond later.</summary>
    internal Tai64n Next() => _nanoseconds + 1 < NanosecondsPerSecond ? new(_seconds, _nanoseconds + 1) : new(_seconds + 1, 0);
}
