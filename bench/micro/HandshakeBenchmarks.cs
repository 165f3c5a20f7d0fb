using BenchmarkDotNet.Attributes;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;

namespace WireGuard.Benchmarks;

/// <summary>
/// Handshakes with one peer, without sockets: what the ends compute, macs, timestamps and the wiping of old keypairs included.
/// Each builds on the one before, so that a responder's part is the difference.
/// </summary>
public class HandshakeBenchmarks : IDisposable
{
    private readonly WireGuardDevice<WireGuardPeer> _initiator = new(PrivateKey.Generate());
    private readonly WireGuardDevice<WireGuardPeer> _responder = new(PrivateKey.Generate());
    private readonly WireGuardPeer _toResponder;
    private readonly Aead _aead = new();
    private readonly byte[] _initiation = new byte[WireGuardPeer.MaxHandshakeSize];
    private readonly byte[] _response = new byte[WireGuardPeer.MaxHandshakeSize];
    private int _responseLength;
    private long _nowMs = 1_000_000;

    public HandshakeBenchmarks()
    {
        _toResponder = new WireGuardPeer(_responder.PrivateKey!.PublicKey);
        _initiator.Add(_toResponder);
        _responder.Add(new WireGuardPeer(_initiator.PrivateKey!.PublicKey));
    }

    /// <summary>The initiation.</summary>
    [Benchmark]
    public void Initiate()
    {
        _nowMs += 10_000; // a peer that begins too often is not answered
        var now = DateTimeOffset.FromUnixTimeMilliseconds(_nowMs);
        if (!_initiator.TryBegin(_toResponder, isRetry: true, now, _aead, _nowMs, _initiation))
            throw new InvalidOperationException("No initiation was written.");
    }

    /// <summary>The initiation, and all that the responder does with it.</summary>
    [Benchmark]
    public void InitiateAndRespond()
    {
        Initiate();
        HandshakeResult<WireGuardPeer> result = _responder.Receive(_aead, _initiation, _nowMs, _response);
        if (result.Outcome != HandshakeOutcome.Responded)
            throw new InvalidOperationException("The initiation was not answered.");
        _responseLength = result.Reply.Length;
    }

    /// <summary>A whole handshake.</summary>
    [Benchmark]
    public void Both()
    {
        InitiateAndRespond();
        HandshakeResult<WireGuardPeer> result =
            _initiator.Receive(_aead, _response.AsSpan(0, _responseLength), _nowMs, _initiation);
        if (result.Outcome != HandshakeOutcome.Completed)
            throw new InvalidOperationException("The response was not taken.");
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _initiator.Dispose();
        _responder.Dispose();
        _aead.Dispose();
        GC.SuppressFinalize(this);
    }
}
