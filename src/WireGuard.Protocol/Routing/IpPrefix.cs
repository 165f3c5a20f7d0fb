using System.Globalization;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// An IP prefix, 10.0.0.0/24 or 2001:db8::/32: what an allowed IP is. The host bits are always zero, so equal prefixes are equal
/// values.
/// </summary>
internal readonly record struct IpPrefix : ISpanFormattable
{
    /// <summary>The longest text of a prefix: an IPv6 address and "/128".</summary>
    public const int MaxTextLength = IpAddressText.MaxLength + 4;

    private IpPrefix(UInt128 address, int length, bool isIPv6)
    {
        Address = address & Mask(length);
        Length = (byte)length;
        IsIPv6 = isIPv6;
    }

    /// <summary>The address in network order, left-aligned: an IPv4 address is in the top 32 bits. Host bits are zero.</summary>
    public UInt128 Address { get; }

    /// <summary>How many leading bits count: 0..32 for IPv4, 0..128 for IPv6.</summary>
    public byte Length { get; }

    public bool IsIPv6 { get; }

    /// <summary>
    /// A prefix of the IPv4 address whose host integer this is (10.0.0.0 is 0x0A000000); host bits are masked off.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is not in 0..32.</exception>
    public static IpPrefix IPv4(uint address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, 32u, nameof(length));
        return new IpPrefix((UInt128)address << 96, length, isIPv6: false);
    }

    /// <summary>A prefix of the IPv6 address whose host integer this is (::1 is 1); host bits are masked off.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is not in 0..128.</exception>
    public static IpPrefix IPv6(UInt128 address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, 128u, nameof(length));
        return new IpPrefix(address, length, isIPv6: true);
    }

    /// <summary>
    /// Reads "10.0.0.0/24" or "2001:db8::/32". The slash and the length must be there, the length without leading zeros; a zone,
    /// spaces or anything trailing is refused. Host bits are masked off, as wireguard-go and the kernel do.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out IpPrefix prefix)
    {
        prefix = default;
        int slash = text.IndexOf('/');
        if (slash < 0)
            return false;
        if (!DecimalText.TryParse(text[(slash + 1)..], 128, out uint bits))
            return false;
        text = text[..slash];
        if (IpAddressText.TryParseIPv4(text, out uint address4))
        {
            if (bits > 32)
                return false;
            prefix = IPv4(address4, (int)bits);
            return true;
        }
        if (!IpAddressText.TryParseIPv6(text, out UInt128 address6))
            return false;
        prefix = IPv6(address6, (int)bits);
        return true;
    }

    /// <summary>Writes "10.0.0.0/24"; false when <paramref name="destination"/> is shorter than that.</summary>
    public bool TryFormat(Span<char> destination, out int charsWritten)
    {
        charsWritten = 0;
        bool fits = IsIPv6
            ? IpAddressText.TryFormatIPv6(Address, destination, out int written)
            : IpAddressText.TryFormatIPv4((uint)(Address >> 96), destination, out written);
        if (!fits || !destination[written..].TryWrite(CultureInfo.InvariantCulture, $"/{Length}", out int suffix))
            return false;
        charsWritten = written + suffix;
        return true;
    }

    public override string ToString()
    {
        Span<char> text = stackalloc char[MaxTextLength];
        TryFormat(text, out int length);
        return new string(text[..length]);
    }

    bool ISpanFormattable.TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        TryFormat(destination, out charsWritten);

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <summary>The bits that count. A shift by 128 would be a shift by 0, so the empty mask is told apart.</summary>
    private static UInt128 Mask(int length) => length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);
}
