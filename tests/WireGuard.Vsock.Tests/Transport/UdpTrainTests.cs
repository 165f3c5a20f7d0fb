using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Transport;

/// <summary>Datagrams through UdpSender and UdpReceiver, over real sockets on the loopback interface of a namespace.</summary>
public sealed unsafe class UdpTrainTests
{
    private const int SO_NO_CHECK = 11;
    private const uint Loopback = 0x7f000001;

    // Whether the sender may use UDP_SEGMENT, the receiver has UDP_GRO, and it all is IPv6.
    public static TheoryData<bool, bool, bool> Kernels => new()
    {
        { true, true, false }, { true, false, false }, { false, true, false }, { false, false, false },
        { true, true, true }, { true, false, true },
    };

    [TunTheory]
    [MemberData(nameof(Kernels))]
    public void Equal_datagrams_arrive_as_they_were(bool segments, bool joins, bool isIPv6) =>
        Check(segments, joins, isIPv6, [.. Enumerable.Repeat(1452, 45)], expectedMessages: joins && segments ? 1 : 45);

    [TunTheory]
    [MemberData(nameof(Kernels))]
    public void Shorter_datagram_ends_its_train(bool segments, bool joins, bool isIPv6) =>
        Check(segments, joins, isIPv6, [1452, 1452, 96, 1452, 1452, 96, 96], expectedMessages: joins && segments ? 3 : 7);

    [TunTheory]
    [MemberData(nameof(Kernels))]
    public void Mixed_lengths_arrive_as_they_were(bool segments, bool joins, bool isIPv6) =>
        Check(segments, joins, isIPv6, [32, 1452, 1452, 0, 0, 1, 1, 148, 65_487, 9000, 8000, 30_000, 30_000, 30_000, 64, 80]);

    [TunTheory]
    [MemberData(nameof(Kernels))]
    public void More_than_fit_one_train_go_in_several(bool segments, bool joins, bool isIPv6)
    {
        // By the number of segments, and by their bytes.
        Check(segments, joins, isIPv6, [.. Enumerable.Repeat(32, 128)], expectedMessages: joins && segments ? 2 : 128);
        Check(segments, joins, isIPv6, [.. Enumerable.Repeat(1452, 100)], expectedMessages: joins && segments ? 3 : 100);
        const int Half = UdpSender.MaxTrain / 2;
        Check(segments, joins, isIPv6, [.. Enumerable.Repeat(Half, 4)], expectedMessages: joins && segments ? 2 : 4);
        Check(segments, joins, isIPv6, [.. Enumerable.Repeat(Half + 1, 4)], expectedMessages: 4);
    }

    [TunFact]
    public void Datagrams_of_two_destinations_stay_in_their_order() => Run((sender, from, to) =>
    {
        using UdpSocket other = Open(isIPv6: false);
        UdpDestination[] destinations = [To(to), To(other)];
        byte* datagrams = stackalloc byte[60 * 100];
        List<byte[]>[] sent = [[], []];
        for (int i = 0; i < 60; i++)
        {
            // Turns of different lengths: 1, 2 and 3 datagrams.
            int which = i % 6 is 0 or 3 or 4 ? 0 : 1;
            var datagram = new Span<byte>(datagrams + (i * 100), 100);
            datagram.Fill((byte)i);
            sent[which].Add(datagram.ToArray());
            sender.Add(datagrams + (i * 100), 100, destinations[which]);
        }

        Assert.Equal(0, sender.Flush(from));
        Assert.Equal(sent[0], Receive(to, out _));
        Assert.Equal(sent[1], Receive(other, out _));
    });

    [TunTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Train_holds_one_mark_which_arrives_with_it(bool isIPv6) => Run(
        (sender, from, to) =>
        {
            UdpDestination destination = To(to);
            int[] marks = [0, 0, 1, 1, 1, 2, 3, 3, 0];
            byte* datagrams = stackalloc byte[9 * 100];
            for (int i = 0; i < marks.Length; i++)
                sender.Add(datagrams + (i * 100), 100, destination, marks[i]);
            Assert.Equal(0, sender.Flush(from));

            using var receiver = new UdpReceiver();
            Assert.Equal(5, receiver.Receive(to.Fd));
            List<int> received = [];
            while (receiver.MoveNext())
                received.Add(receiver.Ecn);
            Assert.Equal(marks, received);
        },
        isIPv6);

    [TunFact]
    public void Datagrams_apart_in_memory_can_be_one_train() => Run((sender, from, to) =>
    {
        UdpDestination destination = To(to);
        byte* datagrams = stackalloc byte[10 * 200];
        for (int i = 0; i < 10; i++)
        {
            new Span<byte>(datagrams + (i * 200), 200).Fill((byte)i);
            sender.Add(datagrams + (i * 200), 100, destination);
        }

        Assert.Equal(0, sender.Flush(from));
        List<byte[]> received = Receive(to, out int messages);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => Enumerable.Repeat((byte)i, 100).ToArray()), received);
        Assert.Equal(1, messages);
    });

    [TunFact]
    public void Segments_longer_than_the_mtu_arrive_as_fragmented_datagrams() => Run((sender, from, to) =>
    {
        Namespace.Sh("ip link set lo mtu 1500");
        UdpDestination destination = To(to);
        int[] lengths = [3000, 3000, 3000, 500, 1400, 1400];
        List<byte[]> sent = Send(sender, from, destination, lengths);
        Assert.Equal(sent, Receive(to, out int messages));
        Assert.Equal(5, messages);

        Assert.True(from.IsSegmenting);
        Assert.False(destination.TakesSegments(3000));
        Assert.True(destination.TakesSegments(1400));
        Assert.Equal(Send(sender, from, destination, lengths), Receive(to, out messages));
        Assert.Equal(5, messages);
    });

    [TunFact]
    public void Device_that_computes_no_checksums_costs_no_datagram() => Run((sender, from, _) =>
    {
        // Kernels before 6.11 refuse segments with EIO there; newer ones compute the checksums themselves.
        Namespace.Sh("ip tuntap add dev plain mode tun && ip address add 192.0.2.1/24 dev plain && ip link set plain up");
        var destination = new UdpDestination(EndpointAddress.IPv4(0xc0000202, 9));
        for (int i = 0; i < 2; i++)
            Send(sender, from, destination, [100, 100, 100]);
        Assert.True(destination.TakesSegments(100));
    });

    [TunFact]
    public void Source_outlives_a_refusal_that_was_not_its_fault() => Run((sender, from, to) =>
    {
        // Segments need checksums: without them, they are refused with the errno of a source address that is gone.
        Sys.Check(Sys.SetOption(from.Fd, SOL_SOCKET, SO_NO_CHECK, 1), "setsockopt SO_NO_CHECK");
        UdpDestination destination = To(to, new in_pktinfo { ipi_spec_dst = 0x0100007f });
        Assert.Equal(Send(sender, from, destination, [100, 100, 100]), Receive(to, out int messages));
        Assert.Equal(3, messages);
        Assert.True(destination.HasSource);
        Assert.False(destination.TakesSegments(100));
    });

    [TunFact]
    public void Train_leaves_without_a_source_address_that_is_gone() => Run((sender, from, to) =>
    {
        UdpDestination destination = To(to, new in_pktinfo { ipi_spec_dst = 0x090200c0 }); // 192.0.2.9, which is not ours
        Assert.Equal(Send(sender, from, destination, [100, 100, 100, 1, 200]), Receive(to, out _));
        Assert.False(destination.HasSource);
        Assert.True(destination.TakesSegments(100));
        Assert.True(from.IsSegmenting);
        Send(sender, from, destination, [100, 100, 100]);
        Receive(to, out int messages);
        Assert.Equal(1, messages);
    });

    [TunFact]
    public void What_cannot_be_sent_is_counted_by_the_datagram() => Run((sender, from, to) =>
    {
        var nowhere = new UdpDestination(EndpointAddress.IPv4(0xc0000209, 9));
        byte* datagrams = stackalloc byte[400];
        for (int i = 0; i < 3; i++)
            sender.Add(datagrams + (i * 100), 100, nowhere);
        sender.Add(datagrams + 300, 100, To(to));
        Assert.Equal(3, sender.Flush(from));
        Assert.Single(Receive(to, out _));
        Assert.True(nowhere.TakesSegments(100));

        sender.Add(datagrams, 100, nowhere);
        sender.Add(datagrams, 100, nowhere);
        Assert.Equal(2, sender.Flush(null));
        Assert.Equal(0, sender.Count);
    });

    [Fact]
    public void Refused_segments_are_tried_again_after_a_while()
    {
        var destination = new UdpDestination(EndpointAddress.IPv4(Loopback, 9));
        destination.RefuseSegments(1400);
        destination.RefuseSegments(3000);
        Assert.True(destination.TakesSegments(1399));
        for (int i = 1; i < UdpDestination.SegmentRetryInterval; i++)
            Assert.False(destination.TakesSegments(1400));
        Assert.True(destination.TakesSegments(1400));
        Assert.True(destination.TakesSegments(1400));
    }

    [TunFact]
    public void Full_receiver_goes_on_with_the_next_call() => Run((sender, from, to) =>
    {
        using var receiver = new UdpReceiver();
        Assert.False(receiver.MoveNext());
        List<byte[]> sent = [];
        for (int i = 0; i < UdpReceiver.BatchSize + 5; i++)
            sent.AddRange(Send(sender, from, To(to), [60, 60, 40]));
        List<byte[]> received = [];
        Assert.Equal(UdpReceiver.BatchSize, Read(receiver, to, received));
        Assert.Equal(5, Read(receiver, to, received));
        Assert.Equal(-Errno.EAGAIN, Read(receiver, to, received));
        Assert.Equal(sent, received);
    });

    /// <summary>Sends datagrams of these lengths as one batch, and expects the same.</summary>
    private static void Check(bool segments, bool joins, bool isIPv6, int[] lengths, int? expectedMessages = null) => Run(
        (sender, from, to) =>
        {
            if (!segments)
                from.StopSegmenting();
            if (!joins)
                Sys.Check(Sys.SetOption(to.Fd, IPPROTO_UDP, UDP_GRO, 0), "setsockopt UDP_GRO");
            Assert.Equal(Send(sender, from, To(to), lengths), Receive(to, out int messages));
            if (expectedMessages is { } expected)
                Assert.Equal(expected, messages);
        },
        isIPv6);

    private static void Run(Action<UdpSender, UdpSocket, UdpSocket> test, bool isIPv6 = false) => Namespace.Run(() =>
    {
        Namespace.Sh("ip link set lo up");
        using UdpSocket from = Open(isIPv6), to = Open(isIPv6);
        using var sender = new UdpSender();
        test(sender, from, to);
    });

    private static UdpSocket Open(bool isIPv6) =>
        UdpSocket.Open(isIPv6, 0, isShared: false, mark: 0, UdpOffloads.Segment | UdpOffloads.Coalesce);

    private static UdpDestination To(UdpSocket socket) => new(
        socket.IsIPv6
            ? EndpointAddress.IPv6(UInt128.One, socket.LocalPort)
            : EndpointAddress.IPv4(Loopback, socket.LocalPort));

    private static UdpDestination To(UdpSocket socket, in_pktinfo source)
    {
        Span<byte> address = stackalloc byte[EndpointAddress.MaxSockaddrSize];
        int length = EndpointAddress.IPv4(Loopback, socket.LocalPort).WriteSockaddr(address);
        return new UdpDestination(address[..length], MemoryMarshal.AsBytes(new ReadOnlySpan<in_pktinfo>(ref source)));
    }

    private static List<byte[]> Send(UdpSender sender, UdpSocket from, UdpDestination destination, int[] lengths)
    {
        byte[] arena = GC.AllocateUninitializedArray<byte>(lengths.Sum(), pinned: true);
        new Random(1).NextBytes(arena);
        List<byte[]> sent = [];
        int start = 0;
        foreach (int length in lengths)
        {
            sent.Add(arena[start..(start + length)]);
            sender.Add((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(arena, start), length, destination);
            start += length;
        }

        Assert.Equal(0, sender.Flush(from));
        return sent;
    }

    private static List<byte[]> Receive(UdpSocket to, out int messages)
    {
        using var receiver = new UdpReceiver();
        List<byte[]> received = [];
        messages = 0;
        for (int n; (n = Read(receiver, to, received)) > 0;)
            messages += n;
        return received;
    }

    private static int Read(UdpReceiver receiver, UdpSocket to, List<byte[]> received)
    {
        int messages = receiver.Receive(to.Fd);
        while (receiver.MoveNext())
        {
            Assert.True(receiver.Buffer.Slice(receiver.Offset, receiver.Datagram.Length) == receiver.Datagram);
            Assert.Equal(to.IsIPv6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in), receiver.Address.Length);
            Assert.Equal(to.IsIPv6 ? sizeof(in6_pktinfo) : sizeof(in_pktinfo), receiver.Source.Length);
            received.Add(receiver.Datagram.ToArray());
        }

        return messages;
    }
}
