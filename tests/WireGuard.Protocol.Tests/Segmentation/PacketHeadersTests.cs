using CsCheck;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class PacketHeadersTests
{
    private static readonly TestPacket Tcp4 = new() { Payload = new byte[100] };
    private static readonly TestPacket Udp4 = new() { IsUdp = true, Payload = new byte[100] };
    private static readonly TestPacket Tcp6 = new() { IsIPv6 = true, Payload = new byte[100] };
    private static readonly TestPacket Udp6 = new() { IsIPv6 = true, IsUdp = true, Payload = new byte[100] };

    [Fact]
    public void Parts_lie_where_they_were_put() => TestPacket.Generate(maxPayload: 300).Sample(packet =>
    {
        Assert.True(HasKind(packet.Build(), out PacketHeaders headers));
        Assert.Equal(
            (packet.IsIPv6, packet.Protocol, packet.TransportOffset, packet.HeaderSize, packet.Length),
            (headers.IsIPv6, headers.Protocol, headers.TransportOffset, headers.PayloadOffset, headers.Length));
        Assert.Equal((packet.IsUdp, packet.IsUdp ? 0 : packet.Flags), (headers.IsUdp, headers.TcpFlags));
        Assert.False(headers.NeedsChecksum);
        Assert.Equal(0, headers.SegmentSize);
        Assert.Equal(packet.Payload.Length, headers.PayloadLength);
        Assert.Equal(packet.Length - packet.TransportOffset, headers.TransportLength);
        Assert.Equal(packet.ChecksumOffset, headers.ChecksumOffset);
        Assert.Equal(packet.Kind, headers.Kind);
    });

    [Fact]
    public void Padding_behind_is_no_part_of_it() => TestPacket.Generate(maxPayload: 100).Sample(packet =>
    {
        byte[] bytes = packet.Build();
        Assert.True(HasKind(bytes, out PacketHeaders alone));
        Assert.True(HasKind([.. bytes, .. new byte[15]], out PacketHeaders padded));
        Assert.Equal(alone, padded);
    });

    [Fact]
    public void Nothing_that_is_cut_short_has_a_kind() => TestPacket.Generate(maxPayload: 20).Sample(packet =>
    {
        byte[] bytes = packet.Build();
        for (int length = 0; length < bytes.Length; length++)
            Assert.False(HasKind(bytes.AsSpan(0, length), out _));
    });

    [Fact]
    public void Segment_without_payload_is_read()
    {
        Assert.True(HasKind((Tcp4 with { Payload = [] }).Build(), out PacketHeaders headers));
        Assert.Equal(0, headers.PayloadLength);
    }

    [Theory]
    [InlineData(6, 0x20)] // more fragments
    [InlineData(7, 0x01)] // the smallest offset
    [InlineData(6, 0x10)] // a large one
    public void Fragment_of_IPv4_has_no_kind(int at, byte value)
    {
        AssertNoKind(Tcp4, at, value);
        AssertNoKind(Udp4, at, value);
    }

    [Theory]
    [InlineData(0x40)] // don't fragment
    [InlineData(0x80)] // reserved
    public void Other_flags_of_IPv4_do_no_harm(byte value)
    {
        byte[] packet = Tcp4.Build();
        packet[6] = value;
        Assert.True(HasKind(packet, out _));
    }

    [Fact]
    public void Fragment_of_IPv6_has_no_kind()
    {
        Assert.False(HasKind((Tcp6 with { Extensions = [(44, [0, 0, 0, 0, 0, 0, 0, 1])] }).Build(), out _));
        Assert.False(HasKind((Udp6 with { Extensions = [Empty(0), Empty(44)] }).Build(), out _));
    }

    [Theory]
    [InlineData(1)]   // ICMP
    [InlineData(50)]  // ESP
    [InlineData(51)]  // AH, which vouches for the lengths
    [InlineData(58)]  // ICMPv6
    [InlineData(59)]  // nothing
    [InlineData(136)] // UDP-Lite
    public void Other_protocols_have_no_kind(byte protocol)
    {
        AssertNoKind(Tcp4, 9, protocol);
        AssertNoKind(Tcp6, 6, protocol);
    }

    [Fact]
    public void Hop_by_hop_options_of_IPv6_mean_nothing_in_IPv4() => AssertNoKind(Tcp4, 9, 0);

    [Theory]
    [InlineData(0x40)]
    [InlineData(0x00)]
    public void Data_offset_shorter_than_a_TCP_header_has_no_kind(byte offset) => AssertNoKind(Tcp4, 20 + 12, offset);

    [Fact]
    public void Data_offset_past_the_end_has_no_kind() =>
        AssertNoKind(Tcp4 with { Payload = new byte[39] }, 20 + 12, 0xF0);

    [Theory]
    [InlineData(0)]   // a jumbogram
    [InlineData(7)]   // not even the header
    [InlineData(107)] // one byte left over
    [InlineData(109)] // one byte too many
    public void Udp_length_that_is_not_what_IP_leaves_has_no_kind(byte length)
    {
        AssertNoKind(Udp4, 20 + 5, length);
        AssertNoKind(Udp6, 40 + 5, length);
    }

    [Fact]
    public void Extension_past_the_end_has_no_kind()
    {
        TestPacket packet = Tcp6 with { Extensions = [Empty(60)], Payload = [] };
        for (int units = 0; units < 256; units++)
        {
            byte[] bytes = packet.Build();
            bytes[41] = (byte)units;
            Assert.Equal(units == 0, HasKind(bytes, out _));
        }
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(9, false)]
    public void Chain_of_extensions_is_followed_so_far(int extensions, bool isRead) => Assert.Equal(
        isRead, HasKind((Udp6 with { Extensions = [.. Enumerable.Repeat(Empty(60), extensions)] }).Build(), out _));

    [Fact]
    public void Routing_header_of_unknown_type_is_read_only_when_it_is_used_up()
    {
        byte[] extension = Empty(43).Bytes;
        extension[2] = 253;
        Assert.True(HasKind((Tcp6 with { Extensions = [(43, extension)] }).Build(), out _));
        extension[3] = 1;
        Assert.False(HasKind((Tcp6 with { Extensions = [(43, extension)] }).Build(), out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    public void Routing_header_without_room_for_an_address_has_no_kind(byte type)
    {
        byte[] extension = Empty(43, units: 2).Bytes;
        extension[2] = type;
        extension[3] = 1;
        Assert.False(HasKind((Tcp6 with { Extensions = [(43, extension)] }).Build(), out _));
    }

    [Fact]
    public void Two_routing_headers_not_used_up_have_no_kind()
    {
        (byte Type, byte[] Bytes) routing = Empty(43, units: 3);
        routing.Bytes[2] = 4;
        routing.Bytes[3] = 1;
        Assert.True(HasKind((Tcp6 with { Extensions = [routing] }).Build(), out _));
        Assert.False(HasKind((Tcp6 with { Extensions = [routing, routing] }).Build(), out _));
    }

    private static (byte Type, byte[] Bytes) Empty(byte type, int units = 1)
    {
        byte[] bytes = new byte[units * 8];
        bytes[1] = (byte)(units - 1);
        return (type, bytes);
    }

    /// <summary>Whether it may be segmented or coalesced.</summary>
    private static bool HasKind(ReadOnlySpan<byte> packet, out PacketHeaders headers) =>
        PacketHeaders.TryRead(packet, out headers) && headers.Kind != SegmentationKind.None;

    private static void AssertNoKind(TestPacket packet, int at, byte value)
    {
        byte[] bytes = packet.Build();
        Assert.True(HasKind(bytes, out _));
        bytes[at] = value;
        Assert.False(HasKind(bytes, out _));
    }
}
