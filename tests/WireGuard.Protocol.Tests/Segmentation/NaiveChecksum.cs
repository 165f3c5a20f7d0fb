namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>RFC 1071 section 1 word by word, and pseudo-headers that are really built.</summary>
internal static class NaiveChecksum
{
    /// <summary>The one's complement sum of 16-bit words, not complemented.</summary>
    public static ushort Sum(IReadOnlyList<byte> bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Count; i += 2)
        {
            sum += (bytes[i] << 8) | (i + 1 < bytes.Count ? bytes[i + 1] : 0);
            if (sum > 0xFFFF)
                sum -= 0xFFFF; // the carry comes round to the other end
        }
        return (ushort)sum;
    }

    public static byte[] PseudoHeader(byte[] source, byte[] destination, byte protocol, int length) => source.Length == 4
        ? [.. source, .. destination, 0, protocol, (byte)(length >> 8), (byte)length]
        : [.. source, .. destination, 0, 0, (byte)(length >> 8), (byte)length, 0, 0, 0, protocol];
}
