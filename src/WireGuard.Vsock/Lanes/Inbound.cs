using System.Runtime.InteropServices;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// A message's path in, on one lane, in this order:
/// <code>
/// 1. receive a batch of datagrams, or a piece of a stream, which is parsed into frames where it lies
/// 2. a handshake message with a valid mac1 goes to control; from here on, transport messages
/// 3. find session and peer by the receiver index
/// 4. authenticate and open in place; reject replays
/// 5. note what it proves: the peer is there, it is reached this way, it has confirmed the session
/// 6. read the inner packet's headers; check its source address against the peer's allowed IPs; mark it as the outer one is
///    marked (ECN)
/// 7. at the end of the batch, write it to the TUN device, coalesced with others of its flow
/// </code>
/// What is not authentic is dropped, counted, and answered with silence.
/// </summary>
internal sealed unsafe class Inbound : IDisposable
{
    private readonly byte* _streamBuffer = (byte*)NativeMemory.AllocZeroed(ReadSize.Most);
    private readonly UdpReceiver _udpReceiver = new();
    private readonly Delivery _delivery;
    private readonly Aead _aead;
    private readonly Published _published;
    private readonly ControlInbox _inbox;
    private readonly LaneCounters _counters;
    private readonly Extensions _extensions;

    public Inbound(TunQueue tun, Aead aead, Published published, ControlInbox inbox, LaneCounters counters)
    {
        _delivery = new Delivery(tun, inbox, counters);
        _aead = aead;
        _published = published;
        _inbox = inbox;
        _counters = counters;
        _extensions = published.LocalHello is null ? Extensions.Ignored : Extensions.Heeded;
    }

    public void OnReadable(UdpSocket socket, long nowMs)
    {
        Snapshot snapshot = _published.Snapshot;
        _udpReceiver.Receive(socket.Fd);
        _delivery.Begin(_udpReceiver.Buffer);
        while (_udpReceiver.MoveNext())
        {
            var origin = new Origin(null, _udpReceiver.Address, _udpReceiver.Source, _udpReceiver.Ecn);
            Handle(snapshot, _udpReceiver.Datagram, origin, nowMs);
        }

        _delivery.Flush();
    }

    public void OnReadable(StreamConnection connection, long nowMs)
    {
        var buffer = new Span<byte>(_streamBuffer, ReadSize.Most);
        int received = connection.Receive(buffer, out int filled);
        if (received == -Errno.EAGAIN)
            return;
        if (received <= 0)
        {
            connection.Fail();
            return;
        }

        Snapshot snapshot = _published.Snapshot;
        Span<byte> rest = buffer[..filled];
        _delivery.Begin(rest);
        FrameStatus status;
        // On every connection, once our HELLO says so on one.
        bool takesShort = _published.LocalHello is { TakesShortChecksums: true };
        while ((status = FrameCodec.TryRead(rest, out int length, takesShort)) == FrameStatus.Complete)
        {
            var origin = new Origin(connection, default, default, Ecn.NotEct);
            Handle(snapshot, rest.Slice(FrameCodec.HeaderSize, length), origin, nowMs);
            rest = rest[(FrameCodec.HeaderSize + length)..];
        }

        _delivery.Flush();
        connection.HasWritten(received, _delivery.Written);
        if (status == FrameStatus.Incomplete)
            connection.KeepPartial(rest);
        else
            connection.Fail();
    }

    public void Dispose()
    {
        NativeMemory.Free(_streamBuffer);
        _udpReceiver.Dispose();
        _delivery.Dispose();
    }

    private void Handle(Snapshot snapshot, Span<byte> message, Origin origin, long nowMs)
    {
        switch (MessageTypes.Of(message))
        {
            case MessageType.Transport:
                HandleTransport(snapshot, message, origin, nowMs);
                break;
            case MessageType.Initiation:
            case MessageType.Response:
                if (snapshot.MacKeys?.IsMac1Valid(message) == true)
                {
                    origin.Connection?.NoteCalled(nowMs);
                    PostHandshake(snapshot, message, origin, nowMs);
                }
                else
                    _counters.Count(DropReason.NotAMessage);
                break;
            case MessageType.CookieReply:
                // It has no mac1. It must name an index of ours, so that a sender who knows none takes no place from handshakes.
                if (_published.Indices.TryFind(new CookieReplyMessage(message).ReceiverIndex, out _, out _))
                    Post(message, origin);
                else
                    _counters.Count(DropReason.UnknownReceiver);
                break;
            default:
                _counters.Count(DropReason.NotAMessage);
                break;
        }
    }

    /// <summary>
    /// Under load, a datagram whose mac2 is valid has places of its own. A connection's messages have places of their own
    /// anyway, and control looks at their mac2.
    /// </summary>
    private void PostHandshake(Snapshot snapshot, ReadOnlySpan<byte> message, Origin origin, long nowMs)
    {
        if (origin.Connection is not null || !_inbox.IsUnderLoad(nowMs) || snapshot.Cookies is not { } cookies
            || !EndpointAddress.TryFromSockaddr(origin.Address, out EndpointAddress from))
        {
            Post(message, origin);
            return;
        }

        Span<byte> source = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        if (!cookies.IsMac2Valid(message, source[..from.CookieSource(source)], nowMs))
            Post(message, origin);
        else if (!_inbox.TryPostProvenHandshake(message, origin.Address, origin.Source, from.Source(), nowMs))
            _counters.Count(DropReason.HandshakeQueueFull);
    }

    private void Post(ReadOnlySpan<byte> message, Origin origin)
    {
        bool isPosted = origin.Connection is { } connection
            ? _inbox.TryPostHandshake(message, connection)
            : _inbox.TryPostHandshake(message, origin.Address, origin.Source);
        if (!isPosted)
            _counters.Count(DropReason.HandshakeQueueFull);
    }

    private void HandleTransport(Snapshot snapshot, Span<byte> message, Origin origin, long nowMs)
    {
        if (!_published.Indices.TryFind(TransportMessage.ReceiverIndex(message), out Peer? peer, out Keypair? keypair)
            || keypair is null)
        {
            _counters.Count(DropReason.UnknownReceiver);
            return;
        }

        Extensions extensions = origin.Connection is null ? Extensions.None : _extensions;
        if (!peer.TryOpen(keypair, _aead, message, extensions, nowMs, out OpenedMessage opened))
        {
            _counters.Count(DropReason.NotAuthentic);
            return;
        }

        peer.CountReceived(message.Length);
        NoteOrigin(peer, keypair, opened, origin, nowMs);
        _inbox.Post(peer, opened.News);
        if (opened.Kind == PayloadKind.Packet)
            Deliver(snapshot, peer, opened.Payload, origin.Ecn);
        else if (opened.Kind == PayloadKind.Superpacket)
            DeliverSuperpacket(snapshot, peer, opened.Payload);
    }

    /// <summary>The peer is reached the way that an authentic message of its came.</summary>
    private void NoteOrigin(Peer peer, Keypair keypair, in OpenedMessage opened, Origin origin, long nowMs)
    {
        if (origin.Connection is not { } connection)
        {
            if (!origin.IsAt(peer.Destination))
                peer.RoamTo(origin.Address, origin.Source, _inbox);
            return;
        }

        // Before the connection is given to the peer, since it says how.
        if (opened.Joins)
        {
            connection.Join();
            connection.HelloReceived(opened.Asks);
        }

        connection.Received(peer, keypair, opened.IsNewest, nowMs);
        if (opened.Promise.Promises)
            connection.NoteProven(opened.Promise.TakesShortChecksums);
    }

    private void Deliver(Snapshot snapshot, Peer peer, Span<byte> payload, int outerEcn)
    {
        if (!PacketHeaders.TryRead(payload, out PacketHeaders headers) || !IsSourceOf(snapshot, peer, payload, headers))
            _counters.Count(DropReason.SourceNotAllowed);
        else if (!Ecn.TryPropagate(payload, headers, outerEcn))
            _counters.Count(DropReason.CongestionUnheard);
        else
            _delivery.Add(payload, headers);
    }

    private void DeliverSuperpacket(Snapshot snapshot, Peer peer, Span<byte> payload)
    {
        if (_published.LocalHello is not { } local
            || !Superpacket.TryRead(payload, out PacketHeaders headers)
            || !local.Takes(headers.Kind)
            || headers.Length > local.LargestSuperpacket)
        {
            _counters.Count(DropReason.BadSuperpacket);
            return;
        }

        Span<byte> packet = payload[Superpacket.HeaderSize..];
        if (IsSourceOf(snapshot, peer, packet, headers))
            _delivery.Add(packet, headers);
        else
            _counters.Count(DropReason.SourceNotAllowed);
    }

    private static bool IsSourceOf(Snapshot snapshot, Peer peer, ReadOnlySpan<byte> packet, in PacketHeaders headers) =>
        ReferenceEquals(peer, snapshot.Routes.LookupSource(packet, headers));

    /// <summary>Where a message came from: a connection, or a UDP address and the address of ours that it was sent to.</summary>
    private readonly ref struct Origin(
        StreamConnection? connection, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source, int ecn)
    {
        public StreamConnection? Connection { get; } = connection;

        /// <summary>The ECN bits that it came with.</summary>
        public int Ecn { get; } = ecn;

        /// <summary>The sender's, as a struct sockaddr_in or sockaddr_in6.</summary>
        public ReadOnlySpan<byte> Address { get; } = address;

        /// <summary>Ours, as a struct in_pktinfo or in6_pktinfo, or empty.</summary>
        public ReadOnlySpan<byte> Source { get; } = source;

        /// <summary>Whether that is where we send already.</summary>
        public bool IsAt(Destination? destination) => destination is UdpDestination udp && udp.Equals(Address, Source);
    }
}
