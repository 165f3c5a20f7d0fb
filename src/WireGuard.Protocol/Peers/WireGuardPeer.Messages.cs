using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// Transport messages, out and in. Any thread may call this part at any time; nothing in it blocks or allocates. What the owner
/// thread has to do for a message is returned as <see cref="PeerNews"/>.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>What the timers are told of the traffic. Any thread.</summary>
    internal Activity Activity { get; }

    /// <summary>Whether a session may send. Any thread.</summary>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool CanSend(long nowMs) => Keypairs.Current?.CanSend(nowMs) == true;

    /// <summary>Whether a session may send, and had traffic within REJECT_AFTER_TIME. Any thread.</summary>
    internal bool IsInUse(long nowMs) => CanSend(nowMs) && nowMs - Activity.LastTraversal < Limits.RejectAfterTimeMs;

    /// <summary>The bytes of the transport message for a packet: padded to 16 bytes (section 5.4.6), plus 32.</summary>
    /// <param name="packetLength">In bytes; 0 for a keepalive.</param>
    public static int SealedLength(int packetLength) =>
        TransportMessage.PaddedLength(packetLength, mtu: 0) + TransportMessage.Overhead;

    /// <summary>Seals a packet, or a keepalive, into a transport message that is sent at once. Any thread.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="packet">The inner packet; empty for a keepalive.</param>
    /// <param name="message">
    /// Receives the message: <see cref="SealedLength"/> bytes, zeros when the answer is false. It must not overlap the packet.
    /// </param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="news">What the owner thread has to do now, also when this fails.</param>
    /// <returns>
    /// False when no session may send, or when the session was ended by the owner thread during the call: the packet has to wait
    /// for the handshake that is wanted then, and nothing may be sent.
    /// </returns>
    /// <exception cref="ArgumentException">There is no room for the message.</exception>
    public bool TrySeal(Aead aead, ReadOnlySpan<byte> packet, Span<byte> message, long nowMs, out PeerNews news)
    {
        message = message[..SealedLength(packet.Length)];
        Span<byte> payload = message[TransportMessage.HeaderSize..^Aead.TagSize];
        packet.CopyTo(payload);
        payload[packet.Length..].Clear();
        if (Keypairs.Current is not { } keypair || !keypair.TrySeal(aead, message, nowMs) || keypair.HasExpired)
        {
            message.Clear();
            news = PeerNews.HandshakeWanted;
            return false;
        }

        news = Sent(keypair, !packet.IsEmpty, nowMs);
        return true;
    }

    /// <summary>
    /// Messages were sealed and are about to be sent. Called before they are sent: the answer may reach another thread at once,
    /// which must find that a message waits for it. Once for messages that are sent together.
    /// </summary>
    /// <param name="keypair">The one that the first was sealed with.</param>
    /// <param name="hasPacket">Whether any of them carries a packet, and so waits for an answer.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    internal PeerNews Sent(Keypair keypair, bool hasPacket, long nowMs)
    {
        PeerNews news = PeerNews.None;
        if (!hasPacket)
            Activity.Sent(nowMs);
        else if (Activity.DataSent(nowMs))
            news = PeerNews.TimerStarted;
        return keypair.NeedsRekeyAfterSending(nowMs) ? news | PeerNews.HandshakeWanted : news;
    }

    /// <summary>
    /// Authenticates a transport message, opens it in place, rejects replays, and notes what follows: the peer answers, it has
    /// confirmed the session, it has said HELLO. The caller sees to it that the keys are not wiped meanwhile.
    /// </summary>
    /// <param name="keypair">The peer's keypair that the receiver index names.</param>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="message">At least <see cref="TransportMessage.MinSize"/> bytes.</param>
    /// <param name="extensions">How a HELLO is treated.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="opened">What was in it.</param>
    /// <returns>False when it is forged, a replay, or of a session that has ended: nothing has changed.</returns>
    internal bool TryOpen(
        Keypair keypair, Aead aead, Span<byte> message, Extensions extensions, long nowMs, out OpenedMessage opened)
    {
        if (!keypair.TryOpen(aead, message, nowMs, out bool isNewest))
        {
            opened = default;
            return false;
        }

        opened = Note(keypair, message, isNewest, extensions, nowMs);
        return true;
    }

    /// <summary>As the other, over datagrams, also when the keys are wiped as soon as the session ends.</summary>
    /// <returns>False also when the session was ended during the call: the payload is then zeros.</returns>
    internal bool TryOpen(Keypair keypair, Aead aead, Span<byte> message, long nowMs, out OpenedMessage opened)
    {
        opened = default;
        if (!keypair.TryOpen(aead, message, nowMs, out bool isNewest))
            return false;
        if (keypair.HasExpired)
        {
            message[TransportMessage.HeaderSize..].Clear();
            return false;
        }

        opened = Note(keypair, message, isNewest, Extensions.None, nowMs);
        return true;
    }

    /// <summary>Notes what an authentic message proves.</summary>
    private OpenedMessage Note(Keypair keypair, Span<byte> message, bool isNewest, Extensions extensions, long nowMs)
    {
        Span<byte> payload = message[TransportMessage.HeaderSize..^Aead.TagSize];
        PayloadKind kind = KindOf(payload, extensions, out Hello hello);
        PeerNews news = PeerNews.None;
        // What carries no packet asks for no answer.
        if (kind is PayloadKind.Keepalive or PayloadKind.Hello)
            Activity.Received(nowMs);
        else if (Activity.DataReceived(nowMs))
            news = PeerNews.TimerStarted;
        bool isHeeded = kind == PayloadKind.Hello && extensions == Extensions.Heeded;
        if (isHeeded)
        {
            keypair.Hear(hello.OfPeer, mayPromise: message.Length >= Hello.ProvingSize);
            news |= PeerNews.HelloSaid;
        }

        if (Keypairs.IsUnconfirmed(keypair))
            news |= PeerNews.SessionConfirmed;
        if (keypair.NeedsRekeyAfterReceiving(nowMs))
            news |= PeerNews.HandshakeWanted;
        return new OpenedMessage
        {
            Payload = payload,
            Kind = kind,
            News = news,
            IsNewest = isNewest,
            Promise = isHeeded && message.Length >= Hello.ProvingSize ? hello : default,
            Joins = isHeeded && (hello.Features & HelloFeatures.Joins) != 0,
            Asks = isHeeded && (hello.Features & HelloFeatures.Asks) != 0,
        };
    }

    private static PayloadKind KindOf(ReadOnlySpan<byte> payload, Extensions extensions, out Hello hello)
    {
        hello = default;
        if (payload.IsEmpty)
            return PayloadKind.Keepalive;
        if (extensions != Extensions.None && Hello.TryRead(payload, out hello))
            return PayloadKind.Hello;
        return Superpacket.IsSuperpacket(payload) ? PayloadKind.Superpacket : PayloadKind.Packet;
    }
}
