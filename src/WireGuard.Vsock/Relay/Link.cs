using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// One near end, which came to us, and the far ends that its messages are carried to: one with `To`; with peers those that it
/// was routed to. A message's path, all on one lane:
/// <code>
/// 1. a lane receives a batch of datagrams (RelayListener, ConnectedEnd), or a piece of a stream (StreamEnd)
/// 2. the batch is parsed where it lies; what is no WireGuard message by type and length is dropped, or ends its stream
/// 3. from the near end, TryRoute chooses the far end: the only one, or by key and index (PeerRoutes); initiations are limited
/// 4. the message is sent from where it lies to a datagram's end, or joins the frames that its stream is sent together;
///    frames of a stream go on to a stream byte for byte, as many as go to one end side by side
/// 5. at the end of the batch all of it leaves: a system call a stream, one for many datagrams
/// </code>
/// Owned by a lane.
/// </summary>
internal sealed partial class Link : ILink, IStreamOwner
{
    /// <summary>What is read of a stream at a time.</summary>
    public const int ReadBytes = 256 * 1024;

    private readonly RelayLane _lane;
    private readonly RelayListener? _listener; // of a UDP source
    private readonly List<End> _fars = new(1); // those that something was sent to: mostly one
    private NearRoutes? _routes; // what its far ends have told it; null with `To`, and before its first message

    /// <param name="routes">What its first message has begun; null for a stream, and with `To`.</param>
    /// <param name="listener">Of a UDP source; null for a stream.</param>
    public Link(RelayLane lane, ActiveRule rule, EndpointAddress from, NearRoutes? routes, RelayListener? listener)
    {
        _lane = lane;
        _listener = listener;
        _routes = routes;
        _lastMs = lane.NowMs;
        Rule = rule;
        From = from;
    }

    public ActiveRule Rule { get; }

    public EndpointAddress From { get; }

    public bool IsStream => _listener is null;

    /// <summary>Set once, before anything is carried.</summary>
    public End Near { get; set; } = null!;

    public void Begin(NetworkKind network, int fd) => Near = new StreamEnd(_lane, this, network, fd);

    /// <summary>A datagram's message from the near end.</summary>
    public void FromNear(ReadOnlySpan<byte> message, int ecn)
    {
        if (TryDecide(message, out RouteTargets targets))
            Carry(targets, message, ecn);
    }

    /// <summary>The same, decided.</summary>
    public void Carry(RouteTargets targets, ReadOnlySpan<byte> message, int ecn)
    {
        NoteCarried(message);
        Far(targets.First)?.Send(message, ecn);
        if (targets.IsTwo)
            Far(targets.Second)?.Send(message, ecn);
    }

    /// <summary>A datagram's message from a far end.</summary>
    public void FromFar(End far, ReadOnlySpan<byte> message, int ecn)
    {
        NoteAnswer(far, message);
        Near.Send(message, ecn);
    }

    /// <summary>Frames of a stream, near or far.</summary>
    public int OnReceived(StreamEnd stream, ReadOnlySpan<byte> bytes)
    {
        End? to = ReferenceEquals(stream, Near) ? null : Near;
        bool isNear = to is null;
        int start = 0, at = 0, messages = 0, all = 0;
        FrameStatus status;
        while ((status = FrameCodec.TryRead(bytes[at..], out int length, takesShort: true)) == FrameStatus.Complete)
        {
            int size = FrameCodec.HeaderSize + length;
            ReadOnlySpan<byte> message = bytes.Slice(at + FrameCodec.HeaderSize, length);
            End? second = null;
            End? next = isNear ? RouteFrame(message, out second) : Near;
            if (!isNear)
                NoteAnswer(stream, message);
            if (!ReferenceEquals(next, to))
            {
                SendRun(to, bytes[start..at], messages);
                (to, start, messages) = (next, at, 0);
            }

            SendRun(second, bytes.Slice(at, size), 1);
            messages++;
            all++;
            at += size;
        }

        SendRun(to, bytes[start..at], messages);
        _lane.Counters.CountReceived(stream.Network, all, at - (all * FrameCodec.HeaderSize));
        return status == FrameStatus.Incomplete ? at : -1;
    }

    /// <summary>A connected socket was replaced.</summary>
    public void Replace(End before, End after) => _fars[_fars.IndexOf(before)] = after;

    private static void SendRun(End? to, ReadOnlySpan<byte> frames, int messages)
    {
        if (messages != 0)
            to?.SendFrames(frames, messages);
    }

    private End? RouteFrame(ReadOnlySpan<byte> message, out End? second)
    {
        second = null;
        if (!TryDecide(message, out RouteTargets targets))
            return null;
        NoteCarried(message);
        if (targets.IsTwo)
            second = Far(targets.Second);
        return Far(targets.First);
    }

    private bool TryDecide(ReadOnlySpan<byte> message, out RouteTargets targets)
    {
        RouteDecision decision = _lane.Decide(Rule, ref _routes, From, this, message);
        targets = decision.Targets;
        if (decision.Kind == RouteKind.Answer)
            _lane.Answer(Near);
        if ((decision.IsProven || IsStream) && !_isProven)
        {
            _isProven = true;
            _lane.Admission.Prove(Place!, _lane.NowMs);
        }

        return decision.Kind == RouteKind.Carry;
    }

    /// <summary>The end towards a target, made when it is first needed. Null, and counted, if it cannot be had now.</summary>
    private End? Far(int target)
    {
        foreach (End far in _fars)
        {
            if (far.TargetIndex == target)
                return far;
        }

        End? opened = _isClosing ? null : _lane.OpenFar(this, target);
        if (opened is null)
            _lane.Counters.CountDropped(RelayDrop.NoConnection);
        else
            _fars.Add(opened);
        return opened;
    }
}

/// <summary>What a lane holds of a link.</summary>
internal interface ILink : INearEnd
{
    ActiveRule Rule { get; }

    /// <summary>Where its near end comes from.</summary>
    EndpointAddress From { get; }

    /// <summary>Whether its near end is a stream.</summary>
    bool IsStream { get; }

    /// <summary>What admission holds of it.</summary>
    NearPlace? Place { get; set; }

    /// <summary>Where it is among its lane's links.</summary>
    int Index { get; set; }

    /// <summary>Its near end is a stream, which was accepted.</summary>
    void Begin(NetworkKind network, int fd);

    /// <summary>Several times a second: deadlines.</summary>
    void OnTime();

    /// <summary>Its place is another's (<see cref="INearEnd.Evict"/>).</summary>
    void OnEvicted();

    /// <summary>Closes it at once.</summary>
    void Abandon();
}
