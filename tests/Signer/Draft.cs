using System.Formats.Cbor;
using System.Security.Cryptography;

namespace WireGuard.Attestation.Signing;

/// <summary>A document before it is signed: the payload's keys in their order, and what stands around the payload.</summary>
public sealed class Draft
{
    private readonly List<(string Key, Action<CborWriter> Value)> _entries = [];

    /// <summary>The first of the four elements: {1: -35}.</summary>
    public byte[] Protected { get; set; } = [0xa1, 0x01, 0x38, 0x22];

    /// <summary>The second of the four elements: an empty map.</summary>
    public byte[] Unprotected { get; set; } = [0xa0];

    /// <summary>null: without a tag, as the module answers.</summary>
    public CborTag? Tag { get; set; }

    public bool IsIndefinite { get; set; }

    /// <summary>A payload that stands instead of the keys.</summary>
    public byte[]? Raw { get; set; }

    /// <summary>What follows the payload's map, inside the payload.</summary>
    public byte[] AfterPayload { get; set; } = [];

    /// <summary>What follows the four elements.</summary>
    public byte[] AfterDocument { get; set; } = [];

    /// <summary>Adds a key, also one that is there already.</summary>
    public Draft Add(string key, Action<CborWriter> value)
    {
        _entries.Add((key, value));
        return this;
    }

    public Draft Replace(string key, Action<CborWriter> value)
    {
        _entries[_entries.FindIndex(entry => entry.Key == key)] = (key, value);
        return this;
    }

    public Draft Remove(string key)
    {
        _entries.RemoveAt(_entries.FindIndex(entry => entry.Key == key));
        return this;
    }

    /// <summary>The payload: what is signed.</summary>
    public byte[] Payload()
    {
        if (Raw != null)
            return Raw;
        var writer = new CborWriter(CborConformanceMode.Lax);
        writer.WriteStartMap(IsIndefinite ? null : _entries.Count);
        foreach ((string key, Action<CborWriter> value) in _entries)
        {
            writer.WriteTextString(key);
            value(writer);
        }

        writer.WriteEndMap();
        return [.. writer.Encode(), .. AfterPayload];
    }

    /// <summary>The whole document, signed by the key.</summary>
    public byte[] Sign(ECDsa key)
    {
        byte[] payload = Payload();
        return With(payload, key.SignData(
            ToBeSigned(payload), HashAlgorithmName.SHA384, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    /// <summary>The whole document with one key more, whose value may be no CBOR.</summary>
    public byte[] Sign(ECDsa key, string name, byte[] value)
    {
        byte[] payload = Add(name, w => w.WriteNull()).Payload();
        return new Draft { Raw = [.. payload[..^1], .. value] }.Sign(key);
    }

    /// <summary>The whole document, with any payload and signature.</summary>
    public byte[] With(byte[] payload, byte[] signature)
    {
        var writer = new CborWriter(CborConformanceMode.Lax);
        if (Tag is { } tag)
            writer.WriteTag(tag);
        writer.WriteStartArray(4);
        writer.WriteByteString(Protected);
        writer.WriteEncodedValue(Unprotected);
        writer.WriteByteString(payload);
        writer.WriteByteString(signature);
        writer.WriteEndArray();
        return [.. writer.Encode(), .. AfterDocument];
    }

    /// <summary>RFC 9052 section 4.4: Sig_structure.</summary>
    private byte[] ToBeSigned(byte[] payload)
    {
        var writer = new CborWriter(CborConformanceMode.Lax);
        writer.WriteStartArray(4);
        writer.WriteTextString("Signature1");
        writer.WriteByteString(Protected);
        writer.WriteByteString([]);
        writer.WriteByteString(payload);
        writer.WriteEndArray();
        return writer.Encode();
    }
}
