using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Section 5.4.6, padding; the kernel's calculate_skb_padding for what is longer than the MTU.</summary>
public sealed class TransportMessageTests
{
    [Theory]
    // length, MTU, padded length
    [InlineData(0, 1420, 0)]
    [InlineData(1, 1420, 16)]
    [InlineData(15, 1420, 16)]
    [InlineData(16, 1420, 16)]
    [InlineData(17, 1420, 32)]
    [InlineData(1408, 1420, 1408)]
    [InlineData(1409, 1420, 1420)] // not past the MTU
    [InlineData(1419, 1420, 1420)]
    [InlineData(1420, 1420, 1420)]
    [InlineData(1421, 1420, 1436)] // longer: what exceeds a whole MTU counts
    [InlineData(2839, 1420, 2840)]
    [InlineData(2840, 1420, 2840)]
    [InlineData(100, 68, 100)]
    [InlineData(101, 68, 116)]
    [InlineData(65_535, 65_535, 65_535)]
    [InlineData(65_530, 65_535, 65_535)]
    [InlineData(65_535, 1420, 65_535 - (65_535 % 1420) + 224)]
    [InlineData(0, 0, 0)] // not known
    [InlineData(1, 0, 16)]
    [InlineData(1421, 0, 1424)]
    public void Packet_is_padded_to_16_bytes_but_not_past_the_MTU(int length, int mtu, int padded) =>
        Assert.Equal(padded, TransportMessage.PaddedLength(length, mtu));

    [Fact]
    public void Padding_is_less_than_16_bytes_for_every_length_and_MTU()
    {
        foreach (int mtu in (int[])[0, 1, 68, 576, 1280, 1420, 1500, 9000, 65_535])
        {
            for (int length = 0; length <= 65_535; length++)
                Assert.InRange(TransportMessage.PaddedLength(length, mtu) - length, 0, 15);
        }
    }
}
