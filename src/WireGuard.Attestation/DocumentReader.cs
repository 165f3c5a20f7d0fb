using System.Diagnostics.CodeAnalysis;
using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation;

/// <summary>
/// Reads a document whole, or says what is wrong with its shape:
/// <code>
/// COSE_Sign1 = [ protected: bytes of {1: -35}, unprotected: map, payload: bytes of the map below, signature: 96 bytes ]
/// module_id: text, digest: "SHA384", timestamp: ms since 1970, pcrs: { 0..31: 32, 48 or 64 bytes },
/// certificate: 1..1024 bytes, cabundle: [ 1 to 10 of 1..1024 bytes ],
/// public_key, user_data, nonce: ..1024 bytes, or null, or absent
/// </code>
/// Keys that are not known are no error, and what they and the unprotected header hold is not looked at. A map or list may be of
/// indefinite length. A key twice is refused in the payload and in pcrs.
/// </summary>
internal sealed class DocumentReader
{
    private const int CoseSign1Tag = 18;
    private const int SignatureSize = 96;
    private const int MaxFieldSize = 1024;
    private const int MaxBundle = 10;

    private string? _moduleId, _digest;
    private ulong? _timestamp;
    private ReadOnlyMemory<byte>? _certificate, _publicKey, _userData, _nonce;
    private List<ReadOnlyMemory<byte>>? _bundle;
    private ReadOnlyMemory<byte>[]? _pcrs;

    private DocumentReader()
    {
    }

    /// <summary>No certificate of a document has more bytes.</summary>
    internal const int MaxCertificateSize = 1024;

    /// <summary>{1: -35}, the one protected header there is: ES384.</summary>
    internal static ReadOnlySpan<byte> Es384Header => [0xa1, 0x01, 0x38, 0x22];

    internal static bool TryRead(
        ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out AttestationDocument? document, out AttestationProblem problem)
    {
        document = null;
        problem = default;
        try
        {
            document = Read(bytes);
            return true;
        }
        catch (RefusedException refused)
        {
            problem = refused.Problem;
        }
        catch (CborException)
        {
            problem = new(NotCbor, "it is not an attestation document: it is not well-formed CBOR");
        }

        return false;
    }

    private static AttestationDocument Read(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > AttestationDocument.MaxSize)
            throw Refused(TooLarge, $"it has {bytes.Length} bytes, and a document at most {AttestationDocument.MaxSize}");
        var items = new CborItems(bytes);
        if (items.Type == CborType.Tag && items.TakeHead() != CoseSign1Tag)
            throw IsNoCoseSign1();
        if (items.Type != CborType.Array || items.TakeHead() != 4)
            throw IsNoCoseSign1();
        if (!ReadBytes(ref items, "the protected header").Span.SequenceEqual(Es384Header))
            throw Refused(WrongAlgorithm, "its protected header is not {1: -35}, the signature ES384 and nothing else");
        if (items.Type != CborType.Map)
            throw Refused(WrongType, "its unprotected header is not a map");
        items.Skip();
        ReadOnlyMemory<byte> payload = ReadBytes(ref items, "the payload"), signature = ReadBytes(ref items, "the signature");
        RefuseTrailing(items.BytesLeft, "the document");
        if (signature.Length != SignatureSize)
            throw Refused(WrongSignatureSize, $"its signature has {signature.Length} bytes; ES384 has {SignatureSize}");
        return new DocumentReader().ReadPayload(payload, signature);
    }

    private AttestationDocument ReadPayload(ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> signature)
    {
        var items = new CborItems(payload);
        if (items.Type != CborType.Map)
            throw Refused(WrongType, "its payload is not a map");
        var keys = new HashSet<string>(StringComparer.Ordinal);
        ulong? count = items.TakeHead();
        while (!items.TakeEnd(ref count))
        {
            string key = ReadText(ref items, "a key of the payload");
            if (!keys.Add(key))
                throw Refused(DuplicateKey, $"it has the key {Printable(key)} twice");
            ReadValue(ref items, key);
        }

        RefuseTrailing(items.BytesLeft, "the payload");
        return new AttestationDocument
        {
            ModuleId = _moduleId ?? throw HasNo("module_id"),
            Digest = _digest ?? throw HasNo("digest"),
            Timestamp = DateTimeOffset.FromUnixTimeMilliseconds((long)(_timestamp ?? throw HasNo("timestamp"))),
            Pcrs = _pcrs ?? throw HasNo("pcrs"),
            Certificate = _certificate ?? throw HasNo("certificate"),
            CaBundle = _bundle ?? throw HasNo("cabundle"),
            PublicKey = _publicKey,
            UserData = _userData,
            Nonce = _nonce,
            Payload = payload,
            Signature = signature,
        };
    }

    private void ReadValue(ref CborItems items, string key)
    {
        switch (key)
        {
            case "module_id":
                _moduleId = ReadText(ref items, key);
                if (_moduleId.Length == 0)
                    throw Refused(EmptyModuleId, "its module_id is empty");
                break;
            case "digest":
                _digest = ReadText(ref items, key);
                if (_digest != "SHA384")
                    throw Refused(UnknownDigest, $"its digest is {Printable(_digest)}; SHA384 is the one that is known");
                break;
            case "timestamp":
                _timestamp = ReadUnsigned(ref items, key);
                if (_timestamp > (ulong)DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
                    throw Refused(WrongTimestamp, "its timestamp lies after the year 9999");
                break;
            case "pcrs":
                _pcrs = ReadPcrs(ref items);
                break;
            case "certificate":
                _certificate = ReadCertificate(ref items, key);
                break;
            case "cabundle":
                _bundle = ReadBundle(ref items);
                break;
            case "public_key":
                _publicKey = ReadField(ref items, key, 1);
                break;
            case "user_data":
                _userData = ReadField(ref items, key, 0);
                break;
            case "nonce":
                _nonce = ReadField(ref items, key, 0);
                break;
            default:
                items.Skip();
                break;
        }
    }

    private static ReadOnlyMemory<byte>[] ReadPcrs(ref CborItems items)
    {
        if (items.Type != CborType.Map)
            throw IsOfWrongType("pcrs");
        var pcrs = new ReadOnlyMemory<byte>[AttestationDocument.PcrCount];
        bool any = false;
        ulong? count = items.TakeHead();
        for (; !items.TakeEnd(ref count); any = true)
        {
            ulong index = ReadUnsigned(ref items, "a key of pcrs");
            if (index >= AttestationDocument.PcrCount)
                throw Refused(WrongPcrIndex, $"it has a PCR {index}; they are 0 to {AttestationDocument.PcrCount - 1}");
            ReadOnlyMemory<byte> value = ReadBytes(ref items, "a PCR");
            if (value.Length is not (32 or 48 or 64))
                throw Refused(WrongPcrSize, $"its PCR{index} has {value.Length} bytes, and not 32, 48 or 64");
            if (!pcrs[index].IsEmpty)
                throw Refused(DuplicateKey, $"it has PCR{index} twice");
            pcrs[index] = value;
        }

        return any ? pcrs : throw Refused(NoPcrs, "it has no PCRs");
    }

    private static List<ReadOnlyMemory<byte>> ReadBundle(ref CborItems items)
    {
        if (items.Type != CborType.Array)
            throw IsOfWrongType("cabundle");
        var bundle = new List<ReadOnlyMemory<byte>>();
        ulong? count = items.TakeHead();
        while (!items.TakeEnd(ref count))
        {
            if (bundle.Count == MaxBundle)
                throw Refused(BundleTooLong, $"its cabundle has more than {MaxBundle} certificates");
            bundle.Add(ReadCertificate(ref items, "cabundle"));
        }

        return bundle.Count != 0 ? bundle : throw Refused(EmptyBundle, "its cabundle is empty: no root vouches for it");
    }

    private static ReadOnlyMemory<byte> ReadCertificate(ref CborItems items, string key)
    {
        ReadOnlyMemory<byte> certificate = ReadBytes(ref items, key);
        return certificate.Length is > 0 and <= MaxCertificateSize
            ? certificate
            : throw Refused(WrongCertificateSize, $"{key}: it has {certificate.Length} bytes, not 1 to {MaxCertificateSize}");
    }

    private static ReadOnlyMemory<byte>? ReadField(ref CborItems items, string key, int least)
    {
        if (items.TakeNull())
            return null;
        ReadOnlyMemory<byte> field = ReadBytes(ref items, key);
        return field.Length >= least && field.Length <= MaxFieldSize
            ? field
            : throw Refused(WrongFieldSize, $"its {key} has {field.Length} bytes, and not {least} to {MaxFieldSize}");
    }

    private static string ReadText(ref CborItems items, string what) =>
        items.Type == CborType.Text ? items.TakeText() : throw IsOfWrongType(what);

    private static ulong ReadUnsigned(ref CborItems items, string what) =>
        items.Type == CborType.Unsigned ? items.TakeHead()!.Value : throw IsOfWrongType(what);

    private static ReadOnlyMemory<byte> ReadBytes(ref CborItems items, string what) =>
        items.Type == CborType.Bytes ? items.TakeBytes() : throw IsOfWrongType(what);

    private static void RefuseTrailing(int count, string what)
    {
        if (count != 0)
            throw Refused(TrailingBytes, $"{count} bytes follow {what}");
    }

    /// <summary>For a line: what a document says may hold anything.</summary>
    private static string Printable(string text)
    {
        Span<char> printable = stackalloc char[Math.Min(text.Length, 40)];
        for (int i = 0; i < printable.Length; i++)
            printable[i] = char.IsAsciiLetterOrDigit(text[i]) || text[i] is '_' or '-' or '.' ? text[i] : '?';
        return printable.ToString();
    }

    private static RefusedException IsNoCoseSign1() =>
        Refused(NotCoseSign1, "it is not a COSE_Sign1, an array of four elements");

    private static RefusedException HasNo(string key) => Refused(MissingKey, $"it has no {key}");

    private static RefusedException IsOfWrongType(string what) =>
        Refused(WrongType, $"{what} is of another type than it has to be");

    private static RefusedException Refused(AttestationFault fault, string text) =>
        new(new AttestationProblem(fault, text));

    /// <summary>Ends the reading; caught where it began.</summary>
    private sealed class RefusedException(AttestationProblem problem) : Exception
    {
        internal AttestationProblem Problem { get; } = problem;
    }
}
