using System.Buffers;
using System.Formats.Cbor;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Messages of provisioning: what is read is written as the same bytes, and is one item of CBOR in its deterministic form by
/// .NET's reader; settings are bounded and written as what is read as the same; a secure module's answer is a document or words.
/// <code>the message, or what stands in a confirm for its settings, or the module's answer</code>
/// </summary>
internal sealed class ExchangeTarget : FuzzTarget
{
    public override IEnumerable<string> Words => ["10.0.0.1/24", "::/0", "1.1.1.1", "lan", "Attestation", "document", "Error"];

    public override IEnumerable<byte[]> Seeds()
    {
        PublicKey key = new(new byte[] { 9 }.Concat(new byte[31]).ToArray());
        byte[] mac = new byte[ExchangeMessages.MacSize], nonce = new byte[ExchangeMessages.NonceSize];
        byte[] settings = OfferFormat.Write(new Offer
        {
            Addresses = [new InterfaceAddress((UInt128)0x0A000001 << 96, 24, false)],
            AllowedIps = [IpPrefix.IPv4(0, 0), IpPrefix.IPv6(0, 0)],
            Mtu = 1420,
            DnsServers = ["1.1.1.1"],
            SearchDomains = ["lan"],
        });
        yield return ExchangeMessages.Request(nonce, key);
        yield return ExchangeMessages.Response(key, 51820, []);
        yield return ExchangeMessages.Response(key, 4_000_000_000, [1, 2, 3]);
        yield return ExchangeMessages.Confirm(ExchangeMessages.Unsigned(settings), mac);
        yield return settings;
        yield return ExchangeMessages.Done;
        yield return ExchangeMessages.Error("no");
        yield return new ArrayBufferWriter<byte>().Map(1).Text("Attestation").Map(1).Text("document").Bytes(mac)
            .WrittenSpan.ToArray();
        yield return new ArrayBufferWriter<byte>().Map(1).Text("Error").Text("InvalidOperation").WrittenSpan.ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        int kinds = 0;
        if (ExchangeMessages.TryReadRequest(input, out ReadOnlySpan<byte> nonce, out PublicKey verifier))
        {
            kinds++;
            Fact.Same(ExchangeMessages.RequestSize, input.Length, "a request's length");
            CheckSame(input, ExchangeMessages.Request(nonce, verifier));
        }

        if (ExchangeMessages.TryReadResponse(input, out ProverResponse? response))
        {
            kinds++;
            CheckSame(input, ExchangeMessages.Response(response.Prover, response.Port, response.Document.Span));
        }

        if (ExchangeMessages.TryReadConfirm(input, out byte[]? unsigned, out ReadOnlySpan<byte> mac))
        {
            kinds++;
            Fact.SameBytes(input, ExchangeMessages.Confirm(unsigned, mac), "a confirm that is put together again");
            ReadOffer(ExchangeMessages.Settings(unsigned));
        }

        if (ExchangeMessages.TryReadError(input, out string? text))
        {
            kinds++;
            Fact.Holds(text.Length <= ExchangeMessages.MaxErrorSize, "an error's text is bounded");
            Texts.CheckShown(text, "an error's text");
            CheckCbor(input);
        }

        Fact.Holds(kinds + (input.SequenceEqual(ExchangeMessages.Done) ? 1 : 0) <= 1, "a message is of one kind");
        ReadOffer(input);
        bool isAnswer = NitroSecureModule.TryReadAnswer(input, out byte[] document, out string error);
        bool isEither = isAnswer ? document.Length != 0 && error.Length == 0 : error.Length != 0;
        Fact.Holds(isEither, "a module's answer is a document or words");
    }

    private static void CheckSame(ReadOnlySpan<byte> read, byte[] written)
    {
        Fact.SameBytes(read, written, "a message that is written again");
        CheckCbor(read);
    }

    /// <summary>RFC 8949 section 4.2.1: the deterministic form is CTAP2's canonical one for what is used here.</summary>
    private static void CheckCbor(ReadOnlySpan<byte> read)
    {
        CborReader reader = new(read.ToArray(), CborConformanceMode.Ctap2Canonical);
        reader.SkipValue();
        Fact.Same(0, reader.BytesRemaining, "what follows the item");
    }

    private static void ReadOffer(ReadOnlySpan<byte> settings)
    {
        bool isRead = OfferFormat.TryRead(settings, out Offer offer, out string error);
        Fact.Same(isRead, error.Length == 0, "whether it says what is wrong");
        Texts.CheckShown(error, "what is wrong with settings");
        if (!isRead)
            return;
        bool isBounded = offer.Addresses.Count <= OfferFormat.MaxAddresses && offer.AllowedIps.Count <= OfferFormat.MaxAllowedIps
            && offer.DnsServers.Count <= OfferFormat.MaxDnsServers && offer.SearchDomains.Count <= OfferFormat.MaxSearchDomains;
        Fact.Holds(isBounded, "settings are bounded");
        foreach (string name in offer.DnsServers.Concat(offer.SearchDomains))
            Fact.Holds(name.Length <= 255 && !name.Any(letter => letter is <= ' ' or > '~'), "names are words");
        CheckCbor(settings);
        byte[] written = OfferFormat.Write(offer);
        Fact.Holds(OfferFormat.TryRead(written, out Offer again, out error), $"settings that are written are read: {error}");
        Fact.SameBytes(written, OfferFormat.Write(again), "settings that are written, read and written");
    }
}
