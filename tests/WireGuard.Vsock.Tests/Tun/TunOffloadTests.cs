using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Tun;

/// <summary>Offloads with the kernel's own TCP and UDP at both ends.</summary>
public sealed class TunOffloadTests
{
    private const int StreamSize = 20 << 20;
    private const int SolUdp = 17, UdpSegment = 103; // include/linux/socket.h, include/uapi/linux/udp.h

    private static readonly TunOffloads Best =
        Environment.OSVersion.Version >= new Version(6, 2) ? TunOffloads.Tcp | TunOffloads.Udp : TunOffloads.Tcp;

    /// <summary>Before, UDP_SEGMENT over a device without checksum offload says EIO.</summary>
    private static readonly bool CutsUdpItself = Environment.OSVersion.Version >= new Version(6, 11);

    [TunFact]
    public void Offloads_are_had_on_every_queue() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 3, wantsOffloads: true);
        Assert.True(tun.HasHeader);
        Assert.Equal(Best, tun.Offloads);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0, LinkQuery.TunFlags(tun.QueueFd(i), out string name, out ushort flags));
            Assert.Equal("wg0", name);
            Assert.Equal(IFF_VNET_HDR, flags & IFF_VNET_HDR);
            Assert.Equal(VirtioHeader.Size, HeaderSize(tun.QueueFd(i)));
        }
    });

    [TunFact]
    public void Without_being_asked_for_there_are_none() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 2);
        Assert.False(tun.HasHeader);
        Assert.Equal(TunOffloads.None, tun.Offloads);
    });

    [TunFact]
    public void A_persistent_interface_made_without_a_header_gets_one() => Namespace.Run(() =>
    {
        Namespace.Sh("ip tuntap add mode tun name wg0");
        using TunDevice tun = TunOpening.Create("wg0", 2, wantsOffloads: true);
        Assert.Equal(1, tun.QueueCount);
        Assert.True(tun.HasHeader);
        Assert.Equal(Best, tun.Offloads);
    });

    [TunFact]
    public void A_persistent_interface_forgets_what_was_set_before() => Namespace.Run(() =>
    {
        Namespace.Sh("ip tuntap add mode tun name wg0 vnet_hdr");
        LeaveHeaderAndOffloadsBehind("wg0");
        using (TunDevice tun = TunOpening.Create("wg0", 1))
        {
            Assert.False(tun.HasHeader);
            if (CutsUdpItself) AssertLengths(tun, PayloadOfTwo, 28 + 1000, 28 + 1000);
        }

        LeaveHeaderAndOffloadsBehind("wg0");
        using (TunDevice tun = TunOpening.Create("wg0", 1, wantsOffloads: true))
        {
            Assert.Equal(VirtioHeader.Size, HeaderSize(tun.QueueFd(0)));
            if (Best.HasFlag(TunOffloads.Udp)) AssertLengths(tun, PayloadOfTwo, 28 + 2000);
        }
    });

    [TunFact]
    public void A_given_descriptor_is_used_with_the_header_it_has() => Namespace.Run(() =>
    {
        foreach (bool wantsOffloads in new[] { false, true })
        {
            int fd = Sys.Check(Sys.Open("/dev/net/tun", O_RDWR), "open");
            string name = "wg7";
            Sys.Check(LinkQuery.TunAttach(fd, ref name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR), "TUNSETIFF");
            Sys.Check(LinkQuery.SetHeaderSize(fd, 12), "TUNSETVNETHDRSZ");
            using TunDevice tun = TunOpening.FromDescriptor(fd, wantsOffloads);
            Assert.True(tun.HasHeader);
            Assert.Equal(wantsOffloads ? Best : TunOffloads.None, tun.Offloads);
            Assert.Equal(VirtioHeader.Size, HeaderSize(fd));
            if (!wantsOffloads && CutsUdpItself) AssertLengths(tun, PayloadOfTwo, 28 + 1000, 28 + 1000);
        }

        int bare = Sys.Check(Sys.Open("/dev/net/tun", O_RDWR), "open");
        string other = "wg8";
        Sys.Check(LinkQuery.TunAttach(bare, ref other, IFF_TUN | IFF_NO_PI), "TUNSETIFF");
        using TunDevice without = TunOpening.FromDescriptor(bare, wantsOffloads: true);
        Assert.False(without.HasHeader);
        Assert.Equal(TunOffloads.None, without.Offloads);
    });

    [TunFact]
    public void As_many_packets_wait_as_the_queue_is_long() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Assert.Contains($"qlen {TunDevice.DefaultQueueLength}", Namespace.Sh("ip link show wg0"));
        Namespace.Sh("ip link set wg0 txqueuelen 7");
        Assert.Contains("qlen 7", Namespace.Sh("ip link show wg0"));

        Namespace.Sh("ip addr add 10.9.0.1/24 dev wg0; sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1; ip link set wg0 up");
        using Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        for (int i = 0; i < 20; i++) udp.SendTo(new byte[100], new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7000));
        Assert.Equal(7, Lengths(tun).Count);
    });

    [TunTheory]
    [InlineData("10.9.0.2", true)]
    [InlineData("fd09::2", true)]
    [InlineData("10.9.0.2", false)]
    public void A_TCP_stream_arrives_whole_both_ways(string address, bool offloads)
    {
        IPAddress to = IPAddress.Parse(address);
        Join(offloads, to.AddressFamily, SocketType.Stream, (client, shuttle) =>
        {
            using Socket listener = new(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(to, 7000));
            listener.Listen();
            client.Connect(to, 7000);
            using Socket server = listener.Accept();
            Func<byte[]>[] ends = [() => Send(client, 1), () => Receive(server), () => Send(server, 2), () => Receive(client)];
            Task<byte[]>[] tasks = [.. ends.Select(end => Task.Factory.StartNew(
                end, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
            byte[][] hashes = Task.WhenAll(tasks).GetAwaiter().GetResult();
            shuttle.Dispose();
            Assert.Equal(hashes[0], hashes[1]);
            Assert.Equal(hashes[2], hashes[3]);
            Assert.NotEqual(hashes[0], hashes[2]);

            bool isIPv4 = to.AddressFamily == AddressFamily.InterNetwork;
            SegmentationKind kind = isIPv4 ? SegmentationKind.TcpIPv4 : SegmentationKind.TcpIPv6;
            int cut = shuttle.Packets[(int)kind];
            Assert.Equal(cut, shuttle.Packets.Sum() - shuttle.Packets[0]);
            if (offloads)
            {
                Assert.InRange(cut, 1, int.MaxValue);
                Assert.InRange(shuttle.Longest, 10_000, 65_535);
                Assert.InRange(shuttle.Unchecked, cut, shuttle.Packets.Sum());
                if (kind == SegmentationKind.TcpIPv6) Assert.InRange(shuttle.WithCwr, 1, cut);
            }
            else
            {
                Assert.Equal(0, cut);
                Assert.InRange(shuttle.Longest, 1000, TunDevice.DefaultMtu);
                Assert.Equal(0, shuttle.Unchecked);
            }
        });
    }

    [TunTheory]
    [InlineData("10.9.0.2", true)]
    [InlineData("fd09::2", true)]
    [InlineData("10.9.0.2", false)]
    public void UDP_trains_arrive_as_the_datagrams_they_were(string address, bool offloads)
    {
        IPAddress to = IPAddress.Parse(address);
        Join(offloads, to.AddressFamily, SocketType.Dgram, (sender, shuttle) =>
        {
            using Socket receiver = new(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            receiver.Bind(new IPEndPoint(to, 7000));
            receiver.ReceiveTimeout = 10_000;
            receiver.ReceiveBufferSize = 1 << 20;
            sender.Connect(to, 7000);
            bool sendsTrains = offloads || CutsUdpItself;
            if (sendsTrains) sender.SetRawSocketOption(SolUdp, UdpSegment, BitConverter.GetBytes(1200));
            byte[] train = new byte[48 * 1200 + 77], datagram = new byte[2000];
            for (int i = 0; i < 20; i++)
            {
                new Random(i).NextBytes(train);
                if (sendsTrains) Assert.Equal(train.Length, sender.Send(train));
                for (int at = 0; at < train.Length; at += 1200)
                {
                    ReadOnlySpan<byte> expected = train.AsSpan(at, Math.Min(1200, train.Length - at));
                    if (!sendsTrains) sender.Send(expected);
                    int n = receiver.Receive(datagram);
                    Assert.True(expected.SequenceEqual(datagram.AsSpan(0, n)));
                }
            }

            shuttle.Dispose();
            bool isUso = offloads && Best.HasFlag(TunOffloads.Udp);
            Assert.Equal(isUso ? 20 : 0, shuttle.Packets[(int)SegmentationKind.Udp]);
            int headers = to.AddressFamily == AddressFamily.InterNetwork ? 28 : 48;
            Assert.Equal(headers + (isUso ? train.Length : 1200), shuttle.Longest);
        });
    }

    private static byte[] PayloadOfTwo => new byte[2000];

    /// <summary>
    /// Joins two namespaces by a device in each, 10.9.0.1 and .2, fd09::1 and ::2, and runs the test in the second with a socket
    /// of the first.
    /// </summary>
    private static void Join(bool offloads, AddressFamily family, SocketType type, Action<Socket, TunShuttle> test) =>
        Namespace.Run(() =>
    {
        using TunDevice first = TunOpening.Create("wg0", 1, offloads);
        SetUp(1);
        using Socket socket = new(family, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp);
        Namespace.Run(() =>
        {
            using TunDevice second = TunOpening.Create("wg0", 1, offloads);
            SetUp(2);
            using TunShuttle shuttle = new(first, second);
            test(socket, shuttle);
        });

        static void SetUp(int host)
        {
            Namespace.Sh($"ip addr add 10.9.0.{host}/24 dev wg0; ip addr add fd09::{host}/64 dev wg0 nodad");
            Namespace.Sh("sysctl -qw net.ipv4.tcp_ecn=1; ip link set wg0 up");
        }
    });

    private static byte[] Send(Socket socket, int seed)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Random random = new(seed);
        byte[] buffer = new byte[256 * 1024];
        for (int sent = 0; sent < StreamSize; sent += buffer.Length)
        {
            random.NextBytes(buffer);
            hash.AppendData(buffer);
            socket.Send(buffer);
        }

        socket.Shutdown(SocketShutdown.Send);
        return hash.GetHashAndReset();
    }

    private static byte[] Receive(Socket socket)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[256 * 1024];
        socket.ReceiveTimeout = 20_000;
        for (int n; (n = socket.Receive(buffer)) > 0;) hash.AppendData(buffer, 0, n);
        return hash.GetHashAndReset();
    }

    /// <summary>As a program may that had the interface before us.</summary>
    private static void LeaveHeaderAndOffloadsBehind(string name)
    {
        using FileDescriptor before = new(Sys.Check(Sys.Open("/dev/net/tun", O_RDWR), "open"));
        Sys.Check(LinkQuery.TunAttach(before.Fd, ref name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR), "TUNSETIFF");
        Sys.Check(LinkQuery.SetHeaderSize(before.Fd, 12), "TUNSETVNETHDRSZ");
        uint usual = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
        if (LinkQuery.SetOffloads(before.Fd, usual | TUN_F_USO4 | TUN_F_USO6) < 0)
            Sys.Check(LinkQuery.SetOffloads(before.Fd, usual), "TUNSETOFFLOAD");
    }

    /// <summary>Sends a train of datagrams of 1,000 bytes to the device, and looks at what comes out.</summary>
    private static void AssertLengths(TunDevice tun, byte[] payload, params int[] expected)
    {
        Namespace.Sh($"sysctl -qw net.ipv6.conf.{tun.Name}.disable_ipv6=1");
        Namespace.Sh($"ip addr replace 10.9.0.1/24 dev {tun.Name}; ip link set {tun.Name} up");
        using Socket udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.SetRawSocketOption(SolUdp, UdpSegment, BitConverter.GetBytes(1000));
        udp.SendTo(payload, new IPEndPoint(IPAddress.Parse("10.9.0.2"), 7000));
        Assert.Equal(expected, Lengths(tun));
    }

    private static List<int> Lengths(TunDevice tun)
    {
        List<int> lengths = [];
        byte[] buffer = new byte[TunDevice.MaxRead];
        for (int n; (n = tun.Read(0, buffer)) > 0;) lengths.Add(n - VirtioHeader.Size);
        return lengths;
    }

    private static unsafe int HeaderSize(int fd)
    {
        int size;
        Sys.Check(Sys.Ioctl(fd, 0x800454d7, &size), "TUNGETVNETHDRSZ");
        return size;
    }
}
