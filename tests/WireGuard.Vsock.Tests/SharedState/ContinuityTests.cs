using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>Whether this machine is still the one that made its keypairs.</summary>
public sealed class ContinuityTests : IDisposable
{
    private readonly VmClockFile _file = new();
    private readonly VmClock _clock;
    private readonly Continuity _continuity;

    public ContinuityTests()
    {
        _clock = VmClock.TryOpen(_file.Path)!;
        _continuity = new Continuity(_clock);
    }

    public void Dispose()
    {
        _clock.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void Other_marker_breaks_it_until_it_is_accepted()
    {
        Assert.False(_continuity.IsBroken);
        _file.Restore(8);
        Assert.True(_continuity.IsBroken && _continuity.IsCloned);
        _continuity.Accept(_continuity.Look());
        Assert.False(_continuity.IsBroken || _continuity.IsCloned);
    }

    [Fact]
    public void Word_of_a_clone_breaks_it_until_it_is_accepted()
    {
        _continuity.Declare();
        Assert.True(_continuity.IsBroken && _continuity.IsCloned);
        _continuity.Accept(_continuity.Look());
        Assert.False(_continuity.IsBroken || _continuity.IsCloned);
    }

    [Fact]
    public void What_happens_while_sessions_end_is_not_accepted_with_the_rest()
    {
        _file.Restore(8);
        Continuity.State state = _continuity.Look();
        _file.Restore(9);
        _continuity.Declare();
        _continuity.Accept(state);
        Assert.True(_continuity.IsBroken);
        _file.Restore(8);
        Assert.True(_continuity.IsBroken);
    }

    [Fact]
    public void Batch_that_was_sealed_while_the_machine_was_cloned_is_dropped()
    {
        const long Now = 1_000_000;
        using ControlInbox inbox = new();
        using Aead aead = new();
        using Tunnel tunnel = new(Now);
        using SocketPair pair = new();
        using StreamConnection connection = new(pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, inbox);
        using var batch = new OutboundBatch(aead, isStream: true, inbox, new LaneCounters(), continuity: _continuity);
        tunnel.Peer.Destination = connection;
        Assert.True(tunnel.TrySeal(batch, [1], Now));
        Assert.True(tunnel.TrySeal(batch, [2], Now));
        _file.Restore(8);
        batch.Flush(null, Now);
        Assert.True(batch.IsEmpty);
        Assert.Empty(pair.ReadMessages());
        Assert.Equal(2, tunnel.Peer.DroppedPackets);

        _continuity.Accept(_continuity.Look());
        Assert.True(tunnel.TrySeal(batch, [3], Now));
        batch.Flush(null, Now);
        Assert.Single(pair.ReadMessages());
    }

    [Fact]
    public void Suspended_machine_is_no_clone()
    {
        _continuity.Accept(_continuity.Look() with { SleptMs = SleepClock.SleptMs() - 5_000 });
        Assert.True(_continuity.IsBroken);
        Assert.False(_continuity.IsCloned);
    }
}
