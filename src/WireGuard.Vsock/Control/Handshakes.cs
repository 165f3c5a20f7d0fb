using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The handshake messages, on the control thread: hands them to the protocol's device, and does what follows for the network, the
/// log and the counters. Lanes have checked mac1 before a message comes here. Control only.
/// </summary>
internal sealed class Handshakes
{
    private readonly Device _device;
    private readonly Network _network;
    private readonly EventLoop _loop;
    private readonly ControlInbox _inbox;
    private readonly Aead _aead;
    private readonly ILogger _log;
    private readonly byte[] _initiation = new byte[InitiationMessage.Size];
    private readonly byte[] _reply = new byte[InitiationMessage.Size];

    public Handshakes(Device device, Network network, EventLoop loop, ControlInbox inbox, Aead aead, ILogger log)
    {
        _device = device;
        _network = network;
        _loop = loop;
        _inbox = inbox;
        _aead = aead;
        _log = log;
    }

    /// <summary>A response has completed a handshake that we began: something must now be sent.</summary>
    public required Action<Peer> OnComplete { get; init; }

    /// <summary>We have answered an initiation: timers have started.</summary>
    public required Action<Peer> OnAnswered { get; init; }

    /// <summary>Sends an initiation, if one may be sent now and the peer can be reached.</summary>
    public void Begin(Peer peer, bool isRetry)
    {
        // Asked first: a dialler must hear of it though an initiation may not be sent yet.
        if (!peer.CanHandshake || !_network.TryReach(peer))
        {
            peer.HandshakeImpossible(isRetry, !peer.Staged.IsEmpty, _loop.NowMs);
            return;
        }

        if (!_device.TryBegin(peer, isRetry, DateTimeOffset.UtcNow, _aead, _loop.NowMs, _initiation))
            return;
        Log.InitiationSent(_log, peer);
        peer.IsHandshakeWanted = false;
        (peer.Hindrance ??= new Hindrance()).NoteInitiation(_loop.NowMs);
        _network.SendHandshake(peer, _initiation);
        peer.CountSent(InitiationMessage.Size);
    }

    /// <summary>
    /// Takes the handshake messages that lanes have put into the inbox; those that come meanwhile have their turn later.
    /// </summary>
    public void TakeAll()
    {
        Span<byte> message = stackalloc byte[InitiationMessage.Size];
        for (int left = _inbox.CallersWaiting; left > 0 && _inbox.TryTakeCaller(out StreamConnection? caller); left--)
        {
            // Before they are taken, which lightens the load.
            bool isUnderLoad = _inbox.IsUnderLoad(_loop.NowMs);
            for (int i = 0; i < StreamConnection.MaxHandshakes && _inbox.TryTakeHandshake(caller, message, out int length); i++)
            {
                // It can neither be answered nor complete a handshake of ours, which went on connections of peers.
                if (caller is { IsFailed: true, WasOwned: false })
                    continue;
                Take(message[..length], caller, !isUnderLoad || caller.TryTakeFreeHandshake(_loop.NowMs));
            }
        }

        for (int left = HandshakeQueue.Max + HandshakeQueue.MaxProven; left > 0; left--)
        {
            bool isUnderLoad = _inbox.IsUnderLoad(_loop.NowMs);
            if (!_inbox.TryTakeHandshake(message, out int length, out UdpDestination? sender, out bool isProven))
                return;
            Take(message[..length], sender, !isUnderLoad || isProven);
        }
    }

    /// <param name="message">Its mac1 is valid, unless it is a cookie reply.</param>
    /// <param name="from">Where it came from; not to be kept.</param>
    /// <param name="isFree">Whether it need not prove its source, or has done so.</param>
    private void Take(Span<byte> message, Destination from, bool isFree)
    {
        EndpointAddress address = from.Address;
        Span<byte> cookieSource = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        MessageSource source = isFree
            ? default
            : new MessageSource(cookieSource[..address.CookieSource(cookieSource)], address.Source());
        HandshakeResult<Peer> result = _device.ReceiveChecked(_aead, message, _loop.NowMs, _reply, source);
        Tell(result, address);
        if (result is { Outcome: HandshakeOutcome.CookieGiven })
            _network.Answer(from, result.Reply);
        if (result.Peer is not { } peer)
            return;
        switch (result.Outcome)
        {
            case HandshakeOutcome.Responded:
                peer.CountReceived(message.Length);
                _network.OnAuthenticated(peer, from);
                Log.ResponseSent(_log, peer, address);
                _network.Answer(from, result.Reply);
                peer.CountSent(result.Reply.Length);
                OnAnswered(peer);
                break;
            case HandshakeOutcome.Completed:
                peer.CountReceived(message.Length);
                NoteComplete(peer);
                Log.ResponseReceived(_log, peer, address);
                _network.OnAuthenticated(peer, from);
                OnComplete(peer);
                break;
            case HandshakeOutcome.CookieTaken or HandshakeOutcome.InitiationWorthless:
                peer.CountReceived(message.Length);
                break;
        }
    }

    /// <summary>The log's line of a message that is answered with silence, or of a cookie.</summary>
    private void Tell(in HandshakeResult<Peer> result, EndpointAddress from)
    {
        switch (result.Outcome)
        {
            case HandshakeOutcome.CookieGiven:
                Log.CookieSent(_log, from);
                break;
            case HandshakeOutcome.InitiationNotForUs:
                Log.InitiationNotForUs(_log, from);
                break;
            case HandshakeOutcome.InitiatorUnknown:
                Log.InitiatorUnknown(_log, from, result.Initiator);
                break;
            case HandshakeOutcome.InitiationNotAuthentic:
                Log.InitiationNotAuthentic(_log, result.Peer!, from);
                break;
            case HandshakeOutcome.InitiationOld:
                Log.InitiationOld(_log, result.Peer!, from, result.SecondsBehind);
                break;
            case HandshakeOutcome.InitiationTooSoon:
                Log.InitiationTooSoon(_log, result.Peer!, from, result.SinceMs);
                break;
            case HandshakeOutcome.ResponseRejected:
                Log.ResponseRejected(_log, from);
                break;
            case HandshakeOutcome.CookieTaken:
                Log.CookieReceived(_log, result.Peer!);
                break;
        }
    }

    /// <summary>The time of the peer's last handshake, which the user sees, is now.</summary>
    public static void NoteComplete(Peer peer)
    {
        Sys.RealTime(out long seconds, out int nanoseconds);
        peer.LastHandshake = (seconds, nanoseconds);
        peer.Handshakes++;
        peer.Hindrance = null;
    }
}
