using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>
/// Two devices that have each other as a peer, on one clock that is set by hand, and nothing between them: a test carries each
/// message itself, and loses what it likes.
/// </summary>
internal sealed class Ends : IDisposable
{
    public const long Start = 1_000_000;

    private static readonly DateTimeOffset s_realStart = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    public Ends()
    {
        A = new End(PrivateKey.Generate());
        B = new End(PrivateKey.Generate());
        (A.Peer, B.Peer) = (new WireGuardPeer(B.PublicKey), new WireGuardPeer(A.PublicKey));
        A.Device.Add(A.Peer);
        B.Device.Add(B.Peer);
    }

    /// <summary>Boot time in ms, of both.</summary>
    public long NowMs { get; set; } = Start;

    public Aead Aead { get; } = new();

    public End A { get; }

    public End B { get; }

    private DateTimeOffset RealTime => s_realStart.AddMilliseconds(NowMs - Start);

    /// <summary>An initiation of that end; null when none may be sent now.</summary>
    public byte[]? Begin(End end, bool isRetry = false)
    {
        byte[] message = new byte[WireGuardPeer.MaxHandshakeSize];
        return end.Device.TryBegin(end.Peer, isRetry, RealTime, Aead, NowMs, message) ? message : null;
    }

    /// <summary>What becomes of a handshake message, and the reply.</summary>
    public (HandshakeOutcome Outcome, byte[] Reply) Receive(End end, byte[]? message, MessageSource source = default)
    {
        Assert.NotNull(message);
        byte[] copy = [.. message], reply = new byte[WireGuardPeer.MaxHandshakeSize];
        HandshakeResult<WireGuardPeer> result = end.Device.Receive(Aead, copy, NowMs, reply, source);
        return (result.Outcome, result.Reply.ToArray());
    }

    /// <summary>A message around a packet, or a keepalive; null when there is no session.</summary>
    public byte[]? Seal(End end, ReadOnlySpan<byte> packet, out PeerNews news)
    {
        byte[] message = new byte[WireGuardPeer.SealedLength(packet.Length)];
        return end.Peer.TrySeal(Aead, packet, message, NowMs, out news) ? message : null;
    }

    public byte[]? Seal(End end, ReadOnlySpan<byte> packet = default) => Seal(end, packet, out _);

    /// <summary>What was in a message; null when it is not authentic.</summary>
    public byte[]? Open(End end, byte[]? message, out PeerNews news)
    {
        Assert.NotNull(message);
        byte[] copy = [.. message];
        bool isOpen = end.Device.TryOpen(Aead, copy, NowMs, out _, out OpenedMessage opened);
        news = opened.News;
        return isOpen ? opened.Payload.ToArray() : null;
    }

    public byte[]? Open(End end, byte[]? message) => Open(end, message, out _);

    /// <summary>A begins a session, which B confirms.</summary>
    public void Connect()
    {
        (HandshakeOutcome outcome, byte[] response) = Receive(B, Begin(A));
        Assert.Equal(HandshakeOutcome.Responded, outcome);
        Assert.Equal(HandshakeOutcome.Completed, Receive(A, response).Outcome);
        Open(B, Seal(A), out PeerNews news);
        Assert.Equal(PeerNews.SessionConfirmed, news);
        Assert.Equal(PeerAction.SessionConfirmed, B.Peer.Poll(NowMs));
    }

    /// <summary>Turns the clock to the end's next deadline, and says what is due then.</summary>
    public PeerAction Wait(End end)
    {
        PeerAction action;
        while ((action = end.Peer.Poll(NowMs)) == PeerAction.None)
        {
            long next = end.Peer.NextDeadline(NowMs);
            Assert.InRange(next, NowMs + 1, NowMs + 3_600_000);
            NowMs = next;
        }

        return action;
    }

    public void Dispose()
    {
        A.Device.Dispose();
        B.Device.Dispose();
        Aead.Dispose();
    }

    /// <summary>One end.</summary>
    internal sealed class End(PrivateKey key)
    {
        public PublicKey PublicKey { get; } = key.PublicKey;

        /// <summary>The receiver indices that it has given out.</summary>
        public IndexTable<WireGuardPeer> Indices { get; } = new();

        public WireGuardDevice<WireGuardPeer> Device => field ??= New();

        public WireGuardPeer Peer { get; set; } = null!;

        public Keypair Keypair => Peer.Keypairs.Current!;

        private WireGuardDevice<WireGuardPeer> New()
        {
            var device = new WireGuardDevice<WireGuardPeer>(Indices, new RateLimiter());
            device.SetPrivateKey(key);
            return device;
        }
    }
}
