using CsCheck;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>Whatever a packet says, it is read as the naive reader reads it, and nothing outside of it is touched.</summary>
public sealed class PacketHeadersOracleTests
{
    private static readonly byte[] Extension = [0, 0, 1, 4, 0, 0, 0, 0];
    private static readonly byte[] RoutingExtension = [0, 2, 4, 1, .. new byte[20]];

    private static readonly TestPacket[] Packets =
    [
        new() { Payload = [1, 2, 3] },
        new() { IsUdp = true, Payload = [1, 2, 3] },
        new() { OptionsIPv4 = [1, 1, 1, 0], OptionsTcp = [1, 1, 1, 0] },
        new() { IsIPv6 = true, OptionsTcp = [1, 1, 1, 0], Payload = [1] },
        new() { IsIPv6 = true, IsUdp = true },
        new() { IsIPv6 = true, Payload = [1], Extensions = [(0, [.. Extension]), (60, [.. Extension])] },
        new() { IsIPv6 = true, IsUdp = true, Payload = [1, 2], Extensions = [(43, [.. RoutingExtension])] },
        new() { IsIPv6 = true, Extensions = [(43, [.. RoutingExtension]), (43, [.. RoutingExtension])] },
        new() { IsIPv6 = true, IsUdp = true, Payload = [7], Extensions = [(44, [0, 0, 0, 1, 0, 0, 0, 0])] },
        new() { IsIPv6 = true, IsUdp = true, Extensions = [(60, [.. Extension]), (44, [0, 0, 0, 0, 0, 0, 0, 0])] },
        new() { IsIPv6 = true, IsUdp = true, Extensions = [.. Enumerable.Repeat((60, Extension), 8).Select(Copy)] },
        new() { IsIPv6 = true, IsUdp = true, Extensions = [.. Enumerable.Repeat((60, Extension), 9).Select(Copy)] },
    ];

    [Fact]
    public void Every_byte_with_every_value_is_read_as_the_naive_reader_does()
    {
        foreach (TestPacket packet in Packets)
        {
            byte[] bytes = packet.Build();
            for (int i = 0; i < bytes.Length; i++)
            {
                byte before = bytes[i];
                for (int value = 0; value < 256; value++)
                {
                    bytes[i] = (byte)value;
                    AssertReadAsNaively(bytes);
                }

                bytes[i] = before;
            }
        }
    }

    [Fact]
    public void Every_length_is_read_as_the_naive_reader_does()
    {
        foreach (TestPacket packet in Packets)
        {
            byte[] bytes = [.. packet.Build(), .. new byte[20]];
            for (int length = 0; length < bytes.Length; length++)
                AssertReadAsNaively(bytes[..length]);
        }
    }

    [Fact]
    public void Every_own_length_is_read_as_the_naive_reader_does()
    {
        foreach (TestPacket packet in Packets)
        {
            byte[] bytes = packet.Build();
            for (int length = packet.IsIPv6 ? 40 : 20; length < bytes.Length; length++)
            {
                byte[] shorter = bytes[..length];
                shorter[packet.IsIPv6 ? 5 : 3] = (byte)(packet.IsIPv6 ? length - 40 : length);
                AssertReadAsNaively(shorter);
            }
        }
    }

    [Fact]
    public void Mangled_packets_are_read_as_the_naive_reader_does()
    {
        var random = new Random(1);
        int[] kinds = new int[4];
        for (int i = 0; i < 300_000; i++)
        {
            byte[] bytes = Packets[random.Next(Packets.Length)].Build();
            for (int changes = random.Next(4); changes > 0; changes--)
            {
                int at = random.Next(4) == 0 ? random.Next(bytes.Length) : random.Next(Math.Min(bytes.Length, 64));
                bytes[at] = (byte)random.Next(random.Next(2) == 0 ? 256 : 64);
            }

            if (random.Next(4) == 0)
                Array.Resize(ref bytes, random.Next(bytes.Length + 20));
            kinds[(int)AssertReadAsNaively(bytes)]++;
        }

        Assert.All(kinds, count => Assert.True(count > 1_000, $"only {count}"));
    }

    [Fact]
    public void Packets_of_all_shapes_are_read_as_the_naive_reader_does() =>
        TestPacket.Generate(maxPayload: 50).Sample(packet => Assert.Equal(packet.Kind, AssertReadAsNaively(packet.Build())));

    [Fact]
    public void Random_bytes_are_read_as_the_naive_reader_does() =>
        Gen.Byte.Array[0, 120].Sample(bytes => AssertReadAsNaively(bytes), iter: 20_000);

    private static SegmentationKind AssertReadAsNaively(byte[] bytes)
    {
        NaiveHeaders? expected = NaiveHeaders.Read(bytes);
        bool isRead = PacketHeaders.TryRead(bytes, out PacketHeaders headers);
        if (isRead != expected is not null || (isRead && NaiveHeaders.Of(headers) != expected))
            Assert.Fail($"{Convert.ToHexString(bytes)}: {headers} and not {expected}");
        if (!isRead)
            Assert.Equal(default, headers);
        else if (headers.Kind != SegmentationKind.None)
            Assert.InRange(headers.PayloadOffset, headers.ChecksumOffset + 2, headers.Length);
        return headers.Kind;
    }

    private static (byte Type, byte[] Bytes) Copy((int Type, byte[] Bytes) extension) =>
        ((byte)extension.Type, [.. extension.Bytes]);
}
