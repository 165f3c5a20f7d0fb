using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// One end of a link that is a stream: accepted, or dialled when there is something to send (StreamEnd.Dialling.cs). Here: its
/// life, and reading. Sending is in StreamEnd.Sending.cs. What its bytes mean is the link's affair (<see cref="IStreamOwner"/>).
/// <code>
///               message to send           connected                   CONNECT answered
///  Idle (dialled) --------> Dialling ------------------> (Asking) ----------------------> Open (accepted ones begin here)
///     ^                      |    ^                          |                              |
///     |               failed v    | after a pause            | failed                       | end, error, stall
///     |                     Waiting &lt;------------------------+                              v
///     +--- Reset ---- Ended &lt;---- given up after 10 s --------------------------------- Ended
/// </code>
/// A stream is read only while its link has space for what comes, and watched for writing only while it is full.
/// </summary>
internal sealed unsafe partial class StreamEnd : End, IWatched
{
    private readonly IStreamOwner _owner;
    private readonly Target? _target; // null for an accepted stream
    private readonly bool _mayDrop;
    private State _state;
    private int _fd = -1;
    private ulong _watch;
    private uint _interest;
    private bool _isUnwatched; // a hang-up that cannot be acted on yet would be reported again and again
    private bool _isReading = true;
    private bool _isFinishing;
    private bool _isEnding; // its owner is about to be told of its end
    private PartialFrame _partial;

    /// <summary>An accepted stream.</summary>
    public StreamEnd(RelayLane lane, IStreamOwner owner, NetworkKind network, int fd)
        : base(lane, network)
    {
        _owner = owner;
        _fd = fd;
        _state = State.Open;
        Watch(EPOLLIN);
    }

    /// <summary>One that is dialled when something is sent to it.</summary>
    /// <param name="mayDrop">Whether what it has no space for is dropped, rather than waited with by who reads it.</param>
    public StreamEnd(RelayLane lane, IStreamOwner owner, Target target, bool mayDrop)
        : base(lane, target.Address.Network)
    {
        _owner = owner;
        _target = target;
        _mayDrop = mayDrop;
        _queue.SmallestRing = DialRing;
    }

    private enum State
    {
        Idle,
        Waiting,
        Dialling,
        Asking,
        Open,
        Ended,
    }

    public bool IsOpen => _state == State.Open;

    /// <summary>Whether there is no descriptor, and nothing waits for one.</summary>
    public bool IsClosed => _state is State.Idle or State.Ended;

    public void OnEvents(uint events)
    {
        if (_state is State.Dialling or State.Asking)
        {
            ContinueDialling();
            return;
        }

        if ((events & EPOLLOUT) != 0)
            Drain();
        if (_state != State.Open || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
            return;
        if (_isReading)
            Read();
        else if ((events & EPOLLERR) != 0 || _isFinishing)
            Fail();
        else
            Unwatch();
    }

    /// <summary>Now and then: what has taken too long ends.</summary>
    public void OnTime()
    {
        if (_state is State.Waiting or State.Dialling or State.Asking)
            ContinueWaiting();
        else if (_state == State.Open && IsFull && Lane.NowMs - _stillSinceMs >= _owner.StallMs)
            Fail();
    }

    /// <summary>Reads again, if it was made to wait because its link had no space.</summary>
    public void Resume()
    {
        if (_isReading || _isFinishing || _state != State.Open)
            return;
        _isReading = true;
        UpdateInterest();
    }

    /// <summary>Nothing more is read: its end has come, and it is still sent to.</summary>
    public void StopReading()
    {
        _isReading = false;
        UpdateInterest();
    }

    /// <summary>Closes it when what waits has been sent; nothing more is read from it.</summary>
    public void Finish()
    {
        if (_state != State.Open || !IsFull)
        {
            Close();
            return;
        }

        _isFinishing = true;
        StopReading();
    }

    public override void Close()
    {
        CloseSocket();
        DropQueue();
        _state = State.Ended;
    }

    /// <summary>After its end: what is sent to it next dials it again.</summary>
    public void Reset()
    {
        _state = State.Idle;
        _isReading = true;
    }

    private void Read()
    {
        int limit = _owner.SpaceFor(this);
        if (limit == 0)
        {
            StopReading();
            return;
        }

        Span<byte> buffer = Lane.StreamBuffer;
        _partial.CopyTo(buffer);
        int received = Sys.Recv(_fd, buffer.Slice(_partial.Length, limit), 0);
        if (received == -Errno.EAGAIN)
            return;
        if (received == 0 && _owner.OnEndOfStream(this))
            return;
        if (received <= 0)
        {
            Fail();
            return;
        }

        NoteAnswer();
        ReadOnlySpan<byte> filled = buffer[..(_partial.Length + received)];
        int used = _owner.OnReceived(this, filled);
        if (_state != State.Open)
            return;
        if (used < 0)
            Fail();
        else
            _partial.Keep(filled[used..]);
    }

    /// <summary>It has ended or is of no more use. Its link is told when the lane has done with the event.</summary>
    private void Fail()
    {
        if (_state is State.Idle or State.Ended)
            return;
        NoteEnd();
        Close();
        if (_isEnding)
            return;
        _isEnding = true;
        Lane.AddEnded(this);
    }

    /// <summary>By the lane, after <see cref="RelayLane.AddEnded"/>.</summary>
    public void TellEnd()
    {
        _isEnding = false;
        _owner.OnEnded(this);
    }

    private void CloseSocket()
    {
        if (_fd < 0)
            return;
        Unwatch();
        Sys.Close(_fd);
        _fd = -1;
        _isUnwatched = false;
        _isFinishing = false;
        _partial.Release();
    }

    private void UpdateInterest()
    {
        uint wanted = (_isReading ? EPOLLIN : 0u) | (IsFull ? EPOLLOUT : 0u);
        if (_isUnwatched)
            Watch(wanted);
        else if (wanted != _interest)
            Lane.Change(_watch, _fd, wanted);
        _interest = wanted;
    }

    private void Watch(uint events)
    {
        _interest = events;
        _isUnwatched = false;
        if (!Lane.TryWatch(_fd, events, this, out _watch))
            Fail();
    }

    private void Unwatch()
    {
        if (!_isUnwatched)
            Lane.Unwatch(_watch, _fd);
        _isUnwatched = true;
    }
}

/// <summary>Whose end a stream is: what becomes of its bytes.</summary>
internal interface IStreamOwner
{
    /// <summary>How long a full socket may take nothing.</summary>
    int StallMs { get; }

    /// <summary>How many bytes may be read from it now; 0 to wait until another end is drained.</summary>
    int SpaceFor(StreamEnd stream);

    /// <summary>Takes what was read, behind what was left over before.</summary>
    /// <returns>How many bytes were used; the others come again with the next. Below 0 if the stream must be closed.</returns>
    int OnReceived(StreamEnd stream, ReadOnlySpan<byte> bytes);

    /// <summary>Nothing more comes from it. False if it is to be closed.</summary>
    bool OnEndOfStream(StreamEnd stream);

    /// <summary>Some of what waited for it has been sent.</summary>
    void OnProgress(StreamEnd stream);

    /// <summary>All that waited for it has been sent.</summary>
    void OnDrained(StreamEnd stream);

    /// <summary>It has ended, and is closed.</summary>
    void OnEnded(StreamEnd stream);
}

/// <summary>What a lane's epoll watches.</summary>
internal interface IWatched
{
    void OnEvents(uint events);
}
