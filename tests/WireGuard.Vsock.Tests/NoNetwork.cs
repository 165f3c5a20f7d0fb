using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests;

/// <summary>A network on which nothing can be reached.</summary>
internal sealed class NoNetwork : Network
{
    private bool _isOpen;

    /// <summary>The errno with which no port can be had; 0 for none.</summary>
    public int Refuses { get; set; }

    /// <summary>What keeps peers from connecting to us.</summary>
    public string? Problem { get; set; }

    public override string? ListenProblem(Peer? peer) => Problem;

    /// <summary>What it waits for, for every peer.</summary>
    public long Deadline { get; set; } = long.MaxValue;

    /// <summary>Called when that may have come.</summary>
    public Action OnTime { get; set; } = () => { };

    /// <summary>Called with each peer of which it is told.</summary>
    public Action<Peer> OnTold { get; set; } = _ => { };

    public override ushort Port => IsOpen ? (ushort)1 : (ushort)0;

    public override bool IsOpen => _isOpen;

    public override void Open(ushort port)
    {
        if (Refuses != 0)
            throw new LinuxException("bind", Refuses);
        _isOpen = true;
    }

    public override void Close() => _isOpen = false;

    public override void SetMark(uint mark) { }

    public override void OnEndpointSet(Peer peer, EndpointAddress? previous) => OnTold(peer);

    public override void OnRemoved(Peer peer) => OnTold(peer);

    /// <summary>How often a peer was to be reached.</summary>
    public int Tries { get; private set; }

    public override bool TryReach(Peer peer)
    {
        Tries++;
        return false;
    }

    public override void OnSilence(Peer peer, bool isHandshake) { }

    public override void SendHandshake(Peer peer, ReadOnlySpan<byte> message) { }

    public override void Answer(Destination from, ReadOnlySpan<byte> message) { }

    public override long NextDeadline(Peer peer) => Deadline;

    public override void OnDeadline(Peer peer) => OnTime();

    public override void OnAuthenticated(Peer peer, Destination from) { }
}
