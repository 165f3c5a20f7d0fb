using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

public sealed class LaneEventsTests
{
    [Fact]
    public void Every_id_of_a_connection_is_told_from_a_lanes_own_descriptors_also_past_32_bits()
    {
        Assert.All(
            (ulong[])[LaneEvents.Wake, LaneEvents.Tun, LaneEvents.UdpIPv4, LaneEvents.UdpIPv6],
            data => Assert.False(LaneEvents.IsStream(data)));
        Assert.All(
            (ulong[])[LaneEvents.FirstStream, LaneEvents.FirstStream + 1, 1UL << 32, (1UL << 32) + LaneEvents.Tun],
            data => Assert.True(LaneEvents.IsStream(data)));
    }
}
