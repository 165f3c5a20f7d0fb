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
    /// <summary>The real time of what is sent.</summary>
    public static readonly DateTimeOffset RealTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private readonly WireGuardDevice<Peer> _near = new(PrivateKey.Generate());
    private readonly WireGuardDevice<WireGuardPeer> _far = new(PrivateKey.Generate());
    private readonly WireGuardPeer _farPeer;
    private readonly Aead _aead = new();

    public Tunnel(long nowMs)
    {
        Peer = new Peer(_far.PrivateKey!.PublicKey);
        _near.Add(Peer);
        _farPeer = new WireGuardPeer(_near.PrivateKey!.PublicKey);
        _far.Add(_farPeer);
        Connect(_near, Peer, _far, _aead, nowMs);
        FarKeypair = _farPeer.Keypairs.All.Single();
    }

    public Peer Peer { get; }

    public Keypair Keypair => Peer.Keypairs.Current!;

    /// <summary>The far end's, of the same session.</summary>
    public Keypair FarKeypair { get; }

    /// <summary>A peer without any session.</summary>
    public static Peer NewPeer()
    {
        using PrivateKey key = PrivateKey.Generate();
        return new Peer(key.PublicKey);
    }

    /// <summary>Begins a session with a peer at its device, and answers for that.</summary>
    public static void Connect(
        WireGuardDevice<Peer> near, Peer peer, WireGuardDevice<WireGuardPeer> far, Aead aead, long nowMs)
    {
        byte[] initiation = new byte[InitiationMessage.Size], reply = new byte[InitiationMessage.Size];
        Assert.True(near.TryBegin(peer, isRetry: false, RealTime, aead, nowMs, initiation));
        HandshakeResult<WireGuardPeer> answered = far.Receive(aead, initiation, nowMs, reply);
        Assert.Equal(HandshakeOutcome.Responded, answered.Outcome);
        HandshakeResult<Peer> completed = near.Receive(aead, answered.Reply.ToArray(), nowMs, reply);
        Assert.Equal(HandshakeOutcome.Completed, completed.Outcome);
    }

    /// <summary>Begins one more session.</summary>
    public void Connect(long nowMs) => Connect(_near, Peer, _far, _aead, nowMs);

    /// <summary>What the far end reads in a message, padding and all; null when it is not authentic, or not for it.</summary>
    public byte[]? Open(byte[] message, long nowMs)
    {
        byte[] copy = [.. message];
        return _far.TryOpen(_aead, copy, nowMs, out _, out OpenedMessage opened) ? opened.Payload.ToArray() : null;
    }

    /// <summary>A message of the far end's.</summary>
    /// <param name="payload">Padded already.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public byte[] SealFar(ReadOnlySpan<byte> payload, long nowMs)
    {
        byte[] message = new byte[payload.Length + TransportMessage.Overhead];
        payload.CopyTo(message.AsSpan(TransportMessage.HeaderSize));
        Assert.True(FarKeypair.TrySeal(_aead, message, nowMs));
        return message;
    }

    /// <summary>Puts a packet into a batch for the peer.</summary>
    public bool TrySeal(OutboundBatch batch, ReadOnlySpan<byte> packet, long nowMs, int mtu = 1420)
    {
        packet.CopyTo(batch.Space);
        return batch.TrySeal(Peer, Keypair, batch.Space, packet.Length, Ecn.NotEct, mtu, nowMs);
    }

    public void Dispose()
    {
        _near.Dispose();
        _far.Dispose();
        _aead.Dispose();
    }
}
