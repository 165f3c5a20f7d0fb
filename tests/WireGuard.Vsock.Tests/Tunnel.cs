using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests;

/// <summary>A peer of ours with a session that we began, and the far end of it.</summary>
internal sealed class Tunnel : IDisposable
{
    private readonly PrivateKey _near = PrivateKey.Generate();
    private readonly PrivateKey _far = PrivateKey.Generate();
    private readonly Aead _aead = new();
    private readonly WireGuardPeer _farSession;
    private readonly Keypair _farKeypair;

    public Tunnel(long nowMs, uint index = 1)
    {
        Peer = new Peer(_far.PublicKey, _near, _ => { });
        _farSession = new WireGuardPeer(_near.PublicKey, _far, _ => { });
        byte[] initiation = new byte[InitiationMessage.Size], response = new byte[ResponseMessage.Size];
        Assert.True(Peer.TryWriteInitiation(
            _near, index, Tai64n.FromUnixTime(1_700_000_000, 0), _aead, nowMs, initiation));
        var responder = new HandshakeResponder(_far, _aead, new InitiationMessage(initiation));
        Assert.True(responder.TryOpen(out _) && responder.TryAuthenticate(_farSession.Remote, out _));
        _farKeypair = _farSession.TryRespond(ref responder, index + 1, nowMs, response)!;
        Assert.NotNull(Peer.TryConsumeResponse(_near, _aead, response, nowMs));
        responder.Dispose();
    }

    public Peer Peer { get; }

    public Keypair Keypair => Peer.Keypairs.Current!;

    /// <summary>The far end's, of the same session.</summary>
    public Keypair FarKeypair => _farKeypair;

    /// <summary>A peer without any session.</summary>
    public static Peer NewPeer()
    {
        using PrivateKey key = PrivateKey.Generate();
        return new Peer(key.PublicKey, null, _ => { });
    }

    /// <summary>What the far end reads in a message, padding and all; null when it is not authentic, or not for it.</summary>
    public byte[]? Open(byte[] message, long nowMs)
    {
        byte[] copy = [.. message];
        return TransportMessage.ReceiverIndex(copy) == _farKeypair.LocalIndex && _farKeypair.TryOpen(_aead, copy, nowMs)
            ? copy[TransportMessage.HeaderSize..^Aead.TagSize]
            : null;
    }

    /// <summary>A message of the far end's.</summary>
    /// <param name="payload">Padded already.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public byte[] SealFar(ReadOnlySpan<byte> payload, long nowMs)
    {
        byte[] message = new byte[payload.Length + TransportMessage.Overhead];
        payload.CopyTo(message.AsSpan(TransportMessage.HeaderSize));
        Assert.True(_farKeypair.TrySeal(_aead, message, nowMs));
        return message;
    }

    /// <summary>Puts a packet into a batch for the peer.</summary>
    public bool TrySeal(OutboundBatch batch, ReadOnlySpan<byte> packet, long nowMs, int mtu = 1420)
    {
        packet.CopyTo(batch.Room);
        return batch.TrySeal(Peer, Keypair, batch.Room, packet.Length, Ecn.NotEct, mtu, nowMs);
    }

    public void Dispose()
    {
        Peer.Dispose();
        _farSession.Dispose();
        _aead.Dispose();
        _near.Dispose();
        _far.Dispose();
    }
}
