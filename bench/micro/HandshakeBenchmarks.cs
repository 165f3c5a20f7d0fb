using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Benchmarks;

/// <summary>
/// Handshakes with one peer, without sockets: what the ends compute, macs, timestamps and the wiping of old keypairs included.
/// Each builds on the one before, so that a responder's part is the difference.
/// </summary>
public class HandshakeBenchmarks : IDisposable
{
    private readonly PrivateKey _initiatorKey = PrivateKey.Generate();
    private readonly PrivateKey _responderKey = PrivateKey.Generate();
    private readonly Aead _aead = new();
    private readonly TimestampSource _timestamps = new();
    private readonly MacKeys _initiatorMacs;
    private readonly MacKeys _responderMacs;
    private readonly WireGuardPeer _initiator;
    private readonly WireGuardPeer _responder;
    private readonly byte[] _initiation = new byte[InitiationMessage.Size];
    private readonly byte[] _response = new byte[ResponseMessage.Size];
    private long _nowMs = 1_000_000;
    private uint _lastIndex;

    public HandshakeBenchmarks()
    {
        _initiatorMacs = new MacKeys(_initiatorKey.PublicKey);
        _responderMacs = new MacKeys(_responderKey.PublicKey);
        _initiator = new WireGuardPeer(_responderKey.PublicKey, _initiatorKey, static keypair => keypair.Dispose());
        _responder = new WireGuardPeer(_initiatorKey.PublicKey, _responderKey, static keypair => keypair.Dispose());
    }

    /// <summary>The initiation.</summary>
    [Benchmark]
    public void Initiate()
    {
        _nowMs += 10_000; // a peer that begins too often is not answered
        Tai64n timestamp = _timestamps.Next(_nowMs / 1_000, 0);
        if (!_initiator.TryWriteInitiation(_initiatorKey, ++_lastIndex, timestamp, _aead, _nowMs, _initiation))
            throw new InvalidOperationException("No initiation was written.");
    }

    /// <summary>The initiation, and all that the responder does with it.</summary>
    [Benchmark]
    public void InitiateAndRespond()
    {
        Initiate();
        Respond();
    }

    /// <summary>A whole handshake.</summary>
    [Benchmark]
    public void Both()
    {
        Initiate();
        Respond();
        if (!_initiatorMacs.IsMac1Valid(_response)
            || _initiator.TryConsumeResponse(_initiatorKey, _aead, _response, _nowMs) is null)
            throw new InvalidOperationException("The response was not taken.");
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _initiator.Dispose();
        _responder.Dispose();
        _aead.Dispose();
        _initiatorKey.Dispose();
        _responderKey.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Respond()
    {
        var handshake = new HandshakeResponder(_responderKey, _aead, new InitiationMessage(_initiation));
        bool isAnswered = _responderMacs.IsMac1Valid(_initiation)
            && handshake.TryOpen(out PublicKey initiator)
            && initiator == _responder.Remote.Static
            && handshake.TryAuthenticate(_responder.Remote, out Tai64n timestamp)
            && _responder.TryAccept(timestamp, _nowMs)
            && _responder.TryRespond(ref handshake, ++_lastIndex, _nowMs, _response) is not null;
        handshake.Dispose();
        if (!isAnswered)
            throw new InvalidOperationException("The initiation was not answered.");
    }
}
