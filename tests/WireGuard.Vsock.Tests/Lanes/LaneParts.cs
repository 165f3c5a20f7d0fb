using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>
/// Both roads of a lane without its thread: a device, one peer to which all addresses belong but 203.0.113.0/24, a session
/// with it, and a connection.
/// </summary>
internal sealed class LaneParts : IDisposable
{
    public const long Now = 1_000_000;
    public const int Mtu = 1420;

    /// <summary>What a peer of our kind says that takes everything.</summary>
    public static readonly Hello TakesAll = new(Superpacket.LargestAccepted, HelloFeatures.Tcp | HelloFeatures.Udp);

    private readonly Peer _other = Tunnel.NewPeer();
    private readonly Aead _aead = new();
    private readonly OutboundBatch _batch;

    public LaneParts(
        Hello? local = null,
        TunOffloads offloads = TunOffloads.Tcp | TunOffloads.Udp,
        bool hasHeader = true,
        bool refusesUnsegmented = false,
        bool isProven = true)
    {
        Tun = new TunPair(offloads, hasHeader, refusesUnsegmented);
        Published = new Published
        {
            LocalHello = local,
            Snapshot = new Snapshot(
                AllowedIps<Peer>.Empty
                    .With(IpPrefix.IPv4(0, 0), Tunnel.Peer)
                    .With(IpPrefix.IPv6(0, 0), Tunnel.Peer)
                    .With(IpPrefix.IPv4(0xCB007100, 24), _other),
                null,
                Mtu),
        };
        Published.Indices.Bind(Tunnel.Peer, Tunnel.Keypair);
        Connection = new StreamConnection(Pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, Inbox) { IsInUse = true };
        Tunnel.Peer.Destination = Connection;
        if (isProven)
            Connection.NoteProven(takesShortChecksums: false);
        _batch = new OutboundBatch(_aead, isStream: true, Inbox, Counters, lane: 0);
        Outbound = new Outbound(Tun.Queue, _batch, Published, Inbox, Counters);
        Inbound = new Inbound(Tun.Queue, _aead, Published, Inbox, Counters);
    }

    public ControlInbox Inbox { get; } = new();

    public LaneCounters Counters { get; } = new();

    public SocketPair Pair { get; } = new();

    public Tunnel Tunnel { get; } = new(Now);

    public TunPair Tun { get; }

    public Published Published { get; }

    public StreamConnection Connection { get; }

    public Outbound Outbound { get; }

    public Inbound Inbound { get; }

    /// <summary>All that was dropped, for whatever reason.</summary>
    public long Dropped => Enum.GetValues<DropReason>().Sum(reason => Counters[reason]) + Tunnel.Peer.DroppedPackets;

    /// <summary>Has the lane read the device, and takes what the far end then reads: opened, padding and all.</summary>
    public List<byte[]> Send(long nowMs = Now)
    {
        do
        {
            Assert.True(Outbound.OnReadable(null, nowMs));
        }
        while (Tun.HasMore);
        List<byte[]> payloads = [];
        do
        {
            Connection.OnWritable(0, nowMs);
            foreach (byte[] message in Pair.ReadMessages())
            {
                byte[]? payload = Tunnel.Open(message, Now);
                Assert.NotNull(payload);
                payloads.Add(payload);
            }
        }
        while (Connection.QueuedBytes > 0);
        return payloads;
    }

    /// <summary>Has the far end send payloads, in one batch, and takes what the lane then writes to the device.</summary>
    public List<(byte[] Header, byte[] Packet)> Receive(params IEnumerable<byte[]> payloads)
    {
        Pair.Write([.. payloads.SelectMany(Frame)]);
        Inbound.OnReadable(Connection, Now);
        return Tun.Taken();
    }

    /// <summary>A frame of the far end's.</summary>
    public byte[] Frame(byte[] payload) => Frame(payload, hasShortChecksum: false);

    public byte[] Frame(byte[] payload, bool hasShortChecksum)
    {
        byte[] padded = new byte[TransportMessage.PaddedLength(payload.Length, 0)];
        payload.CopyTo(padded, 0);
        byte[] message = Tunnel.SealFar(padded, Now);
        byte[] frame = [.. new byte[FrameCodec.HeaderSize], .. message];
        FrameCodec.WriteHeader(frame, message, hasShortChecksum);
        return frame;
    }

    public void Dispose()
    {
        Connection.Dispose();
        Pair.Dispose();
        Inbound.Dispose();
        Outbound.Dispose();
        _batch.Dispose();
        Tunnel.Dispose();
        _other.Leave();
        Tun.Dispose();
        _aead.Dispose();
        Inbox.Dispose();
    }
}
