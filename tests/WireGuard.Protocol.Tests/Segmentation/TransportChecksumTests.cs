using System.Buffers.Binary;
using CsCheck;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

public sealed class TransportChecksumTests
{
    private static readonly TestPacket Udp = new() { IsUdp = true, Payload = [1, 2, 3] };

    [Fact]
    public void Whole_checksum_is_valid_and_any_flipped_bit_is_not() => TestPacket.Generate(maxPayload: 60).Sample(packet =>
    {
        byte[] bytes = packet.Build();
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.True(TransportChecksum.IsValid(bytes, headers));
        for (int i = packet.TransportOffset * 8; i < bytes.Length * 8; i++)
        {
            bytes[i / 8] ^= (byte)(1 << (i % 8));
            Assert.False(TransportChecksum.IsValid(bytes, headers));
            bytes[i / 8] ^= (byte)(1 << (i % 8));
        }
    });

    [Fact]
    public void Padding_is_not_summed()
    {
        byte[] bytes = [.. Udp.Build(), 0xAA, 0xBB];
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.True(TransportChecksum.IsValid(bytes, headers));
    }

    [Fact]
    public void Partial_checksum_is_the_sum_of_the_pseudo_header() => TestPacket.Generate(maxPayload: 60).Sample(packet =>
    {
        byte[] bytes = packet.Build();
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.Equal(packet.PseudoHeaderSum, TransportChecksum.PseudoHeader(bytes, headers));
        TransportChecksum.WritePartial(bytes, headers);
        Assert.Equal(packet.BuildPartial(), bytes);
    });

    [Fact]
    public void Partial_checksum_that_is_completed_is_whole() => TestPacket.Generate(maxPayload: 60).Sample(packet =>
    {
        byte[] bytes = packet.BuildPartial();
        Assert.True(TransportChecksum.Complete(
            bytes, packet.TransportOffset, packet.ChecksumOffset - packet.TransportOffset));
        byte[] whole = packet.Build();
        if (!packet.IsUdp && BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(packet.ChecksumOffset)) == 0)
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(packet.ChecksumOffset), 0xFFFF); // the same number
        Assert.Equal(whole, bytes);
    });

    [Fact]
    public void Checksum_0_of_UDP_is_sent_as_all_ones()
    {
        byte[] bytes = SummingToZero(Udp with { Payload = [0, 0] });
        Assert.True(TransportChecksum.Complete(bytes, 20, 6));
        Assert.Equal(0xFFFF, BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(26)));
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.True(TransportChecksum.IsValid(bytes, headers));
    }

    [Fact]
    public void UDP_may_do_without_a_checksum_over_IPv4_only()
    {
        byte[] bytes = Udp.Build();
        bytes[26] = bytes[27] = 0;
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.True(TransportChecksum.IsValid(bytes, headers));

        bytes = SummingToZero(Udp with { IsIPv6 = true, Payload = [0, 0] }); // so that 0 would be right, were it allowed
        bytes[46] = bytes[47] = 0;
        Assert.True(PacketHeaders.TryRead(bytes, out headers));
        Assert.False(TransportChecksum.IsValid(bytes, headers));
    }

    [Fact]
    public void TCP_may_not_do_without_a_checksum()
    {
        byte[] bytes = new TestPacket { Payload = [1, 2, 3] }.Build();
        bytes[36] = bytes[37] = 0;
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.False(TransportChecksum.IsValid(bytes, headers));
    }

    /// <summary>RFC 8200 section 8.1. RFC 2460 has that address last, RFC 6275 has but one, RFC 8754 has it first.</summary>
    [Theory]
    [InlineData(0, 24)]
    [InlineData(2, 8)]
    [InlineData(4, 8)]
    public void Pseudo_header_has_the_destination_at_the_end_of_the_path(byte type, int at)
    {
        byte[] final = [0xFE, .. Enumerable.Repeat((byte)0x33, 15)];
        byte[] routing = new byte[type == 2 ? 24 : 40];
        routing[1] = (byte)(routing.Length / 8 - 1);
        routing[2] = type;
        routing[3] = 1;
        final.CopyTo(routing, at);
        var packet = new TestPacket
        {
            IsIPv6 = true,
            Payload = new byte[50],
            Extensions = [(60, new byte[8]), (43, routing)],
            FinalDestination = final,
        };
        byte[] bytes = packet.Build();
        Assert.True(PacketHeaders.TryRead(bytes, out PacketHeaders headers));
        Assert.True(TransportChecksum.IsValid(bytes, headers));
        Assert.True(Segmenter.TryBegin(bytes, headers, 30, out Segmenter segmenter));
        byte[] piece = new byte[segmenter.LengthOf(1)];
        segmenter.Write(1, piece);
        Assert.Equal(NaiveSegmenter.Cut(packet, 30)[1], piece);
    }

    [Theory]
    [InlineData(-1, 6)]
    [InlineData(20, -1)]
    [InlineData(20, 10)]            // the second byte lies behind the end
    [InlineData(29, 1)]
    [InlineData(30, 0)]
    [InlineData(31, 0)]
    [InlineData(32, -2)]
    [InlineData(0, 30)]
    [InlineData(65_535, 65_535)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(int.MaxValue, 0)]
    [InlineData(int.MinValue, int.MaxValue)]
    [InlineData(20, int.MaxValue)]
    [InlineData(20, int.MinValue)]
    public void Checksum_outside_of_the_packet_is_refused(int start, int offset)
    {
        byte[] bytes = new byte[31];
        Assert.False(TransportChecksum.Complete(bytes, start, offset));
        Assert.All(bytes, b => Assert.Equal(0, b));
        Assert.False(TransportChecksum.Complete([], start, offset));
    }

    [Fact]
    public void Checksum_may_be_the_last_thing_in_the_packet()
    {
        byte[] bytes = [0x45, 0x00, 0x12, 0x34];
        Assert.True(TransportChecksum.Complete(bytes, 0, 2));
        Assert.Equal([0x45, 0x00, 0xA8, 0xCB], bytes); // ~(0x4500 + 0x1234)
    }

    /// <summary>The packet with a partial checksum, and its payload such that the whole one comes out as 0.</summary>
    private static byte[] SummingToZero(TestPacket packet)
    {
        byte[] bytes = packet.BuildPartial();
        ushort sum = NaiveChecksum.Sum(bytes[packet.TransportOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(packet.HeaderSize), (ushort)(0xFFFF - sum));
        return bytes;
    }
}
