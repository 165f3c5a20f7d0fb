using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Streams;

/// <summary>
/// The states of a connection of a peer. An accepted one belongs to no peer before the first authentic message on it.
/// <code>
/// we dial:    Connecting --connected--> Unauthenticated --the peer authenticates--.
/// accepted:   Unauthenticated --a peer authenticates------------------------------+--it joins those in use, or none is--> InUse
///                                                                                 `--else--> Standby
/// Standby     --newest counter on it, or no other lives-----------------------> InUse
///             --it has crossed with the one in use, which stays---------------> Superseded
/// InUse       --newest counter on another, which it has not joined------------> Superseded
///             --asked for an answer, and none came for 1.5 s------------------> Silent
/// Superseded  --newest counter on it, or on one that it joined; no other lives> InUse
/// Silent      --anything authentic on it--------------------------------------> InUse
///
/// Connecting      --refused, 10 s, not wanted any more-------------------------------.
/// Unauthenticated --broken, 10 s, not wanted any more, another peer authenticates----+
/// Standby, Superseded --10 s without a newer counter---------------------------------+--> Closed
/// Silent          --2.5 s without an answer------------------------------------------+
/// each            --broken, too many; its endpoint, route or our key has changed-----'
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

    /// <summary>When it is closed unless it is used by then; <see cref="PeerConnections.Never"/> while it is used.</summary>
    public long KeptUntilMs { get; set; } = PeerConnections.Never;

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
