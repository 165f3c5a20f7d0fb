using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// The handshake messages (sections 5.3 and 5.4 of the paper), in the order in which a message meets the checks:
/// <code>
/// 1. mac1: the sender knows our public key                                 (Receive; or a lane, before ReceiveChecked)
/// 2. under load, mac2: the sender is where it says, else it gets a cookie; then the rate limit of its source
/// 3. initiation: made with our key, of a known peer, authentic, newer than all before, not too soon   -> response
///    response: to an initiation of ours, authentic                                                    -> session
///    cookie reply: to a message of ours, authentic
/// </code>
/// A message that fails a check changes nothing. Owner thread only.
/// </summary>
public partial class WireGuardDevice<TPeer>
{
    private readonly TimestampSource _timestamps = new();

    /// <summary>Begins a handshake, if it may begin now (section 6): writes the initiation to send.</summary>
    /// <param name="peer">One of the device's.</param>
    /// <param name="isRetry">
    /// Whether it replaces one that was lost, as <see cref="PeerAction.RetryHandshake"/> and <see cref="PeerAction.Initiate"/>
    /// ask for. Otherwise traffic asks for it, and one that is in flight is left alone.
    /// </param>
    /// <param name="now">Real time, for the initiation's timestamp.</param>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="initiation">Receives <see cref="WireGuardPeer.MaxHandshakeSize"/> bytes.</param>
    /// <returns>False when nothing is to be sent now.</returns>
    public bool TryBegin(TPeer peer, bool isRetry, DateTimeOffset now, Aead aead, long nowMs, Span<byte> initiation)
    {
        if (!peer.MayInitiate(isRetry, nowMs) || PrivateKey is not { } local)
            return false;
        initiation = initiation[..InitiationMessage.Size];
        uint index = _indices.Allocate(peer);
        if (peer.TryWriteInitiation(local, index, _timestamps.Next(now), aead, nowMs, initiation))
            return true;
        _indices.Free(index);
        return false;
    }

    /// <summary>Takes a message that may be a handshake message, from anyone.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="message">Of any length and content.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="reply">Has room for <see cref="WireGuardPeer.MaxHandshakeSize"/> bytes.</param>
    /// <param name="source">Under load, where it came from; otherwise the default.</param>
    public HandshakeResult<TPeer> Receive(
        Aead aead, Span<byte> message, long nowMs, Span<byte> reply, MessageSource source = default)
    {
        bool isChecked = MessageTypes.Of(message) switch
        {
            MessageType.Initiation or MessageType.Response => MacKeys?.IsMac1Valid(message) == true,
            MessageType.CookieReply => true, // It has no mac1.
            _ => false,
        };
        return isChecked ? ReceiveChecked(aead, message, nowMs, reply, source) : default;
    }

    /// <summary>As <see cref="Receive"/>, for a handshake message whose length and mac1 are known to be right.</summary>
    internal HandshakeResult<TPeer> ReceiveChecked(
        Aead aead, Span<byte> message, long nowMs, Span<byte> reply, MessageSource source)
    {
        var type = (MessageType)BinaryPrimitives.ReadUInt32LittleEndian(message);
        if (type == MessageType.CookieReply)
            return TakeCookieReply(message, nowMs);
        if (PrivateKey is not { } local)
            return default;
        if (source.MustBeProven && !Cookies!.IsMac2Valid(message, source.Address, nowMs))
            return GiveCookie(message, source, nowMs, reply);
        if (source.MustBeProven && !_rates.TryTake(source.Sender, nowMs))
            return default;
        return type == MessageType.Initiation
            ? TakeInitiation(local, aead, message, nowMs, reply)
            : TakeResponse(local, aead, message, nowMs);
    }

    private HandshakeResult<TPeer> GiveCookie(ReadOnlySpan<byte> message, MessageSource source, long nowMs, Span<byte> reply)
    {
        reply = reply[..CookieReplyMessage.Size];
        uint senderIndex = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
        Cookies!.WriteReply(message, senderIndex, source.Address, nowMs, new CookieReplyMessage(reply));
        return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.CookieGiven, Reply = reply };
    }

    private HandshakeResult<TPeer> TakeInitiation(
        PrivateKey local, Aead aead, Span<byte> message, long nowMs, Span<byte> reply)
    {
        var responder = new HandshakeResponder(local, aead, new InitiationMessage(message));
        try
        {
            if (!responder.TryOpen(out PublicKey initiator))
                return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.InitiationNotForUs };
            if (!_peers.TryGetValue(initiator, out TPeer? peer))
                return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.InitiatorUnknown, Initiator = initiator };
            if (!responder.TryAuthenticate(peer.Remote, out Tai64n timestamp))
                return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.InitiationNotAuthentic, Peer = peer };
            HandshakeOutcome outcome = peer.Accept(timestamp, nowMs, out long sinceMs, out double secondsBehind);
            return outcome == HandshakeOutcome.Responded
                ? Respond(ref responder, peer, nowMs, reply[..ResponseMessage.Size])
                : new HandshakeResult<TPeer>
                {
                    Outcome = outcome,
                    Peer = peer,
                    SinceMs = sinceMs,
                    SecondsBehind = secondsBehind,
                };
        }
        finally
        {
            responder.Dispose();
        }
    }

    private HandshakeResult<TPeer> Respond(
        scoped ref HandshakeResponder responder, TPeer peer, long nowMs, Span<byte> response)
    {
        uint index = _indices.Allocate(peer);
        Keypair? keypair = peer.TryRespond(ref responder, index, nowMs, response);
        if (keypair is null)
        {
            _indices.Free(index);
            return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.InitiationWorthless, Peer = peer };
        }

        // Before the response leaves: the initiator may answer at once.
        _indices.Bind(peer, keypair);
        return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.Responded, Peer = peer, Reply = response };
    }

    private HandshakeResult<TPeer> TakeResponse(PrivateKey local, Aead aead, Span<byte> message, long nowMs)
    {
        if (!_indices.TryFind(new ResponseMessage(message).ReceiverIndex, out TPeer? peer, out _))
            return default;
        Keypair? keypair = peer.TryConsumeResponse(local, aead, message, nowMs);
        if (keypair is null)
            return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.ResponseRejected };
        _indices.Bind(peer, keypair);
        return new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.Completed, Peer = peer };
    }

    private HandshakeResult<TPeer> TakeCookieReply(Span<byte> message, long nowMs) =>
        _indices.TryFind(new CookieReplyMessage(message).ReceiverIndex, out TPeer? peer, out _)
        && peer.TryConsumeCookieReply(message, nowMs)
            ? new HandshakeResult<TPeer> { Outcome = HandshakeOutcome.CookieTaken, Peer = peer }
            : default;
}
