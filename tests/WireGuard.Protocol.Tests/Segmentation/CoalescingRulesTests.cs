using System.Buffers.Binary;
using WireGuard.Protocol.Segmentation;
using static WireGuard.Protocol.Tests.Segmentation.FlowSegment;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>
/// Two packets, the second of which follows the first; one thing is different. The rules are those of inet_gro_receive(),
/// ipv6_gro_receive(), tcp_gro_receive() and udp_gro_receive_segment().
/// </summary>
public sealed class CoalescingRulesTests
{
    private static readonly byte[] Payload = [.. Enumerable.Range(0, 1_000).Select(i => (byte)(i * 7))];

    private static readonly FlowSegment Tcp4 = new() { Payload = Payload };
    private static readonly FlowSegment Tcp6 = Tcp4 with { IsIPv6 = true };
    private static readonly FlowSegment Udp4 = Tcp4 with { IsUdp = true };
    private static readonly FlowSegment Udp6 = Udp4 with { IsIPv6 = true };

    public static TheoryData<string> Coalesced => [.. CoalescedPairs.Keys];

    public static TheoryData<string> Separate => [.. SeparatePairs.Keys];

    private static HashSet<string> OtherFlows { get; } =
    [
        "other IPv4 source", "other IPv4 destination", "other IPv6 source", "other IPv6 destination", "other IP version",
        "other protocol", "other TCP source port", "other TCP destination port", "other UDP source port",
        "other UDP destination port",
    ];

    private static Dictionary<string, (byte[] First, byte[] Second)> CoalescedPairs { get; } = new()
    {
        ["TCP over IPv4"] = Follow(Tcp4),
        ["TCP over IPv6"] = Follow(Tcp6),
        ["UDP over IPv4"] = Follow(Udp4),
        ["UDP over IPv6"] = Follow(Udp6),
        ["no TCP options"] = Follow(Tcp4 with { TcpOptions = [] }),
        ["as many TCP options as there can be"] = Follow(Tcp4 with { TcpOptions = [.. Enumerable.Repeat((byte)1, 40)] }),
        ["a byte each"] = Follow(Tcp4 with { Payload = [1] }),
        ["an odd payload"] = Follow(Tcp4 with { Payload = Payload[..999] }),
        ["shorter TCP"] = Follow(Tcp4, next => next with { Payload = [1] }),
        ["shorter UDP"] = Follow(Udp6, next => next with { Payload = [1] }),
        ["PSH on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Psh }),
        ["FIN on the second"] = Follow(Tcp6, next => next with { Flags = Ack | Fin | Psh }),
        ["ECE on both"] = Follow(Tcp4 with { Flags = Ack | Ece }),
        ["a reserved bit on both"] = Follow(Tcp4 with { Reserved = 1 }),
        ["congestion experienced on both"] = Follow(Tcp4 with { TrafficClass = 3 }),
        ["the sequence number wraps"] = Follow(Tcp4 with { Sequence = uint.MaxValue - 10 }),
        ["the id wraps"] = Follow(Tcp4 with { Id = ushort.MaxValue }),
        ["the id stays, under don't-fragment"] = Follow(Udp4, next => next with { Id = Udp4.Id }),
        ["the id goes up, without don't-fragment"] = Follow(Tcp4 with { FragmentBits = 0 }),
    };

    private static Dictionary<string, (byte[] First, byte[] Second)> SeparatePairs { get; } = new()
    {
        // IP
        ["other IPv4 source"] = Follow(Tcp4, next => next with { Source = 9 }),
        ["other IPv4 destination"] = Follow(Udp4, next => next with { Destination = 9 }),
        ["other IPv6 source"] = Follow(Udp6, next => next with { Source = 9 }),
        ["other IPv6 destination"] = Follow(Tcp6, next => next with { Destination = 9 }),
        ["other IP version"] = Follow(Tcp4, next => next with { IsIPv6 = true }),
        ["other protocol"] = Follow(Tcp4, next => next with { IsUdp = true }),
        ["other type of service"] = Follow(Tcp4, next => next with { TrafficClass = 4 }),
        ["other IPv6 traffic class, high bits"] = Follow(Tcp6, next => next with { TrafficClass = 0x40 }),
        ["other IPv6 traffic class, low bits"] = Follow(Tcp6, next => next with { TrafficClass = 0x04 }),
        ["congestion experienced on the second"] = Follow(
            Udp4 with { TrafficClass = 2 }, next => next with { TrafficClass = 3 }),
        ["other time to live"] = Follow(Tcp4, next => next with { HopLimit = 63 }),
        ["other hop limit"] = Follow(Udp6, next => next with { HopLimit = 63 }),
        ["other flow label"] = Follow(Tcp6, next => next with { FlowLabel = 0x12346 }),
        ["other don't-fragment"] = Follow(Tcp4, next => next with { FragmentBits = 0 }),
        ["reserved bit of IPv4 on both"] = Follow(Tcp4 with { FragmentBits = 0xC000 }),
        ["id skips one"] = Follow(Tcp4, next => next with { Id = (ushort)(Tcp4.Id + 2) }),
        ["id goes back"] = Follow(Tcp4, next => next with { Id = (ushort)(Tcp4.Id - 1) }),
        ["id stays, without don't-fragment"] = Follow(
            Tcp4 with { FragmentBits = 0 }, next => next with { Id = Tcp4.Id }),
        ["IPv4 options on both"] = Follow(Tcp4 with { IpOptions = [1, 1, 1, 0] }),
        ["IPv4 options on the second"] = Follow(Tcp4, next => next with { IpOptions = [1, 1, 1, 0] }),
        ["more fragments on both"] = Follow(Udp4 with { FragmentBits = 0x2000 }),
        ["more fragments on the second"] = Follow(Tcp4, next => next with { FragmentBits = 0x2000 }),
        ["fragment offset on the second"] = Follow(Tcp4, next => next with { FragmentBits = 1 }),
        ["IPv6 destination options on both"] = (WithExtension(Tcp6), WithExtension(Tcp6.Next(Payload))),
        ["IPv6 destination options on the second"] = (Tcp6.ToBytes(), WithExtension(Tcp6.Next(Payload))),
        ["IPv4 total length too small"] = Spoil(Tcp4, second => WriteIPv4Length(second, second.Length - 1)),
        ["IPv6 payload length too small"] = Spoil(Tcp6, second => second[5]--),

        // TCP
        ["other TCP source port"] = Follow(Tcp4, next => next with { SourcePort = 1 }),
        ["other TCP destination port"] = Follow(Tcp6, next => next with { DestinationPort = 1 }),
        ["a hole in the sequence"] = Follow(Tcp4, next => next with { Sequence = next.Sequence + 1 }),
        ["a sequence that overlaps"] = Follow(Tcp4, next => next with { Sequence = next.Sequence - 1 }),
        ["the same segment again"] = Follow(Tcp4, next => next with { Sequence = Tcp4.Sequence }),
        ["other acknowledgement"] = Follow(Tcp4, next => next with { Acknowledgement = 78 }),
        ["other window"] = Follow(Tcp6, next => next with { Window = 502 }),
        ["other urgent pointer"] = Follow(Tcp4, next => next with { Urgent = 1 }),
        ["other timestamp"] = Follow(Tcp4, next => next with { TcpOptions = [1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 7] }),
        ["more options"] = Follow(Tcp4, next => next with { TcpOptions = [.. next.TcpOptions, 1, 1, 1, 1] }),
        ["fewer options"] = Follow(Tcp4, next => next with { TcpOptions = [] }),
        ["other reserved bit"] = Follow(Tcp4, next => next with { Reserved = 1 }),
        ["PSH on the first"] = Follow(Tcp4, next => next with { Flags = Ack }, first => first with { Flags = Ack | Psh }),
        ["FIN on the first"] = Follow(Tcp4, next => next with { Flags = Ack }, first => first with { Flags = Ack | Fin }),
        ["ECE on the first"] = Follow(Tcp4, next => next with { Flags = Ack }, first => first with { Flags = Ack | Ece }),
        ["ECE on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Ece }),
        ["CWR on the first"] = Follow(Tcp4, next => next with { Flags = Ack }, first => first with { Flags = Ack | Cwr }),
        ["CWR on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Cwr }),
        ["CWR on both"] = Follow(Tcp4 with { Flags = Ack | Cwr }),
        ["SYN on both"] = Follow(Tcp4 with { Flags = Ack | Syn }),
        ["SYN on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Syn }),
        ["RST on both"] = Follow(Tcp4 with { Flags = Ack | Rst }),
        ["RST on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Rst }),
        ["URG on both"] = Follow(Tcp4 with { Flags = Ack | Urg }),
        ["URG on the second"] = Follow(Tcp4, next => next with { Flags = Ack | Urg }),
        ["no ACK on both"] = Follow(Tcp4 with { Flags = 0 }),
        ["no ACK on the second"] = Follow(Tcp4, next => next with { Flags = 0 }),
        ["longer TCP"] = Follow(Tcp4, next => next with { Payload = [.. Payload, 1] }),
        ["second carries nothing"] = Follow(Tcp4, next => next with { Payload = [] }),
        ["neither carries anything"] = Follow(Tcp4 with { Payload = [] }),
        ["TCP header longer than the packet"] = Spoil(Tcp4 with { Payload = [1] }, second => second[32] |= 0xF0),
        ["TCP header shorter than one"] = Spoil(Tcp4, second => second[32] = 0x40),

        // UDP
        ["other UDP source port"] = Follow(Udp6, next => next with { SourcePort = 1 }),
        ["other UDP destination port"] = Follow(Udp4, next => next with { DestinationPort = 1 }),
        ["longer UDP"] = Follow(Udp4, next => next with { Payload = [.. Payload, 1] }),
        ["an empty datagram after another"] = Follow(Udp4, next => next with { Payload = [] }),
        ["two empty datagrams"] = Follow(Udp4 with { Payload = [] }),
        ["no checksum on the second"] = Spoil(Udp4, second => second.AsSpan(26, 2).Clear()),
        ["no checksum on the first"] = SpoilFirst(Udp4, first => first.AsSpan(26, 2).Clear()),
        ["no checksum over IPv6"] = Spoil(Udp6, second => second.AsSpan(46, 2).Clear()),
        ["UDP length too small"] = Spoil(Udp4, second => SetUdpLength(second, -1)),
        ["UDP length too large"] = Spoil(Udp4, second => SetUdpLength(second, 1)),

        // Checksums
        ["bad TCP checksum on the second"] = Spoil(Tcp4, second => second[36]++),
        ["bad TCP checksum on the first"] = SpoilFirst(Tcp6, first => first[56]++),
        ["bad UDP checksum on the second"] = Spoil(Udp6, second => second[46]++),
        ["bad UDP checksum on the first"] = SpoilFirst(Udp4, first => first[26]++),
        ["bad payload on the second"] = Spoil(Tcp6, second => second[^1]++),
        ["bad payload on the first"] = SpoilFirst(Udp6, first => first[^1]++),
        ["bad IPv4 header checksum on the second"] = Spoil(Tcp4, second => second[10]++),
        ["bad IPv4 header checksum on the first"] = SpoilFirst(Udp4, first => first[11]++),
    };

    [Theory]
    [MemberData(nameof(Coalesced))]
    public void Is_coalesced(string name)
    {
        (byte[] first, byte[] second) = CoalescedPairs[name];
        var batch = new CoalescedBatch([first, second]);
        Assert.Equal([2], batch.PieceCounts);
        if (name != "the id stays, under don't-fragment") // then the ids are those of "the id goes up"
            CoalescedBatch.AssertSame([first, second], batch.Cut());
    }

    [Theory]
    [MemberData(nameof(Separate))]
    public void Is_not_coalesced(string name)
    {
        (byte[] first, byte[] second) = SeparatePairs[name];
        var batch = new CoalescedBatch([first, second]);
        Assert.All(batch.Packets, packet => Assert.Equal((1, SegmentationKind.None), (packet.PieceCount, packet.Kind)));
        CoalescedBatch.AssertSame(batch.Given, batch.Bytes);
    }

    /// <summary>What cannot be coalesced must not be overtaken by what comes behind it either.</summary>
    [Theory]
    [MemberData(nameof(Separate))]
    public void Is_not_overtaken(string name)
    {
        (byte[] first, byte[] second) = SeparatePairs[name];
        if (OtherFlows.Contains(name))
            return;
        var batch = new CoalescedBatch([first, second, first, second]);
        CoalescedBatch.AssertSame(batch.Given, batch.Cut());
    }

    [Fact]
    public void Id_that_went_up_may_not_stay_later()
    {
        FlowSegment second = Tcp4.Next(Payload);
        FlowSegment third = second.Next(Payload) with { Id = second.Id };
        Assert.Equal([2, 1], Run(Tcp4, second, third).PieceCounts);
        third = second.Next(Payload) with { Id = Tcp4.Id };
        Assert.Equal([2, 1], Run(Tcp4, second, third).PieceCounts);
    }

    [Fact]
    public void Id_that_stayed_may_not_go_up_later()
    {
        FlowSegment second = Tcp4.Next(Payload) with { Id = Tcp4.Id };
        Assert.Equal([3], Run(Tcp4, second, second.Next(Payload) with { Id = Tcp4.Id }).PieceCounts);
        foreach (int step in new[] { 1, 2 })
            Assert.Equal([2, 1], Run(Tcp4, second, second.Next(Payload) with { Id = (ushort)(Tcp4.Id + step) }).PieceCounts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shorter_packet_ends_its_row(bool isUdp)
    {
        FlowSegment first = isUdp ? Udp4 : Tcp4;
        FlowSegment second = first.Next(Payload[..500]);
        FlowSegment third = second.Next(Payload[..500]);
        var batch = Run(first, second, third, third.Next(Payload[..500]));
        Assert.Equal([2, 2], batch.PieceCounts);
    }

    [Theory]
    [InlineData(Psh)]
    [InlineData(Fin)]
    public void Push_and_FIN_end_their_row(byte flag)
    {
        FlowSegment second = Tcp4.Next(Payload) with { Flags = (byte)(Ack | flag) };
        FlowSegment third = second.Next(Payload) with { Flags = Ack };
        var batch = Run(Tcp4, second, third, third.Next(Payload));
        Assert.Equal([2, 2], batch.PieceCounts);
        Assert.Equal(Ack | flag, batch.Bytes[0][33]);
        Assert.Equal(Ack, batch.Bytes[1][33]);
    }

    [Fact]
    public void Datagrams_stay_alone_where_the_kernel_takes_no_rows_of_them()
    {
        byte[][] packets = [Udp4.ToBytes(), Udp4.Next(Payload).ToBytes(), Tcp4.ToBytes(), Tcp4.Next(Payload).ToBytes()];
        Assert.Equal([1, 1, 2], new CoalescedBatch(packets, allowUdp: false).PieceCounts);
    }

    private static CoalescedBatch Run(params FlowSegment[] segments)
    {
        var batch = new CoalescedBatch(segments.Select(segment => segment.ToBytes()));
        Assert.Equal(segments.Length, batch.Cut().Count());
        return batch;
    }

    private static (byte[] First, byte[] Second) Follow(
        FlowSegment first, Func<FlowSegment, FlowSegment>? change = null, Func<FlowSegment, FlowSegment>? changeFirst = null)
    {
        first = changeFirst?.Invoke(first) ?? first;
        FlowSegment second = first.Next(first.Payload);
        return (first.ToBytes(), (change?.Invoke(second) ?? second).ToBytes());
    }

    private static (byte[] First, byte[] Second) Spoil(FlowSegment first, Action<byte[]> spoil)
    {
        byte[] second = first.Next(first.Payload).ToBytes();
        spoil(second);
        return (first.ToBytes(), second);
    }

    private static (byte[] First, byte[] Second) SpoilFirst(FlowSegment first, Action<byte[]> spoil)
    {
        byte[] bytes = first.ToBytes();
        spoil(bytes);
        return (bytes, first.Next(first.Payload).ToBytes());
    }

    private static void WriteIPv4Length(byte[] packet, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)length);
        packet.AsSpan(10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Complement(Sum(packet.AsSpan(0, 20))));
    }

    /// <summary>The length is in the checksum twice: in the header and beside it. Only the one in the header changes.</summary>
    private static void SetUdpLength(byte[] packet, int change)
    {
        Span<byte> udp = packet.AsSpan(20);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)(udp.Length + change));
        udp[6..8].Clear();
        int sum = PseudoHeaderSum(packet, isIPv6: false, isUdp: true, udp.Length) + Sum(udp);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], Complement(sum, isUdp: true));
    }

    /// <summary>Destination options of padding between IPv6 and TCP; the checksum stays right.</summary>
    private static byte[] WithExtension(FlowSegment segment)
    {
        byte[] plain = segment.ToBytes();
        byte[] packet = [.. plain[..40], plain[6], 0, 1, 4, 0, 0, 0, 0, .. plain[40..]];
        packet[6] = 60;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - 40));
        return packet;
    }
}
