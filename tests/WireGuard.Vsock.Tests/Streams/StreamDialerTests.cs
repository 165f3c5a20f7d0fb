using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>What becomes of the backoff when a connection ends on which the peer had authenticated.</summary>
public sealed class StreamDialerTests : IDisposable
{
    private static readonly EndpointAddress s_address = EndpointAddress.IPv4(0xc0000201, 51820);

    private readonly ControlInbox _inbox = new();
    private readonly EventLoop _loop;
    private readonly Peer _peer = Tunnel.NewPeer();
    private readonly StreamDialer _dialer;
    private long _nowMs = 1_000_000;

    public StreamDialerTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _dialer = new StreamDialer(
            _loop, peer => peer.Dial, _ => true, (_, _) => { }, _ => { }, _ => { }, NullLogger.Instance);
    }

    public void Dispose()
    {
        _peer.Leave();
        _loop.Dispose();
        _inbox.Dispose();
    }

    [Fact]
    public void Connection_that_breaks_within_10_s_is_a_failure_whoever_authenticated_on_it()
    {
        foreach (int delayMs in (int[])[500, 1_000, 2_000, 4_000])
        {
            StreamConnection connection = Connect();
            Pass(9_999);
            _dialer.Ended(_peer, connection, "test", isBroken: true);
            Assert.InRange(_peer.Dial.NotBeforeMs - _nowMs, Math.Max(500, delayMs * 3 / 4), delayMs * 5 / 4);
            Pass(10_000);
        }
    }

    [Fact]
    public void Connection_that_lasted_10_s_resets_the_backoff()
    {
        for (int i = 0; i < 4; i++)
        {
            _dialer.Ended(_peer, Connect(), "test", isBroken: true);
            Pass(10_000);
        }

        StreamConnection connection = Connect();
        Pass(10_000);
        _dialer.Ended(_peer, connection, "test", isBroken: true);
        Assert.Equal(0, _peer.Dial.NotBeforeMs);
        _dialer.Ended(_peer, Connect(), "test", isBroken: true);
        Assert.InRange(_peer.Dial.NotBeforeMs - _nowMs, 500, 625);
    }

    [Fact]
    public void Connection_that_we_close_ourselves_is_no_failure()
    {
        _dialer.Ended(_peer, Connect(), "test", isBroken: false);
        Assert.Equal(0, _peer.Dial.NotBeforeMs);
    }

    [Fact]
    public void Backoff_outlives_an_attempt_that_is_stopped_and_not_one_that_begins_anew()
    {
        _dialer.Ended(_peer, Connect(), "test", isBroken: true);
        _dialer.Cancel(_peer);
        Assert.NotEqual(0, _peer.Dial.NotBeforeMs);
        _dialer.Reset(_peer);
        Assert.Equal(0, _peer.Dial.NotBeforeMs);
    }

    [Fact]
    public void Nothing_waits_once_the_peer_has_authenticated()
    {
        StreamConnection connection = Connect();
        _peer.Dial.Connection = connection;
        _peer.Dial.WantedMs = _nowMs;
        _dialer.Succeeded(connection);
        Assert.Null(_peer.Dial.Connection);
        Assert.Equal(long.MaxValue, _peer.Dial.NextDeadline);
    }

    private StreamConnection Connect() =>
        new(-1, 1, s_address, isDialed: true, _inbox) { SinceMs = _nowMs, DialedFor = _peer };

    private void Pass(int ms)
    {
        _nowMs += ms;
        _loop.RunOnce(0);
    }
}
