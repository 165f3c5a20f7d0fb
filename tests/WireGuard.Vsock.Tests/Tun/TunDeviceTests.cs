using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Tun;

public sealed class TunDeviceTests
{
    [TunFact]
    public void A_new_interface_has_an_MTU_of_1420_and_its_pattern_filled_in() => Namespace.Run(() =>
    {
        using TunDevice first = TunOpening.Create("wg%d", 1), second = TunOpening.Create("wg%d", 1);
        Assert.Equal("wg0", first.Name);
        Assert.Equal("wg1", second.Name);
        Assert.Contains("mtu 1420", Namespace.Sh("ip link show wg1"));
    });

    [TunFact]
    public void A_disposed_device_leaves_no_interface_behind() => Namespace.Run(() =>
    {
        TunOpening.Create("wg0", 4).Dispose();
        Assert.DoesNotContain("wg0", Namespace.Sh("ip link"));
    });

    [TunFact]
    public void Packets_go_in_and_out_whole() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Namespace.Sh("sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1; ip addr add 10.9.0.1/24 dev wg0");
        byte[] buffer = new byte[2000];
        Assert.Equal(-Errno.EAGAIN, tun.Read(0, buffer));
        byte[] udpPacket = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1];
        Assert.Equal(-Errno.EIO, tun.Write(0, [.. new byte[10], .. udpPacket]));

        Namespace.Sh("ip link set wg0 up");
        using Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(new IPEndPoint(IPAddress.Parse("10.9.0.1"), 7000));
        udp.SendTo(new byte[100], new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7000));
        buffer.AsSpan().Fill(0xff);
        int length = tun.Read(0, buffer);
        Assert.Equal(10 + 128, length);
        Assert.Equal(new byte[10], buffer[..10]);
        Assert.Equal(0x45, buffer[10]);

        // Sent back with addresses exchanged: checksums, being sums, stay right.
        byte[] answer = [.. buffer[..22], .. buffer[26..30], .. buffer[22..26], .. buffer[30..length]];
        Assert.Equal(length, tun.Write(0, answer));
        udp.ReceiveTimeout = 5000;
        Assert.Equal(100, udp.Receive(buffer));
        Assert.Equal(-Errno.EINVAL, tun.Write(0, new byte[30]));
    });

    [TunFact]
    public void Several_queues_are_queues_of_one_interface() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg%d", 3);
        Assert.Equal(3, tun.QueueCount);
        Assert.Equal(3, Enumerable.Range(0, 3).Select(tun.QueueFd).Distinct().Count());
        Assert.Contains("multi_queue", Namespace.Sh("ip -d link show wg0"));
        Assert.DoesNotContain("wg1", Namespace.Sh("ip link"));
    });

    [TunFact]
    public void A_name_that_another_holds_is_refused() => Namespace.Run(() =>
    {
        Namespace.Sh("ip tuntap add mode tap name tap0");
        using TunDevice one = TunOpening.Create("one", 1), many = TunOpening.Create("many", 2);
        foreach (string name in new[] { "one", "many", "lo", "tap0" })
        {
            foreach (int queues in new[] { 1, 2 })
            {
                SetupException e = Assert.Throws<SetupException>(() => TunOpening.Create(name, queues));
                Assert.Equal($"cannot create {name}: an interface of that name is there already: ip link show {name}", e.Message);
            }
        }
        Assert.Equal(-Errno.EAGAIN, many.Read(0, new byte[2000]));
    });

    [TunFact]
    public void A_persistent_interface_that_nobody_uses_is_taken_over() => Namespace.Run(() =>
    {
        Namespace.Sh("ip tuntap add mode tun name wg0");
        using TunDevice tun = TunOpening.Create("wg0", 2);
        Assert.Equal(1, tun.QueueCount);
        Assert.Contains("mtu 1420", Namespace.Sh("ip link show wg0"));
        Assert.Throws<SetupException>(() => TunOpening.Create("wg0", 2));
    });

    [TunFact]
    public void A_deleted_interface_says_EBADFD_and_wakes_every_queue() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 2);
        int epoll = Sys.EpollCreate();
        EpollEvents events = new(4);
        for (int i = 0; i < 2; i++) Sys.Check(Sys.EpollAdd(epoll, tun.QueueFd(i), EPOLLIN, (ulong)i), "epoll_ctl");
        Assert.Equal(0, Sys.EpollWait(epoll, events, 0));
        Assert.True(tun.Exists);

        Namespace.Sh("ip link del wg0");
        Assert.Equal(2, Sys.EpollWait(epoll, events, 5000));
        Assert.Equal(EPOLLERR, events.Events(0) & EPOLLERR);
        Assert.Equal(-Errno.EBADFD, tun.Read(0, new byte[2000]));
        Assert.Equal(-Errno.EBADFD, tun.Write(1, new byte[30]));
        Assert.False(tun.Exists);
        Assert.Null(tun.CurrentName());
        Sys.Close(epoll);
    });

    [TunFact]
    public void A_renamed_or_moved_interface_is_still_known() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Namespace.Sh($"ip link set wg0 netns {other}; ip -n {other} link set wg0 name inner0");
        Assert.Equal("wg0", tun.Name);
        Assert.Equal("inner0", tun.CurrentName());
        Assert.True(tun.Exists);
    });

    [TunFact]
    public void A_given_descriptor_is_taken_over() => Namespace.Run(() =>
    {
        int fd = OpenTun("wg7", IFF_TUN | IFF_NO_PI);
        using TunDevice tun = TunOpening.FromDescriptor(fd);
        Assert.Equal("wg7", tun.Name);
        Assert.Equal(1, tun.QueueCount);
        Assert.Equal(-Errno.EAGAIN, tun.Read(0, new byte[2000]));
        Assert.Contains("mtu 1420", Namespace.Sh("ip link show wg7"));
    });

    [TunFact]
    public void A_given_descriptor_of_another_kind_is_refused() => Namespace.Run(() =>
    {
        int tap = OpenTun("wg8", 2), none = Sys.EventFd();
        Assert.StartsWith("WG_TUN_FD: wg8 must be", Assert.Throws<SetupException>(() => TunOpening.FromDescriptor(tap)).Message);
        Assert.StartsWith("WG_TUN_FD: descriptor", Assert.Throws<SetupException>(() => TunOpening.FromDescriptor(none)).Message);
        foreach (int fd in new[] { tap, none }) Sys.Close(fd);
    });

    [TunFact]
    public void Reading_and_writing_allocate_nothing() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        byte[] buffer = new byte[2000];
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                tun.Read(0, buffer);
                tun.Write(0, buffer);
            }
        }));
    });

    private static int OpenTun(string name, int flags)
    {
        int fd = Sys.Check(Sys.Open("/dev/net/tun", O_RDWR), "open");
        Sys.Check(LinkQuery.TunAttach(fd, ref name, (ushort)flags), "TUNSETIFF");
        return fd;
    }
}
