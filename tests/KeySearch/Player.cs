using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.KeySearch;

/// <summary>
/// One peer of the daemon, that knows the daemon's own key as well: so each side of both handshakes of section 5.4 is at hand.
/// Not made of WireGuard.Protocol's handshake, which keeps to itself what is to be looked for; its messages and macs are.
/// </summary>
internal sealed class Player : IDisposable
{
    private const uint OurIndex = 0x4b657973;

    private readonly PrivateKey _own;
    private readonly PrivateKey _daemon;
    private readonly byte[] _presharedKey;
    private readonly byte[] _cookie = new byte[CookieReplyMessage.CookieSize];
    private readonly MacKeys _ownMacs;
    private readonly MacKeys _daemonMacs;
    private readonly Notes _notes;

    public Player(byte[] own, byte[] daemon, byte[] presharedKey, Notes notes)
    {
        _own = new PrivateKey(own);
        _daemon = new PrivateKey(daemon);
        _ownMacs = new MacKeys(_own.PublicKey);
        _daemonMacs = new MacKeys(_daemon.PublicKey);
        _presharedKey = presharedKey;
        _notes = notes;
        SecureRandom.Fill(_cookie);
        _notes.Secret("private-key", _daemon.Bytes);
        _notes.Secret("preshared-key", presharedKey);
        _notes.Secret("static-static", Shared(_daemon, _own.PublicKey.Bytes));
    }

    /// <summary>Shakes hands as initiator, and sends something under the session.</summary>
    public void Call(Wire wire)
    {
        using var ephemeral = PrivateKey.Generate();
        var transcript = new Transcript("call", _daemon.PublicKey.Bytes, _notes);
        wire.Send(Initiation(transcript, ephemeral));

        byte[] response = wire.Receive(2);
        byte[] remote = new ResponseMessage(response).Ephemeral.ToArray();
        _notes.PrivateHalfOf("call-ephemeral", remote);
        transcript.MixHash(remote);
        transcript.Mix("e", remote, 1);
        transcript.Mix("ee", Note("call-ee", Shared(ephemeral, remote)), 1);
        transcript.Mix("se", Note("call-se", Shared(_own, remote)), 1);
        byte[][] mixed = transcript.Mix("psk", _presharedKey, 3);
        transcript.MixHash(mixed[0]);
        transcript.Open(mixed[1], new ResponseMessage(response).EncryptedNothing);
        SendData(wire, transcript.Split().Initiator, new ResponseMessage(response).SenderIndex);
    }

    /// <summary>Answers the daemon's initiation: the first with a cookie, the one that carries it with a response.</summary>
    public void Answer(Wire wire)
    {
        SendCookie(wire, wire.Receive(1));
        _notes.Secret("cookie", _cookie);
        byte[] initiation = wire.Receive(1), mac2 = new byte[MacKeys.MacSize];
        Blake2s.Mac(_cookie, initiation.AsSpan()[..^MacKeys.MacSize], mac2);
        if (!MacKeys.Mac2(initiation).SequenceEqual(mac2))
            throw new InvalidDataException("The daemon's second initiation does not carry the cookie.");

        var transcript = new Transcript("answer", _own.PublicKey.Bytes, _notes);
        var message = new InitiationMessage(initiation);
        byte[] remote = message.Ephemeral.ToArray();
        _notes.PrivateHalfOf("answer-ephemeral", remote);
        transcript.MixHash(remote);
        transcript.MixPublic(remote);
        byte[] key = transcript.Mix("es", Note("answer-es", Shared(_own, remote)), 2)[0];
        transcript.Open(key, message.EncryptedStatic);
        key = transcript.Mix("ss", Shared(_own, _daemon.PublicKey.Bytes), 2)[0];
        transcript.Open(key, message.EncryptedTimestamp);

        using var ephemeral = PrivateKey.Generate();
        wire.Send(Response(transcript, ephemeral, remote, message.SenderIndex));
        wire.Receive(4);
        SendData(wire, transcript.Split().Responder, message.SenderIndex);
    }

    public void Dispose()
    {
        _own.Dispose();
        _daemon.Dispose();
    }

    private static byte[] Shared(PrivateKey own, ReadOnlySpan<byte> remote)
    {
        byte[] shared = new byte[X25519.KeySize];
        return X25519.TrySharedSecret(own.Bytes, remote, shared) ? shared : throw new InvalidDataException("A key is no good.");
    }

    private byte[] Note(string name, byte[] secret)
    {
        _notes.Secret(name, secret);
        return secret;
    }

    private byte[] Initiation(Transcript transcript, PrivateKey ephemeral)
    {
        byte[] bytes = new byte[InitiationMessage.Size];
        var message = new InitiationMessage(bytes) { Type = MessageType.Initiation, SenderIndex = OurIndex };
        ephemeral.PublicKey.CopyTo(message.Ephemeral);
        transcript.MixHash(ephemeral.PublicKey.Bytes);
        transcript.MixPublic(ephemeral.PublicKey.Bytes);
        byte[] key = transcript.Mix("es", Note("call-es", Shared(ephemeral, _daemon.PublicKey.Bytes)), 2)[0];
        transcript.Seal(key, _own.PublicKey.Bytes, message.EncryptedStatic);
        key = transcript.Mix("ss", Shared(_own, _daemon.PublicKey.Bytes), 2)[0];
        byte[] timestamp = new byte[Tai64n.Size];
        Tai64n.FromRealTime(DateTimeOffset.UtcNow).CopyTo(timestamp);
        transcript.Seal(key, timestamp, message.EncryptedTimestamp);
        _daemonMacs.WriteMac1(bytes);
        return bytes;
    }

    private byte[] Response(Transcript transcript, PrivateKey ephemeral, byte[] remote, uint receiver)
    {
        byte[] bytes = new byte[ResponseMessage.Size];
        var message = new ResponseMessage(bytes)
        {
            Type = MessageType.Response,
            SenderIndex = OurIndex,
            ReceiverIndex = receiver,
        };
        ephemeral.PublicKey.CopyTo(message.Ephemeral);
        transcript.MixHash(ephemeral.PublicKey.Bytes);
        transcript.Mix("e", ephemeral.PublicKey.Bytes, 1);
        transcript.Mix("ee", Note("answer-ee", Shared(ephemeral, remote)), 1);
        transcript.Mix("se", Note("answer-se", Shared(ephemeral, _daemon.PublicKey.Bytes)), 1);
        byte[][] mixed = transcript.Mix("psk", _presharedKey, 3);
        transcript.MixHash(mixed[0]);
        transcript.Seal(mixed[1], default, message.EncryptedNothing);
        _daemonMacs.WriteMac1(bytes);
        return bytes;
    }

    private void SendCookie(Wire wire, byte[] initiation)
    {
        byte[] bytes = new byte[CookieReplyMessage.Size];
        var reply = new CookieReplyMessage(bytes)
        {
            Type = MessageType.CookieReply,
            ReceiverIndex = new InitiationMessage(initiation).SenderIndex,
        };
        SecureRandom.Fill(reply.Nonce);
        XChaCha20Poly1305.Seal(_ownMacs.CookieKey, reply.Nonce, MacKeys.Mac1(initiation), _cookie, reply.EncryptedCookie);
        wire.Send(bytes);
    }

    /// <summary>An empty message, and some that are long enough for all of a cipher's registers.</summary>
    private static void SendData(Wire wire, byte[] key, uint receiver)
    {
        using var aead = new Aead();
        for (ulong counter = 0; counter < 20; counter++)
        {
            byte[] message = new byte[TransportMessage.Overhead + (counter == 0 ? 0 : 1_280)];
            TransportMessage.WriteHeader(message, receiver, counter);
            Span<byte> packet = message.AsSpan(TransportMessage.HeaderSize);
            aead.Seal(key, counter, default, packet[..^Aead.TagSize], packet);
            wire.Send(message);
        }
    }
}
