using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// How a link lives and ends. Deadlines are looked at in <see cref="OnTime"/>, several times a second:
/// <code>
/// nothing has come back from any far end             5 s   closed, or as soon as its place is another's (Admission)
/// no message either way                            300 s   closed (RelayLimits.IdleSeconds)
/// a stream ends, with a stream at the other side           what waits is sent, for 5 s at most, and all is closed
/// a far stream ends, otherwise                             dialled again when the next message is for it
/// </code>
/// </summary>
internal sealed partial class Link
{
    private const int ClosingMs = 5_000;

    private long _lastMs;
    private long _closeAtMs;
    private bool _isProven;
    private bool _isAnswered;
    private bool _isClosing;
    private volatile bool _isEvicted; // set by any thread

    public NearPlace? Place { get; set; }

    public int Index { get; set; }

    /// <summary>Whether all its ends are closed: it is of no more use.</summary>
    public bool IsOver { get; private set; }

    /// <summary>A stream is read only if all that may be sent to has space.</summary>
    public int SpaceFor(StreamEnd stream)
    {
        if (_isClosing)
            return 0;
        if (!ReferenceEquals(stream, Near))
            return Near.IsFull ? 0 : ReadBytes;
        bool isDialled = false;
        foreach (End? far in _fars)
        {
            if (far is { IsFull: true })
                return 0;
            isDialled |= far is ConnectedEnd or StreamEnd { IsOpen: true };
        }

        // What is read before there is a connection waits for it.
        return isDialled ? ReadBytes : StreamEnd.MaxWaitingBytes;
    }

    /// <summary>A message's stream without an end that speaks has no use for the other direction.</summary>
    public bool OnEndOfStream(StreamEnd stream) => false;

    public void OnDrained(StreamEnd stream)
    {
        if (!ReferenceEquals(stream, Near))
        {
            (Near as StreamEnd)?.Resume();
            return;
        }

        foreach (End? far in _fars)
            (far as StreamEnd)?.Resume();
    }

    public void OnEnded(StreamEnd stream)
    {
        // With peers the near end has others to talk to.
        if (_isClosing || ReferenceEquals(stream, Near) || (Near is StreamEnd && _routes is null))
        {
            Close();
            return;
        }

        stream.Reset();
        (Near as StreamEnd)?.Resume();
    }

    /// <summary>From any thread: its place is another's.</summary>
    public void Evict() => _isEvicted = true;

    public void Abandon()
    {
        _isClosing = true;
        Near.Close();
        foreach (End? far in _fars)
            far?.Close();
        EndIfClosed();
    }

    public void OnTime()
    {
        long nowMs = _lane.NowMs;
        if (_isClosing && nowMs >= _closeAtMs)
            Abandon();
        else if (_isEvicted || nowMs - _lastMs >= Rule.IdleMs)
            Close();
        if (_isClosing)
            return;
        (Near as StreamEnd)?.OnTime();
        foreach (End? far in _fars)
        {
            (far as StreamEnd)?.OnTime();
            (far as ConnectedEnd)?.OnTime();
        }
    }

    /// <summary>Closes its ends: at once, or when what waits for a stream has been sent.</summary>
    private void Close()
    {
        if (!_isClosing)
        {
            _isClosing = true;
            _closeAtMs = _lane.NowMs + ClosingMs;
            Finish(Near);
            foreach (End? far in _fars)
                Finish(far);
        }

        EndIfClosed();
    }

    private void Finish(End? end)
    {
        if (end is ConnectedEnd connected && !_isAnswered)
            connected.NoteSilence();
        if (end is StreamEnd stream)
            stream.Finish();
        else
            end?.Close();
    }

    private void EndIfClosed()
    {
        if (IsOver || Near is StreamEnd { IsClosed: false }
            || Array.Exists(_fars, far => far is StreamEnd { IsClosed: false }))
        {
            return;
        }

        IsOver = true;
        _listener?.Remove(this);
        _lane.Remove(this);
    }

    private void NoteAnswer(End far, ReadOnlySpan<byte> message)
    {
        _lastMs = _lane.NowMs;
        MessageType type = MessageTypes.Of(message);
        if (!_isAnswered && PeerRoutes.IsAnswer(type))
        {
            _isAnswered = true;
            _lane.Admission.Answered(Place!);
        }

        if (_routes is not null && type != MessageType.Transport)
            Rule.Routes!.FromFar(_routes, Array.IndexOf(_fars, far), message, _lane.NowMs);
    }
}
