using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Streams;

/// <summary>When which connection is dialled: the first, and extra ones beside it.</summary>
internal sealed partial class PeerConnections
{
    /// <summary>
    /// Whether a connection is of use: a first one where there is none; an extra one beside one that we dialled, while the
    /// session says that the peer knows what it is, up to the limit.
    /// </summary>
    private bool IsNeeded(Dialing dialing, long nowMs) => dialing == _first
        ? Destination is null
        : Current is { IsDialed: true } && _peer.TakesSeveral(nowMs) && Used.Count() < _limit;

    private void Want(Dialing dialing, long nowMs)
    {
        dialing.WantedMs = nowMs;
        Proceed(dialing, nowMs);
    }

    private void Advance(Dialing dialing, long nowMs)
    {
        if (nowMs < dialing.NextDeadline)
            return;
        if (dialing.IsConnecting)
        {
            Drop(dialing.Attempt!, "");
            Fail(dialing, Errno.Text(Errno.ETIMEDOUT), nowMs);
        }
        else
        {
            Proceed(dialing, nowMs);
        }
    }

    private void Proceed(Dialing dialing, long nowMs)
    {
        if (dialing.Attempt is not null || dialing.WantedMs == 0)
            return;
        if (!_peer.CanBeDialed || !IsNeeded(dialing, nowMs))
        {
            dialing.Forget();
        }
        else if (dialing.IsGivenUp(nowMs))
        {
            dialing.Forget();
            dialing.ResetBackoff();
            if (dialing == _first)
                Do(ConnectionAction.DropStaged);
        }
        else if (nowMs >= dialing.NotBeforeMs)
        {
            dialing.Attempt = new PeerConnection(nowMs);
            Do(ConnectionAction.Connect, dialing.Attempt);
        }
    }

    private void Fail(Dialing dialing, string reason, long nowMs) =>
        _commands.Enqueue(new(ConnectionAction.NoteDialFailed, Reason: reason, Value: dialing.Fail(nowMs)));

    /// <summary>Stops the attempt under way. The delay before the next one stays.</summary>
    private void Cancel(Dialing dialing, string reason)
    {
        if (dialing.Attempt is { } attempt)
            Drop(attempt, reason);
        dialing.Forget();
    }

    private void ResetDialing(string reason)
    {
        foreach (Dialing dialing in (ReadOnlySpan<Dialing>)[_extra, _first])
        {
            Cancel(dialing, reason);
            dialing.ResetBackoff();
        }
    }

    private Dialing? DialingOf(PeerConnection connection) =>
        connection == _first.Attempt ? _first : connection == _extra.Attempt ? _extra : null;

    /// <summary>
    /// A connection has ended on which the peer had authenticated. If it lasted, the next attempt may be made at once; if it
    /// broke before, it has failed like one that did not come about.
    /// </summary>
    private void CountFailure(Dialing dialing, PeerConnection ended, string reason, bool isBroken, long nowMs)
    {
        if (nowMs - ended.SinceMs >= Dialing.ProvenMs)
            dialing.ResetBackoff();
        else if (isBroken && dialing.Attempt is null && nowMs >= dialing.NotBeforeMs)
            Fail(dialing, reason, nowMs);
    }
}
