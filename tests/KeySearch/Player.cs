using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.KeySearch;

/// <summary>
/// One peer of the daemon, that knows the daemon's own key as well: so each side of both handshakes of section 5.4 is at hand.
/// Not made of WireGuard.Protocol's handshake, which keeps to itself what is to be looked for.
/// </summary>
internal sealed class Player : IDisposable
{
    private const int MacSize = 16;
    private const uint OurIndex = 0x4b657973;

    private readonly PrivateKey _own;
    private readonly PrivateKey _daemon;
    private readonly byte[] _presharedKey;
    private readonly byte[] _cookie = new byte[MacSize];
    private readonly Notes _notes;

    public Player(byte[] own, byte[] daemon, byte[] presharedKey, Notes notes)
    {
        _own = new PrivateKey(own);
        _daemon = new PrivateKey(daemon);
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
        byte[] remote = response[12..44];
        _notes.PrivateHalfOf("call-ephemeral", remote);
        transcript.MixHash(remote);
        transcript.Mix("e", remote, 1);
        transcript.Mix("ee", Note("call-ee", Shared(ephemeral, remote)), 1);
        transcript.Mix("se", Note("call-se", Shared(_own, remote)), 1);
        byte[][] mixed = transcript.Mix("psk", _presharedKey, 3);
        transcript.MixHash(mixed[0]);
        transcript.Open(mixed[1], response.AsSpan(44, 16));
        SendData(wire, transcript.Split().Initiator, BinaryPrimitives.ReadUInt32LittleEndian(response.AsSpan(4)));
    }

    /// <summary>Answers the daemon's initiation: the first with a cookie, the one that carries it with a response.</summary>
    public void Answer(Wire wire)
    {
        SendCookie(wire, wire.Receive(1));
        _notes.Secret("cookie", _cookie);
        byte[] initiation = wire.Receive(1), mac2 = new byte[MacSize];
        Blake2s.Mac(_cookie, initiation.AsSpan()[..^MacSize], mac2);
        if (!initiation.AsSpan()[^MacSize..].SequenceEqual(mac2))
            throw new InvalidDataException("The daemon's second initiation does not carry the cookie.");

        var transcript = new Transcript("answer", _own.PublicKey.Bytes, _notes);
        byte[] remote = initiation[8..40];
        _notes.PrivateHalfOf("answer-ephemeral", remote);
        transcript.MixHash(remote);
        transcript.MixPublic(remote);
        byte[] key = transcript.Mix("es", Note("answer-es", Shared(_own, remote)), 2)[0];
        transcript.Open(key, initiation.AsSpan(40, 48));
        key = transcript.Mix("ss", Shared(_own, _daemon.PublicKey.Bytes), 2)[0];
        transcript.Open(key, initiation.AsSpan(88, 28));

        using var ephemeral = PrivateKey.Generate();
        wire.Send(Response(transcript, ephemeral, remote, initiation.AsSpan(4, 4)));
        wire.Receive(4);
        SendData(wire, transcript.Split().Responder, BinaryPrimitives.ReadUInt32LittleEndian(initiation.AsSpan(4)));
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
        byte[] message = new byte[148];
        message[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), OurIndex);
        ephemeral.PublicKey.CopyTo(message.AsSpan(8));
        transcript.MixHash(ephemeral.PublicKey.Bytes);
        transcript.MixPublic(ephemeral.PublicKey.Bytes);
        byte[] key = transcript.Mix("es", Note("call-es", Shared(ephemeral, _daemon.PublicKey.Bytes)), 2)[0];
        transcript.Seal(key, _own.PublicKey.Bytes, message.AsSpan(40, 48));
        key = transcript.Mix("ss", Shared(_own, _daemon.PublicKey.Bytes), 2)[0];
        byte[] timestamp = new byte[12];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        BinaryPrimitives.WriteUInt64BigEndian(timestamp, (1UL << 62) + 10 + (ulong)now.ToUnixTimeSeconds());
        BinaryPrimitives.WriteUInt32BigEndian(timestamp.AsSpan(8), (uint)(now.Ticks % TimeSpan.TicksPerSecond * 100));
        transcript.Seal(key, timestamp, message.AsSpan(88, 28));
        WriteMac1(message);
        return message;
    }

    private byte[] Response(Transcript transcript, PrivateKey ephemeral, byte[] remote, ReadOnlySpan<byte> receiver)
    {
        byte[] message = new byte[92];
        message[0] = 2;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), OurIndex);
        receiver.CopyTo(message.AsSpan(8));
        ephemeral.PublicKey.CopyTo(message.AsSpan(12));
        transcript.MixHash(ephemeral.PublicKey.Bytes);
        transcript.Mix("e", ephemeral.PublicKey.Bytes, 1);
        transcript.Mix("ee", Note("answer-ee", Shared(ephemeral, remote)), 1);
        transcript.Mix("se", Note("answer-se", Shared(ephemeral, _daemon.PublicKey.Bytes)), 1);
        byte[][] mixed = transcript.Mix("psk", _presharedKey, 3);
        transcript.MixHash(mixed[0]);
        transcript.Seal(mixed[1], default, message.AsSpan(44, 16));
        WriteMac1(message);
        return message;
    }

    private void SendCookie(Wire wire, byte[] initiation)
    {
        byte[] reply = new byte[64], key = new byte[Blake2s.HashSize];
        reply[0] = 3;
        initiation.AsSpan(4, 4).CopyTo(reply.AsSpan(4));
        SecureRandom.Fill(reply.AsSpan(8, 24));
        Blake2s.Hash("cookie--"u8, _own.PublicKey.Bytes, key);
        XChaCha20Poly1305.Seal(key, reply.AsSpan(8, 24), initiation.AsSpan(116, MacSize), _cookie, reply.AsSpan(32));
        wire.Send(reply);
    }

    private void WriteMac1(byte[] message)
    {
        byte[] key = new byte[Blake2s.HashSize];
        Blake2s.Hash("mac1----"u8, _daemon.PublicKey.Bytes, key);
        int start = message.Length - (2 * MacSize);
        Blake2s.Mac(key, message.AsSpan(0, start), message.AsSpan(start, MacSize));
    }

    /// <summary>An empty message, and some that are long enough for all of a cipher's registers.</summary>
    private static void SendData(Wire wire, byte[] key, uint receiver)
    {
        using var aead = new Aead();
        for (ulong counter = 0; counter < 20; counter++)
        {
            byte[] message = new byte[32 + (counter == 0 ? 0 : 1_280)];
            message[0] = 4;
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), receiver);
            BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), counter);
            aead.Seal(key, counter, default, message.AsSpan(16, message.Length - 32), message.AsSpan(16));
            wire.Send(message);
        }
    }
}
