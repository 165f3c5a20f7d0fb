using System.Buffers;
using Microsoft.Extensions.Logging;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// What a provisioner tells its supervisor: arrays of CBOR, as <see cref="CborItems"/> reads them. It parses
/// unauthenticated messages, and may be under an attacker's control: the supervisor takes its messages as it would take those of
/// the network. A text is printable ASCII; an empty one means none.
/// <code>
/// [1, is it confined, by what]                                      all that is asked of it follows
/// [2, does it listen, why not]                                      once for each settings, and when it changes
/// [3, id, verifier's key, offer, sockaddr of the far end]           it has proved its key: is it taken?
/// [4, id, key, port, is attested, module, [PCR's index, value...]]  an attempt's response holds: is it confirmed?
/// [5, id, problem]                                                  an attempt has ended
/// [6, level, text]                                                  a line for the log
/// </code>
/// </summary>
internal static class ProvisionerReports
{
    /// <summary>The most characters of a text.</summary>
    public const int MaxText = 2048;

    private enum Report : uint
    {
        Ready = 1,
        State,
        Offered,
        Holds,
        Ended,
        Line,
    }

    public static ReadOnlySpan<byte> Ready(bool isConfined, string text) =>
        Head(3, Report.Ready).Number(isConfined ? 1u : 0).Text(Printable(text)).WrittenSpan;

    public static ReadOnlySpan<byte> State(bool isListening, string problem) =>
        Head(3, Report.State).Number(isListening ? 1u : 0).Text(Printable(problem)).WrittenSpan;

    public static ReadOnlySpan<byte> Offered(uint id, PublicKey verifier, Offer offer, EndpointAddress from)
    {
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        return Head(5, Report.Offered).Number(id).Bytes(verifier.Bytes).Bytes(OfferFormat.Write(offer))
            .Bytes(sockaddr[..from.WriteSockaddr(sockaddr)]).WrittenSpan;
    }

    public static ReadOnlySpan<byte> Holds(uint id, ProvenPeer peer)
    {
        ArrayBufferWriter<byte> message = Head(7, Report.Holds).Number(id).Bytes(peer.Key.Bytes).Number(peer.Port)
            .Number(peer.IsAttested ? 1u : 0).Text(peer.Module is null ? "" : Printable(peer.Module))
            .Head(CborKind.Array, (uint)(2 * peer.Pcrs.Count));
        foreach (ShownPcr pcr in peer.Pcrs)
            message.Number((uint)pcr.Index).Bytes(Convert.FromHexString(pcr.Hex));
        return message.WrittenSpan;
    }

    public static ReadOnlySpan<byte> Ended(uint id, string? problem) =>
        Head(3, Report.Ended).Number(id).Text(problem is null ? "" : Printable(problem)).WrittenSpan;

    public static ReadOnlySpan<byte> Line(LogLevel level, string text) =>
        Head(3, Report.Line).Number((uint)level).Text(Printable(text)).WrittenSpan;

    /// <summary>Text as a message can have it: cut, and with '?' for what is not printable.</summary>
    public static string Printable(string text) => IsPrintable(text) ? text : string.Create(
        Math.Min(text.Length, MaxText), text, static (line, from) =>
        {
            for (int i = 0; i < line.Length; i++)
                line[i] = from[i] is >= ' ' and <= '~' ? from[i] : '?';
        });

    public static bool IsPrintable(string text) => text.Length <= MaxText && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>Reads a message, and hands it over.</summary>
    /// <returns>False if it is none, or none that may come now.</returns>
    public static bool TryRead(ReadOnlySpan<byte> message, IProvisionerReports to)
    {
        CborItems items = new(message);
        if (!items.TryHead(CborKind.Array, out uint count) || !items.TryHead(CborKind.Number, out uint report))
            return false;
        return (Report)report switch
        {
            Report.Ready or Report.State or Report.Ended or Report.Line => count == 3 && TryPair(ref items, (Report)report, to),
            Report.Offered => count == 5 && TryOffered(ref items, to),
            Report.Holds => count == 7 && TryHolds(ref items, to),
            _ => false,
        };
    }

    private static ArrayBufferWriter<byte> Head(uint count, Report report) =>
        new ArrayBufferWriter<byte>(256).Head(CborKind.Array, count).Number((uint)report);

    /// <summary>A number and a text.</summary>
    private static bool TryPair(ref CborItems items, Report report, IProvisionerReports to)
    {
        string? text = null;
        bool isRight = items.TryHead(CborKind.Number, out uint number) && items.TryText(out text) && items.IsAtEnd
            && IsPrintable(text);
        return isRight && report switch
        {
            Report.Ready => number <= 1 && to.OnReady(number == 1, text!),
            Report.State => number <= 1 && to.OnState(number == 1, text!),
            Report.Ended => to.OnEnded(number, text!.Length == 0 ? null : text),
            _ => number is >= (uint)LogLevel.Debug and <= (uint)LogLevel.Error && to.OnLine((LogLevel)number, text!),
        };
    }

    private static bool TryOffered(ref CborItems items, IProvisionerReports to)
    {
        ReadOnlySpan<byte> key = default, offered = default, sockaddr = default;
        bool isRight = items.TryHead(CborKind.Number, out uint id)
            && items.TryBytes(out key) && key.Length == PublicKey.Size
            && items.TryBytes(out offered) && items.TryBytes(out sockaddr) && items.IsAtEnd;
        return isRight && OfferFormat.TryRead(offered, out Offer offer, out _)
            && EndpointAddress.TryFromSockaddr(sockaddr, out EndpointAddress from)
            && to.OnOffered(id, new PublicKey(key), offer, from);
    }

    private static bool TryHolds(ref CborItems items, IProvisionerReports to)
    {
        ReadOnlySpan<byte> key = default;
        uint port = 0, isAttested = 0, count = 0;
        string? module = null;
        bool isRight = items.TryHead(CborKind.Number, out uint id)
            && items.TryBytes(out key) && key.Length == PublicKey.Size && items.TryHead(CborKind.Number, out port)
            && items.TryHead(CborKind.Number, out isAttested) && isAttested <= 1
            && items.TryText(out module) && IsPrintable(module)
            && items.TryHead(CborKind.Array, out count) && count % 2 == 0 && count <= 2 * PeerNote.MaxPcrs;
        if (!isRight)
            return false;
        List<ShownPcr> pcrs = [];
        int next = 0;
        for (uint i = 0; i < count; i += 2)
        {
            bool isPcr = items.TryHead(CborKind.Number, out uint index) && index < AttestationDocument.PcrCount && index >= next;
            if (!isPcr || !items.TryBytes(out ReadOnlySpan<byte> value) || value.Length is not (32 or 48 or 64))
                return false;
            pcrs.Add(new ShownPcr((int)index, Convert.ToHexStringLower(value)));
            next = (int)index + 1;
        }

        return items.IsAtEnd && to.OnHolds(id, new ProvenPeer(
            new PublicKey(key), port, isAttested == 1, module!.Length == 0 ? null : module, pcrs));
    }
}

/// <summary>A supervisor, as <see cref="ProvisionerReports"/> reaches it. False: that may not be said now.</summary>
internal interface IProvisionerReports
{
    bool OnReady(bool isConfined, string text);

    bool OnState(bool isListening, string problem);

    /// <param name="id">By which it is answered.</param>
    /// <param name="verifier">It has proved its key.</param>
    /// <param name="offer">Well-formed.</param>
    /// <param name="from">The far end of the connection.</param>
    bool OnOffered(uint id, PublicKey verifier, Offer offer, EndpointAddress from);

    bool OnHolds(uint id, ProvenPeer peer);

    /// <param name="id">Of the attempt.</param>
    /// <param name="problem">Null: its peer was confirmed, and has said that it took what it was offered.</param>
    bool OnEnded(uint id, string? problem);

    bool OnLine(LogLevel level, string text);
}
