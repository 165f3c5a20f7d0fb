using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Dialling a target, again and again while something waits for it, for 10 s at most. Nothing blocks: the lane's epoll says when
/// an attempt has ended.
/// </summary>
internal sealed unsafe partial class StreamEnd
{
    /// <summary>How long messages wait for a connection.</summary>
    public const int DialMs = 10_000;

    /// <summary>Memory for what a full socket does not take.</summary>
    private const int OpenRing = 64 * 1024;

    private EndpointAddress _address;
    private GuestConnect _question;
    private long _dialUntilMs;
    private bool _hasAnswered; // since it was connected
    private long _notBeforeMs;
    private int _delayMs;

    /// <summary>Begins to dial, unless it has begun.</summary>
    public void DialIfIdle()
    {
        if (_state != State.Idle)
            return;
        _dialUntilMs = Lane.NowMs + DialMs;
        Dial();
    }

    private void ContinueWaiting()
    {
        if (Lane.NowMs >= _dialUntilMs)
        {
            if (_state != State.Waiting)
                DialFailed(Errno.ETIMEDOUT);
            Fail();
        }
        else if (_state == State.Waiting)
        {
            Dial();
        }
    }

    private void Dial()
    {
        _state = State.Waiting;
        if (Lane.NowMs < _notBeforeMs || !_target!.TryTake(Lane.NowMs, out _address))
            return;
        _hasAnswered = false;
        int fd = StreamSocket.Connect(_address, mark: 0);
        if (fd < 0)
        {
            DialFailed(-fd);
            return;
        }

        _fd = fd;
        // To a guest behind a Unix socket it has asked for the port already.
        _state = _address.IsUnix ? State.Asking : State.Dialling;
        _question = default;
        Watch(_address.IsUnix ? EPOLLIN : EPOLLOUT);
    }

    private void ContinueDialling()
    {
        GuestConnectStatus answer =
            _state == State.Asking ? _question.Read(_fd) : GuestConnectStatus.Connected;
        if (answer == GuestConnectStatus.Pending)
            return;
        int error = _state == State.Asking ? GuestConnect.ErrnoOf(answer) : StreamSocket.ConnectError(_fd);
        if (error != 0)
            DialFailed(error);
        else
            Opened();
    }

    private void Opened()
    {
        _state = State.Open;
        _isReading = true;
        _queue.SmallestRing = OpenRing;
        CountWaiting();
        _stillSinceMs = Lane.NowMs;
        UpdateInterest();
        Drain();
    }

    private void DialFailed(int error)
    {
        CloseSocket();
        _state = State.Waiting;
        // A shortage of ours is no reason to wait longer than to the next look.
        Lane.ConnectFailed(_target!, _address, error);
    }

    /// <summary>
    /// A target that accepts a connection only to close it is dialled by this link no faster than one that refuses.
    /// </summary>
    private void NoteEnd()
    {
        if (_state != State.Open || _hasAnswered)
            return;
        _delayMs = Math.Clamp(_delayMs * 2, Target.FirstDelayMs, Target.LongestDelayMs);
        _notBeforeMs = Lane.NowMs + _delayMs;
    }

    private void NoteAnswer()
    {
        if (_hasAnswered)
            return;
        _hasAnswered = true;
        (_delayMs, _notBeforeMs) = (0, 0);
        if (_target is not null)
            Lane.Answered(_target, _address);
    }
}
