using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The states of a connection, as one peer has it. News of it is the peer's first authentic message there, a handshake message,
/// a HELLO that joins, or the newest counter of the newest keypair. Its base is the connection that it has joined, or itself.
/// <code>
/// dialled:   Connecting --connected--> Unauthenticated
/// accepted:  Unauthenticated
///
/// Unauthenticated, Standby, Superseded, Silent, on news:
///     none is in use; its base is that of those in use-----------------> InUse
///     newest counter, and it has joined a base younger than theirs-----> InUse, beside them
///     newest counter---------------------------------------------------> InUse, and those in use are Superseded
///     the same, but it has crossed with the base in use, which stays---> Superseded, and does not win back for 1 s
///     else: Unauthenticated--------------------------------------------> Standby; the others stay what they are
/// Standby, Superseded, without news:
///     another with the same base takes the place of those in use-------> InUse
///     none is in use any more, and it is the best of those left--------> InUse
/// InUse:
///     newest counter on another with another base----------------------> Superseded
///     asked for an answer, and none came for 1.5 s---------------------> Silent
///
/// Connecting             --refused, 10 s, not wanted any more------------------------------.
/// Unauthenticated        --10 s, not wanted any more, another peer authenticates-----------+
/// Standby, Superseded    --10 s without a newer counter------------------------------------+
/// Silent                 --2.5 s more without an answer------------------------------------+--> Closed
/// Standby ... Silent     --too many, another peer authenticates, initiations unanswered----+
/// each                   --broken; its endpoint, its route or our key has changed;         |
///                          the peer is removed, the interface goes down--------------------'
///
/// Closed, as another peer has authenticated on it --the peer does again--> Unauthenticated
/// </code>
/// </summary>
internal enum ConnectionState
{
    /// <summary>Its socket is connecting to the peer's endpoint.</summary>
    Connecting,

    /// <summary>It was made, and the peer has not authenticated on it.</summary>
    Unauthenticated,

    /// <summary>The peer's, but the messages to the peer go on others.</summary>
    Standby,

    /// <summary>Messages to the peer go on it, or on one that it stands beside.</summary>
    InUse,

    /// <summary>Another has taken its place, which it wins back with the newest counter.</summary>
    Superseded,

    /// <summary>It was asked for an answer that has not come: others are used.</summary>
    Silent,

    Closed,
}

/// <summary>What <see cref="PeerConnections"/> keeps of a connection. Control only.</summary>
internal sealed class PeerConnection
{
    /// <summary>One that is to be dialled.</summary>
    /// <param name="nowMs">When the attempt begins.</param>
    public PeerConnection(long nowMs) => (IsDialed, SinceMs, State) = (true, nowMs, ConnectionState.Connecting);

    /// <summary>One that is there already: it was accepted, or another peer's.</summary>
    public PeerConnection(IConnectionView view) =>
        (View, IsDialed, SinceMs, State) = (view, view.IsDialed, view.SinceMs, ConnectionState.Unauthenticated);

    /// <summary>Whether we dialled it, rather than accepted.</summary>
    public bool IsDialed { get; }

    /// <summary>When it came about; while it is connecting, when the attempt began.</summary>
    public long SinceMs { get; set; }

    public ConnectionState State { get; set; }

    /// <summary>What lanes note of it; null before there is a connection.</summary>
    public IConnectionView? View { get; set; }

    /// <summary>
    /// The connection that it joined, which may have ended since; null if it joined none. What has the same
    /// <see cref="Base"/> is used together.
    /// </summary>
    public PeerConnection? Joined { get; set; }

    public PeerConnection Base => Joined ?? this;

    /// <summary>When the peer authenticated on it first, counted; 0 before.</summary>
    public long Number { get; set; }

    /// <summary>How many connections of the peer were in its place before, one after the other.</summary>
    public int Reconnects { get; set; }

    /// <summary>When it is closed unless it is used by then; <see cref="PeerConnections.Never"/> while it is used.</summary>
    public long KeptUntilMs { get; set; } = PeerConnections.Never;

    /// <summary>Whether messages went on it before.</summary>
    public bool WasUsed { get; set; }

    /// <summary>Whether it was superseded before: the newest counter alone decides from then on.</summary>
    public bool WasSuperseded { get; set; }

    /// <summary>Before this time it does not win back its place.</summary>
    public long WinsBackFromMs { get; set; }

    /// <summary>When an answer on it was last asked for; 0 if none was since it was last taken into use.</summary>
    public long AskedMs { get; set; }

    /// <summary>Whether something can be sent on it, as far as is known.</summary>
    public bool IsAlive => View is { IsFailed: false } && State != ConnectionState.Closed;

    /// <summary>Whether messages go on it.</summary>
    public bool IsUsed => State == ConnectionState.InUse && IsAlive;

    /// <summary>Whether an answer was asked for and has not come.</summary>
    public bool IsAsked => AskedMs != 0 && View!.HeardMs < AskedMs;
}

/// <summary>What <see cref="PeerConnections"/> asks about its peer: settings and session, which others keep.</summary>
internal interface IPeerView
{
    /// <summary>Whether there is an endpoint to dial.</summary>
    bool CanBeDialed { get; }

    /// <summary>Of two connections that have crossed, whether the one stays that we dialled: our public key is smaller.</summary>
    bool KeepsDialed { get; }

    /// <summary>Whether a packet waits for a connection.</summary>
    bool HasStaged { get; }

    /// <summary>Whether a session lasts and was in use lately: the far end may have something to send.</summary>
    bool IsInUse(long nowMs);

    /// <summary>Whether the session allows several connections: both ends have said HELLO.</summary>
    bool TakesSeveral(long nowMs);

    /// <summary>Whether the peer answers when it is asked to on a connection.</summary>
    bool Answers(long nowMs);
}

/// <summary>What <see cref="PeerConnections"/> wants done, in the order in which it says so.</summary>
internal enum ConnectionAction
{
    None,

    /// <summary>Dial the endpoint: Connected or ConnectFailed is to follow.</summary>
    Connect,

    /// <summary>Close the socket that is connecting, or has just connected.</summary>
    CancelConnect,

    /// <summary>The socket that has connected is a connection from now on, which lanes read: its View is to be set.</summary>
    Open,

    /// <summary>The same, and the connection is to join the others.</summary>
    OpenJoining,

    /// <summary>Close the connection, for the reason.</summary>
    Close,

    /// <summary>Begin a handshake on the connection, which is new.</summary>
    BeginHandshake,

    /// <summary>Say HELLO on the connection, which joins: the first message on it, or the answer to one.</summary>
    SayJoin,

    /// <summary>Ask for an answer on the connection.</summary>
    Ask,

    /// <summary>Messages to the peer go on the connection from now on: what is staged can be sent.</summary>
    SendStaged,

    /// <summary>Nothing has come of dialling: what is staged is to be dropped.</summary>
    DropStaged,

    /// <summary>For the log: an attempt to dial has failed for the reason, and the next one comes after the delay.</summary>
    NoteDialFailed,

    /// <summary>For the log: the connection has joined the others.</summary>
    NoteJoined,

    /// <summary>For the log: another has taken the connection's place.</summary>
    NoteSuperseded,

    /// <summary>For the log: the connection does not answer.</summary>
    NoteSilent,
}

/// <param name="Action">What is to be done.</param>
/// <param name="Connection">With what; null where it concerns the peer alone.</param>
/// <param name="Reason">For the log.</param>
/// <param name="Value">
/// Of <see cref="ConnectionAction.NoteDialFailed"/> the delay in ms; of <see cref="ConnectionAction.NoteJoined"/> how many there
/// are now.
/// </param>
internal readonly record struct ConnectionCommand(
    ConnectionAction Action, PeerConnection? Connection = null, string Reason = "", int Value = 0);
