using System.Formats.Cbor;
using System.Security.Cryptography;

namespace WireGuard.Attestation.Signing;

/// <summary>
/// Stands in for the Nitro Security Module: documents of the same shape, under a root of its own that lives as long as the
/// object. It attests nothing: whoever asks gets the measurements that they name.
/// </summary>
public sealed class Signer : IDisposable
{
    private readonly AsymmetricAlgorithm[] _keys;

    private Signer(AsymmetricAlgorithm[] keys, List<byte[]> chain)
    {
        _keys = keys;
        Chain = chain;
    }

    /// <summary>The certificates, the root first and the leaf last, in DER.</summary>
    public IReadOnlyList<byte[]> Chain { get; }

    /// <summary>The root, in DER.</summary>
    public byte[] Root => Chain[0];

    /// <summary>The root, for AttestRoot and --root.</summary>
    public string RootPem => PemEncoding.WriteString("CERTIFICATE", Root) + "\n";

    /// <summary>The leaf's key.</summary>
    public ECDsa Key => KeyOf(_keys.Length - 1);

    /// <summary>The key of a certificate of <see cref="Chain"/>.</summary>
    public ECDsa KeyOf(int index) => (ECDsa)_keys[index];

    /// <summary>A chain whose leaf is valid from now for three hours.</summary>
    public static Signer Create(DateTimeOffset now) => Create(CertificateShape.Nitro(now));

    /// <summary>A chain of these certificates: the root first, the leaf last.</summary>
    public static Signer Create(IReadOnlyList<CertificateShape> shapes)
    {
        AsymmetricAlgorithm[] keys = [.. shapes.Select(shape => shape.MakeKey())];
        var chain = new List<byte[]>();
        for (int i = 0; i < keys.Length; i++)
            chain.Add(shapes[i].Sign(keys[i], shapes[Math.Max(i - 1, 0)], keys[Math.Max(i - 1, 0)]));
        return new Signer(keys, chain);
    }

    /// <summary>PCR0 to PCR15 of 48 bytes: those given, and zeros.</summary>
    public static SortedDictionary<int, byte[]> Pcrs(params (int Index, byte[] Value)[] given)
    {
        var pcrs = new SortedDictionary<int, byte[]>();
        for (int i = 0; i < 16; i++)
            pcrs[i] = new byte[48];
        foreach ((int index, byte[] value) in given)
            pcrs[index] = value;
        return pcrs;
    }

    /// <summary>A signed document, as the module answers with it.</summary>
    /// <param name="pcrs">By index, 48 bytes each.</param>
    /// <param name="nonce">null: the document says null, as the module does for what nobody asked for.</param>
    public byte[] Document(
        IReadOnlyDictionary<int, byte[]> pcrs, byte[]? nonce, byte[]? publicKey, byte[]? userData, DateTimeOffset time) =>
        Draft(pcrs, nonce, publicKey, userData, time).Sign(Key);

    /// <summary>The same, to be made wrong before it is signed.</summary>
    public Draft Draft(
        IReadOnlyDictionary<int, byte[]> pcrs, byte[]? nonce, byte[]? publicKey, byte[]? userData, DateTimeOffset time) =>
        new Draft()
            .Add("module_id", w => w.WriteTextString("i-0123456789abcdef0-enc0123456789abcdef"))
            .Add("digest", w => w.WriteTextString("SHA384"))
            .Add("timestamp", w => w.WriteUInt64((ulong)time.ToUnixTimeMilliseconds()))
            .Add("pcrs", w => WritePcrs(w, pcrs))
            .Add("certificate", w => w.WriteByteString(Chain[^1]))
            .Add("cabundle", w => WriteBundle(w, [.. Chain.Take(Chain.Count - 1)]))
            .Add("public_key", w => WriteField(w, publicKey))
            .Add("user_data", w => WriteField(w, userData))
            .Add("nonce", w => WriteField(w, nonce));

    public static void WritePcrs(CborWriter writer, IReadOnlyDictionary<int, byte[]> pcrs)
    {
        writer.WriteStartMap(pcrs.Count);
        foreach ((int index, byte[] value) in pcrs)
        {
            writer.WriteInt32(index);
            writer.WriteByteString(value);
        }

        writer.WriteEndMap();
    }

    public static void WriteBundle(CborWriter writer, IReadOnlyList<byte[]> certificates)
    {
        writer.WriteStartArray(certificates.Count);
        foreach (byte[] certificate in certificates)
            writer.WriteByteString(certificate);
        writer.WriteEndArray();
    }

    public void Dispose()
    {
        foreach (AsymmetricAlgorithm key in _keys)
            key.Dispose();
    }

    private static void WriteField(CborWriter writer, byte[]? value)
    {
        if (value == null)
            writer.WriteNull();
        else
            writer.WriteByteString(value);
    }
}
