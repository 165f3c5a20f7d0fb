using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The handshake messages (sections 5.3 and 5.4 of the paper), on the control thread: sends initiations, answers those of others,
/// takes responses and cookies. Lanes have checked mac1 before a message comes here. Control only.
/// </summary>
internal sealed class Handshakes
{
    private readonly Device _device;
    private readonly Network _network;
    private readonly EventLoop _loop;
    private readonly ControlInbox _inbox;
    private readonly Aead _aead;
    private readonly ILogger _log;
    private readonly TimestampSource _timestamps = new();
    private readonly byte[] _initiation = new byte[InitiationMessage.Size];
    private readonly byte[] _response = new byte[ResponseMessage.Size];

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

    private IndexTable<Peer> Indices => _device.Published.Indices;

    /// <summary>Sends an initiation, if one may be sent now and the peer can be reached.</summary>
    public void Begin(Peer peer, bool isRetry)
    {
        WireGuardPeer session = peer;
        if (!isRetry)
            session.Timers.HandshakeWanted();
        // Asked first: a dialler must hear of it though an initiation may not be sent yet.
        if (_device.PrivateKey is not { } local || !session.Remote.CanHandshake || !_network.TryReach(peer))
        {
            if (!peer.Staged.IsEmpty)
                session.Timers.HandshakeImpossible(_loop.NowMs);
            return;
        }

        if (!session.Timers.MayInitiate(_loop.NowMs))
            return;
        // Traffic must not keep renewing an initiation that goes unanswered: its retransmission notices the silence.
        if (!isRetry && session.Timers.IsInitiationInFlight)
            return;

        Sys.RealTime(out long seconds, out int nanoseconds);
        uint old = session.HandshakeIndex, index = Indices.Allocate(peer);
        Tai64n timestamp = _timestamps.Next(seconds, (uint)nanoseconds);
        if (session.TryWriteInitiation(local, index, timestamp, _aead, _loop.NowMs, _initiation))
        {
            if (old != 0)
                Indices.Free(old);
            Log.InitiationSent(_log, peer);
            _network.SendHandshake(peer, _initiation);
            peer.CountSent(InitiationMessage.Size);
        }
        else
        {
            Indices.Free(index);
        }
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
                // Nobody is there any more, and nobody ever was.
                if (caller is { IsFailed: true, Owner: null, IsDialed: false })
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
        var type = (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(message);
        if (type == MessageType.CookieReply)
            TakeCookieReply(message);
        else if (!isFree && !HasProof(message, from))
            return;
        else if (type == MessageType.Initiation)
            TakeInitiation(message, from);
        else
            TakeResponse(message, from);
    }

    /// <summary>
    /// Under load, a message is answered with a cookie unless it carries the one of its source, and even then a source has
    /// only so many a second (section 5.3).
    /// </summary>
    private bool HasProof(ReadOnlySpan<byte> message, Destination from)
    {
        if (_device.Cookies is not { } cookies)
            return true;
        Span<byte> source = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        EndpointAddress address = from.Address;
        source = source[..address.CookieSource(source)];
        if (cookies.IsMac2Valid(message, source, _loop.NowMs))
            return _inbox.TryTakeRate(address.Source(), _loop.NowMs);

        Span<byte> reply = stackalloc byte[CookieReplyMessage.Size];
        uint senderIndex = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
        cookies.WriteReply(message, senderIndex, source, _loop.NowMs, new CookieReplyMessage(reply));
        Log.CookieSent(_log, address);
        _network.Answer(from, reply);
        return false;
    }

    private void TakeInitiation(Span<byte> message, Destination from)
    {
        if (_device.PrivateKey is not { } local)
            return;
        var responder = new HandshakeResponder(local, _aead, new InitiationMessage(message));
        try
        {
            if (!responder.TryOpen(out PublicKey initiator))
            {
                Log.InitiationNotForUs(_log, from.Address);
            }
            else if (!_device.Peers.TryGetValue(initiator, out Peer? peer))
            {
                Log.InitiatorUnknown(_log, from.Address, initiator);
            }
            else if (!responder.TryAuthenticate(peer.Remote, out Tai64n timestamp))
            {
                Log.InitiationNotAuthentic(_log, peer, from.Address);
            }
            else if (IsAcceptable(peer, timestamp, from))
            {
                Respond(ref responder, peer, from);
                peer.CountReceived(message.Length);
            }
        }
        finally
        {
            responder.Dispose();
        }
    }

    /// <summary>Whether an authentic initiation is new, and not too soon after the last.</summary>
    private bool IsAcceptable(Peer peer, Tai64n timestamp, Destination from)
    {
        WireGuardPeer session = peer;
        long sinceMs = _loop.NowMs - session.InitiationAcceptedMs;
        double secondsBehind = session.LatestTimestamp.SecondsSince(timestamp);
        if (session.TryAccept(timestamp, _loop.NowMs))
            return true;
        if (timestamp.IsAfter(session.LatestTimestamp))
            Log.InitiationTooSoon(_log, peer, from.Address, sinceMs);
        else
            Log.InitiationOld(_log, peer, from.Address, secondsBehind);
        return false;
    }

    private void Respond(ref HandshakeResponder responder, Peer peer, Destination from)
    {
        Span<byte> response = _response;
        uint index = Indices.Allocate(peer);
        Keypair? keypair = peer.TryRespond(ref responder, index, _loop.NowMs, response);
        if (keypair is null)
        {
            Indices.Free(index);
            return;
        }

        // Before the response leaves: the initiator may answer at once.
        Indices.Bind(peer, keypair);
        _network.OnAuthenticated(peer, from);
        Log.ResponseSent(_log, peer, from.Address);
        _network.Answer(from, response);
        peer.CountSent(response.Length);
        OnAnswered(peer);
    }

    private void TakeResponse(Span<byte> message, Destination from)
    {
        if (_device.PrivateKey is not { } local
            || !Indices.TryFind(new ResponseMessage(message).ReceiverIndex, out Peer? peer, out _))
            return;
        Keypair? keypair = peer.TryConsumeResponse(local, _aead, message, _loop.NowMs);
        if (keypair is null)
        {
            Log.ResponseRejected(_log, from.Address);
            return;
        }

        Indices.Bind(peer, keypair);
        peer.CountReceived(message.Length);
        NoteComplete(peer);
        Log.ResponseReceived(_log, peer, from.Address);
        _network.OnAuthenticated(peer, from);
        OnComplete(peer);
    }

    private void TakeCookieReply(Span<byte> message)
    {
        if (Indices.TryFind(new CookieReplyMessage(message).ReceiverIndex, out Peer? peer, out _)
            && peer.TryConsumeCookieReply(message, _loop.NowMs))
        {
            peer.CountReceived(message.Length);
            Log.CookieReceived(_log, peer);
        }
    }

    /// <summary>The time of the peer's last handshake, which the user sees, is now.</summary>
    public static void NoteComplete(Peer peer)
    {
        Sys.RealTime(out long seconds, out int nanoseconds);
        peer.LastHandshake = (seconds, nanoseconds);
    }
}
