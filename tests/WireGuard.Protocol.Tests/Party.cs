using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests;

/// <summary>One end of a tunnel with one peer, without sockets: the library's device. Its clock is its caller's.</summary>
internal sealed class Party : IDisposable
{
    /// <summary>The real time of every initiation: timestamps are told apart all the same.</summary>
    private static readonly DateTimeOffset s_realTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private readonly RecordingDevice _device;

    public Party(PrivateKey key, PublicKey peer, byte[]? presharedKey = null)
    {
        Key = key;
        _device = new RecordingDevice(key, Retired);
        Peer = new WireGuardPeer(peer);
        _device.Add(Peer);
        if (presharedKey is not null)
            Peer.SetPresharedKey(new PresharedKey(presharedKey));
    }

    public PrivateKey Key { get; }

    public Aead Aead { get; } = new();

    public WireGuardDevice<WireGuardPeer> Device => _device;

    public MacKeys MacKeys => _device.MacKeys!;

    public CookieChecker Cookies => _device.Cookies!;

    public WireGuardPeer Peer { get; }

    /// <summary>The keypairs that have fallen out of use.</summary>
    public List<Keypair> Retired { get; } = [];

    public Keypair Current => Peer.Keypairs.Current!;

    /// <summary>Two ends that know each other.</summary>
    public static (Party A, Party B) Pair(byte[]? presharedKeyOfA = null, byte[]? presharedKeyOfB = null)
    {
        PrivateKey a = PrivateKey.Generate(), b = PrivateKey.Generate();
        return (new Party(a, b.PublicKey, presharedKeyOfA), new Party(b, a.PublicKey, presharedKeyOfB));
    }

    /// <summary>Two ends with a session that A began and B has confirmed.</summary>
    public static (Party A, Party B) Connected(long nowMs)
    {
        (Party a, Party b) = Pair();
        Connect(a, b, nowMs);
        return (a, b);
    }

    public static void Connect(Party initiator, Party responder, long nowMs)
    {
        Assert.NotNull(initiator.Consume(responder.Respond(initiator.Initiate(nowMs), nowMs)!, nowMs));
        Assert.NotNull(responder.Open(initiator.Seal([], nowMs)!, nowMs));
    }

    /// <summary>An initiation, though the last one may have gone out this very moment.</summary>
    public byte[] Initiate(long nowMs)
    {
        Peer.Timers.Stop();
        byte[] message = new byte[InitiationMessage.Size];
        Assert.True(TryInitiate(message, nowMs));
        return message;
    }

    public bool TryInitiate(byte[] message, long nowMs) =>
        _device.TryBegin(Peer, isRetry: false, s_realTime, Aead, nowMs, message);

    /// <summary>What becomes of a handshake message, and the reply.</summary>
    public (HandshakeOutcome Outcome, byte[] Reply) Receive(byte[] message, long nowMs, MessageSource source = default)
    {
        byte[] copy = [.. message], reply = new byte[InitiationMessage.Size];
        HandshakeResult<WireGuardPeer> result = _device.Receive(Aead, copy, nowMs, reply, source);
        return (result.Outcome, result.Reply.ToArray());
    }

    /// <summary>The response to an initiation, or null where it is met with silence.</summary>
    public byte[]? Respond(byte[] initiation, long nowMs) =>
        Receive(initiation, nowMs) is (HandshakeOutcome.Responded, var response) ? response : null;

    /// <summary>The keypair that a response completes, or null where it is met with silence.</summary>
    public Keypair? Consume(byte[] response, long nowMs) =>
        Receive(response, nowMs).Outcome == HandshakeOutcome.Completed ? Current : null;

    /// <summary>The cookie reply to a handshake message, though its sender may have no cookie of ours yet.</summary>
    public byte[] GiveCookie(byte[] message, byte[] source, long nowMs)
    {
        byte[] reply = new byte[CookieReplyMessage.Size];
        Cookies.WriteReply(message, new InitiationMessage([.. message, .. reply]).SenderIndex, source, nowMs, new(reply));
        return reply;
    }

    public bool TakeCookie(byte[] reply, long nowMs) => Receive(reply, nowMs).Outcome == HandshakeOutcome.CookieTaken;

    /// <summary>A transport message around a packet, or null when there is no session to send it in.</summary>
    public byte[]? Seal(ReadOnlySpan<byte> packet, long nowMs)
    {
        byte[] message = new byte[WireGuardPeer.SealedLength(packet.Length)];
        return Peer.TrySeal(Aead, packet, message, nowMs, out _) ? message : null;
    }

    /// <summary>The packet, with its padding, in a transport message; null when that is not authentic.</summary>
    public byte[]? Open(byte[] message, long nowMs)
    {
        byte[] copy = [.. message];
        if (!_device.TryOpen(Aead, copy, nowMs, out WireGuardPeer? peer, out OpenedMessage opened))
            return null;
        Assert.Same(Peer, peer);
        if ((opened.News & PeerNews.SessionConfirmed) != 0)
            Assert.Equal(PeerAction.SessionConfirmed, Peer.Poll(nowMs));
        return opened.Payload.ToArray();
    }

    public void Dispose()
    {
        _device.Dispose();
        Aead.Dispose();
    }

    private sealed class RecordingDevice(PrivateKey key, List<Keypair> retired) : WireGuardDevice<WireGuardPeer>(key)
    {
        protected override void Retire(IDisposable keys) => retired.Add((Keypair)keys);
    }
}
