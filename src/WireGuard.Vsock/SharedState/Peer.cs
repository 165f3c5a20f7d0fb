using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// One peer. Its first part is what lanes use for each packet: published references, interlocked counters. The second is
/// control's alone.
/// </summary>
internal sealed class Peer : WireGuardPeer
{
    /// <summary>In the place of a lane's index: the control thread.</summary>
    public const int NoLane = -1;

    /// <summary>For so long a lane has sent nothing to the peer before it moves to another of its connections.</summary>
    public const int QuietMs = 250;

    private volatile Destination? _destination;
    private volatile StreamConnection[] _streamByLane = [];
    private LastSent[]? _lastSent; // each element is its lane's
    private Roaming? _roaming;
    private int _signals;
    private int _isLoopNoted;
    private long _sentBytes;
    private long _receivedBytes;
    private long _droppedPackets;

    public Peer(PublicKey publicKey)
        : base(publicKey)
    {
    }

    // ---- read by lanes ------------------------------------------------------------------------------------------

    /// <summary>Where messages go now; null when there is no path to it. Set by control.</summary>
    public Destination? Destination
    {
        get => _destination;
        set => _destination = value;
    }

    /// <summary>Which of its connections each lane sends on; empty while there is but one. Set by control.</summary>
    public StreamConnection[] StreamByLane
    {
        get => _streamByLane;
        set => _streamByLane = value;
    }

    /// <summary>
    /// The connection that is a lane's: always the same while the set of them is, so that the order of a flow, which stays on its
    /// lane, is kept. Null when there is none.
    /// </summary>
    /// <param name="lane">
    /// The lane's index, or <see cref="NoLane"/> for the control thread, which sends where handshakes go.
    /// </param>
    public StreamConnection? StreamFor(int lane)
    {
        StreamConnection[] byLane = _streamByLane;
        return (uint)lane < (uint)byLane.Length && !byLane[lane].IsFailed ? byLane[lane] : _destination as StreamConnection;
    }

    /// <summary>
    /// The connection that a lane is on: what it sends goes there, unless <see cref="StreamToSendOn"/> moves it first.
    /// </summary>
    public StreamConnection? StreamOf(int lane) =>
        lane != NoLane && Volatile.Read(ref _lastSent) is { } all
            && all[lane].Connection is { IsFailed: false, IsInUse: true } last && last.Peer == this
            ? last
            : StreamFor(lane);

    /// <summary>
    /// The connection that a lane sends on now. When the set has changed, it moves to the one that is its own only after a pause
    /// of <see cref="QuietMs"/>, and when the one before is not congested: what it sends there must not overtake what is still
    /// under way.
    /// </summary>
    public StreamConnection? StreamToSendOn(int lane, long nowMs)
    {
        StreamConnection? own = StreamFor(lane);
        if (lane == NoLane || own is null)
            return own;
        ref LastSent last = ref LastSentBy(lane);
        bool isUnderWay = nowMs - last.Ms < QuietMs;
        // Once a millisecond: the lanes' words lie side by side.
        if (last.Ms != nowMs)
            last.Ms = nowMs;
        if (ReferenceEquals(last.Connection, own))
            return own;
        // It may be in use for another peer by now.
        if (last.Connection is { IsFailed: false, IsInUse: true } before && before.Peer == this
            && (isUnderWay || before.IsCongested))
            return before;
        last.Connection = own;
        return own;
    }

    public StagedPackets Staged { get; } = new();

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    public long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    /// <summary>Outbound packets dropped: too many were staged, or no session came about.</summary>
    public long DroppedPackets => Interlocked.Read(ref _droppedPackets);

    public void CountSent(long bytes) => Interlocked.Add(ref _sentBytes, bytes);

    public void CountReceived(long bytes) => Interlocked.Add(ref _receivedBytes, bytes);

    public void CountDropped(long packets) => Interlocked.Add(ref _droppedPackets, packets);

    /// <summary>Keeps a packet that a lane has read until it can be sent.</summary>
    public void Stage(ReadOnlySpan<byte> packet, int lane) => CountDropped(Staged.Add(lane, packet));

    /// <summary>An authentic datagram came from there, to that address of ours: tells control.</summary>
    public void RoamTo(ReadOnlySpan<byte> address, ReadOnlySpan<byte> source, ControlInbox inbox)
    {
        if (Volatile.Read(ref _roaming) is null)
            Interlocked.CompareExchange(ref _roaming, new Roaming(), null);
        _roaming!.Note(address, source);
        inbox.Post(this, PeerSignals.Roamed);
    }

    /// <summary>One of our own messages to it was found in the interface: tells control of the first.</summary>
    public void NoteLoop(ControlInbox inbox)
    {
        if (Volatile.Read(ref _isLoopNoted) == 0 && Interlocked.Exchange(ref _isLoopNoted, 1) == 0)
            inbox.Post(this, PeerSignals.Loops);
    }

    /// <summary>Adds a signal.</summary>
    /// <returns>Whether it is the first that control has not taken: the peer must be queued for it.</returns>
    public bool AddSignal(PeerSignals signal) => Interlocked.Or(ref _signals, (int)signal) == 0;

    // ---- control only -------------------------------------------------------------------------------------------

    /// <summary>The configured endpoint: where a stream is dialled. With UDP, the last one that was configured.</summary>
    public EndpointAddress? Endpoint { get; set; }

    /// <summary>When the last handshake was completed, in seconds and nanoseconds since 1970; 0 for never.</summary>
    public (long Seconds, int Nanoseconds) LastHandshake { get; set; }

    /// <summary>The one time at which something of it is to be looked at; null before it is scheduled first.</summary>
    public Deadline? Deadline { get; set; }

    /// <summary>What keeps a handshake from being completed; null while nothing does.</summary>
    public Hindrance? Hindrance { get; set; }

    /// <summary>How many handshakes were completed.</summary>
    public long Handshakes { get; set; }

    /// <summary>Whether a handshake was asked for that could not begin yet.</summary>
    public bool IsHandshakeWanted { get; set; }

    /// <summary>What `show` is to tell of its provisioning.</summary>
    public PeerNote? Note { get; set; }

    /// <summary>Whether it was removed: what still refers to it must let go.</summary>
    public bool IsRemoved { get; set; }

    /// <summary>No initiation can be sent to it.</summary>
    /// <param name="reason">Why, in words that say what to mend; null if one can be sent after all.</param>
    public void Hinder(string? reason)
    {
        if (reason is not null)
            Hindrance ??= new Hindrance();
        if (Hindrance is { } hindrance)
            hindrance.Reason = reason;
    }

    /// <summary>Ends its session, once it is taken out and lanes no longer find it.</summary>
    public void End()
    {
        IsRemoved = true;
        Leave();
        CountDropped(Staged.Clear());
    }

    public PeerSignals TakeSignals() => (PeerSignals)Interlocked.Exchange(ref _signals, 0);

    /// <summary>Where it has roamed to since the last call, if that is anywhere else; null if not.</summary>
    public UdpDestination? TakeRoaming() => Volatile.Read(ref _roaming)?.Take(Destination as UdpDestination);

    /// <summary>Made when something is first sent over a stream: most of a great many peers may be silent.</summary>
    private ref LastSent LastSentBy(int lane)
    {
        if (Volatile.Read(ref _lastSent) is not { } all)
        {
            var made = new LastSent[DaemonOptions.MaxLanes];
            all = Interlocked.CompareExchange(ref _lastSent, made, null) ?? made;
        }

        return ref all[lane];
    }

    /// <summary>On which connection a lane last sent to the peer, and when (ms of boot time).</summary>
    private struct LastSent
    {
        public StreamConnection? Connection;
        public long Ms;
    }
}

/// <summary>What the lanes tell control of a peer: the protocol's <see cref="PeerNews"/>, and what is the daemon's.</summary>
[Flags]
internal enum PeerSignals
{
    None = 0,

    /// <summary>One of the timers that traffic starts has started.</summary>
    TimerStarted = PeerNews.TimerStarted,

    /// <summary>Its session is to be renewed.</summary>
    WantsHandshake = PeerNews.HandshakeWanted,

    /// <summary>A first message came in under a keypair that is not confirmed yet.</summary>
    Confirmed = PeerNews.SessionConfirmed,

    /// <summary>It has said HELLO, and may be given more connections.</summary>
    SaidHello = PeerNews.HelloSaid,

    /// <summary>A packet waits for a session, or for a path to the peer.</summary>
    HasStaged = 1 << 8,

    /// <summary>An authentic datagram came from elsewhere than where we send.</summary>
    Roamed = 1 << 9,

    /// <summary>What is sent to it comes back into the interface.</summary>
    Loops = 1 << 10,
}
