using System.Globalization;
using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>
/// Sockets that are made with rights and bound without, each on a thread that gives its own up. Alone: as UdpNetworkTests.
/// </summary>
[Collection(Alone.Name)]
public sealed class UdpReserveTests
{
    private const ushort Port = 51820;
    private const long Many = 10_000; // descriptors

    [TunTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Sockets_have_large_buffers_as_often_as_was_promised_and_then_it_is_said_once(int lanes) => Run(lanes, test =>
    {
        for (int i = 0; i < UdpReserve.Openings; i++)
        {
            test.Network.Open((ushort)(Port + i));
            Assert.All(test.Sockets, HasLargeBuffers);
            Assert.All(test.Sockets, socket => Assert.Equal(Port + i, socket.LocalPort));
            test.Network.Close();
            test.Grace.Poll();
        }

        Assert.Empty(test.Log.Lines);
        for (int i = 0; i < 3; i++)
        {
            test.Network.Open((ushort)(Port + i));
            Assert.Equal(lanes * 2, test.Sockets.Count);
        }

        // Where the system's limit is large enough there is nothing to say.
        bool isLimited = test.Sockets.Exists(socket => !socket.HasLargeBuffers);
        Assert.Equal(isLimited ? 1 : 0, test.Log.Lines.Count);
        Assert.All(test.Log.Lines, line => Assert.Contains("net.core.rmem_max", line, StringComparison.Ordinal));
    });

    [TunTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Port_that_is_taken_costs_none(int lanes) => Run(lanes, test =>
    {
        using Socket other = new(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = false };
        other.Bind(new IPEndPoint(IPAddress.IPv6Any, Port));
        for (int i = 0; i <= UdpReserve.Openings; i++)
            Assert.Throws<LinuxException>(() => test.Network.Open(Port));
        test.Network.Open(0);
        Assert.All(test.Sockets, HasLargeBuffers);
    });

    [TunTheory]
    [InlineData("udp", 2 * 3)]
    [InlineData("udp4", 3)]
    [InlineData("udp6", 3)]
    public void There_are_as_many_for_each_lane_and_family_as_descriptors_allow(string word, int ofOpening) => Namespace.Run(() =>
    {
        Assert.True(NetworkKind.TryFromWord(word, out NetworkKind kind));
        int before = SocketsHere();
        using (UdpReserve.TryOpen(kind, lanes: 3, long.MaxValue))
            Assert.Equal(before + (UdpReserve.Openings * ofOpening), SocketsHere());
        Assert.Equal(before, SocketsHere());
        using (UdpReserve.TryOpen(kind, lanes: 3, (3 * ofOpening) - 1))
            Assert.Equal(before + (2 * ofOpening), SocketsHere());
        Assert.Equal(before, SocketsHere());
        using UdpReserve? empty = UdpReserve.TryOpen(kind, lanes: 3, ofOpening - 1);
        Assert.NotNull(empty);
        Assert.Equal(before, SocketsHere());
    });

    [TunFact]
    public void There_are_none_where_the_process_has_no_rights_to_begin_with() => Namespace.Run(() =>
    {
        int before = SocketsHere();
        Assert.Equal(0, Capabilities.Keep(0));
        using UdpSocket limited = UdpSocket.Open(isIPv6: false, 0, isShared: false, mark: 0, UdpOffloads.None);
        using UdpReserve? reserve = UdpReserve.TryOpen(NetworkKind.Udp, 1, Many);
        Assert.Equal(limited.HasLargeBuffers, reserve is not null);
        Assert.Equal(before + 1 + (reserve is null ? 0 : 2 * UdpReserve.Openings), SocketsHere());
    });

    private static void HasLargeBuffers(UdpSocket socket)
    {
        Assert.True(socket.HasLargeBuffers);
        foreach (int option in (int[])[SO_RCVBUF, SO_SNDBUF])
        {
            Sys.Check(Sys.GetOption(socket.Fd, SOL_SOCKET, option, out int size), "getsockopt");
            Assert.Equal(2 * UdpSocket.BufferSize, size);
        }
    }

    /// <summary>In this namespace, of any family.</summary>
    private static int SocketsHere() =>
        int.Parse(File.ReadLines("/proc/thread-self/net/sockstat").First().Split(' ')[^1], CultureInfo.InvariantCulture);

    private static void Run(int lanes, Action<Parts> test) => Namespace.Run(() =>
    {
        Namespace.Sh("ip link set lo up");
        using Parts parts = new(lanes);
        Assert.Equal(0, Capabilities.Keep(0));
        test(parts);
    });

    private sealed class Parts : IDisposable
    {
        private readonly ControlInbox _inbox = new();
        private readonly RouteQuery _routes = new();
        private readonly UdpReserve? _reserve;
        private readonly List<Lane> _lanes;

        public Parts(int lanes)
        {
            var queue = new TunQueue(new TunDevice("none", [], hasHeader: true, TunOffloads.None), 0);
            _lanes = [.. Enumerable.Range(0, lanes)
                .Select(i => new Lane(i, queue, readsTun: false, isStream: false, new Published(), _inbox))];
            Grace = new GracePeriod([.. _lanes.Select(lane => lane.Epoch)]);
            _reserve = UdpReserve.TryOpen(NetworkKind.Udp, lanes, Many);
            Assert.NotNull(_reserve);
            Network = new UdpNetwork(NetworkKind.Udp, _lanes, Grace, UdpOffloads.None, _routes, _reserve, Log);
        }

        public UdpNetwork Network { get; }

        public GracePeriod Grace { get; }

        public LinesLogger Log { get; } = new();

        public List<UdpSocket> Sockets =>
            [.. _lanes.SelectMany(lane => new[] { lane.Sockets?.IPv4, lane.Sockets?.IPv6 }).OfType<UdpSocket>()];

        public void Dispose()
        {
            Network.Close();
            Grace.Poll();
            _reserve?.Dispose();
            _lanes.ForEach(lane => lane.Dispose());
            _routes.Dispose();
            _inbox.Dispose();
        }
    }
}
