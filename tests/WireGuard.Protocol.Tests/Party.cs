using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests;

/// <summary>
/// One end of a tunnel with one peer, without sockets: does with a message what the daemon's lanes and control thread do, in the
/// same order. Its clock is its caller's.
/// </summary>
internal sealed class Party : IDisposable
{
    private readonly TimestampSource _timestamps = new();
    private uint _lastIndex;

    public Party(PrivateKey key, PublicKey peer, byte[]? presharedKey = null, uint firstIndex = 1)
    {
        Key = key;
        _lastIndex = firstIndex - 1;
        MacKeys = new MacKeys(key.PublicKey);
        Cookies = new CookieChecker(MacKeys);
        Session = new WireGuardPeer(peer, key, Retired.Add);
        if (presharedKey is not null)
            Session.Remote.SetPresharedKey(new PresharedKey(presharedKey));
    }

    public PrivateKey Key { get; }

    public Aead Aead { get; } = new();

    public MacKeys MacKeys { get; }

    public CookieChecker Cookies { get; }

    public WireGuardPeer Session { get; }

    public List<Keypair> Retired { get; } = [];

    /// <summary>The keypairs that came about, by the receiver index of what comes in.</summary>
    public Dictionary<uint, Keypair> Keypairs { get; } = [];

    public Keypair Current => Session.Keypairs.Current!;

    /// <summary>Two ends that know each other.</summary>
    public static (Party A, Party B) Pair(byte[]? presharedKeyOfA = null, byte[]? presharedKeyOfB = null)
    {
        PrivateKey a = PrivateKey.Generate(), b = PrivateKey.Generate();
        return (new Party(a, b.PublicKey, presharedKeyOfA, 0x100), new Party(b, a.PublicKey, presharedKeyOfB, 0x200));
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

    public byte[] Initiate(long nowMs)
    {
        byte[] message = new byte[InitiationMessage.Size];
        Assert.True(TryInitiate(message, nowMs));
        return message;
    }

    public bool TryInitiate(byte[] message, long nowMs) =>
        Session.TryWriteInitiation(Key, ++_lastIndex, _timestamps.Next(1_700_000_000, 0), Aead, nowMs, message);

    /// <summary>The response to an initiation, or null where it is met with silence.</summary>
    public byte[]? Respond(byte[] initiation, long nowMs)
    {
        if (!MacKeys.IsMac1Valid(initiation))
            return null;
        var responder = new HandshakeResponder(Key, Aead, new InitiationMessage(initiation));
        try
        {
            if (!responder.TryOpen(out PublicKey initiator)
                || initiator != Session.Remote.Static
                || !responder.TryAuthenticate(Session.Remote, out Tai64n timestamp)
                || !Session.TryAccept(timestamp, nowMs))
                return null;
            byte[] response = new byte[ResponseMessage.Size];
            Keypair? keypair = Session.TryRespond(ref responder, ++_lastIndex, nowMs, response);
            if (keypair is null)
                return null;
            Keypairs.Add(keypair.LocalIndex, keypair);
            return response;
        }
        finally
        {
            responder.Dispose();
        }
    }

    /// <summary>The keypair that a response completes, or null where it is met with silence.</summary>
    public Keypair? Consume(byte[] response, long nowMs)
    {
        if (!MacKeys.IsMac1Valid(response))
            return null;
        Keypair? keypair = Session.TryConsumeResponse(Key, Aead, response, nowMs);
        if (keypair is not null)
            Keypairs.Add(keypair.LocalIndex, keypair);
        return keypair;
    }

    /// <summary>The cookie reply to a handshake message.</summary>
    public byte[] GiveCookie(byte[] message, byte[] source, long nowMs)
    {
        byte[] reply = new byte[CookieReplyMessage.Size];
        uint senderIndex = BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(4));
        Cookies.WriteReply(message, senderIndex, source, nowMs, new CookieReplyMessage(reply));
        return reply;
    }

    /// <summary>A transport message around a packet, or null when there is no session to send it in.</summary>
    public byte[]? Seal(ReadOnlySpan<byte> packet, long nowMs)
    {
        byte[] message = new byte[TransportMessage.Overhead + TransportMessage.PaddedLength(packet.Length, 1420)];
        packet.CopyTo(message.AsSpan(TransportMessage.HeaderSize));
        return Session.Keypairs.Current?.TrySeal(Aead, message, nowMs) == true ? message : null;
    }

    /// <summary>The packet, with its padding, in a transport message; null when that is not authentic.</summary>
    public byte[]? Open(byte[] message, long nowMs)
    {
        byte[] copy = [.. message];
        if (!Keypairs.TryGetValue(TransportMessage.ReceiverIndex(copy), out Keypair? keypair)
            || Retired.Contains(keypair)
            || !keypair.TryOpen(Aead, copy, nowMs))
            return null;
        if (Session.Keypairs.IsUnconfirmed(keypair))
            Session.TryConfirm();
        return copy[TransportMessage.HeaderSize..^Aead.TagSize];
    }

    public void Dispose()
    {
        Session.Dispose();
        Cookies.Dispose();
        Aead.Dispose();
        Key.Dispose();
    }
}
