using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// The messages of the exchange (docs/attestation.md). On the stream each has its length before it, 4 bytes in network order;
/// here a message is the map alone, in deterministic CBOR. What has another form is no message.
/// <code>
/// verifier -> prover   request   { 0: 1, 1: nonce, 2: the verifier's public key }
/// prover -> verifier   response  { 0: 1, 1: the prover's public key, 2: its listening port, 3: document, unless unattested }
/// verifier -> prover   confirm   { 0: 1, 3: settings, 4: mac }
/// prover -> verifier   done      { 0: 1 }
/// prover -> verifier   error     { 0: 1, 9: text }          in place of a response or of done
/// </code>
/// </summary>
internal static class ExchangeMessages
{
    /// <summary>The most bytes of a message, without its length.</summary>
    public const int MaxSize = 65_536;

    public const int NonceSize = 32;

    public const int MacSize = Sha256.HashSize;

    /// <summary>All requests have this length.</summary>
    public const int RequestSize = 73;

    /// <summary>The most bytes of an error's text.</summary>
    public const int MaxErrorSize = 256;

    /// <summary>What stands between settings and mac, and the mac.</summary>
    private const int MacEnd = 3 + MacSize;

    private const uint Version = 1;

    /// <summary>The version, then the key of settings.</summary>
    private static ReadOnlySpan<byte> ConfirmBegin => [0xA3, 0, 1, 3];

    private static ReadOnlySpan<byte> MacBegin => [4, 0x58, MacSize];

    public static byte[] Done => [0xA1, 0, 1];

    public static byte[] Request(ReadOnlySpan<byte> nonce, PublicKey verifier) =>
        Begin(pairs: 3).Number(1).Bytes(nonce).Number(2).Bytes(verifier.Bytes).WrittenSpan.ToArray();

    public static bool TryReadRequest(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> nonce, out PublicKey verifier)
    {
        CborItems items = new(message);
        nonce = default;
        ReadOnlySpan<byte> key = default;
        bool isRequest = TryBegin(ref items, out uint pairs) && pairs == 3
            && items.TryNumber(1) && items.TryBytes(out nonce) && nonce.Length == NonceSize
            && items.TryNumber(2) && items.TryBytes(out key) && key.Length == PublicKey.Size && items.IsAtEnd;
        verifier = isRequest ? new PublicKey(key) : default;
        return isRequest;
    }

    /// <param name="document">Empty: there is none.</param>
    public static byte[] Response(PublicKey prover, uint port, ReadOnlySpan<byte> document)
    {
        ArrayBufferWriter<byte> response = Begin(document.IsEmpty ? 3 : 4).Number(1).Bytes(prover.Bytes).Number(2).Number(port);
        if (!document.IsEmpty)
            response.Number(3).Bytes(document);
        return response.WrittenSpan.ToArray();
    }

    public static bool TryReadResponse(ReadOnlySpan<byte> message, [NotNullWhen(true)] out ProverResponse? response)
    {
        CborItems items = new(message);
        ReadOnlySpan<byte> key = default, document = default;
        uint port = 0;
        bool isResponse = TryBegin(ref items, out uint pairs) && pairs is 3 or 4
            && items.TryNumber(1) && items.TryBytes(out key) && key.Length == PublicKey.Size
            && items.TryNumber(2) && items.TryHead(CborKind.Number, out port)
            && (pairs == 3 || (items.TryNumber(3) && items.TryBytes(out document) && !document.IsEmpty)) && items.IsAtEnd;
        response = isResponse ? new ProverResponse(new PublicKey(key), port, document.ToArray()) : null;
        return isResponse;
    }

    /// <summary>A confirm without its mac, which is what the mac is of.</summary>
    /// <param name="settings">As <see cref="OfferFormat"/> writes them.</param>
    public static byte[] Unsigned(ReadOnlySpan<byte> settings)
    {
        ArrayBufferWriter<byte> unsigned = Begin(pairs: 2).Number(3);
        unsigned.Write(settings);
        return unsigned.WrittenSpan.ToArray();
    }

    /// <param name="unsigned">The same without its mac.</param>
    public static byte[] Confirm(ReadOnlySpan<byte> unsigned, ReadOnlySpan<byte> mac)
    {
        byte[] confirm = [.. unsigned, .. MacBegin, .. mac];
        confirm[0] = ConfirmBegin[0];
        return confirm;
    }

    /// <summary>
    /// Takes a confirm apart. Its settings are not read: that is for later, when the mac has shown whose they are. Any two
    /// confirms that differ, differ in one of the parts.
    /// </summary>
    public static bool TryReadConfirm(
        ReadOnlySpan<byte> message, [NotNullWhen(true)] out byte[]? unsigned, out ReadOnlySpan<byte> mac)
    {
        int end = message.Length - MacEnd;
        bool isConfirm = end > ConfirmBegin.Length && message.StartsWith(ConfirmBegin)
            && message[end..].StartsWith(MacBegin);
        mac = isConfirm ? message[^MacSize..] : default;
        unsigned = isConfirm ? Unsigned(message[ConfirmBegin.Length..end]) : null;
        return isConfirm;
    }

    /// <summary>The settings of a confirm without its mac.</summary>
    public static ReadOnlySpan<byte> Settings(ReadOnlySpan<byte> unsigned) => unsigned[ConfirmBegin.Length..];

    public static byte[] Error(string text)
    {
        string printable = Printable(text);
        return Begin(pairs: 2).Number(9).Text(printable).WrittenSpan.ToArray();
    }

    public static bool TryReadError(ReadOnlySpan<byte> message, [NotNullWhen(true)] out string? text)
    {
        CborItems items = new(message);
        text = null;
        bool isError = TryBegin(ref items, out uint pairs) && pairs == 2 && items.TryNumber(9) && items.TryText(out text)
            && items.IsAtEnd;
        text = isError ? Printable(text!) : null;
        return isError;
    }

    /// <summary>Text of the other end's, or for it: printable ASCII, of a length that a log can bear.</summary>
    private static string Printable(string text) => string.Create(Math.Min(text.Length, MaxErrorSize), text, (line, from) =>
    {
        for (int i = 0; i < line.Length; i++)
            line[i] = from[i] is >= ' ' and <= '~' ? from[i] : '?';
    });

    private static ArrayBufferWriter<byte> Begin(int pairs) =>
        new ArrayBufferWriter<byte>(128).Map(pairs).Number(0).Number(Version);

    private static bool TryBegin(ref CborItems items, out uint pairs) =>
        items.TryHead(CborKind.Map, out pairs) && items.TryNumber(0) && items.TryNumber(Version);
}

/// <summary>What a prover answers.</summary>
/// <param name="Prover">Its public key.</param>
/// <param name="Port">On which its tunnel listens.</param>
/// <param name="Document">Empty if it is unattested.</param>
internal sealed record ProverResponse(PublicKey Prover, uint Port, ReadOnlyMemory<byte> Document);
