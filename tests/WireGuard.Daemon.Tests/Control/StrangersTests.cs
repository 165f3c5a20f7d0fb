using WireGuard.Daemon.Control;
using WireGuard.Daemon.Transport;

namespace WireGuard.Daemon.Tests.Control;

public sealed class StrangersTests
{
    private readonly Strangers _strangers = new();

    [Fact]
    public void No_more_than_16_come_from_one_address_whatever_the_port()
    {
        Assert.Equal((256, 16, 10_000), (Strangers.Max, Strangers.MaxPerSource, Strangers.PatienceMs));
        for (ushort port = 1; port <= 16; port++)
            Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(1, port)));
        Assert.False(_strangers.TryAdmit(EndpointAddress.IPv4(1, 17)));
        Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(2, 1)));
        Assert.Equal(17, _strangers.Count);
        Assert.Equal(1, _strangers.Refused);
    }

    [Fact]
    public void No_more_than_16_come_from_one_CID()
    {
        for (uint port = 1; port <= 16; port++)
            Assert.True(_strangers.TryAdmit(EndpointAddress.Vsock(6, port << 16)));
        Assert.False(_strangers.TryAdmit(EndpointAddress.Vsock(6, 1)));
        Assert.True(_strangers.TryAdmit(EndpointAddress.Vsock(7, 1)));
        Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(6, 1))); // is no CID
        Assert.True(_strangers.TryAdmit(EndpointAddress.IPv6(6, 1)));
    }

    [Fact]
    public void No_more_than_256_come_in_all()
    {
        for (uint host = 0; host < 256; host++)
            Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(host, 1)));
        Assert.False(_strangers.TryAdmit(EndpointAddress.IPv4(256, 1)));
        Assert.Equal(256, _strangers.Count);
        _strangers.Forget(EndpointAddress.IPv4(7, 1));
        Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(256, 1)));
        Assert.False(_strangers.TryAdmit(EndpointAddress.IPv4(7, 1)));
        Assert.Equal(2, _strangers.Refused);
    }

    [Fact]
    public void One_that_is_forgotten_makes_room_for_another_of_its_source()
    {
        for (ushort port = 1; port <= 16; port++)
            _strangers.TryAdmit(EndpointAddress.IPv4(1, port));
        _strangers.Forget(EndpointAddress.IPv4(1, 3));
        Assert.True(_strangers.TryAdmit(EndpointAddress.IPv4(1, 17)));
        Assert.False(_strangers.TryAdmit(EndpointAddress.IPv4(1, 18)));
        for (ushort port = 2; port <= 17; port++)
            _strangers.Forget(EndpointAddress.IPv4(1, port));
        Assert.Equal(0, _strangers.Count);
    }
}
