using System.Runtime.InteropServices;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// Messages on their way out, sealed side by side and sent together:
/// <code>
/// Space     a packet that is not sealed from where it was read is put here, behind space for frame and message headers
/// TrySeal   padded and sealed; the next one begins right behind it
/// Flush     each peer's messages leave, framed over streams, with one system call (all datagrams together with one)
/// </code>
/// Side by side, so that the messages of one peer are mostly one piece. One a lane, and one for the control thread.
/// </summary>
internal sealed unsafe class OutboundBatch : IDisposable
{
    public const int MaxMessages = UdpSender.BatchSize;

    /// <summary>The longest packet that a TUN device hands over.</summary>
    public const int MaxPacket = 65_535;

    private const int ArenaSize = 256 * 1024;
    private const int Slack = FrameCodec.HeaderSize + TransportMessage.Overhead + Limits.PaddingMultiple;

    private readonly byte* _arena = (byte*)NativeMemory.AllocZeroed(ArenaSize);
    private readonly iovec* _pieces = (iovec*)NativeMemory.AllocZeroed(MaxMessages, (nuint)sizeof(iovec));
    private readonly Message[] _messages = new Message[MaxMessages];
    private readonly UdpSender _udpSender4 = new();
    private readonly UdpSender _udpSender6 = new();
    private readonly ControlInbox _inbox;
    private readonly LaneCounters _counters;
    private readonly Aead _aead;
    private readonly Backpressure? _backpressure;
    private readonly Continuity? _continuity;
    private readonly int _headroom;
    private readonly int _lane;
    private int _count;
    private int _end;

    /// <param name="aead">Of the thread that uses this batch.</param>
    /// <param name="isStream">Whether messages are framed.</param>
    /// <param name="inbox">Where news for control goes.</param>
    /// <param name="counters">Of the thread that uses this batch.</param>
    /// <param name="lane">The index of the lane that uses it; none for the control thread.</param>
    /// <param name="backpressure">Of the lane; null for the control thread.</param>
    /// <param name="continuity">Asked before anything is sent.</param>
    public OutboundBatch(
        Aead aead,
        bool isStream,
        ControlInbox inbox,
        LaneCounters counters,
        int lane = Peer.NoLane,
        Backpressure? backpressure = null,
        Continuity? continuity = null)
    {
        _continuity = continuity;
        _lane = lane;
        _backpressure = backpressure;
        _counters = counters;
        _aead = aead;
        _inbox = inbox;
        _headroom = isStream ? FrameCodec.HeaderSize : 0;
    }

    public bool IsEmpty => _count == 0;

    /// <summary>The index of the lane that uses it; <see cref="Peer.NoLane"/> for the control thread.</summary>
    public int Lane => _lane;

    /// <summary>
    /// Where the next packet may be put: as long as there is space, and at least as long as <see cref="HasSpaceFor"/> says.
    /// </summary>
    public Span<byte> Space => new(_arena + PacketStart, Math.Max(ArenaSize - PacketStart - Aead.TagSize, 0));

    private int PacketStart => _end + _headroom + TransportMessage.HeaderSize;

    /// <summary>Whether what is sealed for the peer now would be dropped, since its connection's queue is full.</summary>
    public bool IsQueueFullOf(Peer peer) => _headroom != 0 && peer.StreamOf(_lane) is { IsQueueFull: true };

    /// <summary>Whether superpackets may be sealed for the peer: its path is a connection that passes them.</summary>
    public bool IsPathProvenOf(Peer peer) => peer.StreamOf(_lane) is { IsProven: true };

    /// <summary>Whether another packet of that length can be sealed before the next flush.</summary>
    public bool HasSpaceFor(int length) => _count < MaxMessages && ArenaSize - _end >= length + Slack;

    /// <summary>
    /// Seals a packet for a peer and makes it part of the batch, which has space for it. A packet too long for a frame is dropped
    /// and counted.
    /// </summary>
    /// <param name="peer">The one it goes to.</param>
    /// <param name="keypair">That peer's.</param>
    /// <param name="buffer">
    /// The packet, and behind it space for <see cref="Limits.PaddingMultiple"/> bytes of padding; in <see cref="Space"/>, or
    /// elsewhere.
    /// </param>
    /// <param name="length">The packet's bytes; 0 for a keepalive.</param>
    /// <param name="ecn">The packet's ECN bits, for its outer packet; unused over streams, which have none for each.</param>
    /// <param name="mtu">The interface's, 0 to pad whatever it is.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="isSuperpacket">Whether it may go on a connection only that is proven.</param>
    /// <returns>False when the keypair may no longer send: the packet is still in its place.</returns>
    public bool TrySeal(
        Peer peer, Keypair keypair, Span<byte> buffer, int length, int ecn, int mtu, long nowMs, bool isSuperpacket = false)
    {
        int padded = TransportMessage.PaddedLength(length, mtu);
        bool isStream = _headroom != 0;
        if (padded + TransportMessage.Overhead > (isStream ? FrameCodec.MaxMessageSize : UdpDestination.LargestIPv4Payload))
        {
            // The last few lengths an IP packet can have fit no frame or datagram once padded; unpadded they may.
            padded = length;
            if (isStream && padded + TransportMessage.Overhead > FrameCodec.MaxMessageSize)
            {
                _counters.Count(DropReason.TooLong);
                return true;
            }
        }

        buffer[length..padded].Clear();
        var message = new Span<byte>(_arena + _end + _headroom, padded + TransportMessage.Overhead);
        if (!keypair.TrySeal(_aead, buffer[..padded], message, nowMs))
            return false;

        _messages[_count++] = new Message(
            peer, keypair, _end, _headroom + message.Length, ecn, HasPacket: length != 0, isSuperpacket);
        _end += _headroom + message.Length;
        return true;
    }

    /// <summary>Sends everything and is empty again. On a machine that is not the one any more it drops everything.</summary>
    /// <param name="sockets">This lane's, where the network is UDP.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public void Flush(UdpSockets? sockets, long nowMs)
    {
        if (_count == 0)
            return;
        if (_continuity is { IsBroken: true })
            Drop();
        for (int first = 0; first < _count; first++)
        {
            if (_messages[first].Peer is { } peer)
                Send(peer, first, nowMs);
        }

        FlushUdp(_udpSender4, sockets?.IPv4);
        FlushUdp(_udpSender6, sockets?.IPv6);
        _messages.AsSpan(0, _count).Clear();
        _count = 0;
        _end = 0;
    }

    public void Dispose()
    {
        NativeMemory.Free(_arena);
        NativeMemory.Free(_pieces);
        _udpSender4.Dispose();
        _udpSender6.Dispose();
    }

    /// <summary>They were sealed, in part or as a whole, after a copy of this machine was made.</summary>
    private void Drop()
    {
        for (int i = 0; i < _count; i++)
        {
            _messages[i].Peer!.CountDropped(1);
            _messages[i].Peer = null;
        }

        _inbox.PostSlept();
    }

    /// <summary>Sends all messages of one peer, which begin at <paramref name="first"/>, in their order.</summary>
    private void Send(Peer peer, int first, long nowMs)
    {
        Destination? destination = peer.StreamToSendOn(_lane, nowMs) ?? peer.Destination;
        bool isProven = destination is StreamConnection { IsProven: true };
        bool takesShortChecksums = isProven && destination is StreamConnection { TakesShortChecksums: true };
        Keypair keypair = _messages[first].Keypair;
        int pieces = 0, messages = 0;
        long bytes = 0;
        bool hasPacket = false;
        for (int i = first; i < _count; i++)
        {
            ref Message message = ref _messages[i];
            if (!ReferenceEquals(message.Peer, peer))
                continue;
            message.Peer = null;
            if (destination is UdpDestination { LargestPayload: var largest } && message.Length > largest)
            {
                _counters.Count(DropReason.TooLong);
                continue;
            }

            if (message.IsSuperpacket && !isProven)
            {
                // Another connection has taken the place of the one that it was sealed for.
                peer.CountDropped(1);
                continue;
            }

            byte* start = _arena + message.Start;
            messages++;
            bytes += message.Length - _headroom;
            hasPacket |= message.HasPacket;
            if (destination is UdpDestination udp)
            {
                (udp.IsIPv6 ? _udpSender6 : _udpSender4).Add(start, message.Length, udp, message.Ecn);
                continue;
            }

            var frame = new Span<byte>(start, message.Length);
            // A relay may have kept our connection when the peer's program was followed by another.
            bool isShort = takesShortChecksums && message.Keypair.RemoteHello is { TakesShortChecksums: true };
            FrameCodec.WriteHeader(frame, frame[FrameCodec.HeaderSize..], isShort);
            if (pieces > 0 && (byte*)_pieces[pieces - 1].iov_base + _pieces[pieces - 1].iov_len == start)
                _pieces[pieces - 1].iov_len += (nuint)message.Length;
            else
                _pieces[pieces++] = new iovec { iov_base = start, iov_len = (nuint)message.Length };
        }

        if (messages == 0)
            return;
        if (destination is null)
        {
            // The path to it was lost since its first packet was routed.
            peer.CountDropped(messages);
            return;
        }

        // Before it is sent: the answer may reach another lane at once, and must find that something waits for it.
        peer.CountSent(bytes);
        _inbox.Post(peer, peer.Sent(keypair, hasPacket, nowMs));
        if (destination is StreamConnection connection)
        {
            connection.Send(_pieces, pieces, nowMs);
            _backpressure?.Sent(connection, nowMs);
        }
    }

    private void FlushUdp(UdpSender sender, UdpSocket? socket)
    {
        if (sender.Count != 0)
            _counters.Count(DropReason.NotSent, sender.Flush(socket));
    }

    /// <param name="Peer">Null once it was sent.</param>
    /// <param name="IsSuperpacket">Whether only a proven connection may carry it.</param>
    private record struct Message(
        Peer? Peer, Keypair Keypair, int Start, int Length, int Ecn, bool HasPacket, bool IsSuperpacket);
}
