using System.Buffers.Binary;
using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// How a link lives and ends. Deadlines are looked at in <see cref="OnTime"/>, several times a second:
/// <code>
/// nothing has come back from any far end             5 s   closed, or as soon as its place is another's (Admission)
/// answered, and not settled                         15 s   the same
/// no message either way                            300 s   closed (RelayLimits.IdleSeconds)
/// a stream ends, with a stream at the other side           what waits is sent, for 5 s at most, and all is closed
/// a far stream ends, otherwise                             dialled again when the next message is for it
/// </code>
/// A stream is settled by an answer. A UDP source could be forged by a peer of the enclave, so it is settled when it brings a
/// transport message with an index that the enclave has sent here.
/// </summary>
internal sealed partial class Link
{
    private const int ClosingMs = 5_000;

    /// <summary>An initiation is confirmed within a round trip or two (section 5.4.6).</summary>
    private const int ConfirmationMs = 15_000;

    /// <summary>A session older than the link begins its next handshake within REKEY_AFTER_TIME (section 6.2).</summary>
    private const int RekeyMs = 130_000;

    /// <summary>
    /// A cookie of the far end is bound to the address that the relay sends from, and the next initiation comes 5 s after the one
    /// before (REKEY_TIMEOUT, section 6.4, with its jitter).
    /// </summary>
    private const int CookieMs = 6_000;

    // 20 initiations a second, 5 at once, as RateLimiter has it for those that are not settled.
    private const int InitiationMs = 50;
    private const int InitiationsMs = 5 * InitiationMs;

    private long _lastMs;
    private long _closeAtMs;
    private long _initiationsMs = InitiationsMs;
    private long _initiatedMs;
    private RecentIndices _told; // by far ends, in handshakes
    private bool _hasInitiated;
    private bool _isProven;
    private bool _isAnswered;
    private bool _isSettled;
    private bool _isClosing;

    public NearPlace? Place { get; set; }

    public int Index { get; set; }

    /// <summary>Whether all its ends are closed: it is of no more use.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether its near end is the peer that it seems to be, as far as a relay can know.</summary>
    public bool IsSettled => _isSettled;

    public int StallMs => 10_000;

    /// <summary>
    /// With `To` a stream is read only if what it is carried to has space. With peers messages for one enclave do not wait for
    /// another.
    /// </summary>
    public int SpaceFor(StreamEnd stream)
    {
        if (_isClosing)
            return 0;
        if (!ReferenceEquals(stream, Near))
            return Near.IsFull ? 0 : ReadBytes;
        if (Rule.Routes is not null)
            return ReadBytes;
        if (_fars is [{ IsFull: true }])
            return 0;
        // What is read before there is a connection waits for it.
        return _fars is [ConnectedEnd or StreamEnd { IsOpen: true }] ? ReadBytes : StreamEnd.MaxWaitingBytes;
    }

    /// <summary>A stream of messages without an end that speaks has no use for the other direction.</summary>
    public bool OnEndOfStream(StreamEnd stream) => false;

    public void OnProgress(StreamEnd stream)
    {
    }

    public void OnDrained(StreamEnd stream)
    {
        if (!ReferenceEquals(stream, Near))
        {
            (Near as StreamEnd)?.Resume();
            return;
        }

        foreach (End far in _fars)
            (far as StreamEnd)?.Resume();
    }

    public void OnEnded(StreamEnd stream)
    {
        if (_isClosing || ReferenceEquals(stream, Near) || (IsStream && !HasOtherThan(stream)))
        {
            Close(ReferenceEquals(stream, Near) ? "it ended" : "its far end ended");
            return;
        }

        stream.Reset();
        (Near as StreamEnd)?.Resume();
    }

    /// <summary>From any thread.</summary>
    public void Evict() => _lane.NoteEvicted(this);

    public void OnEvicted()
    {
        if (IsOver)
            return;
        _lane.CountEvicted(Place!);
        Log.RelayLinkClosed(_lane.Log, From, "no answer, or its place was needed");
        Abandon();
    }

    public void Abandon()
    {
        _isClosing = true;
        NoteSilence();
        Near.Close();
        foreach (End far in _fars)
            far.Close();
        EndIfClosed();
    }

    public void OnTime()
    {
        Place!.UsedMs = _lastMs;
        if (_isClosing && _lane.NowMs >= _closeAtMs)
            Abandon();
        else if (!_isClosing && _lane.NowMs - _lastMs >= _lane.Limits.IdleSeconds * 1000L)
            Close("idle");
        if (_isClosing)
            return;
        (Near as StreamEnd)?.OnTime();
        // By number: one may be replaced.
        for (int i = 0; i < _fars.Count; i++)
        {
            (_fars[i] as StreamEnd)?.OnTime();
            (_fars[i] as ConnectedEnd)?.OnTime();
        }
    }

    /// <summary>Takes one initiation of the settled near end's own, which no forgery of its address uses up.</summary>
    public bool TryTakeInitiation()
    {
        long nowMs = _lane.NowMs;
        _initiationsMs = Math.Min(InitiationsMs, _initiationsMs + nowMs - _initiatedMs);
        _initiatedMs = nowMs;
        if (_initiationsMs < InitiationMs)
            return false;
        _initiationsMs -= InitiationMs;
        return true;
    }

    private bool HasOtherThan(StreamEnd stream)
    {
        foreach (End far in _fars)
        {
            if (far != stream && far is ConnectedEnd or StreamEnd { IsOpen: true })
                return true;
        }

        return false;
    }

    /// <summary>Closes its ends: at once, or when what waits for a stream has been sent.</summary>
    private void Close(string reason)
    {
        if (!_isClosing)
        {
            _isClosing = true;
            Log.RelayLinkClosed(_lane.Log, From, reason);
            _closeAtMs = _lane.NowMs + ClosingMs;
            Finish(Near);
            foreach (End far in _fars)
                Finish(far);
        }

        EndIfClosed();
    }

    private static void Finish(End end)
    {
        if (end is StreamEnd stream)
            stream.Finish();
        else
            end.Close();
    }

    private void EndIfClosed()
    {
        if (IsOver || Near is StreamEnd { IsClosed: false } || _fars.Exists(far => far is StreamEnd { IsClosed: false }))
            return;
        IsOver = true;
        _listener?.Remove(this);
        _lane.Remove(this);
    }

    /// <summary>Targets that have not answered may have moved.</summary>
    private void NoteSilence()
    {
        if (_isAnswered)
            return;
        foreach (End far in _fars)
            (far as ConnectedEnd)?.NoteSilence();
    }

    /// <summary>A message of the near end is carried.</summary>
    private void NoteCarried(ReadOnlySpan<byte> message)
    {
        _lastMs = _lane.NowMs;
        if (_isSettled)
            return;
        MessageType type = MessageTypes.Of(message);
        _hasInitiated |= type == MessageType.Initiation;
        if (_isAnswered && type == MessageType.Transport && _told.Has(TransportMessage.ReceiverIndex(message)))
            _isSettled = _lane.Admission.Answered(Place!);
    }

    /// <summary>A message of a far end is carried.</summary>
    private void NoteAnswer(End far, ReadOnlySpan<byte> message)
    {
        _lastMs = _lane.NowMs;
        MessageType type = MessageTypes.Of(message);
        if (type == MessageType.Transport && _isAnswered)
            return;
        if (type is MessageType.Initiation or MessageType.Response)
            _told.Add(BinaryPrimitives.ReadUInt32LittleEndian(message[4..])); // its sender index
        if (_routes is not null)
            Rule.Routes!.FromFar(_routes, far.TargetIndex, message, _lane.NowMs);
        if (_isAnswered || _isSettled)
            return;
        _isAnswered = PeerRoutes.IsAnswer(type);
        if (_isAnswered && IsStream)
            _isSettled = _lane.Admission.Answered(Place!);
        else
            _lane.Admission.Extend(Place!, _lane.NowMs + (!_isAnswered ? CookieMs : _hasInitiated ? ConfirmationMs : RekeyMs));
    }
}

/// <summary>The last few of some indices; 0, which is none in practice, fills the rest.</summary>
internal struct RecentIndices
{
    private uint _first;
    private uint _second;
    private uint _third;
    private uint _fourth;

    public void Add(uint index) => (_first, _second, _third, _fourth) = (index, _first, _second, _third);

    public readonly bool Has(uint index) =>
        index != 0 && (index == _first || index == _second || index == _third || index == _fourth);
}
