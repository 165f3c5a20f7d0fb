namespace WireGuard.Daemon.Lanes;

/// <summary>What a lane's epoll gives back with an event: a kind in the upper half, a connection's id in the lower.</summary>
internal static class LaneEvents
{
    public const ulong Wake = 1UL << 32;
    public const ulong Tun = 2UL << 32;
    public const ulong UdpIPv4 = 3UL << 32;
    public const ulong UdpIPv6 = 4UL << 32;
    private const ulong Stream = 5UL << 32;
    private const ulong KindMask = 0xffffffffUL << 32;

    /// <summary>
    /// The id, not a reference: a connection that control has closed is then not found, instead of being used after its end.
    /// </summary>
    public static ulong OfStream(uint id) => Stream | id;

    public static bool IsStream(ulong data) => (data & KindMask) == Stream;

    public static uint StreamId(ulong data) => (uint)data;
}
