using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>The connections of one peer with a clock, a peer and sockets set by hand; what is asked of it is kept.</summary>
internal sealed class Connections : IPeerView
{
    private ulong _lastId;

    public Connections(int limit = 1, int seed = 1) => State = new PeerConnections(this, limit, new Random(seed));

    public PeerConnections State { get; }

    public long NowMs { get; set; } = 1_000_000;

    /// <summary>What was asked since it was last taken.</summary>
    public List<ConnectionCommand> Commands { get; } = [];

    public bool CanBeDialed { get; set; } = true;

    public bool KeepsDialed { get; set; } = true;

    public bool HasStaged { get; set; }

    public bool HasSession { get; set; }

    public bool SaysHello { get; set; }

    public bool GivesAnswers { get; set; }

    public PeerConnection? Destination => State.Destination;

    public IEnumerable<PeerConnection> Used => State.Used;

    public long Deadline => State.NextDeadline(NowMs);

    bool IPeerView.IsInUse(long nowMs) => HasSession;

    bool IPeerView.TakesSeveral(long nowMs) => SaysHello;

    bool IPeerView.Answers(long nowMs) => GivesAnswers;

    /// <summary>Has an event happen, and opens the connections that are asked for. What was asked stands in Commands.</summary>
    public List<ConnectionCommand> On(Action<PeerConnections> what)
    {
        int before = Commands.Count;
        what(State);
        while (State.TryTake(out ConnectionCommand command))
        {
            Commands.Add(command);
            if (command.Action is ConnectionAction.Open or ConnectionAction.OpenJoining)
                command.Connection!.View = NewView(isDialed: true, joins: command.Action == ConnectionAction.OpenJoining);
        }

        return Commands[before..];
    }

    public FakeView NewView(bool isDialed = false, bool joins = false, int lane = 0) =>
        new() { Id = ++_lastId, IsDialed = isDialed, IsJoined = joins, Lane = lane, SinceMs = NowMs };

    /// <summary>A connection on which no peer has authenticated.</summary>
    public PeerConnection New(int lane = 0, bool joins = false, bool isDialed = false) => new(NewView(isDialed, joins, lane));

    /// <summary>One on which the peer has authenticated for the first time.</summary>
    public PeerConnection Use(PeerConnection connection, bool isNewest = true)
    {
        ViewOf(connection).HeardMs = NowMs - 1;
        Assert.Equal(ConnectionState.Unauthenticated, connection.State);
        On(state => state.Authenticated(connection, isNewest, NowMs));
        Assert.NotEqual(ConnectionState.Unauthenticated, connection.State);
        return connection;
    }

    /// <summary>An authentic message comes in on it.</summary>
    /// <returns>Whether the destination is another now.</returns>
    public bool Hear(PeerConnection connection, bool isNewest = true, long atMs = 0)
    {
        ViewOf(connection).HeardMs = atMs == 0 ? NowMs : atMs;
        PeerConnection? before = Destination;
        On(state => state.Authenticated(connection, isNewest, NowMs));
        return Destination != before;
    }

    /// <summary>Has one dialled, connected and authenticated: it is in use.</summary>
    public PeerConnection Dial()
    {
        PeerConnection dialed = Connect();
        return Use(dialed);
    }

    /// <summary>One more is dialled, and joins. The next is then dialled, if there may be more.</summary>
    public PeerConnection Join(bool begin = true)
    {
        SaysHello = true;
        if (begin)
            On(state => state.WantExtra(NowMs));
        PeerConnection joining = Commands.Last(command => command.Action == ConnectionAction.Connect).Connection!;
        On(state => state.Connected(joining, NowMs));
        return Use(joining);
    }

    /// <summary>Has one dialled and connected.</summary>
    public PeerConnection Connect()
    {
        PeerConnection dialed = BeginToDial();
        On(state => state.Connected(dialed, NowMs));
        return dialed;
    }

    public PeerConnection BeginToDial() =>
        On(state => state.Want(NowMs)).Single(command => command.Action == ConnectionAction.Connect).Connection!;

    public List<ConnectionCommand> Break(PeerConnection connection) => On(state => state.Broken(connection, "broken", NowMs));

    /// <summary>What is due now, but for the log.</summary>
    public List<(ConnectionAction Action, PeerConnection? Connection)> Due() =>
        Without(On(state => state.Poll(NowMs)));

    public static List<(ConnectionAction Action, PeerConnection? Connection)> Without(List<ConnectionCommand> commands) =>
        [.. commands.Where(command => command.Action < ConnectionAction.NoteDialFailed)
            .Select(command => (command.Action, command.Connection))];

    public static FakeView ViewOf(PeerConnection connection) => (FakeView)connection.View!;

    /// <summary>The state of a connection as lanes would have it, set by hand.</summary>
    internal sealed class FakeView : IConnectionView
    {
        public ulong Id { get; init; }

        public bool IsDialed { get; init; }

        public long SinceMs { get; init; }

        public int Lane { get; set; }

        public bool IsFailed { get; set; }

        public bool IsJoined { get; set; }

        public bool IsCongested { get; set; }

        public long HeardMs { get; set; }

        /// <summary>When something was first sent that nothing has answered.</summary>
        public long SentMs { get; set; }

        public long UnansweredSinceMs => SentMs > HeardMs ? SentMs : 0;

        public long StillSinceMs { get; set; }

        /// <summary>Something is sent on it, as by a lane.</summary>
        public void Send(long nowMs)
        {
            if (SentMs <= HeardMs)
                SentMs = nowMs;
        }
    }
}
