namespace WireGuard.Vsock.SharedState;

/// <summary>What a lane's epoll gives back with an event: one of a few descriptors of its own, or a connection's id.</summary>
internal static class LaneEvents
{
    public const ulong Wake = 1;
    public const ulong Tun = 2;
    public const ulong UdpIPv4 = 3;
    public const ulong UdpIPv6 = 4;

    /// <summary>
    /// Ids of connections ascend from here. An id, not a reference: a connection that control has closed is then not found,
    /// instead of being used after its end. With 64 bits none ever comes again.
    /// </summary>
    public const ulong FirstStream = 16;

    public static bool IsStream(ulong data) => data >= FirstStream;
}
