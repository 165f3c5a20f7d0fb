using System.Buffers.Binary;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;

namespace WireGuard.Protocol.Tests.Routing;

public sealed class EcnTests
{
    private const int Drop = -1;

    public static TheoryData<int, int, int> Arrivals
    {
        get
        {
            // RFC 6040 section 4.2, figure 4: a row for each inner mark, a column for each outer one.
            int[] marks = [Ecn.NotEct, Ecn.Ect0, Ecn.Ect1, Ecn.Ce];
            int[][] table =
            [
                [Ecn.NotEct, Ecn.NotEct, Ecn.NotEct, Drop],
                [Ecn.Ect0, Ecn.Ect0, Ecn.Ect1, Ecn.Ce],
                [Ecn.Ect1, Ecn.Ect1, Ecn.Ect1, Ecn.Ce],
                [Ecn.Ce, Ecn.Ce, Ecn.Ce, Ecn.Ce],
            ];
            TheoryData<int, int, int> data = [];
            for (int inner = 0; inner < 4; inner++)
            {
                for (int outer = 0; outer < 4; outer++)
                    data.Add(marks[inner], marks[outer], table[inner][outer]);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Arrivals))]
    public void Inner_packet_says_afterwards_what_RFC_6040_says(int inner, int outer, int expected)
    {
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            for (int dscp = 0; dscp < 64; dscp++)
            {
                byte[] packet = Marked(isIPv6, (dscp << 2) | inner);
                byte[] wanted = expected == Drop ? [.. packet] : Marked(isIPv6, (dscp << 2) | expected);
                Assert.Equal(expected != Drop, Ecn.TryPropagate(packet, HeadersOf(packet), outer));
                Assert.Equal(wanted, packet);
            }
        }
    }

    [Fact]
    public void Mark_of_a_packet_is_read_from_its_traffic_class()
    {
        for (int trafficClass = 0; trafficClass < 256; trafficClass++)
        {
            Assert.Equal(trafficClass & 3, HeadersOf(Marked(isIPv6: false, trafficClass)).Ecn);
            Assert.Equal(trafficClass & 3, HeadersOf(Marked(isIPv6: true, trafficClass)).Ecn);
        }
    }

    [Fact]
    public void Header_checksum_that_is_wrong_stays_wrong()
    {
        byte[] packet = Marked(isIPv6: false, Ecn.Ect0);
        packet[10] ^= 1;
        Assert.True(Ecn.TryPropagate(packet, HeadersOf(packet), Ecn.Ce));
        Assert.NotEqual(0xFFFF, InternetChecksum.Sum(packet.AsSpan(0, 20)));
    }

    private static PacketHeaders HeadersOf(byte[] packet)
    {
        Assert.True(PacketHeaders.TryRead(packet, out PacketHeaders headers));
        return headers;
    }

    private static byte[] Marked(bool isIPv6, int trafficClass)
    {
        byte[] packet = new TestPacket { IsIPv6 = isIPv6, Payload = new byte[100] }.Build();
        if (isIPv6)
        {
            packet[0] = (byte)(0x60 | (trafficClass >> 4));
            packet[1] = (byte)((packet[1] & 0xF) | (trafficClass << 4));
            return packet;
        }

        packet[1] = (byte)trafficClass;
        packet[10] = packet[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), (ushort)~InternetChecksum.Sum(packet.AsSpan(0, 20)));
        return packet;
    }
}
