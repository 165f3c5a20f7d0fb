using System.Formats.Cbor;
using Microsoft.Extensions.Logging;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Messages between the supervisor and its provisioner, either way: one that is read is one item of deterministic CBOR, is read
/// once, says no text that a terminal obeys, and is written as what is read as the same.
/// <code>u8 0 an order, 1 a report | the message</code>
/// </summary>
internal sealed class ProvisionerTarget : FuzzTarget
{
    public override IEnumerable<string> Words => ["vsock:51821", "tcp:[fd00::1]:51821", "10.0.0.1/24", "lan"];

    public override IEnumerable<byte[]> Seeds()
    {
        using PrivateKey key = new([7, .. new byte[31]]);
        byte[] buffer = new byte[64];
        TransportAddress listen = new(NetworkKind.Vsock, "", uint.MaxValue, 51821);
        TransportAddress address = new(NetworkKind.Tcp, "fd00::1", 0, 51821);
        Offer offer = new() { Mtu = 1380, SearchDomains = ["lan"] };
        AttestSettings attest = new()
        {
            Address = address,
            Pins = [new PcrPin(0, new byte[48])],
            AllowsDebug = false,
            AllowsUnattested = true,
            Offer = offer,
        };
        ProvenPeer peer = new(key.PublicKey, 51820, true, "i-0", [new ShownPcr(3, new string('a', 96))]);
        yield return [0, .. ProvisionerOrders.Begin(ProvisionerNeeds.IP)];
        yield return [0, .. ProvisionerOrders.Key(key, buffer)];
        yield return [0, .. ProvisionerOrders.Settings(new(7, 51820, ProvisionKind.Nitro, listen, "others", [key.PublicKey]))];
        yield return [0, .. ProvisionerOrders.Attempt(5, attest, [1, 2])];
        yield return [0, .. ProvisionerOrders.Cancel(5)];
        yield return [0, .. ProvisionerOrders.AnswerOffer(5, "no")];
        yield return [0, .. ProvisionerOrders.AnswerAttempt(5, null)];
        yield return [1, .. ProvisionerReports.Ready(true, "on")];
        yield return [1, .. ProvisionerReports.State(false, "taken")];
        yield return [1, .. ProvisionerReports.Offered(5, key.PublicKey, offer, EndpointAddress.Vsock(3, 4))];
        yield return [1, .. ProvisionerReports.Holds(5, peer)];
        yield return [1, .. ProvisionerReports.Ended(5, null)];
        yield return [1, .. ProvisionerReports.Line(LogLevel.Warning, "text")];
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        bool isReport = input.Length != 0 && (input[0] & 1) != 0;
        ReadOnlySpan<byte> message = input[Math.Min(input.Length, 1)..];
        Written first = new();
        if (!Read(message, isReport, first))
        {
            Fact.Same(0, first.Count, "what is refused hands nothing over");
            return;
        }

        Fact.Same(1, first.Count, "a message is handed over once");
        CborReader reader = new(message.ToArray(), CborConformanceMode.Ctap2Canonical);
        reader.SkipValue();
        Fact.Same(0, reader.BytesRemaining, "what follows the item");
        Written second = new();
        Fact.Holds(Read(first.Message, isReport, second), "a message that is written is read");
        Fact.SameBytes(first.Message, second.Message, "a message that is written, read and written");
        Fact.Holds(first.Message.Length <= MessageChannel.MaxSize || message.Length > MessageChannel.MaxSize, "it is no longer");
    }

    private static bool Read(ReadOnlySpan<byte> message, bool isReport, Written to) =>
        isReport ? ProvisionerReports.TryRead(message, to) : ProvisionerOrders.TryRead(message, to);

    /// <summary>Writes what it is told.</summary>
    private sealed class Written : IProvisionerOrders, IProvisionerReports
    {
        public byte[] Message { get; private set; } = [];

        public int Count { get; private set; }

        public void Begin(ProvisionerNeeds needs) => Take(ProvisionerOrders.Begin(needs));

        public void TakeKey(PrivateKey key)
        {
            Span<byte> message = stackalloc byte[64];
            Take(ProvisionerOrders.Key(key, message));
            key.Dispose();
        }

        public void Set(ProvisionerSettings settings) => Take(ProvisionerOrders.Settings(settings));

        public void Start(uint id, AttestSettings settings, ReadOnlyMemory<byte> root) =>
            Take(ProvisionerOrders.Attempt(id, settings, root.Span));

        public void Cancel(uint id) => Take(ProvisionerOrders.Cancel(id));

        public void AnswerOffer(uint id, string? refusal) => Take(ProvisionerOrders.AnswerOffer(id, Shown(refusal)));

        public void AnswerAttempt(uint id, string? refusal) => Take(ProvisionerOrders.AnswerAttempt(id, Shown(refusal)));

        public bool OnReady(bool isConfined, string text) => Take(ProvisionerReports.Ready(isConfined, Shown(text)!));

        public bool OnState(bool isListening, string problem) => Take(ProvisionerReports.State(isListening, Shown(problem)!));

        public bool OnOffered(uint id, PublicKey verifier, Offer offer, EndpointAddress from) =>
            Take(ProvisionerReports.Offered(id, verifier, offer, from));

        public bool OnHolds(uint id, ProvenPeer peer)
        {
            Shown(peer.Module);
            Fact.Holds(peer.Pcrs.Count <= PeerNote.MaxPcrs, "measurements are bounded");
            return Take(ProvisionerReports.Holds(id, peer));
        }

        public bool OnEnded(uint id, string? problem) => Take(ProvisionerReports.Ended(id, Shown(problem)));

        public bool OnLine(LogLevel level, string text) => Take(ProvisionerReports.Line(level, Shown(text)!));

        private bool Take(ReadOnlySpan<byte> message)
        {
            Message = message.ToArray();
            Count++;
            return true;
        }

        private static string? Shown(string? text)
        {
            Texts.CheckShown(text ?? "", "a text");
            Fact.Holds(text is null || text.Length <= ProvisionerReports.MaxText, "a text is bounded");
            return text;
        }
    }
}
