using System.Buffers.Binary;
using System.Globalization;
using WireGuard.Protocol.Routing;

namespace WireGuard.Vsock.Link;

/// <summary>An address of the interface with the length of its network's prefix: 10.0.0.1/24, 2001:db8::1/64.</summary>
/// <param name="Address">In network order and left-aligned, as in <see cref="IpPrefix"/>, with its host bits.</param>
/// <param name="PrefixLength">0..32 for IPv4, 0..128 for IPv6.</param>
internal readonly record struct InterfaceAddress(UInt128 Address, byte PrefixLength, bool IsIPv6)
{
    /// <summary>The network that the address is in: what the kernel makes a route to.</summary>
    internal IpPrefix Network =>
        IsIPv6 ? IpPrefix.IPv6(Address, PrefixLength) : IpPrefix.IPv4((uint)(Address >> 96), PrefixLength);

    /// <summary>
    /// Reads ADDRESS or ADDRESS/LENGTH; without a length it is the address alone. A leading zero of the length, octal to `ip`, is
    /// refused.
    /// </summary>
    internal static bool TryParse(ReadOnlySpan<char> text, out InterfaceAddress address)
    {
        address = default;
        int slash = text.IndexOf('/');
        ReadOnlySpan<char> host = slash < 0 ? text : text[..slash];
        bool isIPv4 = IpAddressText.TryParseIPv4(host, out uint address4);
        UInt128 value = (UInt128)address4 << 96;
        if (!isIPv4 && !IpAddressText.TryParseIPv6(host, out value))
            return false;
        uint bits = isIPv4 ? 32u : 128u;
        uint length = bits;
        if (slash >= 0 && !DecimalText.TryParse(text[(slash + 1)..], bits, out length))
            return false;
        address = new InterfaceAddress(value, (byte)length, !isIPv4);
        return true;
    }

    /// <summary>From a message of the kernel's.</summary>
    /// <param name="bytes">In network order.</param>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, byte prefixLength, bool isIPv6, out InterfaceAddress address)
    {
        address = default;
        if (bytes.Length != (isIPv6 ? 16 : 4) || prefixLength > bytes.Length * 8)
            return false;
        UInt128 value = isIPv6
            ? BinaryPrimitives.ReadUInt128BigEndian(bytes)
            : (UInt128)BinaryPrimitives.ReadUInt32BigEndian(bytes) << 96;
        address = new InterfaceAddress(value, prefixLength, isIPv6);
        return true;
    }

    /// <summary>Writes the address in network order: the first 4 bytes, or all.</summary>
    /// <param name="destination">16 bytes.</param>
    /// <returns>How many bytes the address has: 4 or 16.</returns>
    internal int Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128BigEndian(destination, Address);
        return IsIPv6 ? 16 : 4;
    }

    /// <summary>The address with its length, in the form <see cref="TryParse"/> reads.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{AddressText}/{PrefixLength}");

    /// <summary>The address alone.</summary>
    internal string AddressText
    {
        get
        {
            Span<char> text = stackalloc char[IpAddressText.MaxLength];
            int length;
            if (IsIPv6)
                IpAddressText.TryFormatIPv6(Address, text, out length);
            else
                IpAddressText.TryFormatIPv4((uint)(Address >> 96), text, out length);
            return new string(text[..length]);
        }
    }
}
