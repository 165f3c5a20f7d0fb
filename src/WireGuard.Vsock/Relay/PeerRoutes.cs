using System.Buffers.Binary;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Which enclave a message is for, where several are behind one address. No key is secret here: an initiation's mac1 tells whose
/// public key its sender has (section 5.4.4), and every later message has a receiver index that its enclave gave out before.
/// <code>
/// near -> far  initiation        mac1                            under load only with a cookie of the relay's own
///              response, cookie  an initiation's sender index that its enclave has sent to this near end
///              transport         an index that its enclave has sent to this near end, else to any (the peer has roamed)
/// far -> near  initiation, response: their sender index is learned
/// </code>
/// A message that fits no enclave is dropped without an answer. Nothing grows by what near ends send; a near end that is new is
/// subject to <see cref="Admission"/>. One a rule with peers; any lane may use it.
/// </summary>
internal sealed class PeerRoutes : IDisposable
{
    private readonly Admission _admission;
    private readonly IReadOnlyList<RelayPeer> _peers;
    private readonly Mac1Search _search;
    private readonly Enclave[] _enclaves;

    /// <param name="peers">At most <see cref="RelayLimits.MaxPeers"/>; a target is a place here.</param>
    /// <param name="before">
    /// What was in force at the same address: of the peers that stay, indices and cookies remain good.
    /// </param>
    public PeerRoutes(IReadOnlyList<RelayPeer> peers, Admission admission, PeerRoutes? before = null)
    {
        _admission = admission;
        _peers = peers;
        Known = new KnownIndices(peers.Count);
        _enclaves = new Enclave[peers.Count];
        MacKeys[] keys = new MacKeys[peers.Count];
        for (int target = 0; target < peers.Count; target++)
        {
            keys[target] = new MacKeys(peers[target].Key);
            int same = before?.Find(peers[target]) ?? -1;
            _enclaves[target] = same < 0 ? new Enclave(new CookieChecker(keys[target])) : before!._enclaves[same].Keep();
            if (same >= 0)
                Known.TakeOver(before!.Known, same, target);
        }

        _search = new Mac1Search(keys);
    }

    internal KnownIndices Known { get; }

    /// <summary>Where a near end's message goes.</summary>
    /// <param name="near">Null for a source that has no near end yet; made if the message is to go anywhere.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="isStream">Whether it came by a stream: then its source is no forgery.</param>
    /// <param name="message">Any bytes.</param>
    /// <param name="reply">At least 64 bytes: the cookie reply, where the decision is to answer.</param>
    public RouteDecision FromNear(
        ref NearRoutes? near, in EndpointAddress source, bool isStream, ReadOnlySpan<byte> message, long nowMs, Span<byte> reply)
    {
        switch (MessageTypes.Of(message))
        {
            case MessageType.Transport:
                return Transport(ref near, TransportMessage.ReceiverIndex(message), nowMs);
            case MessageType.Initiation:
                return Initiation(ref near, source, isStream, message, nowMs, reply);
            case MessageType.Response:
                return Learned(near, BinaryPrimitives.ReadUInt32LittleEndian(message[8..]));
            case MessageType.CookieReply:
                return Learned(near, BinaryPrimitives.ReadUInt32LittleEndian(message[4..]));
            default:
                return RouteDecision.Drop(RelayDrop.NotAMessage);
        }
    }

    /// <summary>Learns from what a far end sends to a near end.</summary>
    /// <param name="target">The place of its enclave among the peers.</param>
    /// <returns>Whether it is an answer (<see cref="IsAnswer"/>).</returns>
    public bool FromFar(NearRoutes near, int target, ReadOnlySpan<byte> message, long nowMs)
    {
        MessageType type = MessageTypes.Of(message);
        if (type is MessageType.Initiation or MessageType.Response)
        {
            uint index = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
            near.Learn(index, target);
            Known.Learn(index, target, nowMs);
        }

        bool isAnswer = IsAnswer(type);
        near.IsAnswered |= isAnswer;
        return isAnswer;
    }

    /// <summary>
    /// Whether a far end's message shows that the near end is a peer of it. A cookie reply does not: an enclave under load gives
    /// one to every sender that knows its public key.
    /// </summary>
    public static bool IsAnswer(MessageType type) =>
        type is MessageType.Initiation or MessageType.Response or MessageType.Transport;

    /// <summary>No lane uses it any more.</summary>
    public void Dispose()
    {
        foreach (Enclave enclave in _enclaves)
            enclave.Dispose();
    }

    private int Find(RelayPeer peer)
    {
        for (int target = 0; target < _peers.Count; target++)
        {
            if (_peers[target] == peer)
                return target;
        }

        return -1;
    }

    private static RouteDecision Learned(NearRoutes? near, uint index) =>
        near is not null && near.TryFind(index, out RouteTargets targets)
            ? RouteDecision.To(targets)
            : RouteDecision.Drop(RelayDrop.NoRoute);

    private RouteDecision Transport(ref NearRoutes? near, uint index, long nowMs)
    {
        if (near is not null && near.TryFind(index, out RouteTargets targets))
            return RouteDecision.To(targets);
        if (!Known.TryAdopt(index, nowMs, out targets, out bool isLimited))
            return RouteDecision.Drop(isLimited ? RelayDrop.RateLimited : RelayDrop.NoRoute);
        near ??= new NearRoutes();
        near.Adopt(index, targets);
        return RouteDecision.To(targets);
    }

    private RouteDecision Initiation(
        ref NearRoutes? near, in EndpointAddress source, bool isStream, ReadOnlySpan<byte> message, long nowMs, Span<byte> reply)
    {
        int target = _search.Find(message);
        if (target < 0)
            return RouteDecision.Drop(RelayDrop.NoRoute);
        Enclave enclave = _enclaves[target];
        Span<byte> bound = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        bound = bound[..source.CookieSource(bound)];
        bool isProven = isStream || enclave.IsMac2Valid(message, bound, nowMs);
        bool isKnown = near is { IsAnswered: true } or { IsProven: true };
        bool isAllowed = (isProven || !_admission.MustProve(isKnown, nowMs))
            && _admission.TryTakeInitiation(source.Source(), isProven, nowMs);
        if (!isAllowed && isProven)
            return RouteDecision.Drop(RelayDrop.RateLimited);
        if (!isAllowed)
        {
            enclave.WriteReply(message, bound, nowMs, reply);
            return RouteDecision.Answer;
        }

        near ??= new NearRoutes();
        near.IsProven |= isProven;
        return RouteDecision.To(new RouteTargets(target)) with { IsProven = isProven };
    }

    /// <summary>The cookies that the relay gives out in an enclave's name, which takes its public key alone.</summary>
    private sealed class Enclave(CookieChecker cookies) : IDisposable
    {
        private readonly Lock _gate = new(); // for one thread at a time changes the secret
        private int _owners = 1; // interlocked: routes that use it

        public bool IsMac2Valid(ReadOnlySpan<byte> message, ReadOnlySpan<byte> source, long nowMs) =>
            MacKeys.Mac2(message).ContainsAnyExcept((byte)0) && cookies.IsMac2Valid(message, source, nowMs);

        public void WriteReply(ReadOnlySpan<byte> message, ReadOnlySpan<byte> source, long nowMs, Span<byte> reply)
        {
            uint sender = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
            if (!cookies.IsFresh(nowMs))
            {
                lock (_gate)
                    cookies.Refresh(nowMs);
            }

            cookies.WriteReply(message, sender, source, nowMs, new CookieReplyMessage(reply));
        }

        /// <summary>Other routes use it from now on, too.</summary>
        public Enclave Keep()
        {
            Interlocked.Increment(ref _owners);
            return this;
        }

        /// <summary>By each that has used it.</summary>
        public void Dispose()
        {
            if (Interlocked.Decrement(ref _owners) == 0)
                cookies.Dispose();
        }
    }
}
