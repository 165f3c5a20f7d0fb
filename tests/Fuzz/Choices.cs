using System.Buffers.Binary;

namespace WireGuard.Fuzz;

/// <summary>
/// An input read as a list of choices: numbers and pieces of bytes, one after the other. At its end all numbers are 0 and all
/// pieces empty, so every input is a valid one.
/// </summary>
internal ref struct Choices(ReadOnlySpan<byte> input)
{
    private ReadOnlySpan<byte> _rest = input;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte Byte()
    {
        if (_rest.IsEmpty)
            return 0;
        byte value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    public bool Bool() => (Byte() & 1) != 0;

    public ushort UInt16()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        Fill(bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public uint UInt32()
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        Fill(bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public ulong UInt64()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>The next bytes, as many as there are, at most so many.</summary>
    public ReadOnlySpan<byte> Bytes(int atMost)
    {
        int length = Math.Min(atMost, _rest.Length);
        ReadOnlySpan<byte> bytes = _rest[..length];
        _rest = _rest[length..];
        return bytes;
    }

    /// <summary>A piece behind its length, 2 bytes.</summary>
    public ReadOnlySpan<byte> Piece() => Bytes(UInt16());

    /// <summary>Fills with the next bytes, and with zeros when they end.</summary>
    public void Fill(scoped Span<byte> destination)
    {
        ReadOnlySpan<byte> bytes = Bytes(destination.Length);
        bytes.CopyTo(destination);
        destination[bytes.Length..].Clear();
    }
}

/// <summary>Writes what <see cref="Choices"/> reads, for seeds.</summary>
internal sealed class Chosen
{
    private readonly List<byte> _bytes = [];

    public Chosen Byte(int value)
    {
        _bytes.Add((byte)value);
        return this;
    }

    public Chosen UInt16(int value) => Byte(value).Byte(value >> 8);

    public Chosen UInt32(uint value) => UInt16((ushort)value).UInt16((int)(value >> 16));

    public Chosen UInt64(ulong value) => UInt32((uint)value).UInt32((uint)(value >> 32));

    public Chosen Bytes(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public Chosen Piece(ReadOnlySpan<byte> bytes) => UInt16(bytes.Length).Bytes(bytes);

    public byte[] ToArray() => [.. _bytes];
}
