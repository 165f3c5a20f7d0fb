using System.Buffers;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// What the supervisor tells its provisioner: arrays of CBOR, as <see cref="CborItems"/> reads them. A text is printable ASCII
/// but for addresses; an empty one means none.
/// <code>
/// [1, needs]                                                       first: it is confined to them, and says so
/// [2, private key]                                                 of the tunnel; what was begun with another is given up
/// [3, mark, listening port, kind, listen address, why others are refused, keys of those that are not]
/// [4, id, address, 1: debug mode | 2: unattested, root in DER, [PCR's index, value, ...], offer]      attest that one
/// [5, id]                                                          an attempt is given up
/// [6, id, refusal]                                                 of an offer
/// [7, id, refusal]                                                 of a response that holds
/// </code>
/// </summary>
internal static class ProvisionerOrders
{
    /// <summary>The most keys that are sent of verifiers that are expected; where there are more, all are.</summary>
    public const int MaxExpected = 1024;

    private const int KeySize = 4 + PrivateKey.Size;

    private enum Order : uint
    {
        Begin = 1,
        Key,
        Settings,
        Attempt,
        Cancel,
        AnswerOffer,
        AnswerAttempt,
    }

    public static ReadOnlySpan<byte> Begin(ProvisionerNeeds needs) => Head(2, Order.Begin).Number((uint)needs).WrittenSpan;

    /// <param name="message">Receives it; its owner wipes it.</param>
    public static ReadOnlySpan<byte> Key(PrivateKey key, Span<byte> message)
    {
        ((ReadOnlySpan<byte>)[0x82, (byte)Order.Key, 0x58, PrivateKey.Size]).CopyTo(message);
        key.Bytes.CopyTo(message[(KeySize - PrivateKey.Size)..]);
        return message[..KeySize];
    }

    public static ReadOnlySpan<byte> Settings(ProvisionerSettings settings)
    {
        string? refusal = settings.Expected.Count > MaxExpected ? null : settings.Refusal;
        int count = refusal is null ? 0 : settings.Expected.Count;
        ArrayBufferWriter<byte> message = Head(7, Order.Settings).Number(settings.Mark).Number(settings.ListeningPort)
            .Number(settings.Kind is { } kind ? (uint)kind + 1 : 0).Text(settings.Listen?.ToString() ?? "")
            .Text(refusal ?? "").Head(CborKind.Array, (uint)count);
        for (int i = 0; i < count; i++)
            message.Bytes(settings.Expected[i].Bytes);
        return message.WrittenSpan;
    }

    public static ReadOnlySpan<byte> Attempt(uint id, AttestSettings settings, ReadOnlySpan<byte> root)
    {
        ArrayBufferWriter<byte> message = Head(7, Order.Attempt).Number(id).Text(settings.Address.ToString())
            .Number((settings.AllowsDebug ? 1u : 0) | (settings.AllowsUnattested ? 2u : 0)).Bytes(root)
            .Head(CborKind.Array, (uint)(2 * settings.Pins.Count));
        foreach (PcrPin pin in settings.Pins)
            message.Number((uint)pin.Index).Bytes(pin.Value.Span);
        return message.Bytes(OfferFormat.Write(settings.Offer)).WrittenSpan;
    }

    public static ReadOnlySpan<byte> Cancel(uint id) => Head(2, Order.Cancel).Number(id).WrittenSpan;

    public static ReadOnlySpan<byte> AnswerOffer(uint id, string? refusal) => Answer(Order.AnswerOffer, id, refusal);

    public static ReadOnlySpan<byte> AnswerAttempt(uint id, string? refusal) => Answer(Order.AnswerAttempt, id, refusal);

    /// <summary>Reads a message, and hands it over.</summary>
    /// <returns>False if it is none.</returns>
    public static bool TryRead(ReadOnlySpan<byte> message, IProvisionerOrders to)
    {
        CborItems items = new(message);
        if (!items.TryHead(CborKind.Array, out uint count) || !items.TryHead(CborKind.Number, out uint order))
            return false;
        return (Order)order switch
        {
            Order.Begin => count == 2 && TryBegin(ref items, to),
            Order.Key => count == 2 && TryKey(ref items, to),
            Order.Settings => count == 7 && TrySettings(ref items, to),
            Order.Attempt => count == 7 && TryAttempt(ref items, to),
            Order.Cancel => count == 2 && TryCancel(ref items, to),
            Order.AnswerOffer or Order.AnswerAttempt => count == 3 && TryAnswer(ref items, (Order)order, to),
            _ => false,
        };
    }

    private static ArrayBufferWriter<byte> Head(uint count, Order order) =>
        new ArrayBufferWriter<byte>(256).Head(CborKind.Array, count).Number((uint)order);

    private static ReadOnlySpan<byte> Answer(Order order, uint id, string? refusal) =>
        Head(3, order).Number(id).Text(refusal is null ? "" : ProvisionerReports.Printable(refusal)).WrittenSpan;

    private static bool TryBegin(ref CborItems items, IProvisionerOrders to)
    {
        if (!items.TryHead(CborKind.Number, out uint needs) || !items.IsAtEnd || needs > (uint)ProvisionerNeeds.All)
            return false;
        to.Begin((ProvisionerNeeds)needs);
        return true;
    }

    private static bool TryKey(ref CborItems items, IProvisionerOrders to)
    {
        if (!items.TryBytes(out ReadOnlySpan<byte> key) || key.Length != PrivateKey.Size || !items.IsAtEnd)
            return false;
        to.TakeKey(new PrivateKey(key));
        return true;
    }

    private static bool TrySettings(ref CborItems items, IProvisionerOrders to)
    {
        string? text = null, refusal = null;
        uint port = 0, kind = 0, count = 0;
        bool isRight = items.TryHead(CborKind.Number, out uint mark) && items.TryHead(CborKind.Number, out port)
            && items.TryHead(CborKind.Number, out kind) && kind <= (uint)ProvisionKind.Unattested + 1 && items.TryText(out text)
            && items.TryText(out refusal) && ProvisionerReports.IsPrintable(refusal)
            && items.TryHead(CborKind.Array, out count) && count <= MaxExpected;
        TransportAddress? listen = null;
        if (!isRight || (text!.Length > 0 && !TransportAddress.TryParse(text, AddressUse.Listen, out listen, out _))
            || listen is null != (kind == 0))
            return false;
        List<PublicKey> expected = [];
        for (uint i = 0; i < count; i++)
        {
            if (!items.TryBytes(out ReadOnlySpan<byte> key) || key.Length != PublicKey.Size)
                return false;
            expected.Add(new PublicKey(key));
        }

        if (!items.IsAtEnd)
            return false;
        ProvisionKind? shown = kind == 0 ? null : (ProvisionKind)(kind - 1);
        to.Set(new ProvisionerSettings(mark, port, shown, listen, refusal!.Length == 0 ? null : refusal, expected));
        return true;
    }

    private static bool TryAttempt(ref CborItems items, IProvisionerOrders to)
    {
        uint allows = 0, count = 0;
        string? text = null;
        ReadOnlySpan<byte> root = default, offered = default;
        TransportAddress address = null!;
        bool isRight = items.TryHead(CborKind.Number, out uint id) && items.TryText(out text)
            && TransportAddress.TryParse(text, AddressUse.Send, out address, out _)
            && items.TryHead(CborKind.Number, out allows) && allows <= 3 && items.TryBytes(out root)
            && items.TryHead(CborKind.Array, out count) && count % 2 == 0;
        if (!isRight)
            return false;
        List<PcrPin> pins = [];
        for (uint i = 0; i < count; i += 2)
        {
            bool isPin = items.TryHead(CborKind.Number, out uint index) && index < AttestationDocument.PcrCount;
            if (!isPin || !items.TryBytes(out ReadOnlySpan<byte> value) || value.Length is not (32 or 48 or 64))
                return false;
            pins.Add(new PcrPin((int)index, value.ToArray()));
        }

        if (!items.TryBytes(out offered) || !items.IsAtEnd || !OfferFormat.TryRead(offered, out Offer offer, out _))
            return false;
        AttestSettings settings = new()
        {
            Address = address,
            Pins = pins,
            AllowsDebug = (allows & 1) != 0,
            AllowsUnattested = (allows & 2) != 0,
            Offer = offer,
        };
        to.Start(id, settings, root.ToArray());
        return true;
    }

    private static bool TryCancel(ref CborItems items, IProvisionerOrders to)
    {
        if (!items.TryHead(CborKind.Number, out uint id) || !items.IsAtEnd)
            return false;
        to.Cancel(id);
        return true;
    }

    private static bool TryAnswer(ref CborItems items, Order order, IProvisionerOrders to)
    {
        string? text = null;
        bool isRight = items.TryHead(CborKind.Number, out uint id) && items.TryText(out text) && items.IsAtEnd
            && ProvisionerReports.IsPrintable(text);
        if (!isRight)
            return false;
        string? refusal = text!.Length == 0 ? null : text;
        if (order == Order.AnswerOffer)
            to.AnswerOffer(id, refusal);
        else
            to.AnswerAttempt(id, refusal);
        return true;
    }
}

/// <summary>What a provisioner does, which its sandbox leaves to it. One that needs more is started anew.</summary>
[Flags]
internal enum ProvisionerNeeds
{
    None = 0,
    Vsock = 1,
    IP = 2,
    Unix = 4,

    /// <summary>/dev/nsm.</summary>
    SecureModule = 8,

    /// <summary>To listen on a port below 1024.</summary>
    LowPort = 16,

    /// <summary>It is not confined.</summary>
    Unconfined = 32,
    All = 63,
}

/// <summary>What a provisioner has to know of the tunnel.</summary>
/// <param name="Mark">Of all sockets.</param>
/// <param name="ListeningPort">The tunnel's, which verifiers are told; 0 if it cannot be told now.</param>
/// <param name="Kind">What is shown to verifiers; null if none is answered.</param>
/// <param name="Listen">Where they are; null if none is answered.</param>
/// <param name="Refusal">Why verifiers are refused that are not expected; null if all are expected.</param>
/// <param name="Expected">Else with these alone an exchange could be taken now.</param>
internal sealed record ProvisionerSettings(
    uint Mark,
    uint ListeningPort,
    ProvisionKind? Kind,
    TransportAddress? Listen,
    string? Refusal,
    IReadOnlyList<PublicKey> Expected);

/// <summary>A provisioner, as <see cref="ProvisionerOrders"/> reaches it.</summary>
internal interface IProvisionerOrders
{
    void Begin(ProvisionerNeeds needs);

    /// <param name="key">Its own to dispose of.</param>
    void TakeKey(PrivateKey key);

    void Set(ProvisionerSettings settings);

    /// <param name="id">By which it is spoken of from now on.</param>
    /// <param name="settings">Without the root's file.</param>
    /// <param name="root">In DER; empty for AWS's.</param>
    void Start(uint id, AttestSettings settings, ReadOnlyMemory<byte> root);

    void Cancel(uint id);

    /// <param name="id">Of the offer.</param>
    /// <param name="refusal">Null: it is taken.</param>
    void AnswerOffer(uint id, string? refusal);

    /// <param name="id">Of the attempt.</param>
    /// <param name="refusal">Null: it is to be confirmed.</param>
    void AnswerAttempt(uint id, string? refusal);
}
