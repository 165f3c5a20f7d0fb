using CsCheck;
using Microsoft.Extensions.Logging;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>What supervisor and provisioner tell each other.</summary>
public sealed class ProvisionerMessagesTests
{
    private static readonly Offer s_offer = new()
    {
        Addresses = [ExchangeMessagesTests.Address("203.0.113.2/24")],
        Mtu = 1_380,
        SearchDomains = ["example.com"],
    };

    private static readonly EndpointAddress[] s_ends =
        [EndpointAddress.IPv4(0x0A000001, 7), EndpointAddress.IPv6(1, 65_535, 3), EndpointAddress.Vsock(16, 4_000_000_000)];

    private static readonly Gen<string> s_text = Gen.Char[' ', '~'].Array[0, 300].Select(letters => new string(letters));

    [Fact]
    public void Orders_arrive_as_they_were_sent() => Gen.Select(Gen.UInt, Gen.UInt, Gen.Byte.Array[32], s_text).Sample(
        (id, number, bytes, text) =>
        {
            Told told = new();
            using PrivateKey key = new(bytes);
            Span<byte> message = stackalloc byte[64];
            ProvisionerSettings settings = new(
                id, number, ProvisionKind.Nitro, Address("vsock:51821", AddressUse.Listen), "no", [key.PublicKey, default]);
            AttestSettings attest = new()
            {
                Address = Address("tcp:[fd00::1]:51821", AddressUse.Send),
                Pins = [new PcrPin(0, new byte[48]), new PcrPin(31, bytes)],
                AllowsDebug = (id & 1) != 0,
                AllowsUnattested = (id & 2) != 0,
                Offer = s_offer,
            };
            ProvisionerNeeds needs = (ProvisionerNeeds)(number % ((uint)ProvisionerNeeds.All + 1));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.Begin(needs), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.Key(key, message), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.Settings(settings), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.Attempt(id, attest, bytes), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.Cancel(id), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.AnswerOffer(id, text), told));
            Assert.True(ProvisionerOrders.TryRead(ProvisionerOrders.AnswerAttempt(number, null), told));
            string? refusal = text.Length == 0 ? null : text;
            Assert.Equal(
                [
                    needs, key.PublicKey, settings with { Expected = [] }, settings.Expected[0], settings.Expected[1],
                    id, attest.Address, attest.AllowsDebug, attest.AllowsUnattested, attest.Pins[0], attest.Pins[1],
                    Convert.ToHexString(bytes), 1_380, id, (id, refusal), (number, (string?)null),
                ],
                told.All.Select(one => one is ProvisionerSettings given ? given with { Expected = [] } : one));
        }, iter: 50);

    [Fact]
    public void Reports_arrive_as_they_were_sent() => Gen.Select(Gen.UInt, Gen.Bool, Gen.Byte.Array[32], s_text).Sample(
        (id, flag, bytes, text) =>
        {
            Told told = new();
            PublicKey key = new(bytes);
            ProvenPeer peer = new(
                key, id, flag, "i-0", [new ShownPcr(0, Convert.ToHexStringLower(bytes)), new ShownPcr(31, new string('a', 96))]);
            Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Ready(flag, text), told));
            Assert.True(ProvisionerReports.TryRead(ProvisionerReports.State(flag, text), told));
            foreach (EndpointAddress from in s_ends)
                Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Offered(id, key, s_offer, from), told));
            Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Holds(id, peer), told));
            Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Ended(id, text), told));
            Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Line(LogLevel.Error, text), told));
            Assert.Equal(
                [
                    (flag, text), (flag, text), (id, key, s_ends[0]), (id, key, s_ends[1]), (id, key, s_ends[2]),
                    id, peer with { Pcrs = [] }, peer.Pcrs[0], peer.Pcrs[1],
                    (id, text.Length == 0 ? null : text), (LogLevel.Error, text),
                ],
                told.All.Select(one => one is ProvenPeer given ? given with { Pcrs = [] } : one));
        }, iter: 50);

    [Fact]
    public void Text_is_cut_and_made_printable()
    {
        Told told = new();
        string text = "a\n\u001b[31m\u00e4" + new string('b', 3_000);
        Assert.True(ProvisionerReports.TryRead(ProvisionerReports.Line(LogLevel.Debug, text), told));
        string line = (((LogLevel, string))Assert.Single(told.All)!).Item2;
        Assert.Equal(ProvisionerReports.MaxText, line.Length);
        Assert.StartsWith("a??[31m?bb", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8306026161ff")] // something behind it
    [InlineData("83060761" + "61")] // no such level
    [InlineData("83060461" + "0a")] // a line feed
    [InlineData("84060461" + "6100")] // four of three
    [InlineData("83070461" + "61")] // no such report
    [InlineData("830200" + "62c328")] // no UTF-8
    [InlineData("a0")]
    [InlineData("")]
    public void What_is_no_report_is_refused(string hex)
    {
        Told told = new();
        Assert.False(ProvisionerReports.TryRead(Convert.FromHexString(hex), told));
        Assert.Empty(told.All);
    }

    [Fact]
    public void Measurements_come_once_each_and_in_order()
    {
        ShownPcr zero = new(0, new string('a', 96)), one = new(1, new string('b', 96));
        bool IsTaken(params ShownPcr[] pcrs) => ProvisionerReports.TryRead(
            ProvisionerReports.Holds(1, new ProvenPeer(default, 1, true, "m", pcrs)), new Told());
        Assert.True(IsTaken(zero, one));
        Assert.False(IsTaken(one, zero));
        Assert.False(IsTaken(zero, zero));
        Assert.False(IsTaken(new ShownPcr(32, zero.Hex)));
        Assert.False(IsTaken(new ShownPcr(0, "aa")));
    }

    /// <summary>Whatever is changed of a message, or stands in its place: it is taken or refused, and nothing throws.</summary>
    [Fact]
    public void Any_bytes_are_read_without_an_exception()
    {
        using PrivateKey key = PrivateKey.Generate();
        byte[][] whole =
        [
            [.. ProvisionerReports.Ready(true, "text")],
            [.. ProvisionerReports.State(true, "")],
            [.. ProvisionerReports.Offered(1, key.PublicKey, s_offer, s_ends[1])],
            [.. ProvisionerReports.Holds(1, new ProvenPeer(key.PublicKey, 1, true, "m", [new(0, new string('a', 96))]))],
            [.. ProvisionerReports.Ended(1, "p")],
            [.. ProvisionerOrders.Settings(
                new(1, 1, ProvisionKind.Nitro, Address("tcp:1", AddressUse.Listen), "no", [default]))],
        ];
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 300], Gen.Byte, Gen.Byte.Array[0, 80]).Sample(
            (which, at, value, bytes) =>
            {
                Told told = new(); // samples are taken side by side
                byte[] changed = [.. whole[which]];
                changed[at % changed.Length] = value;
                byte[] begun = [(byte)(0x80 | (value & 7)), (byte)(at % 8), .. bytes];
                foreach (byte[] message in (byte[][])[changed, changed[..(at % changed.Length)], bytes, begun])
                {
                    _ = ProvisionerReports.TryRead(message, told);
                    _ = ProvisionerOrders.TryRead(message, told);
                }
            }, iter: 20_000);
    }

    private static TransportAddress Address(string text, AddressUse use) =>
        TransportAddress.TryParse(text, use, out TransportAddress address, out string error)
            ? address
            : throw new ArgumentException(error);

    /// <summary>Notes what it is told.</summary>
    private sealed class Told : IProvisionerOrders, IProvisionerReports
    {
        public List<object?> All { get; } = [];

        public void Begin(ProvisionerNeeds needs) => All.Add(needs);

        public void TakeKey(PrivateKey key)
        {
            All.Add(key.PublicKey);
            key.Dispose();
        }

        public void Set(ProvisionerSettings settings)
        {
            All.Add(settings);
            All.AddRange(settings.Expected.Cast<object>());
        }

        public void Start(uint id, AttestSettings settings, ReadOnlyMemory<byte> root) => All.AddRange(
        [
            id, settings.Address, settings.AllowsDebug, settings.AllowsUnattested, .. settings.Pins,
            Convert.ToHexString(root.Span), settings.Offer.Mtu,
        ]);

        public void Cancel(uint id) => All.Add(id);

        public void AnswerOffer(uint id, string? refusal) => All.Add((id, refusal));

        public void AnswerAttempt(uint id, string? refusal) => All.Add((id, refusal));

        public bool OnReady(bool isConfined, string text) => Note((isConfined, text));

        public bool OnState(bool isListening, string problem) => Note((isListening, problem));

        public bool OnOffered(uint id, PublicKey verifier, Offer offer, EndpointAddress from) => Note((id, verifier, from));

        public bool OnHolds(uint id, ProvenPeer peer)
        {
            All.AddRange([id, peer, .. peer.Pcrs]);
            return true;
        }

        public bool OnEnded(uint id, string? problem) => Note((id, problem));

        public bool OnLine(LogLevel level, string text) => Note((level, text));

        private bool Note(object what)
        {
            All.Add(what);
            return true;
        }
    }
}
