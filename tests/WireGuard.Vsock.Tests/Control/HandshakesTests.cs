using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>
/// What control does with the handshake messages of others. The clock is the control loop's, which does not turn here.
/// </summary>
public sealed class HandshakesTests : IDisposable
{
    private static readonly EndpointAddress s_from = EndpointAddress.IPv4(0xC0000202, 51820);

    private readonly EventLoop _loop = new();
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly Device _device;
    private readonly RecordedLog _log = new();
    private readonly Handshakes _handshakes;
    private readonly WireGuardDevice<WireGuardPeer> _farDevice = new(PrivateKey.Generate());
    private readonly WireGuardPeer _far;
    private readonly Peer _peer;

    public HandshakesTests()
    {
        var local = PrivateKey.Generate();
        _device = new Device(new Published(), _inbox.HandshakeRates, new GracePeriod([]), () => { });
        _device.SetPrivateKey(local);
        _peer = _device.Add(_farDevice.PrivateKey!.PublicKey);
        _far = new WireGuardPeer(local.PublicKey);
        _farDevice.Add(_far);
        _handshakes = new Handshakes(_device, new NoNetwork(), _loop, _inbox, _aead, _log)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
    }

    public void Dispose()
    {
        _farDevice.Dispose();
        _device.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void Initiation_of_nobody_we_know_is_rejected_by_its_key()
    {
        byte[] initiation = Initiate(100);
        _device.Remove(_peer);
        Assert.Equal(
            $"Rejected a handshake initiation from 192.0.2.2:51820: no peer has the public key {_peer.PublicKey}",
            Take(initiation));
    }

    [Fact]
    public void Initiation_for_another_key_is_rejected_as_such()
    {
        byte[] initiation = Initiate(100);
        initiation[40] ^= 1; // encrypted static
        Assert.Equal(
            "Rejected a handshake initiation from 192.0.2.2:51820: it is not made with our public key", Take(initiation));
    }

    [Fact]
    public void Initiation_that_only_claims_to_be_a_peers_is_rejected_as_such()
    {
        byte[] initiation = Initiate(100);
        initiation[90] ^= 1; // encrypted timestamp
        Assert.Equal($"{_peer} - Rejected a handshake initiation from 192.0.2.2:51820: it is not authentic", Take(initiation));
    }

    [Fact]
    public void Initiation_with_an_old_timestamp_says_how_far_behind_its_clock_is()
    {
        Take(Initiate(10_000));
        Assert.Equal(
            $"{_peer} - Rejected a handshake initiation from 192.0.2.2:51820: its timestamp is 3600.0 s behind the newest: "
            + "a replay, or the clock there was set back",
            Take(Initiate(6_400)));
    }

    [Fact]
    public void Initiation_right_after_another_says_that_it_is_too_soon()
    {
        Take(Initiate(100));
        Assert.Equal(
            $"{_peer} - Rejected a handshake initiation from 192.0.2.2:51820: 0 ms after the one before is too soon",
            Take(Initiate(101)));
    }

    [Fact]
    public void Flood_of_handshake_messages_makes_no_garbage()
    {
        byte[] initiation = Initiate(100);
        initiation[40] ^= 1; // encrypted static: what costs us most of what anybody can make
        var handshakes = new Handshakes(_device, new NoNetwork(), _loop, _inbox, _aead, NullLogger.Instance)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
        byte[][] senders = [.. Enumerable.Range(1, 300).Select(i => Sockaddr(EndpointAddress.IPv4((uint)i, 1)))];
        byte[] source = new byte[12];
        int most = 0;
        var connection = new StreamConnection(-1, 1, EndpointAddress.IPv4(1, 1), isDialed: true, _inbox);
        Assert.Equal(0, Allocations.Of(() =>
        {
            foreach (byte[] sender in senders)
                _inbox.TryPostHandshake(initiation, sender, source);
            _inbox.TryPostHandshake(initiation, connection);
            _inbox.TryPostHandshake(initiation, connection);
            most = _inbox.HandshakesWaiting;
            handshakes.TakeAll();
        }));
        Assert.Equal((258, 0), (most, _inbox.HandshakesWaiting));
    }

    [Fact]
    public void Under_load_a_connections_first_messages_need_no_cookie()
    {
        var connection = new StreamConnection(-1, 1, s_from, isDialed: true, _inbox);
        LoadUp();
        Assert.True(_inbox.TryPostHandshake(Initiate(100), connection));
        Assert.True(_inbox.TryPostHandshake(Initiate(90), connection));
        _handshakes.TakeAll();
        AssertBegins($"{_peer} - Received handshake initiation from 192.0.2.2:51820", _log.Lines[0]);
        AssertBegins($"{_peer} - Rejected a handshake initiation from 192.0.2.2:51820", _log.Lines[1]);
        LoadUp();
        Assert.True(_inbox.TryPostHandshake(Initiate(200), connection));
        _log.Lines.Clear();
        _handshakes.TakeAll();
        Assert.Equal("Under load: sending a cookie to 192.0.2.2:51820", _log.Lines[0]);
    }

    [Fact]
    public void Message_on_a_dead_connection_that_was_never_a_peers_is_not_worked_on()
    {
        using var tunnel = new Tunnel(_loop.NowMs);
        var connection = new StreamConnection(-1, 1, s_from, isDialed: false, _inbox);
        Assert.True(_inbox.TryPostHandshake(Initiate(100), connection));
        connection.Shutdown();
        // A lane is not through yet with what it had received.
        connection.Received(tunnel.Peer, tunnel.Keypair, isNewest: true, _loop.NowMs);
        _handshakes.TakeAll();
        Assert.Empty(_log.Lines);
        Assert.Equal(0, _inbox.HandshakesWaiting);
    }

    [Fact]
    public void Under_load_a_datagram_without_a_cookie_gets_one_and_one_with_it_is_worked_on_before_all_others()
    {
        LoadUp();
        _handshakes.TakeAll();
        Assert.All(_log.Lines, line => AssertBegins("Under load: sending a cookie to 0.0.0.", line));
        _log.Lines.Clear();
        LoadUp();
        Assert.True(_inbox.TryPostProvenHandshake(Initiate(100), Sockaddr(s_from), default, s_from.Source(), _loop.NowMs));
        _handshakes.TakeAll();
        AssertBegins($"{_peer} - Received handshake initiation from 192.0.2.2:51820", _log.Lines[0]);
    }

    private static void AssertBegins(string beginning, string line) =>
        Assert.StartsWith(beginning, line, StringComparison.Ordinal);

    private void LoadUp()
    {
        for (uint i = 1; _inbox.HandshakesWaiting < ControlInbox.HandshakesUnderLoad; i++)
            Assert.True(_inbox.TryPostHandshake(new byte[InitiationMessage.Size], Sockaddr(EndpointAddress.IPv4(i, 1)), default));
    }

    private static byte[] Sockaddr(EndpointAddress address)
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return sockaddr[..address.WriteSockaddr(sockaddr)];
    }

    private byte[] Initiate(long seconds)
    {
        byte[] message = new byte[InitiationMessage.Size];
        uint index = (uint)seconds;
        var timestamp = Tai64n.FromUnixTime(1_700_000_000 + seconds, 0);
        Assert.True(_far.TryWriteInitiation(_farDevice.PrivateKey!, index, timestamp, _aead, _loop.NowMs, message));
        return message;
    }

    /// <summary>The line that is logged of a message.</summary>
    private string Take(byte[] message)
    {
        Assert.True(_inbox.TryPostHandshake(message, Sockaddr(s_from), default));
        _handshakes.TakeAll();
        return _log.Lines[^1];
    }

    private sealed class RecordedLog : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
