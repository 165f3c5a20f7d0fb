using WireGuard.Protocol.Peers;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// Has each of several connections to a peer prove that it leads there: the session's timers are content while any of them does.
/// One on which we have sent for 3 s and heard nothing, while others of the peer's hear, may be one that the path swallows, or
/// carry a flow that goes one way; so the peer is asked for an answer on it. If that does not come within 1.5 s, it is not used
/// any more; within 4 s, it is closed. Control only.
/// </summary>
internal static class StreamProof
{
    /// <summary>Sent for so long, and nothing heard: an answer is asked for.</summary>
    public const int AskMs = 3_000;

    /// <summary>Without the answer for so long, it is not used.</summary>
    public const int AnswerMs = 1_500;

    /// <summary>And without it for so long, it is closed.</summary>
    public const int CloseMs = 4_000;

    /// <summary>Whether an answer was asked for and has not come.</summary>
    public static bool IsAsked(StreamConnection connection) =>
        connection.Standing.AskedMs != 0 && connection.HeardMs < connection.Standing.AskedMs;

    /// <summary>
    /// When an answer is to be asked for, or to have come; <see cref="PeerTimers.Never"/> while there is no need.
    /// </summary>
    public static long NextDeadline(StreamConnection connection, Peer peer, long nowMs)
    {
        long sinceMs = connection.UnansweredSinceMs;
        if (sinceMs == 0
            || peer.Keypairs.Current is not { RemoteHello.Answers: true } keypair || !keypair.CanSend(nowMs))
            return PeerTimers.Never;
        bool isAsked = IsAsked(connection);
        if (isAsked)
            sinceMs = connection.Standing.AskedMs;
        // While the far end takes bytes, though slowly, the question or its answer may wait behind others.
        if (connection.IsCongested)
            sinceMs = Math.Max(sinceMs, connection.StillSinceMs);
        return OthersHear(connection, peer, sinceMs) ? sinceMs + (isAsked ? AnswerMs : AskMs) : PeerTimers.Never;
    }

    /// <summary>
    /// Whether a connection may come to need a proof soon, though no deadline says so yet: lanes do not tell control what they
    /// send.
    /// </summary>
    public static bool MayBeSilent(StreamConnection connection, long nowMs) =>
        connection is { IsInUse: true, Owner.StreamByLane.Length: > 0, UnansweredSinceMs: not 0 and var sinceMs }
        && nowMs - sinceMs >= AskMs / 2;

    private static bool OthersHear(StreamConnection connection, Peer peer, long sinceMs)
    {
        foreach (StreamConnection other in peer.Connections)
        {
            if (other != connection && other.IsInUse && other.HeardMs > sinceMs)
                return true;
        }

        return false;
    }
}
