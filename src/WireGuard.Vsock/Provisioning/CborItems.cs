using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace WireGuard.Vsock.Provisioning;

/// <summary>What kind an item of CBOR is: its major type (RFC 8949 section 3.1), of those that the exchange has.</summary>
internal enum CborKind
{
    Number = 0,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
}

/// <summary>
/// Reads the items of one message in deterministic CBOR (RFC 8949 section 4.2.1): definite lengths, each number in its shortest
/// form. The message is unauthenticated: whatever it holds, nothing throws, and each method says whether the item was the one.
/// After a false the place in the message is not defined.
/// </summary>
internal ref struct CborItems(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>The next item's head.</summary>
    /// <param name="value">A number itself; how many bytes, items or pairs follow.</param>
    public bool TryHead(CborKind kind, out uint value)
    {
        value = 0;
        if (_rest.IsEmpty || _rest[0] >> 5 != (int)kind)
            return false;
        int form = _rest[0] & 31;
        int more = form switch { < 24 => 0, 24 => 1, 25 => 2, 26 => 4, _ => -1 };
        if (more < 0 || _rest.Length < 1 + more)
            return false;
        ReadOnlySpan<byte> number = _rest[1..];
        value = more switch
        {
            0 => (uint)form,
            1 => number[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(number),
            _ => BinaryPrimitives.ReadUInt32BigEndian(number),
        };
        _rest = _rest[(1 + more)..];
        return more == Cbor.MoreBytes(value);
    }

    /// <summary>A number that must be this one.</summary>
    public bool TryNumber(uint expected) => TryHead(CborKind.Number, out uint value) && value == expected;

    public bool TryBytes(out ReadOnlySpan<byte> bytes) => TryString(CborKind.Bytes, out bytes);

    public bool TryText([NotNullWhen(true)] out string? text)
    {
        text = TryString(CborKind.Text, out ReadOnlySpan<byte> bytes) && Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : null;
        return text is not null;
    }

    private bool TryString(CborKind kind, out ReadOnlySpan<byte> bytes)
    {
        bool isWhole = TryHead(kind, out uint length) && length <= (uint)_rest.Length;
        bytes = isWhole ? _rest[..(int)length] : [];
        _rest = isWhole ? _rest[(int)length..] : [];
        return isWhole;
    }
}

/// <summary>Writes what <see cref="CborItems"/> reads.</summary>
internal static class Cbor
{
    public static ArrayBufferWriter<byte> Head(this ArrayBufferWriter<byte> to, CborKind kind, uint value)
    {
        Span<byte> head = to.GetSpan(5);
        int more = MoreBytes(value);
        int form = more switch { 0 => (int)value, 1 => 24, 2 => 25, _ => 26 };
        head[0] = (byte)(((int)kind << 5) | form);
        for (int i = 0; i < more; i++)
            head[1 + i] = (byte)(value >> (8 * (more - 1 - i)));
        to.Advance(1 + more);
        return to;
    }

    public static ArrayBufferWriter<byte> Map(this ArrayBufferWriter<byte> to, int pairs) => to.Head(CborKind.Map, (uint)pairs);

    public static ArrayBufferWriter<byte> Number(this ArrayBufferWriter<byte> to, uint value) => to.Head(CborKind.Number, value);

    public static ArrayBufferWriter<byte> Bytes(this ArrayBufferWriter<byte> to, ReadOnlySpan<byte> bytes)
    {
        to.Head(CborKind.Bytes, (uint)bytes.Length).Write(bytes);
        return to;
    }

    public static ArrayBufferWriter<byte> Text(this ArrayBufferWriter<byte> to, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        to.Head(CborKind.Text, (uint)bytes.Length).Write(bytes);
        return to;
    }

    /// <summary>How many bytes the shortest form of a head has behind its first.</summary>
    internal static int MoreBytes(uint value) => value switch { < 24 => 0, <= 0xFF => 1, <= 0xFFFF => 2, _ => 4 };
}
