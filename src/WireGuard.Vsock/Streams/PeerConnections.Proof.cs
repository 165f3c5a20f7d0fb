namespace WireGuard.Vsock.Streams;

/// <summary>
/// Each of several connections proves that it leads to the peer: the session's timers are content while any of them does. One on
/// which we have sent for 3 s and heard nothing, while others hear, may be one that the path swallows, or carry a flow that goes
/// one way; so the peer is asked for an answer on it. If that does not come within 1.5 s, it is not used any more; within 4 s, it
/// is closed.
/// </summary>
internal sealed partial class PeerConnections
{
    /// <summary>Sent for so long, and nothing heard: an answer is asked for.</summary>
    private const int AskMs = 3_000;

    /// <summary>Without the answer for so long, it is not used.</summary>
    private const int AnswerMs = 1_500;

    /// <summary>And without it for so long, it is closed.</summary>
    private const int CloseMs = 4_000;

    /// <summary>
    /// Whether a connection may come to need a proof soon, though no deadline says so yet: lanes do not tell control what they
    /// send.
    /// </summary>
    public bool MayBeSilent(PeerConnection connection, long nowMs)
    {
        if (connection is not { State: ConnectionState.InUse, View.UnansweredSinceMs: not 0 and var sinceMs }
            || nowMs - sinceMs < AskMs / 2)
            return false;
        foreach (PeerConnection other in _connections)
        {
            if (other != connection && other.IsUsed)
                return true;
        }

        return false;
    }

    /// <summary>
    /// When an answer is to be asked for, or to have come; <see cref="Never"/> while there is no need.
    /// </summary>
    private long ProofDeadline(PeerConnection connection, long nowMs)
    {
        long sinceMs = connection.View!.UnansweredSinceMs;
        if (sinceMs == 0 || !_peer.Answers(nowMs))
            return Never;
        if (connection.IsAsked)
            sinceMs = connection.AskedMs;
        // While the far end takes bytes, though slowly, the question or its answer may wait behind others.
        if (connection.View.IsCongested)
            sinceMs = Math.Max(sinceMs, connection.View.StillSinceMs);
        foreach (PeerConnection other in _connections)
        {
            if (other != connection && other.State == ConnectionState.InUse && other.View!.HeardMs > sinceMs)
                return sinceMs + (connection.IsAsked ? AnswerMs : AskMs);
        }

        return Never;
    }

    /// <summary>Asks for an answer; or, if that was done, leaves the connection for others.</summary>
    private void Prove(PeerConnection connection, long nowMs)
    {
        if (!connection.IsAsked)
        {
            connection.AskedMs = nowMs;
            Do(ConnectionAction.Ask, connection);
            return;
        }

        // Those that hear may have broken this very moment: control is about to be told.
        if (Used.FirstOrDefault(other => other != connection) is not { } other)
            return;
        Do(ConnectionAction.NoteSilent, connection);
        connection.State = ConnectionState.Silent;
        connection.KeptUntilMs = nowMs + CloseMs - AnswerMs;
        if (Destination == connection)
            Destination = other;
        _hasChanged = true;
    }
}
