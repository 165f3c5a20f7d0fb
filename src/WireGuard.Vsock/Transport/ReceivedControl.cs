using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// The control messages of a received UDP message. One that was truncated (MSG_CTRUNC) is shorter than its type and is ignored.
/// </summary>
internal readonly unsafe struct ReceivedControl
{
    /// <summary>
    /// A source address, a segment size and a traffic class: CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)).
    /// </summary>
    public const int MaxSize = 88;

    private readonly byte* _source;
    private readonly int _sourceLength;

    /// <param name="header">As recvmsg(2) left it; its control buffer must stay where it is.</param>
    public ReceivedControl(msghdr* header)
    {
        for (cmsghdr* control = CMSG_FIRSTHDR(header); control != null; control = CMSG_NXTHDR(header, control))
        {
            byte* data = CMSG_DATA(control);
            switch (control->cmsg_level, control->cmsg_type)
            {
                case (IPPROTO_IP, IP_PKTINFO) when control->cmsg_len == CMSG_LEN(sizeof(in_pktinfo)):
                    // ipi_addr is the header's destination; sending ignores it, so comparing must too. The routing table chooses
                    // the interface of an answer, and may have changed.
                    ((in_pktinfo*)data)->ipi_addr = 0;
                    ((in_pktinfo*)data)->ipi_ifindex = 0;
                    _source = data;
                    _sourceLength = sizeof(in_pktinfo);
                    break;
                case (IPPROTO_IPV6, IPV6_PKTINFO) when control->cmsg_len == CMSG_LEN(sizeof(in6_pktinfo)):
                    if (!IsLinkLocal((in6_pktinfo*)data))
                        ((in6_pktinfo*)data)->ipi6_ifindex = 0;
                    _source = data;
                    _sourceLength = sizeof(in6_pktinfo);
                    break;
                case (IPPROTO_UDP, UDP_GRO) when control->cmsg_len == CMSG_LEN(sizeof(int)):
                    SegmentSize = *(int*)data;
                    break;
                case (IPPROTO_IP, IP_TOS) when control->cmsg_len == CMSG_LEN(sizeof(byte)):
                    TrafficClass = *data;
                    break;
                case (IPPROTO_IPV6, IPV6_TCLASS) when control->cmsg_len == CMSG_LEN(sizeof(int)):
                    TrafficClass = *(int*)data;
                    break;
            }
        }
    }

    /// <summary>The length of the datagrams coalesced into the message, as the kernel says it; 0 if it is one datagram.</summary>
    public int SegmentSize { get; }

    /// <summary>The DS field and ECN bits of each datagram; 0 if not said.</summary>
    public int TrafficClass { get; }

    /// <summary>A struct in_pktinfo or in6_pktinfo to answer from the address that the message was sent to; or empty.</summary>
    public ReadOnlySpan<byte> Source => new(_source, _sourceLength);

    /// <summary>Whether the address means nothing without its interface: fe80::/10.</summary>
    private static bool IsLinkLocal(in6_pktinfo* source) => source->ipi6_addr[0] == 0xFE && (source->ipi6_addr[1] & 0xC0) == 0x80;
}
