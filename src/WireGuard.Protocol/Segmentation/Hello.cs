using System.Buffers.Binary;

namespace WireGuard.Protocol.Segmentation;

/// <summary>What else a peer of our kind can do, by its HELLO.</summary>
[Flags]
internal enum HelloFeatures : uint
{
    None = 0,

    /// <summary>Superpackets of TCP.</summary>
    Tcp = 1,

    /// <summary>Superpackets of UDP.</summary>
    Udp = 2,

    /// <summary>The connection this comes on is one more beside those that are there, and takes the place of none.</summary>
    Joins = 4,

    /// <summary>Transport messages in frames with short checksums (<see cref="Framing.FrameCodec"/>).</summary>
    ShortChecksums = 8,

    /// <summary>It answers a HELLO that <see cref="Asks"/>.</summary>
    Answers = 16,

    /// <summary>
    /// An answer is to come on the same connection: a HELLO that joins, and does not ask. Said of one message, as <see
    /// cref="Joins"/> is.
    /// </summary>
    Asks = 32,
}

/// <summary>
/// HELLO, the first of the inner payloads that are no IP packet: what its sender accepts under this keypair. Every other
/// implementation authenticates it and drops it.
/// <code>
/// u8 0x01 | u8 version = 1 | u16 LE largest superpacket accepted | u32 LE features
/// </code>
/// <para>
/// Superpackets are long, and a short checksum is wrong to who takes only whole ones: a path with a datagram on it must get
/// neither. So the promise to take them holds only in a message of <see cref="ProvingSize"/> bytes, which such a path does not
/// pass. A shorter one can take a promise back, or repeat it.
/// </para>
/// </summary>
/// <param name="LargestSuperpacket">The longest IP packet, in bytes, that may come as one superpacket; 0 for none.</param>
/// <param name="Features">What it can do. Bits that are not known yet are kept.</param>
internal readonly record struct Hello(ushort LargestSuperpacket, HelloFeatures Features)
{
    public const int Size = 8;

    /// <summary>
    /// The bytes of a transport message that carries a HELLO which promises anything, padding included: more than a relay passes
    /// on in a datagram (9,200), and a quarter of the longest superpacket.
    /// </summary>
    public const int ProvingSize = 16_384;

    private const HelloFeatures Promised = HelloFeatures.Tcp | HelloFeatures.Udp | HelloFeatures.ShortChecksums;

    private const byte Type = 0x01;
    private const byte Version = 1;

    /// <summary>Whether it takes superpackets of any kind.</summary>
    public bool TakesSuperpackets => LargestSuperpacket != 0;

    /// <summary>Whether it takes transport messages in frames with short checksums.</summary>
    public bool TakesShortChecksums => (Features & HelloFeatures.ShortChecksums) != 0;

    /// <summary>Whether it answers a HELLO that asks.</summary>
    public bool Answers => (Features & HelloFeatures.Answers) != 0;

    /// <summary>Whether it promises to take what not every path passes.</summary>
    public bool Promises => TakesSuperpackets || TakesShortChecksums;

    /// <summary>What is said of the peer, and not of the connection that it came on.</summary>
    internal Hello OfPeer => this with { Features = Features & ~(HelloFeatures.Joins | HelloFeatures.Asks) };

    /// <summary>The same, without superpackets.</summary>
    internal Hello WithoutSuperpackets => new(0, Features & ~(HelloFeatures.Tcp | HelloFeatures.Udp));

    /// <summary>The same, with no more promises than were made before.</summary>
    internal Hello Within(Hello? before)
    {
        Hello promised = before ?? default;
        return new(
            Math.Min(LargestSuperpacket, promised.LargestSuperpacket), Features & (~Promised | promised.Features));
    }

    /// <summary>Whether it takes superpackets of this kind.</summary>
    public bool Takes(SegmentationKind kind) =>
        TakesSuperpackets && (Features & (kind == SegmentationKind.Udp ? HelloFeatures.Udp : HelloFeatures.Tcp)) != 0;

    /// <summary>
    /// Reads an opened inner payload, padding included. A later version may be longer and says in a way of its own what it
    /// is: only version 1 is known here.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out Hello hello)
    {
        hello = default;
        if (payload.Length < Size || payload[0] != Type || payload[1] != Version)
            return false;
        hello = new Hello(
            BinaryPrimitives.ReadUInt16LittleEndian(payload[2..]),
            (HelloFeatures)BinaryPrimitives.ReadUInt32LittleEndian(payload[4..]));
        return true;
    }

    /// <param name="payload">Receives <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> payload)
    {
        payload[0] = Type;
        payload[1] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(payload[2..], LargestSuperpacket);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[4..], (uint)Features);
    }
}
