namespace WireGuard.Vsock.Transport;

/// <summary>
/// UDP sockets that a confined daemon made while it had its rights: buffers above the system's limit take CAP_NET_ADMIN, which
/// it does not keep. They are not bound. Each opening of its port takes one for each lane and family, since a bound socket cannot
/// be bound again. One that is not bound costs a descriptor and some 2 KiB: the size of its buffers is a limit. Control only.
/// </summary>
internal sealed class UdpReserve : IDisposable
{
    /// <summary>How often the port can be opened: at the start, when it changes, when the link comes up again.</summary>
    public const int Openings = 16;

    private readonly Stack<UdpSocket> _ipv4 = [];
    private readonly Stack<UdpSocket> _ipv6 = [];

    private UdpReserve()
    {
    }

    /// <param name="kind">UDP, of one family or both.</param>
    /// <param name="lanes">How many sockets of each family an opening takes.</param>
    /// <param name="descriptors">The most that they may be; then there are fewer openings, or none.</param>
    /// <returns>Null if this process cannot give larger buffers either.</returns>
    public static UdpReserve? TryOpen(NetworkKind kind, int lanes, long descriptors)
    {
        bool[] families = kind == NetworkKind.Udp ? [false, true] : [kind == NetworkKind.Udp6];
        long openings = Math.Min(Openings, descriptors / (lanes * families.Length));
        UdpReserve reserve = new();
        foreach (bool isIPv6 in families)
        {
            for (long left = openings * lanes; left > 0; left--)
            {
                // Without IPv6 in the kernel there are none of it.
                if (UdpSocket.TryMake(isIPv6, out _) is not { } socket)
                    break;
                reserve.Of(isIPv6).Push(socket);
                if (socket.HasLargeBuffers)
                    continue;
                reserve.Dispose();
                return null;
            }
        }

        return reserve;
    }

    /// <returns>Its taker's; null if none is left.</returns>
    public UdpSocket? TryTake(bool isIPv6) => Of(isIPv6).TryPop(out UdpSocket? socket) ? socket : null;

    public void Dispose()
    {
        foreach (Stack<UdpSocket> sockets in (Stack<UdpSocket>[])[_ipv4, _ipv6])
        {
            while (sockets.TryPop(out UdpSocket? socket))
                socket.Dispose();
        }
    }

    private Stack<UdpSocket> Of(bool isIPv6) => isIPv6 ? _ipv6 : _ipv4;
}
