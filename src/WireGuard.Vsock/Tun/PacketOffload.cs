using WireGuard.Protocol.Segmentation;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// What is still to be done with a packet: cut it, compute its checksum. The default value is a packet with nothing left to do.
/// </summary>
/// <param name="Kind">What it is to be cut into.</param>
/// <param name="SegmentSize">
/// Bytes of payload in each segment, headers not counted (the kernel's gso_size); 0 if it is not to be cut.
/// </param>
/// <param name="NeedsChecksum">
/// The checksum field holds the sum of the pseudo-header, not complemented: what lies from <paramref name="ChecksumStart"/> to
/// the end is to be added. Always so with a packet that is to be cut.
/// </param>
/// <param name="ChecksumStart">Where in the packet summing begins: its TCP or UDP header.</param>
/// <param name="ChecksumOffset">Where the checksum lies, counted from <paramref name="ChecksumStart"/>.</param>
internal readonly record struct PacketOffload(
    SegmentationKind Kind, int SegmentSize, bool NeedsChecksum, int ChecksumStart, int ChecksumOffset);
