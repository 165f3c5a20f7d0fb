using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// One connection of a stream network, which carries frames. One lane owns it and reads from it; every lane may send on it. Here:
/// whose it is, reading from it, and its end. Sending is in another part of this class.
/// </summary>
internal sealed unsafe partial class StreamConnection : Destination, IConnectionView, IDisposable
{
    private readonly ControlInbox _inbox;
    private int _epoll = -1;
    private int _isFailed;
    private int _signals;
    private PartialFrame _partial;
    private ReadSize _readSize = new();
    private long _receivedBytes;
    private volatile Peer? _peer;
    private volatile bool _isInUse;
    private volatile bool _isJoined;
    private volatile bool _isProven;
    private volatile bool _takesShortChecksums;
    private long _heardMs;
    private long _calledMs;

    /// <param name="fd">A connected, non-blocking socket; owned from now on.</param>
    /// <param name="id">Never used twice; what its lane's epoll calls it (<see cref="LaneEvents"/>).</param>
    /// <param name="address">The far end's.</param>
    /// <param name="isDialed">Whether we connected it, rather than accepted.</param>
    /// <param name="inbox">Where news of it goes.</param>
    public StreamConnection(int fd, ulong id, EndpointAddress address, bool isDialed, ControlInbox inbox)
    {
        Fd = fd;
        Id = id;
        Address = address;
        IsDialed = isDialed;
        _inbox = inbox;
    }

    public int Fd { get; }

    public ulong Id { get; }

    public override EndpointAddress Address { get; }

    public bool IsDialed { get; }

    /// <summary>
    /// The peer that last authenticated on it; null before the first authentic message. Written by its owner lane and by control.
    /// </summary>
    public Peer? Peer => _peer;

    /// <summary>
    /// Whether it is or was some peer's, as control knows: it was dialled, or a peer has authenticated on it. Control only.
    /// </summary>
    public bool WasOwned { get; set; }

    /// <summary>
    /// Whether messages to the peer go on it: what comes in on it is then no news. Set by control.
    /// </summary>
    public bool IsInUse
    {
        get => _isInUse;
        set => _isInUse = value;
    }

    /// <summary>
    /// It is one more beside the peer's others, and takes the place of none. Written by its owner lane and by control.
    /// </summary>
    public bool IsJoined => _isJoined;

    /// <summary>
    /// Whether a HELLO has come in on it that is as long as its promises ask for: then the path passes superpackets. Not asked of
    /// a keypair: under the same one the peer may come another way, with a datagram on it.
    /// </summary>
    public bool IsProven => _isProven;

    /// <summary>
    /// Whether that HELLO said that short checksums are taken (<see cref="Protocol.Framing.FrameCodec"/>). Not asked of a keypair
    /// either: what was sealed for a program that has ended may go to the next one, which may be of another kind.
    /// </summary>
    public bool TakesShortChecksums => _takesShortChecksums;

    /// <summary>
    /// The receiver index under which we last said HELLO on it, as long as its promises ask for; null before. Control only.
    /// </summary>
    public uint? SaidHelloUnder { get; set; }

    /// <summary>When it came about, in ms of boot time.</summary>
    public long SinceMs { get; init; }

    /// <summary>
    /// When an authentic message last came in on it, in ms of boot time. Written by its owner lane and by control.
    /// </summary>
    public long HeardMs => Volatile.Read(ref _heardMs);

    /// <summary>
    /// When a handshake message with a valid mac1 last came in on it, in ms of boot time; 0 for never. Written by its owner lane.
    /// </summary>
    public long CalledMs => Volatile.Read(ref _calledMs);

    /// <summary>The lane that owns it, by its index.</summary>
    public int Lane { get; init; }

    /// <summary>Bytes read from its socket. Written by its owner lane.</summary>
    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    public bool IsFailed => Volatile.Read(ref _isFailed) != 0;

    /// <summary>Registers it with its owner lane's epoll; from then on that lane reads it.</summary>
    public void AttachTo(int epoll)
    {
        _epoll = epoll;
        int added = Sys.EpollAdd(epoll, Fd, EPOLLIN, Id);
        if (added < 0)
            Fail();
    }

    /// <summary>
    /// The authentic message that is about to be noted asks for the connection to be one more of its peer's. Only the first one
    /// on it can: a connection that is in use already keeps its place.
    /// </summary>
    public void Join()
    {
        if (_peer is null)
            _isJoined = true;
    }

    /// <summary>An authentic message of the peer came in on it: tells control when that is news. Owner lane only.</summary>
    /// <param name="peer">Whose it is.</param>
    /// <param name="keypair">Under which it came.</param>
    /// <param name="isNewest">Whether its counter is the newest of the keypair.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void Received(Peer peer, Keypair keypair, bool isNewest, long nowMs)
    {
        if (_heardMs != nowMs)
            Volatile.Write(ref _heardMs, nowMs);
        bool isNew = !ReferenceEquals(_peer, peer);
        if (!isNew && (_isInUse || !isNewest))
            return;
        bool isCurrent = isNewest && peer.Keypairs.IsSentWith(keypair);
        if (isNew)
            BelongTo(peer);
        else if (!isCurrent)
            return;
        Signal(isCurrent ? ConnectionSignals.Authenticated | ConnectionSignals.Newest : ConnectionSignals.Authenticated);
    }

    /// <summary>Control has taken an authentic handshake message of the peer that came in on it. Control only.</summary>
    public void HandshakeReceived(Peer peer, long nowMs)
    {
        Volatile.Write(ref _heardMs, nowMs);
        if (!ReferenceEquals(_peer, peer))
            BelongTo(peer);
    }

    /// <summary>
    /// A HELLO that joins came in on it, which may be an answer to ours: tells control what there is to do. Owner lane only.
    /// </summary>
    /// <param name="asks">Whether it is to be answered on this connection.</param>
    public void HelloReceived(bool asks)
    {
        if (asks)
            Signal(ConnectionSignals.Asked);
        if (!_isInUse)
            Signal(ConnectionSignals.Authenticated);
    }

    /// <summary>A HELLO came in on it that is as long as its promises ask for. Owner lane only.</summary>
    /// <param name="takesShortChecksums">Whether it promises to take those.</param>
    public void NoteProven(bool takesShortChecksums)
    {
        _takesShortChecksums = takesShortChecksums;
        _isProven = true;
    }

    /// <summary>Notes that a message with a valid mac1 came in: the far end knows our public key. Owner lane only.</summary>
    public void NoteCalled(long nowMs) => Volatile.Write(ref _calledMs, nowMs);

    /// <summary>
    /// Receives behind what the last call left over. Owner lane only.
    /// </summary>
    /// <param name="buffer">Larger than any frame.</param>
    /// <param name="filled">Bytes in it now, the left-over ones first.</param>
    /// <returns>What recv(2) said: bytes, 0 at the stream's end, or a negated errno.</returns>
    public int Receive(Span<byte> buffer, out int filled)
    {
        _partial.CopyTo(buffer);
        Span<byte> room = buffer[_partial.Length..];
        int received = Sys.Recv(Fd, room[..Math.Min(room.Length, _readSize.Bytes)], 0);
        filled = _partial.Length + Math.Max(received, 0);
        if (received > 0)
            Volatile.Write(ref _receivedBytes, _receivedBytes + received);
        return received;
    }

    /// <summary>What was read has been written to the device, as so many packets. Owner lane only.</summary>
    public void HasWritten(int received, int packets) => _readSize.HasRead(received, packets);

    /// <summary>Keeps the beginning of a frame whose end has not come yet. Owner lane only.</summary>
    public void KeepPartial(ReadOnlySpan<byte> partial) => _partial.Keep(partial);

    /// <summary>The connection is of no more use: it is not read any more, and control will close it.</summary>
    public void Fail()
    {
        if (Interlocked.Exchange(ref _isFailed, 1) != 0)
            return;
        // Its end, or what lies behind a bad frame, would wake the owner again and again until control has the time.
        Sys.EpollDelete(_epoll, Fd);
        Signal(ConnectionSignals.Failed);
    }

    /// <summary>
    /// Stops all traffic at once. The descriptor stays, so that its number is not used again while a lane may still hold it.
    /// </summary>
    public void Shutdown()
    {
        Volatile.Write(ref _isFailed, 1);
        Sys.EpollDelete(_epoll, Fd);
        Sys.Shutdown(Fd, SHUT_RDWR);
        _isCongested = false;
        WakeLanes();
    }

    /// <summary>What lanes have signalled since the last call. Control only.</summary>
    public ConnectionSignals TakeSignals() => (ConnectionSignals)Interlocked.Exchange(ref _signals, 0);

    /// <summary>Closes the descriptor; to be called when no lane can still use it.</summary>
    public void Dispose()
    {
        Sys.Close(Fd);
        lock (_gate)
            _queue.Clear();
        _partial.Release();
    }

    private void BelongTo(Peer peer)
    {
        // It was another peer's that it joined, and another's path that was proven.
        if (_peer is not null)
            _isJoined = _isProven = _takesShortChecksums = false;
        _peer = peer;
    }

    private void Signal(ConnectionSignals signal)
    {
        if (Interlocked.Or(ref _signals, (int)signal) == 0)
            _inbox.Post(this);
    }
}

/// <summary>What the lanes tell control of a connection.</summary>
[Flags]
internal enum ConnectionSignals
{
    None = 0,

    /// <summary>A peer authenticated on it that had not before, or whose messages go elsewhere.</summary>
    Authenticated = 1,

    /// <summary>With the newest counter of the newest keypair: messages to it are to go on this connection.</summary>
    Newest = 4,

    /// <summary>The peer asks for an answer on it.</summary>
    Asked = 8,

    /// <summary>It ended, broke, or carried what is no frame.</summary>
    Failed = 2,
}

/// <summary>
/// What is known of an open connection, as the state machine of its peer reads it: what it is, and what lanes note of it
/// meanwhile.
/// </summary>
internal interface IConnectionView
{
    /// <summary>Never used twice.</summary>
    ulong Id { get; }

    /// <summary>Whether we dialled it, rather than accepted.</summary>
    bool IsDialed { get; }

    /// <summary>When it came about, in ms of boot time.</summary>
    long SinceMs { get; }

    /// <summary>The lane that owns it, by its index.</summary>
    int Lane { get; }

    /// <summary>Whether it has ended or broken, though control may not have been told yet.</summary>
    bool IsFailed { get; }

    /// <summary>Whether it is one more beside the peer's others, and takes the place of none.</summary>
    bool IsJoined { get; }

    /// <summary>Whether the socket has not taken all that it was given.</summary>
    bool IsCongested { get; }

    /// <summary>When an authentic message last came in on it, in ms of boot time.</summary>
    long HeardMs { get; }

    /// <summary>Since when all that was sent on it has not been answered by anything that came in on it; 0 if it has.</summary>
    long UnansweredSinceMs { get; }

    /// <summary>Since when nothing has moved on it, while it is congested.</summary>
    long StillSinceMs { get; }
}
