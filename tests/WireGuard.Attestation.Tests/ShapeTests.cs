using System.Formats.Cbor;
using WireGuard.Attestation.Signing;
using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation.Tests;

/// <summary>Documents not as the Nitro Security Module makes them, though their leaf signed them, and odd ones.</summary>
public sealed class ShapeTests
{
    /// <summary>What is done to a good document, and what is found.</summary>
    internal static readonly Dictionary<string, (AttestationFault Fault, Func<byte[]> Make)> Bad = new()
    {
        ["nothing"] = (NotCbor, () => []),
        ["text"] = (NotCoseSign1, () => "{\"hello\":1}"u8.ToArray()),
        ["cut short"] = (NotCbor, () => Good.Document[..^1]),
        ["too large"] = (TooLarge, () => new byte[AttestationDocument.MaxSize + 1]),
        ["a tag that is not 18"] = (NotCoseSign1, () => Sign(d => d.Tag = (CborTag)17)),
        ["tagged 18 twice"] = (NotCoseSign1, () => [0xd2, .. Sign(d => d.Tag = (CborTag)18)]),
        ["an array of three"] = (NotCoseSign1, () => [0x83, .. Good.Document[1..^98]]),
        ["an array of five"] = (NotCoseSign1, () => [0x85, .. Good.Document[1..], 0xf6]),
        ["an array of indefinite length"] = (NotCoseSign1, () => [0x9f, .. Good.Document[1..], 0xff]),
        ["a byte after it"] = (TrailingBytes, () => Sign(d => d.AfterDocument = [0])),
        ["a byte after the payload"] = (TrailingBytes, () => Sign(d => d.AfterPayload = [0])),
        ["ES256"] = (WrongAlgorithm, () => Sign(d => d.Protected = [0xa1, 0x01, 0x26])),
        ["no algorithm"] = (WrongAlgorithm, () => Sign(d => d.Protected = [])),
        ["a protected header more"] = (WrongAlgorithm, () => Sign(d => d.Protected = [0xa2, 0x01, 0x38, 0x22, 0x04, 0x40])),
        ["an unprotected header that is a list"] = (WrongType, () => Sign(d => d.Unprotected = [0x80])),
        ["a payload that is null"] = (WrongType, () => [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0xf6, 0x40]),
        ["a payload that is a list"] = (WrongType, () => Good.Draft.With([0x80], new byte[96])),
        ["a payload that is cut short"] = (NotCbor, () => Good.Draft.With(Good.Draft.Payload()[..^1], new byte[96])),
        ["a signature of 95 bytes"] = (WrongSignatureSize, () => Good.Draft.With(Good.Draft.Payload(), new byte[95])),
        ["another signature"] =
            (WrongSignature, () => Good.Draft.With(Good.Draft.Payload(), [.. Enumerable.Repeat((byte)1, 96)])),
        ["a signature of zeros"] = (WrongSignature, () => Good.Draft.With(Good.Draft.Payload(), new byte[96])),
        ["a signature of the largest numbers"] =
            (WrongSignature, () => Good.Draft.With(Good.Draft.Payload(), [.. Enumerable.Repeat((byte)255, 96)])),
        ["a key twice"] = (DuplicateKey, () => Sign(d => d.Add("nonce", w => w.WriteByteString(Good.Nonce)))),
        ["an unknown key twice"] = (DuplicateKey, () => Sign(d => d.Add("x", w => w.WriteNull()).Add("x", w => w.WriteNull()))),
        ["a PCR twice"] = (DuplicateKey, () => Sign(d => d.Replace("pcrs", w =>
            w.WriteEncodedValue([0xa2, .. Pcr(0, Good.Image), .. Pcr(0, Good.Image)])))),
        ["an unknown value that is no CBOR"] = (NotCbor, () => Unknown(0xfc)),
        ["an unknown value that is an end"] = (NotCbor, () => Unknown(0xff)),
        ["an unknown map without its last value"] = (NotCbor, () => Unknown(0xbf, 0, 0xff)),
        ["an unknown text that is not UTF-8"] = (NotCbor, () => Unknown(0x61, 0xff)),
        ["an unknown list of more than there can be"] = (NotCbor, () => Unknown(0x9b, 255, 255, 255, 255, 255, 255, 255, 255)),
        ["a string of more than there can be"] = (NotCbor, () => Unknown(0x5b, 255, 255, 255, 255, 255, 255, 255, 255)),
        ["an unknown value of many levels"] = (NotCbor, () => Unknown([.. Enumerable.Repeat((byte)0x81, 1000), 0])),
        ["tags without end"] = (NotCbor, () => Unknown([.. Enumerable.Repeat((byte)0xc1, 1000), 0])),
        ["a key that is a number"] = (WrongType, () => Good.Draft.With([0xa1, 0x00, 0x00], new byte[96])),
        ["a module_id of bytes"] = (WrongType, () => Set("module_id", w => w.WriteByteString([1]))),
        ["a module_id that is not UTF-8"] = (NotCbor, () => Set("module_id", w => w.WriteEncodedValue([0x61, 0xff]))),
        ["an empty module_id"] = (EmptyModuleId, () => Set("module_id", w => w.WriteTextString(""))),
        ["a digest of its own"] = (UnknownDigest, () => Set("digest", w => w.WriteTextString("SHA1\n"))),
        ["a timestamp that is text"] = (WrongType, () => Set("timestamp", w => w.WriteTextString("now"))),
        ["a timestamp before 1970"] = (WrongType, () => Set("timestamp", w => w.WriteInt64(-1))),
        ["a timestamp after the year 9999"] = (WrongTimestamp, () => Set("timestamp", w => w.WriteUInt64(ulong.MaxValue))),
        ["PCRs that are a list"] = (WrongType, () => Set("pcrs", w => w.WriteEncodedValue([0x80]))),
        ["no PCRs"] = (NoPcrs, () => SignPcrs([])),
        ["a PCR32"] = (WrongPcrIndex, () => SignPcrs(new() { [32] = Good.Image })),
        ["a PCR with a negative index"] = (WrongType, () => SignPcrs(new() { [-1] = Good.Image })),
        ["a PCR of no bytes"] = (WrongPcrSize, () => SignPcrs(new() { [0] = [] })),
        ["a PCR of 47 bytes"] = (WrongPcrSize, () => SignPcrs(new() { [0] = Good.Image[1..] })),
        ["an empty certificate"] = (WrongCertificateSize, () => Set("certificate", w => w.WriteByteString([]))),
        ["a certificate of 1,025 bytes"] = (WrongCertificateSize, () => Set("certificate", Bytes(1025))),
        ["a certificate that is null"] = (WrongType, () => Set("certificate", w => w.WriteNull())),
        ["a bundle that is one certificate"] = (WrongType, () => Set("cabundle", w => w.WriteByteString(Good.Signer.Root))),
        ["an empty bundle"] = (EmptyBundle, () => Sign(d => d.Replace("cabundle", w => Signer.WriteBundle(w, [])))),
        ["a bundle with an empty certificate"] =
            (WrongCertificateSize, () => Sign(d => d.Replace("cabundle", w => Signer.WriteBundle(w, [Good.Signer.Root, []])))),
        ["a bundle of more certificates than there can be"] = (BundleTooLong, () => Set("cabundle", w =>
            Signer.WriteBundle(w, [.. Enumerable.Repeat<byte[]>([1], 11)]))),
        ["an empty public key"] = (WrongFieldSize, () => Set("public_key", w => w.WriteByteString([]))),
        ["a public key of 1,025 bytes"] = (WrongFieldSize, () => Set("public_key", Bytes(1025))),
        ["user data of 1,025 bytes"] = (WrongFieldSize, () => Set("user_data", Bytes(1025))),
        ["a nonce of 1,025 bytes"] = (WrongFieldSize, () => Set("nonce", Bytes(1025))),
        ["a nonce that is text"] = (WrongType, () => Set("nonce", w => w.WriteTextString("nonce"))),
        ["no module_id"] = (MissingKey, () => Sign(d => d.Remove("module_id"))),
        ["no digest"] = (MissingKey, () => Sign(d => d.Remove("digest"))),
        ["no timestamp"] = (MissingKey, () => Sign(d => d.Remove("timestamp"))),
        ["no pcrs"] = (MissingKey, () => Sign(d => d.Remove("pcrs"))),
        ["no certificate"] = (MissingKey, () => Sign(d => d.Remove("certificate"))),
        ["no cabundle"] = (MissingKey, () => Sign(d => d.Remove("cabundle"))),
    };

    /// <summary>What is done to a good document that is still one.</summary>
    private static readonly Dictionary<string, Func<byte[]>> Odd = new()
    {
        ["nothing"] = () => Good.Document,
        ["tagged 18"] = () => Sign(d => d.Tag = (CborTag)18),
        ["a payload of indefinite length"] = () => Sign(d => d.IsIndefinite = true),
        ["PCRs of indefinite length"] = () => Sign(d => d.Replace("pcrs", w =>
            w.WriteEncodedValue([0xbf, .. Pcr(0, Good.Image), .. Pcr(2, Good.Image), 0xff]))),
        ["an unprotected header"] = () => Sign(d => d.Unprotected = [0xa1, 0x04, 0x41, 0x07]),
        ["unknown values of all types"] =
            () => Unknown(0x86, 0x18, 0x20, 0x39, 1, 0, 0x41, 1, 0x61, 0x61, 0xbf, 1, 2, 0xff, 0xc1, 0xfa, 0, 0, 0, 0),
        ["a key twice in what nobody reads"] = () => Unknown(0xa2, 0, 0, 0, 0),
        ["numbers that are longer than they have to be"] = () => Set("timestamp", w =>
            w.WriteEncodedValue([0x1b, .. BitConverter.GetBytes(Good.Time.ToUnixTimeMilliseconds()).Reverse()])),
        ["an unknown key"] = () => Sign(d => d.Add("later", w => w.WriteEncodedValue([0x82, 0xa1, 0x01, 0x02, 0xf5]))),
        ["PCR0 alone"] = () => SignPcrs(new() { [0] = Good.Image }),
        ["all PCRs, of all sizes"] = () => SignPcrs(new(Enumerable.Range(0, 32).ToDictionary(
            i => i, i => i == 0 ? Good.Image : new byte[32 + (i % 3) * 16]))),
    };

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    public static TheoryData<string> OddNames => [.. Odd.Keys];

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Bad_document_is_refused_for_what_is_wrong_with_it(string name)
    {
        (AttestationFault fault, Func<byte[]> make) = Bad[name];
        Assert.Equal([fault], Good.Faults(make()));
    }

    [Theory]
    [MemberData(nameof(OddNames))]
    public void Odd_document_holds(string name) => Assert.Empty(Good.Faults(Odd[name]()));

    [Fact]
    public void Null_is_the_same_as_absent()
    {
        AttestationPolicy asksNothing = Good.Policy with { Nonce = null, PublicKey = null, UserData = null };
        byte[] nulls = Good.Signer.Document(Good.Pcrs, null, null, null, Good.Time);
        byte[] absent = Good.Signer.Draft(Good.Pcrs, null, null, null, Good.Time)
            .Remove("nonce").Remove("public_key").Remove("user_data").Sign(Good.Signer.Key);
        Assert.All([nulls, absent], document =>
        {
            Assert.Empty(Good.Faults(document, asksNothing));
            Assert.Equal([WrongNonce, WrongPublicKey, WrongUserData], Good.Faults(document));
        });
    }

    [Fact]
    public void Fields_of_1024_bytes_and_empty_ones_are_read()
    {
        byte[] most = new byte[1024];
        AttestationPolicy asked = Good.Policy with { Nonce = most, PublicKey = most, UserData = most };
        Assert.Empty(Good.Faults(Good.Signer.Document(Good.Pcrs, most, most, most, Good.Time), asked));
        asked = Good.Policy with { Nonce = Array.Empty<byte>(), UserData = Array.Empty<byte>() };
        Assert.Empty(Good.Faults(Good.Signer.Document(Good.Pcrs, [], Good.PublicKey, [], Good.Time), asked));
    }

    [Fact]
    public void What_a_document_says_cannot_write_to_the_terminal()
    {
        byte[] document = Sign(d => d.Replace("digest", w => w.WriteTextString("\u001b[2J\n" + new string('x', 5000))));
        Assert.Matches("^its digest is \\?\\?2J\\?x{35}; ", AttestationVerifier.Verify(document, Good.Policy).Problems[0].Text);
    }

    private static byte[] Sign(Action<Draft> change)
    {
        Draft draft = Good.Draft;
        change(draft);
        return draft.Sign(Good.Signer.Key);
    }

    private static byte[] Unknown(params byte[] value) => Good.Draft.Sign(Good.Signer.Key, "x", value);

    private static byte[] Set(string key, Action<CborWriter> value) => Sign(d => d.Replace(key, value));

    private static Action<CborWriter> Bytes(int count) => w => w.WriteByteString(new byte[count]);

    private static byte[] SignPcrs(SortedDictionary<int, byte[]> pcrs) => Set("pcrs", w => Signer.WritePcrs(w, pcrs));

    private static byte[] Pcr(byte index, byte[] value) => [index, 0x58, (byte)value.Length, .. value];
}
