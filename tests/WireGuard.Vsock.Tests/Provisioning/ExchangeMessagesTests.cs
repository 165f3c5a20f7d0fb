using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>
/// The bytes of the exchange. The worked example is docs/attestation.md's: the verifier's private key is 01 02 … 20, the prover's
/// 21 22 … 40, the nonce 41 42 … 60, and 01 02 03 04 05 stands for the document. Made with CPython's hashlib and hmac, and X25519
/// of pyca/cryptography.
/// </summary>
public sealed class ExchangeMessagesTests
{
    private const string VerifierKey = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
    private const string ProverKey = "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b";
    private const string Nonce = "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";
    private const string Mac = "e17eff4e216efc3f03ce4172e385f1910e2d78e796041ae34e1b65d6a2033644";

    // a3 map of 3; 00 01 version; 01 5820 nonce; 02 5820 public key
    private const string Request = "a30001" + "015820" + Nonce + "025820" + VerifierKey;

    // a3 map of 3; 00 01 version; 01 5820 public key; 02 19ca6c port 51820
    private const string BareResponse = "a30001" + "015820" + ProverKey + "0219ca6c";

    // the same, a4 map of 4; 03 45 document of 5 bytes
    private const string Response = "a40001" + "015820" + ProverKey + "0219ca6c" + "03450102030405";

    // a5 map of 5; 00 81 6e "203.0.113.2/24"; 01 81 6e "203.0.113.1/32"; 02 190564 MTU 1380; 03 81 6c "203.0.113.53";
    // 04 81 6b "example.com"
    private const string Settings = "a5"
        + "00816e3230332e302e3131332e322f3234"
        + "01816e3230332e302e3131332e312f3332"
        + "02190564"
        + "03816c3230332e302e3131332e3533"
        + "04816b6578616d706c652e636f6d";

    // a2 map of 2; 00 01 version; 03 settings
    private const string Unsigned = "a2000103" + Settings;

    // the same, a3 map of 3; 04 5820 mac
    private const string Confirm = "a3000103" + Settings + "045820" + Mac;

    private static readonly PrivateKey s_verifier = new([.. Enumerable.Range(0x01, 32).Select(i => (byte)i)]);
    private static readonly PrivateKey s_prover = new([.. Enumerable.Range(0x21, 32).Select(i => (byte)i)]);

    private static readonly Gen<byte[]> s_bytes32 = Gen.Byte.Array[32];

    private static Offer ExampleOffer => new()
    {
        Addresses = [Address("203.0.113.2/24")],
        AllowedIps = [Prefix("203.0.113.1/32")],
        Mtu = 1380,
        DnsServers = ["203.0.113.53"],
        SearchDomains = ["example.com"],
    };

    [Fact]
    public void Messages_are_those_of_the_example()
    {
        Assert.Equal(VerifierKey, s_verifier.PublicKey.ToHex());
        Assert.Equal(ProverKey, s_prover.PublicKey.ToHex());
        Assert.Equal(Request, Hex(ExchangeMessages.Request(Bytes(Nonce), s_verifier.PublicKey)));
        Assert.Equal(BareResponse, Hex(ExchangeMessages.Response(s_prover.PublicKey, 51820, [])));
        Assert.Equal(Response, Hex(ExchangeMessages.Response(s_prover.PublicKey, 51820, [1, 2, 3, 4, 5])));
        Assert.Equal(Settings, Hex(OfferFormat.Write(ExampleOffer)));
        Assert.Equal(Unsigned, Hex(ExchangeMessages.Unsigned(Bytes(Settings))));
        Assert.Equal(Confirm, Hex(ExchangeMessages.Confirm(Bytes(Unsigned), Bytes(Mac))));
        Assert.Equal("a10001", Hex(ExchangeMessages.Done));
        Assert.Equal("a2000109626e6f", Hex(ExchangeMessages.Error("no")));
        Assert.Equal(ExchangeMessages.RequestSize, Request.Length / 2);
    }

    [Fact]
    public void The_example_is_read()
    {
        Assert.True(ExchangeMessages.TryReadRequest(Bytes(Request), out ReadOnlySpan<byte> nonce, out PublicKey verifier));
        Assert.Equal((Nonce, s_verifier.PublicKey), (Hex(nonce), verifier));
        Assert.True(ExchangeMessages.TryReadResponse(Bytes(Response), out ProverResponse? response));
        Assert.Equal((s_prover.PublicKey, 51820u, "0102030405"), (response.Prover, response.Port, Hex(response.Document.Span)));
        Assert.True(ExchangeMessages.TryReadResponse(Bytes(BareResponse), out response));
        Assert.True(response.Document.IsEmpty);
        Assert.True(ExchangeMessages.TryReadConfirm(Bytes(Confirm), out byte[]? unsigned, out ReadOnlySpan<byte> mac));
        Assert.Equal((Unsigned, Mac), (Hex(unsigned), Hex(mac)));
        Assert.Equal(Settings, Hex(ExchangeMessages.Settings(unsigned)));
        Assert.True(ExchangeMessages.TryReadError(Bytes("a2000109626e6f"), out string? text));
        Assert.Equal("no", text);
        Assert.True(OfferFormat.TryRead(Bytes(Settings), out Offer offer, out string error));
        Assert.Equal("", error);
        AssertSame(ExampleOffer, offer);
    }

    [Fact]
    public void What_binds_the_example_is_known()
    {
        Assert.Equal(
            "4f53156a809c93048df860ea5558683e078bf20d52eaab0c300b94600dcfc058",
            Hex(ExchangeProof.UserData(Bytes(Request), Bytes(BareResponse))));
        byte[] mac = new byte[32];
        Assert.True(ExchangeProof.TryMac(
            s_verifier, s_prover.PublicKey, Bytes(Request), Bytes(Response), Bytes(Unsigned), mac));
        Assert.Equal(Mac, Hex(mac));
        Assert.True(ExchangeProof.TryMac(
            s_prover, s_verifier.PublicKey, Bytes(Request), Bytes(Response), Bytes(Unsigned), mac));
        Assert.Equal(Mac, Hex(mac));
        Assert.True(ExchangeProof.TryMac(
            s_prover, s_verifier.PublicKey, Bytes(Request), Bytes(BareResponse), Bytes(Unsigned), mac));
        Assert.Equal("c1d4440bc9ef07e164ecef913b0a530a54c07a66fc1469b22e9e058721391eb7", Hex(mac));
    }

    // RFC 7748 section 6.1: u = 0 and u = 1 are among the points that give a secret of zeros to anybody.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_key_that_no_private_key_has_gives_no_mac(byte first)
    {
        byte[] point = new byte[32];
        point[0] = first;
        Assert.False(ExchangeProof.TryMac(s_prover, new PublicKey(point), [1], [2], [3], new byte[32]));
    }

    /// <summary>Each has the same meaning as the message above it, in another form.</summary>
    [Theory]
    [InlineData("bf0001" + "015820" + Nonce + "025820" + VerifierKey + "ff")] // of indefinite length
    [InlineData("b8030001" + "015820" + Nonce + "025820" + VerifierKey)] // the map's length in a longer form
    [InlineData("a3001801" + "015820" + Nonce + "025820" + VerifierKey)] // the version in a longer form
    [InlineData("a30001" + "01590020" + Nonce + "025820" + VerifierKey)] // the nonce's length in a longer form
    [InlineData("a30001" + "025820" + VerifierKey + "015820" + Nonce)] // keys out of order
    [InlineData("a40001" + "015820" + Nonce + "015820" + Nonce + "025820" + VerifierKey)] // a key twice
    [InlineData("a40001" + "015820" + Nonce + "025820" + VerifierKey + "0300")] // a key that is not known
    [InlineData("a30002" + "015820" + Nonce + "025820" + VerifierKey)] // another version
    [InlineData("a30001" + "01581f" + "00" + "025820" + VerifierKey)] // a nonce of another length
    [InlineData("a20001" + "015820" + Nonce)] // a key missing
    [InlineData("a30001" + "017820" + Nonce + "025820" + VerifierKey)] // text in place of bytes
    [InlineData("c1" + Request)] // a tag
    [InlineData(Request + "00")] // something behind it
    [InlineData("")]
    public void A_request_has_one_form(string message) =>
        Assert.False(ExchangeMessages.TryReadRequest(Bytes(message), out _, out _));

    [Theory]
    [InlineData("a40001" + "015820" + ProverKey + "0219ca6c" + "0340")] // an empty document
    [InlineData("a40001" + "015820" + ProverKey + "0219ca6c")] // a map that ends too early
    [InlineData("a30001" + "015820" + ProverKey + "0219ca6c" + "03450102030405")] // one that goes on
    [InlineData("a40001" + "015820" + ProverKey + "0219ca6c" + "035b7fffffffffffffff01")] // a document without end
    [InlineData("a40001" + "015820" + ProverKey + "0219ca6c" + "035affffffff01")]
    [InlineData("a30001" + "015820" + ProverKey + "021a0000ca6c")] // the port in a longer form
    [InlineData("a30001" + "015820" + ProverKey + "021b0000000100000000")] // a port of more than 32 bits
    [InlineData("a30001" + "015820" + ProverKey + "0220")] // a negative one
    [InlineData("a10001")]
    public void A_response_has_one_form(string message) =>
        Assert.False(ExchangeMessages.TryReadResponse(Bytes(message), out _));

    [Fact]
    public void A_port_may_have_32_bits()
    {
        foreach (uint port in (uint[])[0, 23, 24, 255, 256, 65_535, 65_536, uint.MaxValue])
        {
            Assert.True(ExchangeMessages.TryReadResponse(
                ExchangeMessages.Response(s_prover.PublicKey, port, []), out ProverResponse? response));
            Assert.Equal(port, response.Port);
        }
    }

    [Fact]
    public void Text_of_the_other_end_is_made_printable_and_short()
    {
        string text = "bell \a, escape \u001b[2J, newline \n, é" + new string('x', 1_000);
        Assert.True(ExchangeMessages.TryReadError(ExchangeMessages.Error(text), out string? said));
        Assert.StartsWith("bell ?, escape ?[2J, newline ?, ?x", said, StringComparison.Ordinal);
        Assert.Equal(ExchangeMessages.MaxErrorSize, said.Length);
        byte[] raw = [0xA2, 0, 1, 9, 0x64, 0x1B, (byte)'[', (byte)'m', 7];
        Assert.True(ExchangeMessages.TryReadError(raw, out said));
        Assert.Equal("?[m?", said);
        raw[5] = 0xFF; // no UTF-8
        Assert.False(ExchangeMessages.TryReadError(raw, out _));
    }

    [Fact]
    public void Requests_and_responses_come_back_as_they_were()
    {
        Gen.Select(s_bytes32, s_bytes32, Gen.UInt, Gen.Byte.Array[0, 300]).Sample((nonce, key, port, document) =>
        {
            var publicKey = new PublicKey(key);
            bool isRead = ExchangeMessages.TryReadRequest(
                ExchangeMessages.Request(nonce, publicKey), out ReadOnlySpan<byte> readNonce, out PublicKey readKey);
            return isRead && readNonce.SequenceEqual(nonce) && readKey == publicKey
                && ExchangeMessages.TryReadResponse(
                    ExchangeMessages.Response(publicKey, port, document), out ProverResponse? response)
                && response.Prover == publicKey && response.Port == port && response.Document.Span.SequenceEqual(document);
        });
    }

    /// <summary>Whatever is read would be written the same: no message has a second form.</summary>
    [Fact]
    public void Random_changes_are_refused_or_are_another_message()
    {
        byte[][] messages = [Bytes(Request), Bytes(Response), Bytes(Confirm), Bytes(Settings), ExchangeMessages.Error("why")];
        Gen.Select(Gen.Int[0, messages.Length - 1], Gen.Int[0, 200], Gen.Byte, Gen.Int[0, 120]).Sample((which, at, to, length) =>
        {
            byte[] message = [.. messages[which]];
            message[at % message.Length] = to;
            return IsSaneFor(message) && IsSaneFor(message[..Math.Min(length, message.Length)]);
        }, iter: 20_000);
    }

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Byte.Array[0, 160].Sample(bytes => IsSaneFor(bytes) && IsSaneFor([0xA3, 0, 1, .. bytes]), iter: 20_000);

    [Fact]
    public void A_confirm_is_taken_apart_in_one_way()
    {
        // Different splits into settings and mac would let one mac serve two confirms.
        byte[] confirm = Bytes(Confirm);
        for (int length = 0; length < confirm.Length; length++)
            Assert.False(ExchangeMessages.TryReadConfirm(confirm.AsSpan(..length), out _, out _));
        Assert.False(ExchangeMessages.TryReadConfirm([0xA3, 0, 1, 3, 4, 0x58, 32, .. new byte[32]], out _, out _));
    }

    private static bool IsSaneFor(byte[] message)
    {
        bool isSane = true;
        if (ExchangeMessages.TryReadRequest(message, out ReadOnlySpan<byte> nonce, out PublicKey verifier))
            isSane &= ExchangeMessages.Request(nonce, verifier).AsSpan().SequenceEqual(message);
        if (ExchangeMessages.TryReadResponse(message, out ProverResponse? response))
        {
            isSane &= ExchangeMessages.Response(response.Prover, response.Port, response.Document.Span).AsSpan()
                .SequenceEqual(message);
        }

        if (ExchangeMessages.TryReadConfirm(message, out byte[]? unsigned, out ReadOnlySpan<byte> mac))
            isSane &= ExchangeMessages.Confirm(unsigned, mac).AsSpan().SequenceEqual(message);
        if (ExchangeMessages.TryReadError(message, out string? text))
            isSane &= !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
        bool isOffer = OfferFormat.TryRead(message, out Offer offer, out string error);
        return isSane && isOffer == (error.Length == 0)
            && (!isOffer || OfferFormat.TryRead(OfferFormat.Write(offer), out _, out _));
    }

    internal static void AssertSame(Offer expected, Offer offer)
    {
        Assert.Equal(expected.Addresses, offer.Addresses);
        Assert.Equal(expected.AllowedIps, offer.AllowedIps);
        Assert.Equal(expected.Mtu, offer.Mtu);
        Assert.Equal(expected.DnsServers, offer.DnsServers);
        Assert.Equal(expected.SearchDomains, offer.SearchDomains);
    }

    internal static InterfaceAddress Address(string text) =>
        InterfaceAddress.TryParse(text, out InterfaceAddress address) ? address : throw new ArgumentException(text);

    internal static IpPrefix Prefix(string text) =>
        IpPrefix.TryParse(text, out IpPrefix prefix) ? prefix : throw new ArgumentException(text);

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
