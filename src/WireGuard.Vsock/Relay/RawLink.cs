using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Two streams whose bytes are carried as they are (`--raw`), for what is not WireGuard. The far end is dialled when the near
/// one is accepted. Each waits for the other: at most 64 KiB are read that the other has not taken. The end of one direction is
/// passed on, and after 30 s without a byte either way both are closed. Owned by a lane.
/// </summary>
internal sealed class RawLink : ILink, IStreamOwner
{
    private const int SpaceBytes = 64 * 1024;
    private const int IdleMs = 30_000;
    private const int ClosingMs = 5_000;

    private readonly RelayLane _lane;
    private readonly StreamEnd _far;
    private StreamEnd _near = null!;
    private StreamEnd? _finished; // the first that nothing more comes from
    private long _lastMs;
    private long _closeAtMs;
    private bool _isAnswered;
    private bool _isClosing;
    private bool _isOver;

    public RawLink(RelayLane lane, ActiveRule rule, EndpointAddress from)
    {
        _lane = lane;
        Rule = rule;
        From = from;
        _far = new StreamEnd(lane, this, rule.Targets[0], mayDrop: false);
        _lastMs = lane.NowMs;
    }

    public ActiveRule Rule { get; }

    public EndpointAddress From { get; }

    public bool IsStream => true;

    public NearPlace? Place { get; set; }

    public int Index { get; set; }

    public void Begin(NetworkKind network, int fd)
    {
        _near = new StreamEnd(_lane, this, network, fd);
        _lane.Admission.Extend(Place!, _lane.NowMs + StreamEnd.DialMs);
        _far.DialIfIdle();
    }

    /// <summary>Until it is idle as a whole.</summary>
    public int StallMs => IdleMs;

    public int SpaceFor(StreamEnd stream) => _isClosing || Other(stream).IsFull ? 0 : SpaceBytes;

    public int OnReceived(StreamEnd stream, ReadOnlySpan<byte> bytes)
    {
        StreamEnd other = Other(stream);
        _lastMs = _lane.NowMs;
        _lane.Counters.CountReceived(stream.Network, 0, bytes.Length);
        _lane.Counters.CountSent(other.Network, 0, bytes.Length);
        other.SendBytes(bytes);
        return bytes.Length;
    }

    /// <summary>The end of one direction is passed on behind what waits; the end of both closes.</summary>
    public bool OnEndOfStream(StreamEnd stream)
    {
        stream.StopReading();
        if (_finished is not null)
        {
            Close();
            return true;
        }

        _finished = stream;
        if (Other(stream) is { IsOpen: true, IsFull: false } other)
            other.FinishWriting();
        return true;
    }

    public void OnProgress(StreamEnd stream) => _lastMs = _lane.NowMs;

    public void OnDrained(StreamEnd stream)
    {
        if (!_isAnswered && stream == _far)
        {
            _isAnswered = _lane.Admission.Answered(Place!);
        }

        if (_finished == Other(stream))
            stream.FinishWriting();
        else
            Other(stream).Resume();
    }

    public void OnEnded(StreamEnd stream) => Close();

    public void OnTime()
    {
        Place!.UsedMs = _lastMs;
        if (_lane.NowMs - _lastMs >= IdleMs || (_isClosing && _lane.NowMs >= _closeAtMs))
            Abandon();
        if (_isClosing)
            return;
        _near.OnTime();
        _far.OnTime();
    }

    public void Evict() => _lane.NoteEvicted(this);

    public void OnEvicted()
    {
        if (_isOver)
            return;
        _lane.CountEvicted(Place!);
        Abandon();
    }

    public void Abandon()
    {
        _near.Close();
        _far.Close();
        Close();
    }

    private StreamEnd Other(StreamEnd stream) => ReferenceEquals(stream, _near) ? _far : _near;

    private void Close()
    {
        if (_isOver)
            return;
        if (!_isClosing)
        {
            _isClosing = true;
            _closeAtMs = _lane.NowMs + ClosingMs;
            _near.Finish();
            _far.Finish();
        }

        if (!_near.IsClosed || !_far.IsClosed)
            return;
        _isOver = true;
        _lane.Remove(this);
    }
}
