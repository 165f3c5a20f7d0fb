namespace WireGuard.Vsock.SharedState;

/// <summary>The descriptors of a lane that is given a connection.</summary>
/// <param name="Epoll">Its epoll, where the connection is registered.</param>
/// <param name="Wake">An eventfd that wakes it.</param>
internal readonly record struct LaneDescriptors(int Epoll, int Wake);

/// <summary>The data of a lane's epoll events: one of the lane's own descriptors, or a connection's id.</summary>
internal static class LaneEvents
{
    public const ulong Wake = 1;
    public const ulong Tun = 2;
    public const ulong UdpIPv4 = 3;
    public const ulong UdpIPv6 = 4;

    /// <summary>
    /// Ids of connections ascend from here and, having 64 bits, are never reused. So an event of a connection that control has
    /// closed finds nothing.
    /// </summary>
    public const ulong FirstStream = 16;

    public static bool IsStream(ulong data) => data >= FirstStream;
}
