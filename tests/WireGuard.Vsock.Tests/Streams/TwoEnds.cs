using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>
/// Two ends that have each other as a peer, and what lies between them: connections that come about, carry messages in their
/// order and break, each in its own time, as a seeded random source says. Sessions are simple: a handshake is an initiation and
/// its response, and each end counts all it sends.
/// </summary>
internal sealed class TwoEnds
{
    private readonly Random _random;
    private readonly PriorityQueue<Action, (long AtMs, int Number)> _events = new();
    private int _lastEvent;

    /// <param name="seed">Of everything that is left to chance.</param>
    /// <param name="limit">How many connections each end dials.</param>
    public TwoEnds(int seed, int limit)
    {
        _random = new Random(seed);
        Ends = [new End(limit, seed), new End(limit, seed + 1)];
        Ends[1].Connections.KeepsDialed = false;
        (Ends[0].Other, Ends[1].Other) = (Ends[1], Ends[0]);
    }

    public End[] Ends { get; }

    public long NowMs => Ends[0].Connections.NowMs;

    /// <summary>How many of ten attempts to connect are refused.</summary>
    public int RefusedOfTen { get; set; }

    /// <summary>The longest a message, an end or a connect takes.</summary>
    public int LongestDelayMs { get; set; } = 300;

    /// <summary>Called after each event.</summary>
    public Action Check { get; set; } = () => { };

    /// <summary>The wires that an end uses.</summary>
    public static IEnumerable<Wire> Used(End end) => end.Connections.Used.Select(connection => end.Wires[connection.View!.Id]);

    public void At(long ms, Action what) => _events.Enqueue(what, (ms, ++_lastEvent));

    /// <summary>Has an end want to send something at a time.</summary>
    public void SendAt(long ms, End end) => At(ms, () =>
    {
        end.Connections.HasStaged = end.Connections.Destination is null;
        if (end.Connections.HasStaged)
            Tell(end, state => state.Want(NowMs));
        else
            SendData(end);
    });

    /// <summary>Breaks some connection that is open at a time: both ends hear of it.</summary>
    public void BreakAt(long ms) => At(ms, () =>
    {
        Wire[] open = [.. Ends.SelectMany(end => end.Wires.Values).Distinct().Where(wire => !wire.IsClosed)];
        if (open.Length == 0)
            return;
        Wire broken = open[_random.Next(open.Length)];
        Shut(broken, Ends[0]);
        Shut(broken, Ends[1]);
    });

    public void RunUntil(long ms)
    {
        while (true)
        {
            long next = Math.Min(Ends[0].Connections.Deadline, Ends[1].Connections.Deadline);
            bool isEvent = _events.TryPeek(out _, out (long AtMs, int) first) && first.AtMs <= next;
            long atMs = Math.Max(NowMs, isEvent ? first.AtMs : next);
            if (atMs > ms)
                break;
            SetClock(atMs);
            if (isEvent)
            {
                _events.Dequeue()();
            }
            else
            {
                foreach (End end in Ends)
                    Tell(end, state => state.Poll(NowMs));
            }

            Check();
        }

        SetClock(ms);
    }

    private void SetClock(long nowMs)
    {
        foreach (End end in Ends)
            end.Connections.NowMs = nowMs;
    }

    private void Tell(End end, Action<PeerConnections> what)
    {
        foreach (ConnectionCommand command in end.Connections.On(what))
            Do(end, command);
    }

    private void Do(End end, ConnectionCommand command)
    {
        PeerConnection connection = command.Connection!;
        switch (command.Action)
        {
            case Connect:
                Dial(end, connection);
                break;
            case CancelConnect:
                if (end.Dialing.Remove(connection, out Wire? cancelled))
                    Shut(cancelled, end.Other);
                break;
            case Open or OpenJoining:
                end.Dialing.Remove(connection, out Wire? wire);
                end.Wires[connection.View!.Id] = wire!;
                wire![end] = connection;
                break;
            case Close:
                Assert.NotEmpty(command.Reason);
                Assert.True(end.Closed.Add(connection), "a connection is closed once");
                Shut(end.Wires[connection.View!.Id], end.Other);
                end.Wires[connection.View.Id].IsClosed = true;
                break;
            case BeginHandshake:
                if (end.Connections.State.Call() is { } path)
                    Send(end, path, new Message(IsInitiation: true, IsData: false));
                break;
            case SayJoin:
                Send(end, connection, new Message(Joins: true, Counter: ++end.Sent));
                break;
            case SendStaged:
                end.Connections.HasStaged = false;
                SendData(end);
                break;
            case DropStaged:
                end.Connections.HasStaged = false;
                break;
        }
    }

    /// <summary>The far end hears first of a connection, or after the end that dials it.</summary>
    private void Dial(End end, PeerConnection connection)
    {
        if (_random.Next(10) < RefusedOfTen)
        {
            At(NowMs + Delay(), () => Tell(end, state => state.ConnectFailed(connection, "refused", NowMs)));
            return;
        }

        var wire = new Wire();
        end.Dialing.Add(connection, wire);
        At(NowMs + Delay(), () =>
        {
            if (!wire.IsClosed)
                wire[end.Other] ??= Accept(end.Other, wire);
        });
        At(NowMs + Delay(), () =>
        {
            if (!end.Dialing.ContainsKey(connection))
                return;
            if (wire.IsClosed)
            {
                // The far end has closed it already.
                end.Dialing.Remove(connection);
                Tell(end, state => state.ConnectFailed(connection, "reset", NowMs));
                return;
            }

            wire[end.Other] ??= Accept(end.Other, wire);
            Tell(end, state => state.Connected(connection, NowMs));
        });
    }

    private static PeerConnection Accept(End end, Wire wire)
    {
        PeerConnection accepted = end.Connections.New();
        end.Wires[accepted.View!.Id] = wire;
        return accepted;
    }

    /// <summary>An end hears, some time later, that the connection is no more.</summary>
    private void Shut(Wire wire, End heardBy)
    {
        At(wire.NextFor(heardBy, NowMs + Delay()), () =>
        {
            wire.IsClosed = true;
            if (wire[heardBy] is not { } connection)
                return;
            Connections.ViewOf(connection).IsFailed = true;
            if (connection.State != ConnectionState.Unauthenticated || heardBy.Connections.State.Dialed.Contains(connection))
                Tell(heardBy, state => state.Broken(connection, "the connection has ended", NowMs));
        });
    }

    private void SendData(End end)
    {
        PeerConnection[] used = [.. end.Connections.Used];
        if (used.Length == 0)
            return;
        if (end.HasSession)
            Send(end, used[_random.Next(used.Length)], new Message(Counter: ++end.Sent));
        else if (end.Connections.State.Call() is { } path)
            Send(end, path, new Message(IsInitiation: true, IsData: false));
    }

    private void Send(End end, PeerConnection connection, Message message)
    {
        Wire wire = end.Wires[connection.View!.Id];
        At(wire.NextFor(end.Other, NowMs + Delay()), () => Receive(end.Other, wire, message));
    }

    private void Receive(End end, Wire wire, Message message)
    {
        // What is on its way when the far end closes arrives before the end does, but not here if we have closed it.
        if (wire[end] is not { } connection || connection.View is not Connections.FakeView { IsFailed: false } view
            || connection.State == ConnectionState.Closed)
            return;
        bool isFirst = view.HeardMs == 0;
        view.HeardMs = NowMs;
        if (message.Joins && isFirst)
            view.IsJoined = true;
        bool isNewest = message.IsData && message.Counter > end.Newest;
        end.Newest = Math.Max(end.Newest, message.Counter);
        end.HasSession |= !message.IsInitiation;
        if (connection.State != ConnectionState.InUse)
            Tell(end, state => state.Authenticated(connection, isNewest, NowMs));
        if (message.IsInitiation)
            Send(end, connection, new Message(IsData: false));
        else if (!message.IsData)
            SendData(end);
        Tell(end, state => state.WantExtra(NowMs));
    }

    private int Delay() => _random.Next(1, LongestDelayMs);

    private sealed record Message(bool IsInitiation = false, bool IsData = true, bool Joins = false, long Counter = 0);

    /// <summary>One of the two, with what it knows.</summary>
    internal sealed class End(int limit, int seed)
    {
        public Connections Connections { get; } = new(limit, seed) { SaysHello = limit > 1 };

        public End Other { get; set; } = null!;

        public Dictionary<PeerConnection, Wire> Dialing { get; } = [];

        public Dictionary<ulong, Wire> Wires { get; } = [];

        public HashSet<PeerConnection> Closed { get; } = [];

        public bool HasSession { get; set; }

        public long Sent { get; set; }

        public long Newest { get; set; }
    }

    /// <summary>A connection, as it is at either end. What goes one way arrives in its order.</summary>
    internal sealed class Wire
    {
        private readonly Dictionary<End, PeerConnection?> _ends = [];
        private readonly Dictionary<End, long> _lastMs = [];

        public bool IsClosed { get; set; }

        public PeerConnection? this[End end]
        {
            get => _ends.GetValueOrDefault(end);
            set => _ends[end] = value;
        }

        public long NextFor(End end, long earliestMs) => _lastMs[end] = Math.Max(earliestMs, _lastMs.GetValueOrDefault(end) + 1);
    }
}
