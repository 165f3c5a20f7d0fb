using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace WireGuard.Attestation;

/// <summary>What an item of CBOR is: its major type (RFC 8949 section 3.1).</summary>
internal enum CborType
{
    Unsigned,
    Negative,
    Bytes,
    Text,
    Array,
    Map,
    Tag,
    Simple,
}

/// <summary>
/// Reads CBOR (RFC 8949) item by item: any that is well formed, and of strings those of definite length. Not
/// System.Formats.Cbor: where it looks for a key twice it draws random numbers from .NET's cryptography, which opens libssl and
/// ends the process where there is none.
/// </summary>
/// <remarks>Each method throws <see cref="CborException"/> where the bytes are not well formed, or end.</remarks>
internal ref struct CborItems(ReadOnlyMemory<byte> bytes)
{
    private const byte Break = 0xff;
    private const byte Null = 0xf6;

    /// <summary>Deeper is nothing that a module makes.</summary>
    private const int MaxDepth = 16;

    private ReadOnlyMemory<byte> _rest = bytes;

    public readonly int BytesLeft => _rest.Length;

    /// <summary>The next item's type.</summary>
    public readonly CborType Type => (CborType)(First >> 5);

    private readonly byte First => _rest.IsEmpty ? throw new CborException() : _rest.Span[0];

    /// <summary>Takes null, if it is the next item.</summary>
    public bool TakeNull()
    {
        bool isNull = First == Null;
        _rest = _rest[(isNull ? 1 : 0)..];
        return isNull;
    }

    /// <summary>Takes the end of an array or map.</summary>
    /// <param name="count">How many items or pairs are left, which it counts down; null: its length is indefinite.</param>
    public bool TakeEnd(ref ulong? count)
    {
        if (count is { } left)
        {
            count = left == 0 ? 0 : left - 1;
            return left == 0;
        }

        bool isBreak = First == Break;
        _rest = _rest[(isBreak ? 1 : 0)..];
        return isBreak;
    }

    /// <summary>Takes an item's head: its number, its length, or how many items or pairs follow.</summary>
    /// <returns>null: the length is indefinite, which only arrays and maps may have.</returns>
    public ulong? TakeHead()
    {
        byte first = First;
        int form = first & 31, more = form switch { < 24 => 0, 24 => 1, 25 => 2, 26 => 4, 27 => 8, _ => -1 };
        if (form == 31 && Type is CborType.Array or CborType.Map)
            more = 0;
        if (more < 0 || _rest.Length < 1 + more)
            throw new CborException();
        ReadOnlySpan<byte> number = _rest.Span[1..];
        _rest = _rest[(1 + more)..];
        return more switch
        {
            0 => form == 31 ? null : (ulong)form,
            1 => number[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(number),
            4 => BinaryPrimitives.ReadUInt32BigEndian(number),
            _ => BinaryPrimitives.ReadUInt64BigEndian(number),
        };
    }

    /// <summary>Takes a string's bytes; the item has to be one.</summary>
    public ReadOnlyMemory<byte> TakeBytes()
    {
        ulong length = TakeHead() ?? throw new CborException();
        if (length > (ulong)_rest.Length)
            throw new CborException();
        ReadOnlyMemory<byte> taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    /// <summary>Takes a text; the item has to be one.</summary>
    public string TakeText()
    {
        ReadOnlySpan<byte> text = TakeBytes().Span;
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw new CborException();
    }

    /// <summary>Takes an item of any type, with all that is in it.</summary>
    public void Skip(int depth = 0)
    {
        CborType type = Type;
        if (depth > MaxDepth)
            throw new CborException();
        switch (type)
        {
            case CborType.Bytes:
                TakeBytes();
                break;
            case CborType.Text:
                TakeText();
                break;
            case CborType.Tag:
                TakeHead();
                Skip(depth + 1);
                break;
            case CborType.Array or CborType.Map:
                ulong? count = TakeHead();
                while (!TakeEnd(ref count))
                {
                    Skip(depth + 1);
                    if (type == CborType.Map)
                        Skip(depth + 1);
                }

                break;
            default:
                TakeHead();
                break;
        }
    }
}

/// <summary>The bytes are no CBOR; caught where the reading began.</summary>
internal sealed class CborException : Exception;
