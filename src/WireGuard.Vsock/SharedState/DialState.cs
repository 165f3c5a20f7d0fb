using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// How the dialling of one peer's endpoint stands. Control only.
/// <code>
/// Idle --wanted--> Connecting --connected--> Connected (its handshake is under way) --authenticated--> Idle
///  ^                   |                         |
///  |                   `--------failed-----------'--> Waiting --its time has come--> Connecting
///  `----- nobody has wanted it for REKEY_ATTEMPT_TIME ---'
/// </code>
/// The backoff begins anew after a connection that lasted 10 s: one that breaks sooner has failed, whoever authenticated on it.
/// </summary>
internal sealed class DialState
{
    public const int MinBackoffMs = 500;
    public const int MaxBackoffMs = 30_000;

    /// <summary>How long a connection may take to come about.</summary>
    public const int ConnectTimeoutMs = 10_000;

    /// <summary>A connection that breaks sooner counts as a failed attempt.</summary>
    public const int ProvenMs = 10_000;

    private int _backoffMs = MinBackoffMs;

    /// <summary>The socket that is connecting; -1 for none.</summary>
    public int ConnectingFd { get; set; } = -1;

    /// <summary>The control loop's name for that socket.</summary>
    public ulong Watch { get; set; }

    /// <summary>When the attempt under way began.</summary>
    public long StartedMs { get; set; }

    /// <summary>The connection that was made and on which the peer has not yet authenticated.</summary>
    public StreamConnection? Connection { get; set; }

    /// <summary>Whether a handshake message was sent on that connection: an answer may come on it.</summary>
    public bool HasCalled { get; set; }

    /// <summary>Before this time it is not dialled again; 0 for at once.</summary>
    public long NotBeforeMs { get; set; }

    /// <summary>When somebody last wanted to send; 0 if nobody waits for a connection.</summary>
    public long WantedMs { get; set; }

    /// <summary>
    /// When a connection was given up because its route chose another source address: which it had, and which was chosen. If a
    /// later one has it again, dialling does not help.
    /// </summary>
    public (UInt128 Used, UInt128 Chosen, long AtMs) Moved { get; set; }

    public bool IsConnecting => ConnectingFd >= 0;

    /// <summary>
    /// When the attempt under way has taken too long, or the next one is due; <see cref="PeerTimers.Never"/> if neither is.
    /// </summary>
    public long NextDeadline =>
        IsConnecting ? StartedMs + ConnectTimeoutMs
        : WantedMs != 0 && Connection is null ? NotBeforeMs
        : PeerTimers.Never;

    /// <summary>
    /// Takes the next delay: 0.5 s to 30 s, doubling, give or take a quarter so that peers do not dial in step.
    /// </summary>
    public int NextDelayMs()
    {
        int delay = _backoffMs - (_backoffMs / 4) + Random.Shared.Next(_backoffMs / 2);
        _backoffMs = Math.Min(_backoffMs * 2, MaxBackoffMs);
        return Math.Clamp(delay, MinBackoffMs, MaxBackoffMs);
    }

    public void ResetBackoff()
    {
        _backoffMs = MinBackoffMs;
        NotBeforeMs = 0;
    }
}
