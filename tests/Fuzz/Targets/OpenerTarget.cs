using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Protocol.Tests.Segmentation;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Transport messages that a peer with valid keys makes of an input: HELLO, superpackets, packets and padding. What is sealed is
/// opened to the same bytes, once, and not if a bit of it is changed; a HELLO promises no more than it may; headers are read as
/// the slow reader reads them; ECN changes what it may; what passes as a superpacket can be segmented.
/// <code>u8 extensions | messages: u8 what is done | u16 length | payload</code>
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
internal sealed class OpenerTarget : FuzzTarget
{
    private const int MostMessages = 8;
    private const long NowMs = 1_000_000;

    private static readonly byte[] s_filler = new byte[Hello.ProvingSize];

    private readonly WireGuardDevice<WireGuardPeer> _ours = new(new PrivateKey([1, 2, 3, .. new byte[29]]));
    private readonly WireGuardDevice<WireGuardPeer> _theirs = new(new PrivateKey([9, 8, 7, .. new byte[29]]));
    private readonly WireGuardPeer _peer;
    private readonly Keypair _theirSession;
    private readonly Keypair _ourSession;
    private readonly Aead _sealing = new();
    private readonly Aead _opening = new();

    public OpenerTarget()
    {
        _peer = new WireGuardPeer(_theirs.PrivateKey!.PublicKey);
        WireGuardPeer us = new(_ours.PrivateKey!.PublicKey);
        _ours.Add(_peer);
        _theirs.Add(us);
        byte[] initiation = new byte[InitiationMessage.Size], response = new byte[InitiationMessage.Size];
        bool begins = _ours.TryBegin(_peer, false, DateTimeOffset.UnixEpoch, _sealing, NowMs, initiation);
        bool responds = _theirs.Receive(_sealing, initiation, NowMs, response).Outcome == HandshakeOutcome.Responded;
        Span<byte> answer = response.AsSpan(0, ResponseMessage.Size);
        bool completes = _ours.Receive(_sealing, answer, NowMs, initiation).Outcome == HandshakeOutcome.Completed;
        Fact.Holds(begins && responds && completes, "two ends connect");
        _ourSession = _peer.Keypairs.Current!;
        _theirSession = us.Keypairs.All.Single();
    }

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] hello = new byte[Hello.Size];
        new Hello(Superpacket.LargestAccepted, HelloFeatures.Tcp | HelloFeatures.Udp | HelloFeatures.ShortChecksums).Write(hello);
        yield return new Chosen().Byte(2).Byte(4).Piece(hello).Byte(0).Piece(hello).Byte(0).Piece([]).ToArray();
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            foreach (bool isUdp in (bool[])[false, true])
            {
                FlowSegment packet = new() { IsIPv6 = isIPv6, IsUdp = isUdp, Payload = new byte[1200] };
                byte[] payload = new byte[Superpacket.HeaderSize];
                Superpacket.WriteHeader(payload, (SegmentationKind)(isUdp ? 3 : isIPv6 ? 2 : 1), 500);
                yield return new Chosen().Byte(2).Byte(0).Piece(packet.ToBytes()).ToArray();
                yield return new Chosen().Byte(2).Byte(0).Piece([.. payload, .. packet.ToBytes()]).ToArray();
                byte[] padded = [.. (packet with { Payload = [1, 2, 3] }).ToBytes(), 0, 0];
                yield return new Chosen().Byte(0).Byte(3).Piece(padded).ToArray();
            }
        }

        yield return new Chosen().Byte(1).Byte(1).Piece(hello).Byte(2).Piece(hello).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        _ourSession.RemoteHello = null;
        var extensions = (Extensions)(choices.Byte() % 3);
        Hello promised = default;
        for (int i = 0; i < MostMessages && !choices.IsAtEnd; i++)
        {
            int what = choices.Byte();
            ReadOnlySpan<byte> payload = choices.Piece();
            // HELLO that may promise is long.
            byte[] packet = [.. payload, .. (what & 4) != 0 ? s_filler : s_filler.AsSpan(0, -payload.Length & 15)];
            Open(packet, what, extensions, ref promised);
        }
    }

    private void Open(byte[] packet, int what, Extensions extensions, ref Hello promised)
    {
        byte[] message = new byte[packet.Length + TransportMessage.Overhead];
        Fact.Holds(_theirSession.TrySeal(_sealing, packet, message, NowMs), "a session seals");
        byte[] copy = [.. message];
        if ((what & 1) != 0)
        {
            byte[] forged = [.. message];
            forged[8 + what * 31 % (message.Length - 8)] ^= (byte)(1 << (what & 7));
            Fact.Holds(!_peer.TryOpen(_ourSession, _opening, forged, extensions, NowMs, out _), "a changed message is refused");
        }

        bool isOpened = _peer.TryOpen(_ourSession, _opening, message, extensions, NowMs, out OpenedMessage opened);
        Fact.Holds(isOpened, "a message is opened");
        Fact.SameBytes(packet, opened.Payload, "what was sealed");
        Fact.Holds(!_peer.TryOpen(_ourSession, _opening, copy, extensions, NowMs, out _), "a message is opened once");
        bool isHello = extensions != Extensions.None && packet.Length >= 8 && packet[0] == 1 && packet[1] == 1;
        PayloadKind expected = packet.Length == 0 ? PayloadKind.Keepalive : isHello ? PayloadKind.Hello
            : packet[0] == 2 ? PayloadKind.Superpacket : PayloadKind.Packet;
        Fact.Same(expected, opened.Kind, "what it is");
        CheckHello(opened, packet, message.Length, extensions, ref promised);
        if (opened.Kind == PayloadKind.Packet)
            Deliver(opened.Payload, what);
        else if (opened.Kind == PayloadKind.Superpacket)
            DeliverSuperpacket(opened.Payload);
    }

    private void CheckHello(
        in OpenedMessage opened, ReadOnlySpan<byte> packet, int length, Extensions extensions, ref Hello promised)
    {
        bool isHeeded = opened.Kind == PayloadKind.Hello && extensions == Extensions.Heeded;
        if (!isHeeded)
        {
            Fact.Holds(opened.Promise == default && !opened.Joins && !opened.Asks, "what is no HELLO promises nothing");
            return;
        }

        ushort largest = BinaryPrimitives.ReadUInt16LittleEndian(packet[2..]);
        uint features = BinaryPrimitives.ReadUInt32LittleEndian(packet[4..]);
        bool isProven = length >= Hello.ProvingSize;
        // Superpackets of TCP and UDP, and short checksums, are promised by a long one only, or said again by a short one.
        const uint NeedProof = 1 | 2 | 8;
        uint mayPromise = isProven ? features : features & (~NeedProof | (uint)promised.Features);
        ushort mayBeLargest = isProven ? largest : Math.Min(largest, promised.LargestSuperpacket);
        promised = new Hello(mayBeLargest, (HelloFeatures)(mayPromise & ~36u));
        Fact.Same<Hello?>(promised, _ourSession.RemoteHello, "what the peer has promised");
        Fact.Same(isProven ? new Hello(largest, (HelloFeatures)features) : default, opened.Promise, "what this message promises");
        Fact.Same((features & 4) != 0, opened.Joins, "whether its connection joins");
        Fact.Same((features & 32) != 0, opened.Asks, "whether it asks");
    }

    private static void Deliver(Span<byte> payload, int outer)
    {
        bool isPacket = PacketHeaders.TryRead(payload, out PacketHeaders headers);
        NaiveHeaders? naive = NaiveHeaders.Read(payload.ToArray());
        Fact.Same(naive is not null, isPacket, "whether it is a packet");
        if (!isPacket)
            return;
        Fact.Same(naive, NaiveHeaders.Of(headers), "its headers");
        Fact.Holds(headers.Length <= payload.Length && headers.TransportOffset <= headers.Length
            && headers.PayloadOffset <= headers.Length, "its parts lie within it");
        CheckEcn(payload, headers, outer & 3);
    }

    private static void CheckEcn(Span<byte> packet, in PacketHeaders headers, int outer)
    {
        byte[] before = packet[..headers.Length].ToArray();
        int size = headers.IsIPv6 ? 40 : headers.TransportOffset;
        bool wasRight = headers.IsIPv6 || FlowSegment.Fold(FlowSegment.Sum(packet[..size])) == 0xFFFF;
        bool passes = Ecn.TryPropagate(packet, headers, outer);
        Fact.Same(outer != Ecn.Ce || headers.Ecn != Ecn.NotEct, passes, "whether a mark is understood");
        int expected = outer == Ecn.Ce && passes ? Ecn.Ce : outer == Ecn.Ect1 && headers.Ecn == Ecn.Ect0 ? Ecn.Ect1 : headers.Ecn;
        Fact.Holds(PacketHeaders.TryRead(packet, out PacketHeaders after), "it is a packet still");
        Fact.Same(expected, after.Ecn, "its mark");
        bool isRight = headers.IsIPv6 || FlowSegment.Fold(FlowSegment.Sum(packet[..size])) == 0xFFFF;
        Fact.Same(wasRight, isRight, "whether its header's checksum is right");
        before[1] = packet[1];
        if (!headers.IsIPv6)
            packet[10..12].CopyTo(before.AsSpan(10));
        Fact.SameBytes(before, packet[..headers.Length], "all but mark and checksum");
    }

    private static void DeliverSuperpacket(Span<byte> payload)
    {
        if (!Superpacket.TryRead(payload, out PacketHeaders headers))
            return;
        Span<byte> packet = payload[Superpacket.HeaderSize..][..headers.Length];
        TransportChecksum.WritePartial(packet, headers);
        int size = headers.SegmentSize == 0 ? headers.PayloadLength : headers.SegmentSize;
        Fact.Holds(Segmenter.TryBegin(packet, headers, size, out Segmenter segments), "a superpacket can be segmented");
        const int Most = Superpacket.LargestAccepted / Superpacket.MinSegmentSize + 1;
        Fact.Holds(segments.Count <= Most, "a superpacket has few segments");
        Fact.Holds(!headers.IsUdp || segments.Count <= Superpacket.MaxUdpSegments, "datagrams are no more than the kernel takes");
        Span<byte> segment = new byte[segments.LengthOf(0)];
        for (int i = 0; i < segments.Count; i++)
        {
            int written = segments.Write(i, segment);
            Fact.Holds(PacketHeaders.TryRead(segment[..written], out PacketHeaders read) && read.Kind == headers.Kind
                && TransportChecksum.IsValid(segment[..written], read), "a segment is a packet of the kind, its checksum right");
        }
    }
}
