using System.Collections.Concurrent;
using System.Diagnostics;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class TargetNamesTests : IDisposable
{
    private static readonly EndpointAddress A = EndpointAddress.IPv4(0xc0000201, 51820);
    private static readonly EndpointAddress B = EndpointAddress.IPv4(0xc0000202, 51820);

    private readonly BlockingCollection<NameAnswer> _answers = [];
    private readonly Target _target = new(new TransportAddress(NetworkKind.Udp, "vpn.example.org", 0, 51820));
    private readonly LinesLogger _log = new();
    private readonly EventLoop _loop;
    private readonly TargetNames _names;
    private long _nowMs = 1_000_000;
    private int _asked;

    public TargetNamesTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _names = new TargetNames(_loop, _ => { Interlocked.Increment(ref _asked); return _answers.Take(); }, _log);
    }

    public void Dispose()
    {
        _names.Dispose();
        _loop.Dispose();
        _answers.Dispose();
    }

    [Fact]
    public void New_name_is_asked_for_at_once()
    {
        _names.Add(_target, _nowMs);
        Answer([A]);
        Assert.True(_target.TryTake(_nowMs, out EndpointAddress address));
        Assert.Equal(A, address);
    }

    [Fact]
    public void Failing_target_is_asked_for_again_once_a_minute()
    {
        _names.Add(_target, _nowMs);
        Answer([A]);
        _target.FellSilent(A, hadAnswered: true);
        Sweep(59_000);
        Assert.Equal(1, _asked);
        Sweep(1_000);
        Answer([B]);
        Assert.True(_target.TryTake(_nowMs, out EndpointAddress address));
        Assert.Equal(B, address);
        Assert.Equal(2, _asked);
        Sweep(120_000);
        Assert.Equal(2, _asked);
    }

    [Fact]
    public void Unknown_name_is_asked_for_more_and_more_seldom()
    {
        _names.Add(_target, _nowMs);
        foreach (int pauseMs in (int[])[1_000, 2_000, 4_000])
        {
            Answer([]);
            int asked = _asked;
            Sweep(pauseMs - 1);
            Assert.Equal(asked, _asked);
            Sweep(1);
        }

        Answer([A]);
        Assert.True(_target.TryTake(_nowMs, out _));
        Assert.Equal(3, _log.Lines.Count(line => line.Contains("cannot be resolved", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_was_known_stays_when_there_is_no_answer()
    {
        _names.Add(_target, _nowMs);
        Answer([A]);
        _target.FellSilent(A, hadAnswered: true);
        Sweep(60_000);
        Answer([]);
        Assert.True(_target.TryTake(_nowMs, out EndpointAddress address));
        Assert.Equal(A, address);
    }

    [Fact]
    public void Literal_is_never_asked_for()
    {
        _names.Add(new Target(new TransportAddress(NetworkKind.Udp, "192.0.2.1", 0, 51820)), _nowMs);
        Sweep(60_000);
        Assert.Equal(0, _asked);
    }

    private void Sweep(long ms)
    {
        _nowMs += ms;
        _names.Sweep(_nowMs);
    }

    private void Answer(EndpointAddress[] addresses)
    {
        int lines = _log.Lines.Count;
        _answers.Add(new NameAnswer(addresses, addresses.Length == 0 ? "no such name" : ""));
        var watch = Stopwatch.StartNew();
        while (_log.Lines.Count == lines)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), "no answer comes");
            _loop.RunOnce(20);
        }
    }
}
