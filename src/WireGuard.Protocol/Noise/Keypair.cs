using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The transport keys of one session (sections 5.4.5 and 5.4.6): seals what we send under a counter that never repeats, opens
/// what we receive once. Shared by all lanes: the send counter is interlocked, the replay window has its own lock,
/// what the peer has said of itself is one word; everything else is immutable until <see cref="Dispose"/>, which must wait until
/// no lane can still use it, or <see cref="Wipe"/>, which need not.
/// </summary>
internal sealed class Keypair : IDisposable
{
    // The key to send with, then the one to receive with.
    private readonly Secret _keys = new(2 * Aead.KeySize);
    private readonly ReplayWindow _window = new();
    private readonly long _createdMs;
    private long _sendCounter = -1;
    private int _isExpired;
    private int _askedForLastMinuteHandshake;
    private long _heardMs;
    private long _remoteHello;
#if DOORS
    private UInt128 _sendKeyName;
#endif

    private Keypair(bool isInitiator, uint localIndex, uint remoteIndex, long nowMs)
    {
        IsInitiator = isInitiator;
        LocalIndex = localIndex;
        RemoteIndex = remoteIndex;
        _createdMs = nowMs;
    }

    /// <summary>Whether we began the handshake it comes from: only the initiator renews a session for its age.</summary>
    public bool IsInitiator { get; }

    /// <summary>The receiver index of what we receive.</summary>
    public uint LocalIndex { get; }

    /// <summary>The receiver index of what we send.</summary>
    public uint RemoteIndex { get; }

    /// <summary>The counter of the next message to be sent.</summary>
    public ulong NextCounter => (ulong)Volatile.Read(ref _sendCounter) + 1;

    /// <summary>
    /// Whether an authentic message has come in under it: as responder, we then know that the initiator has it too.
    /// </summary>
    public bool HasReceived => HeardMs != 0;

    /// <summary>
    /// Whether it was expired. To be asked after each call by users that have no grace period between <see cref="Expire"/> and
    /// <see cref="Wipe"/>: the keys may have been wiped during the call, which then used a key of zeros, as any sender can.
    /// </summary>
    public bool HasExpired
    {
        get
        {
            // Pairs with the fence in Expire: a thread that has read a wiped key sees that it was expired.
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _isExpired) != 0;
        }
    }

    /// <summary>When an authentic message last came in under it, in ms of boot time; 0 if none has.</summary>
    public long HeardMs => Volatile.Read(ref _heardMs);

    /// <summary>
    /// What the peer accepts under this keypair, by its last HELLO; null before the first. Any thread may set it.
    /// </summary>
    public Hello? RemoteHello
    {
        get => Unpack(Volatile.Read(ref _remoteHello));
        set
        {
            Volatile.Write(ref _remoteHello, Pack(value));
            // Who says HELLO may have several connections.
            _window.MayGrow = value is not null;
        }
    }

    /// <summary>A HELLO has come in. Any thread: on another connection another may come at the same time.</summary>
    /// <param name="hello">What it says of the peer.</param>
    /// <param name="mayPromise">Whether its message was as long as a promise must be.</param>
    public void Hear(Hello hello, bool mayPromise)
    {
        long before, heard;
        do
        {
            before = Volatile.Read(ref _remoteHello);
            heard = Pack(mayPromise ? hello : hello.Within(Unpack(before)));
        }
        while (Interlocked.CompareExchange(ref _remoteHello, heard, before) != before);
        _window.MayGrow = true;
    }

    private Span<byte> SendKey => _keys.Bytes[..Aead.KeySize];

    private Span<byte> ReceiveKey => _keys.Bytes[Aead.KeySize..];

    /// <summary>
    /// The last HELLO that we have said under it, long enough for what it promises; null before the first. Owner thread only.
    /// </summary>
    internal Hello? SaidHello { get; private set; }

    /// <summary>How often that was said. Owner thread only.</summary>
    internal int HellosSaid { get; private set; }

    /// <summary>HELLO is said under it. Owner thread only.</summary>
    internal void Say(Hello hello) => (SaidHello, HellosSaid) = (hello, HellosSaid + 1);

    internal static Keypair Derive(ref SymmetricState state, bool isInitiator, uint localIndex, uint remoteIndex, long nowMs)
    {
        var keypair = new Keypair(isInitiator, localIndex, remoteIndex, nowMs);
        if (isInitiator)
            state.Split(keypair.SendKey, keypair.ReceiveKey);
        else
            state.Split(keypair.ReceiveKey, keypair.SendKey);
#if DOORS
        keypair._sendKeyName = NonceRecord.NameOf(keypair.SendKey);
#endif
        return keypair;
    }

    /// <summary>
    /// Whether it may still send: younger than REJECT_AFTER_TIME, below REJECT_AFTER_MESSAGES, not expired by hand.
    /// </summary>
    public bool CanSend(long nowMs) => IsAlive(nowMs) && NextCounter < Limits.RejectAfterMessages;

    /// <summary>Whether a new handshake is due after sending with it (section 6.2).</summary>
    public bool NeedsRekeyAfterSending(long nowMs) =>
        NextCounter > Limits.RekeyAfterMessages || (IsInitiator && nowMs - _createdMs >= Limits.RekeyAfterTimeMs);

    /// <summary>
    /// Whether a new handshake is due after receiving with it: its end is near and we only receive. True once (section 6.2).
    /// </summary>
    public bool NeedsRekeyAfterReceiving(long nowMs) =>
        IsInitiator
        && nowMs - _createdMs >= Limits.RejectAfterTimeMs - Limits.KeepaliveTimeoutMs - Limits.RekeyTimeoutMs
        && Interlocked.Exchange(ref _askedForLastMinuteHandshake, 1) == 0;

    /// <summary>
    /// Whether the two come from handshakes that have crossed, each end having begun one: then each may send with the keypair of
    /// its own.
    /// </summary>
    public bool HasCrossed(Keypair other) =>
        IsInitiator != other.IsInitiator && Math.Abs(_createdMs - other._createdMs) < Limits.RekeyTimeoutMs;

    /// <summary>Seals an inner packet into a message: writes the header before it and the tag behind it.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="packet">The inner packet with its padding. Where it will stand in the message, or elsewhere.</param>
    /// <param name="message">Receives header (16 bytes), sealed packet, tag (16 bytes).</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>False when the session may no longer send.</returns>
    public bool TrySeal(Aead aead, ReadOnlySpan<byte> packet, Span<byte> message, long nowMs)
    {
        if (!IsAlive(nowMs))
            return false;
        Interleaving.Point();
        ulong counter = (ulong)Interlocked.Increment(ref _sendCounter);
        if (counter >= Limits.RejectAfterMessages)
        {
            Interlocked.Decrement(ref _sendCounter);
            return false;
        }

#if DOORS
        NonceRecord.Note(_sendKeyName, counter, nowMs);
#endif
        TransportMessage.WriteHeader(message, RemoteIndex, counter);
        aead.Seal(SendKey, counter, default, packet, message[TransportMessage.HeaderSize..]);
        GC.KeepAlive(this);
        return true;
    }

    /// <summary>As the other, of a packet that stands in its place in the message already.</summary>
    public bool TrySeal(Aead aead, Span<byte> message, long nowMs) =>
        TrySeal(aead, message[TransportMessage.HeaderSize..^Aead.TagSize], message, nowMs);

    /// <summary>
    /// Authenticates a transport message and opens it in place; the inner packet, with padding, then stands at
    /// <see cref="TransportMessage.HeaderSize"/>, <see cref="TransportMessage.Overhead"/> bytes shorter than the message.
    /// </summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="message">Header (16 bytes), sealed packet, tag (16 bytes).</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="isNewest">Whether its counter is higher than that of every message before.</param>
    /// <returns>False when the session has ended, the message is forged, or it is a replay.</returns>
    public bool TryOpen(Aead aead, Span<byte> message, long nowMs, out bool isNewest)
    {
        isNewest = false;
        if (message.Length < TransportMessage.MinSize || !IsAlive(nowMs))
            return false;
        Interleaving.Point();
        ulong counter = TransportMessage.Counter(message);
        Span<byte> ciphertext = message[TransportMessage.HeaderSize..];
        if (!aead.TryOpen(ReceiveKey, counter, default, ciphertext, ciphertext[..^Aead.TagSize])
            || !_window.TryAccept(counter, out isNewest))
            return false;
        // Written once a millisecond, as all lanes read it.
        if (_heardMs != nowMs)
            Volatile.Write(ref _heardMs, nowMs);
        return true;
    }

    /// <summary>Ends the session before its time, at once and for all lanes.</summary>
    public void Expire() => Interlocked.Exchange(ref _isExpired, 1);

    /// <summary>
    /// Wipes the keys while other threads may be using them, which ask <see cref="HasExpired"/> after each call.
    /// </summary>
    public void Wipe()
    {
        Expire();
        Interleaving.Point();
        _keys.Wipe();
    }

    public void Dispose()
    {
        Expire();
        _keys.Dispose();
    }

    /// <summary>For tests of the limits on messages, which no test can reach by sending.</summary>
    internal void SetNextCounter(ulong counter) => _sendCounter = (long)counter - 1;

    // One word, so that a reader sees one HELLO and no mixture; the top bit tells it from none.
    private static long Pack(Hello? hello) =>
        hello is { } said ? long.MinValue | ((long)said.LargestSuperpacket << 32) | (uint)said.Features : 0;

    private static Hello? Unpack(long packed) =>
        packed == 0 ? null : new Hello((ushort)(packed >> 32), (HelloFeatures)(uint)packed);

    private bool IsAlive(long nowMs) => Volatile.Read(ref _isExpired) == 0 && nowMs - _createdMs < Limits.RejectAfterTimeMs;
}
