using System.Runtime.InteropServices;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// A packet's path out, on one lane, in this order:
/// <code>
/// 1. read it from the TUN device: one packet, or up to 64 KB of a flow that the kernel has left unsegmented; read its headers
/// 2. find its peer by its destination address (none: drop); over UDP, drop what we have sent ourselves
/// 3. no session, or no path to the peer?  stage it, and tell control
/// 4. seal it into the batch: as it is; unsegmented as a superpacket, if the peer takes those; or segment by segment
/// 5. when the device has no more, or the batch is full: send the batch
/// </code>
/// </summary>
internal sealed unsafe class Outbound : IDisposable
{
    /// <summary>
    /// How many bytes are taken before they are sent, and the lane looks at its other descriptors: two unsegmented packets, or
    /// as much in small ones. Processor time a byte (iperf3, medians of four interleaved rounds): with one packet 9 % more, with
    /// three 7 %.
    /// </summary>
    private const int ByteBudget = 120 * 1024;

    /// <summary>How many reads are.</summary>
    private const int ReadBudget = 256;

    /// <summary>
    /// Where packets are read to: behind the device's header, which is done with when a superpacket's takes its place.
    /// </summary>
    private const int PacketStart = VirtioHeader.Size;

    private const int BufferSize = PacketStart + OutboundBatch.MaxPacket + Limits.PaddingMultiple;

    /// <summary>From this length on, a single packet goes unsegmented too: that spares the sum over it, at both ends.</summary>
    private const int MinUnsummed = 4_096;

    private readonly byte* _buffer = (byte*)NativeMemory.AllocZeroed(BufferSize);
    private readonly TunQueue _tun;
    private readonly OutboundBatch _batch;
    private readonly Published _published;
    private readonly ControlInbox _inbox;
    private readonly LaneCounters _counters;

    public Outbound(TunQueue tun, OutboundBatch batch, Published published, ControlInbox inbox, LaneCounters counters)
    {
        _tun = tun;
        _batch = batch;
        _published = published;
        _inbox = inbox;
        _counters = counters;
    }

    private Span<byte> Buffer => new(_buffer, BufferSize);

    /// <summary>How many packets the last <see cref="OnReadable"/> found.</summary>
    public int PacketsRead { get; private set; }

    /// <summary>Whether it found the device empty in the end.</summary>
    public bool HasEmptied { get; private set; }

    /// <summary>Takes what the device has, and sends it.</summary>
    /// <returns>False when the device is gone.</returns>
    public bool OnReadable(UdpSockets? sockets, long nowMs)
    {
        var turn = new Turn(_published.Snapshot, sockets, nowMs);
        int read = 0, reads = 0;
        for (int bytes = 0; reads < ReadBudget && bytes < ByteBudget; reads++, bytes += read)
        {
            read = _tun.Read(Buffer[..(PacketStart + OutboundBatch.MaxPacket)]);
            if (read == -Errno.EINVAL)
            {
                // The kernel dropped a packet that its header cannot describe.
                _counters.Count(DropReason.NotAnIpPacket);
                read = 0;
                continue;
            }

            if (read <= 0)
                break;
            if (read < PacketStart)
            {
                _counters.Count(DropReason.NotAnIpPacket);
                continue;
            }

            Route(turn, Buffer[PacketStart..read]);
        }

        _batch.Flush(sockets, nowMs);
        PacketsRead = reads;
        HasEmptied = read == -Errno.EAGAIN;
        // EIO: the interface is down. It may come up again.
        return read is >= 0 or -Errno.EAGAIN or -Errno.EIO or -Errno.ENOBUFS;
    }

    /// <summary>
    /// Control says that what the lane has staged for a peer may be sent: it goes into the batch, behind what the lane has read
    /// before and in front of what it reads next. What can still not be sent is staged again.
    /// </summary>
    public void SendStaged(Peer peer, UdpSockets? sockets, long nowMs)
    {
        var turn = new Turn(_published.Snapshot, sockets, nowMs);
        foreach (byte[] packet in peer.Staged.TakeAll(_batch.Lane))
        {
            if (!_batch.HasSpaceFor(packet.Length))
                _batch.Flush(sockets, nowMs);
            Span<byte> space = _batch.Space;
            packet.CopyTo(space);
            int ecn = PacketHeaders.TryRead(packet, out PacketHeaders headers) ? headers.Ecn : Ecn.NotEct;
            Seal(turn, peer, KeypairFor(peer), space, packet.Length, ecn);
        }
    }

    /// <summary>Sends what <see cref="SendStaged"/> has put into the batch.</summary>
    public void Flush(UdpSockets? sockets, long nowMs) => _batch.Flush(sockets, nowMs);

    public void Dispose() => NativeMemory.Free(_buffer);

    /// <summary>The keypair to send with now; null when it must wait, or something that the lane has read before waits.</summary>
    private Keypair? KeypairFor(Peer peer) =>
        peer.Destination is not null && peer.Staged.IsEmptyOf(_batch.Lane) ? peer.Keypairs.Current : null;

    private void Route(in Turn turn, Span<byte> packet)
    {
        if (!VirtioHeader.TryRead(Buffer, packet, out PacketHeaders headers))
        {
            _counters.Count(DropReason.NotAnIpPacket);
            return;
        }

        Peer? peer = turn.Snapshot.Routes.LookupDestination(packet, headers);
        if (peer is null)
        {
            _counters.Count(DropReason.NoPeerForPacket);
            return;
        }

        if (_batch.IsQueueFullOf(peer))
        {
            peer.CountDropped(1);
            return;
        }

        if (turn.Sockets is { } sockets
            && OuterDatagram.TryRead(packet, headers, sockets.Port, out OuterDatagram outer) && IsOurs(outer))
        {
            _counters.Count(DropReason.RoutingLoop);
            return;
        }

        Keypair? keypair = KeypairFor(peer);
        if (keypair is not null && TrySealUnsegmented(turn, peer, keypair, packet, headers))
            return;
        if (headers.SegmentSize != 0)
        {
            SealSegments(turn, peer, keypair, packet, headers);
            return;
        }

        if (headers.NeedsChecksum)
            TransportChecksum.Complete(packet, headers.PartialStart, headers.PartialOffset);
        Seal(turn, peer, keypair, Buffer[PacketStart..], packet.Length, headers.Ecn);
    }

    /// <summary>
    /// Whether it goes to a peer's endpoint with an index that only we or that peer may have given it. So the messages of a
    /// tunnel inside this one are not taken for ours, though they may leave from the same port of another machine.
    /// </summary>
    private bool IsOurs(in OuterDatagram outer)
    {
        Peer? peer = null;
        bool isKnown = outer.Type switch
        {
            MessageType.Transport => _published.Indices.TryFindReceiver(outer.Index, out peer),
            MessageType.Initiation or MessageType.Response => _published.Indices.TryFind(outer.Index, out peer, out _),
            _ => false,
        };
        if (!isKnown || peer?.Destination is not UdpDestination destination || !destination.IsTo(outer.Address, outer.Port))
            return false;
        peer.NoteLoop(_inbox);
        return true;
    }

    /// <summary>Seals one packet, or stages it if it cannot be sent now.</summary>
    /// <param name="keypair">The peer's, null if it has none that can be used now.</param>
    /// <param name="buffer">The packet, and space behind it for its padding.</param>
    private void Seal(in Turn turn, Peer peer, Keypair? keypair, Span<byte> buffer, int length, int ecn)
    {
        if (!_batch.HasSpaceFor(length))
            _batch.Flush(turn.Sockets, turn.NowMs);
        if (keypair is not null && _batch.TrySeal(peer, keypair, buffer, length, ecn, turn.Snapshot.Mtu, turn.NowMs))
            return;
        peer.Stage(buffer[..length], _batch.Lane);
        _inbox.Post(peer, PeerSignals.HasStaged);
    }

    /// <summary>Seals each segment of a packet, where it is written to.</summary>
    private void SealSegments(in Turn turn, Peer peer, Keypair? keypair, ReadOnlySpan<byte> packet, in PacketHeaders headers)
    {
        if (!Segmenter.TryBegin(packet, headers, headers.SegmentSize, out Segmenter segments))
        {
            _counters.Count(DropReason.NotAnIpPacket);
            return;
        }

        for (int i = 0; i < segments.Count; i++)
        {
            int length = segments.LengthOf(i);
            if (!_batch.HasSpaceFor(length))
                _batch.Flush(turn.Sockets, turn.NowMs);
            Span<byte> space = _batch.Space;
            segments.Write(i, space);
            Seal(turn, peer, keypair, space, length, headers.Ecn);
        }
    }

    /// <summary>
    /// Seals a packet as one superpacket; as several, each of as many segments as the peer takes, if it is too long. The far end
    /// completes its own checksum, so no other may be partial.
    /// </summary>
    /// <returns>False if the peer does not take it so, or nothing would be gained: nothing was sealed.</returns>
    private bool TrySealUnsegmented(in Turn turn, Peer peer, Keypair keypair, ReadOnlySpan<byte> packet, in PacketHeaders headers)
    {
        if (!headers.NeedsChecksum || keypair.RemoteHello is not { TakesSuperpackets: true } hello)
            return false;
        if ((headers.SegmentSize == 0 && packet.Length < MinUnsummed) || !_batch.IsPathProvenOf(peer))
            return false;
        // A session at its end: what is staged, segment by segment, has a new one begun.
        if (!headers.NeedsOwnChecksum || headers.Length != packet.Length || !keypair.CanSend(turn.NowMs))
            return false;

        int segmentSize = headers.SegmentSize == 0 ? headers.PayloadLength : Math.Min(headers.SegmentSize, headers.PayloadLength);
        if (!Superpacket.MayCarry(headers, segmentSize) || !hello.Takes(headers.Kind))
            return false;
        int largest = Math.Min((int)hello.LargestSuperpacket, Superpacket.LargestAccepted);
        int mostPayload = Math.Min(largest - headers.PayloadOffset, Superpacket.MaxPayload(headers, segmentSize));
        if (headers.PayloadLength <= mostPayload)
        {
            Span<byte> buffer = Buffer[(PacketStart - Superpacket.HeaderSize)..];
            SealSuperpacket(turn, peer, keypair, buffer, packet.Length, headers.Kind, segmentSize);
            return true;
        }

        int segments = mostPayload / segmentSize;
        if (segments < 2 || !Segmenter.TryBegin(packet, headers, segmentSize, out Segmenter parts, segments))
            return false;
        for (int i = 0; i < parts.Count; i++)
        {
            int length = parts.LengthOf(i);
            if (!_batch.HasSpaceFor(Superpacket.HeaderSize + length))
                _batch.Flush(turn.Sockets, turn.NowMs);
            Span<byte> space = _batch.Space;
            // What is left in the end may be one segment, and summed already: an ordinary packet.
            bool isSegment = length - headers.PayloadOffset <= segmentSize;
            parts.Write(i, isSegment ? space : space[Superpacket.HeaderSize..]);
            if (isSegment)
                Seal(turn, peer, keypair, space, length, headers.Ecn);
            else
                SealSuperpacket(turn, peer, keypair, space, length, headers.Kind, segmentSize);
        }

        return true;
    }

    /// <param name="buffer">Space for the superpacket's header, the packet, and space for padding.</param>
    private void SealSuperpacket(
        in Turn turn, Peer peer, Keypair keypair, Span<byte> buffer, int length, SegmentationKind kind, int segmentSize)
    {
        int total = Superpacket.HeaderSize + length;
        if (!_batch.HasSpaceFor(total))
            _batch.Flush(turn.Sockets, turn.NowMs);
        Superpacket.WriteHeader(buffer, kind, (ushort)segmentSize);
        // The keypair has ended this very moment: the flow's next packets wait for a new one.
        if (!_batch.TrySeal(peer, keypair, buffer, total, Ecn.NotEct, mtu: 0, turn.NowMs, isSuperpacket: true))
            peer.CountDropped(1);
    }

    /// <summary>What holds for all packets of one turn of the lane.</summary>
    private readonly ref struct Turn(Snapshot snapshot, UdpSockets? sockets, long nowMs)
    {
        public readonly Snapshot Snapshot = snapshot;
        public readonly UdpSockets? Sockets = sockets;
        public readonly long NowMs = nowMs;
    }
}
