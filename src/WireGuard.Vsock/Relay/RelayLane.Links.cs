using System.Runtime.InteropServices;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>The links of a lane: how they come about, and how they go.</summary>
internal sealed unsafe partial class RelayLane
{
    private const int CookieReplySize = CookieReplyMessage.Size;
    private const int ShortageMs = 60_000;

    private readonly List<RelayListener> _listeners = [];
    private readonly byte* _cookieReply = (byte*)NativeMemory.AllocZeroed(CookieReplySize);
    private UdpDestination? _answered;

    /// <summary>Where a message of a near end goes. What goes nowhere is counted.</summary>
    /// <param name="routes">Of the near end, as <see cref="PeerRoutes.FromNear"/> has it.</param>
    /// <param name="link">The near end's; null if it has none yet.</param>
    public RouteDecision Decide(
        ActiveRule rule, ref NearRoutes? routes, in EndpointAddress from, Link? link, ReadOnlySpan<byte> message)
    {
        bool isStream = link is { IsStream: true };
        RouteDecision decision;
        if (rule.Routes is { } peers)
            decision = peers.FromNear(ref routes, from, isStream, message, NowMs, new Span<byte>(_cookieReply, CookieReplySize));
        else if (MessageTypes.Of(message) != MessageType.Initiation
            || (link is { IsSettled: true }
                ? link.TryTakeInitiation()
                : Admission.TryTakeInitiation(from.Source(), isProven: isStream, NowMs)))
            return RouteDecision.To(new RouteTargets(0));
        else
            decision = RouteDecision.Drop(RelayDrop.RateLimited);
        if (decision.Kind != RouteKind.Carry)
            Counters.CountDropped(decision.Reason);
        return decision;
    }

    /// <summary>Answers with the cookie reply that the last decision has made.</summary>
    public void Answer(End near)
    {
        near.Send(new ReadOnlySpan<byte>(_cookieReply, CookieReplySize));
        // The next decision overwrites it.
        Datagrams.Flush();
    }

    /// <summary>The first message of a UDP source, which gets a link if it is for an enclave and there is a place.</summary>
    public Link? TryAddSource(RelayListener listener, EndpointAddress from, ReadOnlySpan<byte> message)
    {
        NearRoutes? routes = null;
        RouteDecision decision = Decide(listener.Rule, ref routes, from, link: null, message);
        if (decision.Kind == RouteKind.Answer)
            AnswerSource(listener.Socket);
        if (decision.Kind != RouteKind.Carry)
            return null;
        var link = new Link(this, listener.Rule, from, routes, listener);
        if (!TryAdd(link, decision.IsProven))
            return null;
        link.Near = new DatagramEnd(this, listener.Socket, new UdpDestination(Receiver.Address, Receiver.Source));
        link.Carry(decision.Targets, message, Receiver.Ecn);
        return link;
    }

    /// <summary>A far end; null if it cannot be had now.</summary>
    public End? OpenFar(Link link, int targetIndex)
    {
        Target target = link.Rule.Targets[targetIndex];
        return target.Address.Network == NetworkKind.Udp
            ? ConnectedEnd.TryOpen(this, link, targetIndex)
            : new StreamEnd(this, link, target, mayDrop: link.Rule.Routes is not null) { TargetIndex = targetIndex };
    }

    /// <summary>Counts a near end whose place was needed before its time was over.</summary>
    public void CountEvicted(NearPlace place)
    {
        if (NowMs < place.UntilMs)
            Counters.CountDropped(RelayDrop.TooManyConnections);
    }

    /// <summary>Whether a datagram is a message that may be carried; if not, it is counted.</summary>
    public bool IsMessage(ReadOnlySpan<byte> datagram)
    {
        if (MessageTypes.Of(datagram) == MessageType.None)
            Counters.CountDropped(RelayDrop.NotAMessage);
        else if (datagram.Length > End.LargestDatagram)
            Counters.CountDropped(RelayDrop.TooLong);
        else
            return true;
        return false;
    }

    /// <summary>Connecting failed: by the target's fault, or by our own shortage, which keeps no other from it.</summary>
    public void ConnectFailed(Target target, EndpointAddress address, int error)
    {
        Counters.CountFailedDial();
        if (Errno.IsShortage(-error))
        {
            if (NowMs - _shortageMs < ShortageMs)
                return;
            _shortageMs = NowMs;
            Vsock.Log.RelayShortage(Log);
            return;
        }

        Report(target, StreamSocket.ConnectProblem(address, error));
        target.ConnectFailed(address, NowMs);
    }

    /// <summary>Says that a target cannot be reached, when that begins and now and then.</summary>
    public void Report(Target target, string reason)
    {
        if (target.MustReport(NowMs))
            Vsock.Log.RelayTargetFailed(Log, target.Address, reason);
    }

    /// <summary>Something has come from a target.</summary>
    public void Answered(Target target, EndpointAddress address)
    {
        if (target.Answered(address))
            Vsock.Log.RelayTargetAnswers(Log, target.Address);
    }

    /// <summary>All ends of a link are closed.</summary>
    public void Remove(ILink link)
    {
        Admission.Gone(link.Place!);
        int last = _links.Count - 1;
        (_links[link.Index] = _links[last]).Index = link.Index;
        _links.RemoveAt(last);
        Counters.CountLinks(-1);
    }

    private bool TryAdd(ILink link, bool isProven)
    {
        link.Place = Admission.TryAdmit(link, link.From.Source(), link.IsStream, isProven, NowMs, link.Rule.IsRaw);
        if (link.Place is null)
        {
            Counters.CountDropped(RelayDrop.TooManyConnections);
            return false;
        }

        Vsock.Log.RelayLinkBegun(Log, link.From, link.Rule.Settings.Listen[0]);
        link.Index = _links.Count;
        _links.Add(link);
        Counters.CountLinks(1);
        return true;
    }

    private void AnswerSource(UdpSocket socket)
    {
        // Unauthenticated senders must not make us allocate.
        if (_answered?.TryAssign(Receiver.Address, Receiver.Source) != true)
            _answered = new UdpDestination(Receiver.Address, Receiver.Source);
        Datagrams.Add(socket, _answered, _cookieReply, CookieReplySize, ecn: 0);
        Datagrams.Flush();
    }

    private void TakeOrders()
    {
        Sys.EventFdReset(_wake);
        while (_orders.TryDequeue(out LaneOrder? order))
            Take(order);
    }

    private void Take(LaneOrder order)
    {
        switch (order.Kind)
        {
            case LaneOrderKind.Accepted:
                Accept(order);
                break;
            case LaneOrderKind.Listen:
                Listen(order.Rule, order.Socket!);
                break;
            case LaneOrderKind.EndListen:
                CloseListeners(listener => listener.Socket == order.Socket);
                break;
            case LaneOrderKind.EndRule:
                CloseLinks(order.Rule);
                order.Rule.EndedByLane();
                break;
        }
    }

    private void Accept(LaneOrder order)
    {
        ILink link = order.Rule.IsRaw
            ? new RawLink(this, order.Rule, order.From)
            : new Link(this, order.Rule, order.From, routes: null, listener: null);
        if (TryAdd(link, isProven: false))
            link.Begin(order.Network, order.Fd);
        else
            Sys.Close(order.Fd);
    }

    private void Listen(ActiveRule rule, UdpSocket socket)
    {
        if (_listeners.Find(known => known.Socket == socket) is { } served)
        {
            CloseLinks(served.Rule == rule ? null : served.Rule);
            served.Rule = rule;
            return;
        }

        var listener = new RelayListener(this, rule, socket);
        if (TryWatch(socket.Fd, EPOLLIN, listener, out ulong watch))
        {
            listener.Watch = watch;
            _listeners.Add(listener);
            return;
        }

        socket.Dispose();
        Vsock.Log.RelayNotWatched(Log, rule.Settings.Listen[0]);
    }

    /// <summary>At once: what waits is not sent any more.</summary>
    private void CloseLinks(ActiveRule? rule)
    {
        for (int i = _links.Count - 1; i >= 0; i--)
        {
            if (_links[i].Rule == rule)
                _links[i].Abandon();
        }
    }

    private void CloseListeners(Predicate<RelayListener> isMeant)
    {
        foreach (RelayListener listener in _listeners.FindAll(isMeant))
        {
            listener.Close();
            _listeners.Remove(listener);
        }
    }

    private void CloseAll()
    {
        TakeOrders();
        for (int i = _links.Count - 1; i >= 0; i--)
            _links[i].Abandon();
        CloseListeners(_ => true);
    }
}
