using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// A far end over UDP: a socket of the link's own, connected, so that answers of its target alone come in, and come to this link.
/// When the target fails or falls silent, and its name has another address meanwhile, the socket is replaced.
/// </summary>
internal sealed class ConnectedEnd : DatagramEnd, IWatched
{
    /// <summary>How long messages may go unanswered: two handshakes were tried in vain by then.</summary>
    private const int SilenceMs = 15_000;

    private readonly Link _link;
    private readonly Target _target;
    private readonly EndpointAddress _address;
    private ulong _watch;
    private bool _hasAnswered;
    private long _askedMs; // when the first message was sent that nothing has answered; 0 for none

    private ConnectedEnd(RelayLane lane, Link link, Target target, UdpSocket socket, EndpointAddress address)
        : base(lane, socket, new UdpDestination(address, isConnected: true))
    {
        _link = link;
        _target = target;
        _address = address;
    }

    /// <returns>Null if the target cannot be reached now.</returns>
    public static ConnectedEnd? TryOpen(RelayLane lane, Link link, int targetIndex)
    {
        Target target = link.Rule.Targets[targetIndex];
        if (TryConnect(lane, target, out EndpointAddress address) is not { } socket)
            return null;
        var end = new ConnectedEnd(lane, link, target, socket, address) { TargetIndex = targetIndex };
        if (lane.TryWatch(socket.Fd, EPOLLIN, end, out end._watch))
            return end;
        socket.Dispose();
        return null;
    }

    public override void Send(ReadOnlySpan<byte> message, int ecn = 0)
    {
        if (_askedMs == 0)
            _askedMs = Lane.NowMs;
        base.Send(message, ecn);
    }

    /// <summary>Reads a batch of datagrams, or why one could not be delivered.</summary>
    public void OnEvents(uint events)
    {
        UdpReceiver receiver = Lane.Receiver;
        int received = receiver.Receive(Socket.Fd);
        if (received < 0 && received != -Errno.EAGAIN)
        {
            // What became of an earlier datagram: no program listens there, or there is no route.
            Lane.Report(_target, Errno.Text(-received));
            Failed();
        }

        while (receiver.MoveNext())
        {
            ReadOnlySpan<byte> message = receiver.Datagram;
            if (!Lane.IsMessage(message))
                continue;

            Lane.Counters.CountReceived(NetworkKind.Udp, 1, message.Length);
            NoteAnswer();
            _link.FromFar(this, message, receiver.Ecn);
        }
    }

    /// <summary>Now and then: whether the target has been silent for too long.</summary>
    public void OnTime()
    {
        if (_askedMs == 0 || Lane.NowMs - _askedMs < SilenceMs)
            return;
        _askedMs = Lane.NowMs;
        Failed();
    }

    public override void Close()
    {
        if (_watch == 0)
            return;
        Lane.Unwatch(_watch, Socket.Fd);
        Socket.Dispose();
        _watch = 0;
    }

    /// <summary>Its link ends without an answer.</summary>
    public void NoteSilence() => _target.FellSilent(_address, hadAnswered: false);

    private void NoteAnswer()
    {
        _askedMs = 0;
        if (_hasAnswered)
            return;
        _hasAnswered = true;
        Lane.Answered(_target, _address);
    }

    private static UdpSocket? TryConnect(RelayLane lane, Target target, out EndpointAddress address)
    {
        if (!target.TryTake(lane.NowMs, out address))
            return null;
        UdpSocket? socket = UdpSocket.TryConnect(address, lane.Offloads, out int error);
        if (socket is null)
            lane.ConnectFailed(target, address, error);
        return socket;
    }

    /// <summary>The socket stays unless there is somewhere else to send to: the target may only be restarting.</summary>
    private void Failed()
    {
        _target.FellSilent(_address, _hasAnswered);
        if (!_target.TryTake(Lane.NowMs, out EndpointAddress next) || next == _address
            || TryOpen(Lane, _link, TargetIndex) is not { } moved)
        {
            return;
        }

        Close();
        _link.Replace(this, moved);
    }
}
