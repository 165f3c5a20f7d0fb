using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Handshake messages and cookies to a device with one peer, whose keys the target has: what the peer makes, what an input has
/// made of that, and what has a right mac1 and is otherwise the input's. A forged message gets no session and no cookie, and
/// changes nothing; an authentic one is taken once; replies are no longer than what they answer; indices do not pile up.
/// <code>steps: u8 kind | what the kind takes</code>
/// </summary>
internal sealed class HandshakeTarget : FuzzTarget
{
    private const int MostSteps = 16;

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] initiation = new Chosen().Byte(0).UInt64(9).UInt32(0).Byte(0).ToArray();
        foreach (int load in (int[])[0, 1])
        {
            Chosen Begun() => new Chosen().Byte(8).Byte(load);
            yield return Begun().Bytes(initiation).Byte(6).Bytes(initiation).Byte(9).ToArray();
            yield return Begun().Byte(1).Byte(2).Byte(0).Byte(9).Byte(6).ToArray();
            yield return Begun().Byte(1).Byte(3).Byte(0).Byte(3).Byte(0).Byte(2).Byte(0).ToArray();
            yield return Begun().Byte(4).Byte(0).Bytes(new byte[116]).ToArray();
            yield return Begun().Byte(1).Byte(4).Byte(5).Bytes(new byte[60]).ToArray();
        }

        yield return new Chosen().Bytes(initiation.AsSpan(0, 13)).Byte(1).Byte(40).Byte(1).Byte(5).Piece(new byte[148]).ToArray();
        yield return new Chosen().Bytes(initiation).Byte(7).UInt16(100).Bytes(initiation).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        using var ends = new HandshakeEnds();
        for (int step = 0; step < MostSteps && !choices.IsAtEnd; step++)
            ends.Step(ref choices);
    }
}

/// <summary>Our device, the peer's, and what has passed between them.</summary>
internal sealed class HandshakeEnds : IDisposable
{
    private static readonly byte[] s_ourKey = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] s_theirKey = [.. Enumerable.Range(101, 32).Select(i => (byte)i)];
    private static readonly DateTimeOffset s_realTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private readonly IndexTable<WireGuardPeer> _indices = new();
    private readonly PrivateKey _theirKey = new(s_theirKey);
    private readonly WireGuardDevice<WireGuardPeer> _ours;
    private readonly WireGuardPeer _peer;
    private readonly RemoteIdentity _us;
    private readonly CookieGenerator _theirCookies;
    private readonly CookieChecker _theirChecker;
    private readonly Aead _aead = new();
    private readonly byte[] _initiation = new byte[InitiationMessage.Size];
    private readonly byte[] _reply = new byte[InitiationMessage.Size];
    private long _nowMs = 1_000_000;
    private readonly HashSet<string> _taken = [];
    private readonly Dictionary<string, Tai64n> _timestamps = []; // of the initiations that the peer has made
    private byte[] _last = []; // what was given last
    private Tai64n _newest; // of the timestamps taken
    private long _acceptedMs = long.MinValue;
    private bool _isUnderLoad;
    private bool _waits; // for a response
    private bool _mayTakeCookie;
    private byte[] _lastMacs = []; // the last message of ours with macs
    private Keypair? _theirSession; // of the last handshake that we have responded to

    public HandshakeEnds()
    {
        PrivateKey ours = new(s_ourKey);
        _us = new RemoteIdentity(ours.PublicKey, _theirKey);
        _theirCookies = new CookieGenerator(_us.MacKeys);
        _theirChecker = new CookieChecker(new MacKeys(_theirKey.PublicKey));
        _ours = new WireGuardDevice<WireGuardPeer>(_indices, new RateLimiter());
        _ours.SetPrivateKey(ours);
        _peer = new WireGuardPeer(_theirKey.PublicKey);
        _ours.Add(_peer);
    }

    public void Step(ref Choices choices)
    {
        switch (choices.Byte() % 10)
        {
            case 0:
                GiveInitiation(ref choices);
                break;
            case 1:
                Begin();
                break;
            case 2:
                GiveResponse(ref choices);
                break;
            case 3:
                GiveCookie(ref choices);
                break;
            case 4:
                GiveForged(ref choices);
                break;
            case 5:
                Give(choices.Piece().ToArray());
                break;
            case 6:
                Give([.. _last]);
                break;
            case 7:
                _nowMs += choices.UInt16() * 10L;
                break;
            case 8:
                _isUnderLoad = choices.Bool();
                break;
            default:
                Poll();
                break;
        }

        // Previous, current and next, and one for the initiation in flight.
        Fact.Holds(_indices.Count <= 4, "no more indices than sessions and handshakes");
    }

    public void Dispose()
    {
        _ours.Dispose();
        Fact.Same(0, _indices.Count, "the indices of a device that has ended");
        _us.Dispose();
        _theirKey.Dispose();
        _theirSession?.Dispose();
        _theirChecker.Dispose();
        _aead.Dispose();
    }

    /// <summary>An initiation of the peer's with any timestamp, changed in some places.</summary>
    private void GiveInitiation(ref Choices choices)
    {
        Span<byte> bytes = stackalloc byte[Tai64n.Size];
        choices.Fill(bytes);
        var timestamp = new Tai64n(bytes);
        byte[] message = new byte[InitiationMessage.Size];
        var initiator = new HandshakeInitiator();
        bool begins = initiator.TryCreate(_theirKey, _us, localIndex: 7, timestamp, _aead, new InitiationMessage(message));
        Fact.Holds(begins, "a peer initiates");
        bool isChanged = Change(message, InitiationMessage.Size - 32, ref choices);
        _theirCookies.WriteMacs(message, _nowMs);
        _timestamps[Convert.ToHexString(message)] = timestamp;
        Tai64n newest = _newest;
        bool isSoon = _acceptedMs != long.MinValue && _nowMs - _acceptedMs < Limits.HandshakeInitiationRateMs;
        HandshakeOutcome outcome = Give(message, isForged: isChanged);
        if (outcome == HandshakeOutcome.Responded)
        {
            Fact.Holds(timestamp.IsAfter(newest), "an initiation that is taken is newer than those before");
            Fact.Holds(!isSoon, "an initiation that is taken does not come too soon");
            if (new InitiationMessage(message).SenderIndex == initiator.LocalIndex)
                Complete(initiator);
        }
        else if (!isChanged && !_isUnderLoad)
        {
            Fact.Same(
                !timestamp.IsAfter(_newest) ? HandshakeOutcome.InitiationOld : HandshakeOutcome.InitiationTooSoon, outcome,
                "why an authentic initiation is refused");
        }

        initiator.Reset();
    }

    /// <summary>The peer takes our response, and says something in the session; what is changed in it is not taken.</summary>
    private void Complete(HandshakeInitiator initiator)
    {
        byte[] response = _reply[..ResponseMessage.Size];
        _theirSession?.Dispose();
        _theirSession = initiator.TryConsumeResponse(_theirKey, _us, _aead, new ResponseMessage(response), _nowMs);
        Fact.Holds(_theirSession is not null, "our response is taken by who initiated");
        if (_nowMs % 3 == 0)
            return; // it stays unconfirmed
        byte[] message = new byte[TransportMessage.MinSize];
        Fact.Holds(_theirSession.TrySeal(_aead, message, _nowMs), "a new session seals");
        byte[] forged = [.. message];
        forged[^1] ^= 1;
        Fact.Holds(!_ours.TryOpen(_aead, forged, _nowMs, out _, out _), "a forged keepalive is refused");
        byte[] copy = [.. message];
        Fact.Holds(_ours.TryOpen(_aead, copy, _nowMs, out _, out OpenedMessage opened), "a keepalive is opened");
        Fact.Holds((opened.News & PeerNews.SessionConfirmed) != 0, "the first message confirms the session");
        Fact.Holds(!_ours.TryOpen(_aead, message, _nowMs, out _, out _), "a keepalive is opened once");
        Poll();
    }

    private void Begin()
    {
        _peer.Timers.Stop();
        Fact.Holds(_ours.TryBegin(_peer, isRetry: false, s_realTime, _aead, _nowMs, _initiation), "we initiate");
        (_waits, _mayTakeCookie, _lastMacs) = (true, true, [.. _initiation]);
    }

    /// <summary>The peer's response to our last initiation, changed in some places.</summary>
    private void GiveResponse(ref Choices choices)
    {
        byte[] message = new byte[ResponseMessage.Size];
        bool isOurs = _initiation[0] != 0;
        byte[] initiation = [.. _initiation];
        var responder = new HandshakeResponder(_theirKey, _aead, new InitiationMessage(initiation));
        Keypair? keypair = null;
        if (isOurs)
        {
            Fact.Holds(responder.TryOpen(out PublicKey initiator) && initiator == _us.Static, "our initiation names us");
            Fact.Holds(responder.TryAuthenticate(_us, out _), "our initiation is authentic");
            keypair = responder.TryRespond(_us, localIndex: 8, _nowMs, new ResponseMessage(message));
            Fact.Holds(keypair is not null, "our initiation can be answered");
        }

        responder.Dispose();
        bool isChanged = Change(message, ResponseMessage.Size - 32, ref choices);
        _theirCookies.WriteMacs(message, _nowMs);
        bool isDue = !isChanged && isOurs && _waits;
        HandshakeOutcome outcome = Give(message, isForged: !isDue);
        Fact.Holds(outcome == HandshakeOutcome.Completed || !isDue || _isUnderLoad, "the response to what waits is taken");
        keypair?.Dispose();
    }

    /// <summary>The peer's cookie for our last message, changed in some places.</summary>
    private void GiveCookie(ref Choices choices)
    {
        byte[] message = new byte[CookieReplyMessage.Size];
        if (_lastMacs.Length == 0)
            return;
        uint index = new InitiationMessage([.. _lastMacs, .. new byte[64]]).SenderIndex;
        _theirChecker.WriteReply(_lastMacs, index, "source"u8, _nowMs, new CookieReplyMessage(message));
        bool isChanged = Change(message, message.Length, ref choices);
        bool isKnown = _indices.TryFind(index, out _, out _);
        HandshakeOutcome outcome = Give(message, isForged: isChanged || !_mayTakeCookie || !isKnown);
        if (outcome == HandshakeOutcome.CookieTaken)
            _mayTakeCookie = false;
        else
            Fact.Holds(isChanged || !_mayTakeCookie || !isKnown, "the cookie for our last message is taken");
    }

    /// <summary>What is the input's but for its type, its mac1 and, if it likes, its receiver index.</summary>
    private void GiveForged(ref Choices choices)
    {
        int kind = choices.Byte();
        int size = (kind & 3) switch { 0 => InitiationMessage.Size, 1 => ResponseMessage.Size, _ => CookieReplyMessage.Size };
        byte[] message = new byte[size];
        choices.Fill(message.AsSpan(0, size == CookieReplyMessage.Size ? size : size - 32));
        message.AsSpan(0, 4).Clear();
        message[0] = (byte)(Math.Min(kind & 3, 2) + 1);
        uint waiting = _peer.HandshakeIndex;
        if ((kind & 4) != 0 && size == ResponseMessage.Size)
            new ResponseMessage(message).ReceiverIndex = waiting;
        if ((kind & 4) != 0 && size == CookieReplyMessage.Size)
            new CookieReplyMessage(message).ReceiverIndex = waiting;
        if (size != CookieReplyMessage.Size)
            _theirCookies.WriteMacs(message, _nowMs);
        Give(message, isForged: true);
    }

    /// <returns>Whether anything was changed that is authenticated: sender indices are not.</returns>
    private static bool Change(Span<byte> message, int within, ref Choices choices)
    {
        byte[] before = message.ToArray();
        for (int changes = choices.Byte() % 4; changes > 0; changes--)
            message[choices.Byte() % within] ^= choices.Byte();
        int senderEnd = before[0] == (byte)MessageType.CookieReply ? 4 : 8;
        return !message[..4].SequenceEqual(before.AsSpan(0, 4)) || !message[senderEnd..].SequenceEqual(before.AsSpan(senderEnd));
    }

    private HandshakeOutcome Give(byte[] message, bool isForged = false)
    {
        _last = [.. message];
        bool isReplay = _taken.Contains(Convert.ToHexString(message));
        var before = Fingerprint();
        MessageSource source = _isUnderLoad ? new MessageSource("source"u8, 1) : default;
        HandshakeResult<WireGuardPeer> result = _ours.Receive(_aead, message, _nowMs, _reply, source);
        int expected = result.Outcome switch
        {
            HandshakeOutcome.Responded => ResponseMessage.Size,
            HandshakeOutcome.CookieGiven => CookieReplyMessage.Size,
            _ => 0,
        };
        Fact.Same(expected, result.Reply.Length, $"the reply's length of {result.Outcome}");
        Fact.Holds(result.Reply.Length <= message.Length, "a reply is no longer than what it answers");
        bool isTaken = result.Outcome is HandshakeOutcome.Responded or HandshakeOutcome.Completed or HandshakeOutcome.CookieTaken;
        Fact.Holds(!isTaken || !isForged, "a forged message is not taken");
        Fact.Holds(!isTaken || !isReplay, "a message is taken once");
        Fact.Holds(!isTaken || ReferenceEquals(result.Peer, _peer), "who made it is known");
        Fact.Holds(!isTaken || !_isUnderLoad || result.Outcome == HandshakeOutcome.CookieTaken || HasMac2(message),
            "under load a message without a cookie's mac is not worked on");
        if (isTaken)
            _taken.Add(Convert.ToHexString(_last));
        else
            Fact.Same(before, Fingerprint(), $"what {result.Outcome} leaves as it was");
        if (result.Outcome == HandshakeOutcome.Responded)
            (_newest, _acceptedMs) = (_timestamps[Convert.ToHexString(_last)], _nowMs);
        _waits &= result.Outcome != HandshakeOutcome.Completed; // also by what came under load, and again after it
        if (result.Outcome == HandshakeOutcome.Responded)
            (_mayTakeCookie, _lastMacs) = (true, result.Reply.ToArray());
        else if (result.Outcome == HandshakeOutcome.CookieGiven)
            TakeCookie(message, result.Reply);
        return result.Outcome;
    }

    /// <summary>The peer takes our cookie, so that its next message has a right mac2.</summary>
    private void TakeCookie(ReadOnlySpan<byte> message, ReadOnlySpan<byte> reply)
    {
        Fact.Same(new InitiationMessage([.. message, .. new byte[64]]).SenderIndex,
            new CookieReplyMessage([.. reply]).ReceiverIndex, "whom a cookie reply is for");
        _theirCookies.TryConsumeReply(new CookieReplyMessage([.. reply]), _nowMs);
    }

    private static bool HasMac2(ReadOnlySpan<byte> message) => message[^16..].ContainsAnyExcept((byte)0);

    private void Poll()
    {
        int polls = 0;
        while (_peer.Poll(_nowMs) != PeerAction.None)
            Fact.Holds(++polls < 16, "polling comes to an end");
        _waits &= _peer.HandshakeIndex != 0;
    }

    private (int Sessions, uint Handshake, int Indices, long Deadline, Keypair? Current) Fingerprint() =>
        (_peer.Keypairs.All.Count(), _peer.HandshakeIndex, _indices.Count, _peer.NextDeadline(_nowMs), _peer.Keypairs.Current);
}
