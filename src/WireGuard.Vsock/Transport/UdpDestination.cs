using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// A UDP address with the source address to use towards it: the one that its last authentic message was sent to, so that a
/// machine with several addresses answers from the right one ("sticky sockets" in wireguard-go). In the form that sendmsg(2)
/// takes. Immutable, except for what was learned since: that the source is gone or not to be used, or that segments of a size do
/// not pass.
/// </summary>
internal sealed unsafe class UdpDestination : Destination
{
    /// <summary>Space for the control messages of one sendmsg: a source address, a traffic class and a segment size.</summary>
    public const int ControlSize = 96;

    /// <summary>After how many datagrams segments that were refused are tried again: the path's MTU may have grown.</summary>
    public const int SegmentRetryInterval = 16_384;

    /// <summary>The longest payload of a datagram over IPv4: 65,535 bytes less the headers of IP and UDP.</summary>
    public const int LargestIPv4Payload = 65_535 - 20 - 8;

    /// <summary>The same over IPv6, whose length leaves its own header out.</summary>
    public const int LargestIPv6Payload = 65_535 - 8;

    /// <summary>The longest source: a struct in6_pktinfo.</summary>
    public const int MaxSourceSize = 20;

    private readonly byte[] _address;
    private readonly byte[] _source;
    private readonly bool _isConnected;

    // Any lane forgets the source; control rejects and accepts it. The source that was rejected last is control's.
    private volatile SourceState _sourceState;
    private byte[] _rejected = [];

    // Written by any lane: the shortest segments that were refused, and how many datagrams ago (interlocked).
    private volatile int _refusedSegmentSize = int.MaxValue;
    private int _sinceRefusal;

    /// <param name="address">A struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="source">A struct in_pktinfo or in6_pktinfo to send with, or empty.</param>
    public UdpDestination(ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
    {
        _address = Pinned(address);
        _source = Pinned(source);
    }

    /// <param name="address">Where it is.</param>
    /// <param name="isConnected">Whether it is what the socket is connected to, so that a datagram need not name it.</param>
    public UdpDestination(EndpointAddress address, bool isConnected = false)
    {
        _isConnected = isConnected;
        Span<byte> sockaddr = stackalloc byte[sizeof(sockaddr_in6)];
        _address = Pinned(sockaddr[..address.WriteSockaddr(sockaddr)]);
        _source = [];
    }

    public override EndpointAddress Address =>
        EndpointAddress.TryFromSockaddr(_address, out EndpointAddress address) ? address : default;

    public bool IsIPv6 => BinaryPrimitives.ReadUInt16LittleEndian(_address) == AF_INET6;

    /// <summary>The longest message that goes there.</summary>
    public int LargestPayload => IsIPv6 ? LargestIPv6Payload : LargestIPv4Payload;

    /// <summary>Whether it means nothing without its interface, for fe80::/10.</summary>
    public bool IsLinkLocal => IsIPv6 && _address[8] == 0xFE && (_address[9] & 0xC0) == 0x80;

    /// <summary>Whether datagrams are sent with a source address of their own; else the routing table chooses it.</summary>
    public bool HasSource => _source.Length != 0 && _sourceState == SourceState.Used;

    /// <summary>The source address, used or not: 4 or 16 bytes, or none.</summary>
    public ReadOnlySpan<byte> Source => IsIPv6 ? Part(0, 16) : Part(4, 4); // in6_pktinfo, in_pktinfo

    /// <summary>The routes there when the source was learned, or last found right. Control only.</summary>
    public UdpRoute Route { get; set; }

    public bool IsSourceRejected => _sourceState == SourceState.Rejected;

    /// <summary>
    /// Leaves the choice of the source address to the routing table, since it may be gone. The next message received on it shows
    /// that it is not.
    /// </summary>
    public void ForgetSource()
    {
        if (_sourceState == SourceState.Used)
            _sourceState = SourceState.Forgotten;
    }

    /// <summary>As <see cref="ForgetSource"/>, whatever is still received on it. Control only.</summary>
    public void RejectSource()
    {
        _rejected = _source;
        _sourceState = SourceState.Rejected;
    }

    /// <summary>Uses the source again. Control only.</summary>
    public void AcceptSource()
    {
        _rejected = [];
        _sourceState = SourceState.Used;
    }

    /// <summary>Takes over what is known of the source address of the same peer. Control only.</summary>
    public void InheritFrom(UdpDestination before)
    {
        _rejected = before._rejected;
        if (_rejected.Length != 0 && _rejected.AsSpan().SequenceEqual(_source))
            _sourceState = SourceState.Rejected;
    }

    /// <summary>
    /// Overwrites it with another destination, if that is as long. Only for a destination that control alone refers to: the
    /// sender of one message.
    /// </summary>
    public bool TryAssign(ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
    {
        if (address.Length != _address.Length || source.Length != _source.Length)
            return false;
        address.CopyTo(_address);
        source.CopyTo(_source);
        AcceptSource();
        Route = default;
        return true;
    }

    /// <summary>A copy that is not overwritten.</summary>
    public UdpDestination Copy() => new(_address, _source);

    /// <summary>Whether its address and source are those of this one.</summary>
    public bool IsSame(UdpDestination other) => Equals(other._address, other._source);

    /// <summary>
    /// Has segments of this size and above sent as separate datagrams: the kernel fragments a datagram longer than the path MTU,
    /// but refuses a segment.
    /// </summary>
    public void RefuseSegments(int size)
    {
        Volatile.Write(ref _sinceRefusal, 0);
        _refusedSegmentSize = Math.Min(size, _refusedSegmentSize);
    }

    /// <summary>Whether datagrams of this size may be sent as segments of one message; now and then true, to try again.</summary>
    public bool TakesSegments(int size)
    {
        if (size < _refusedSegmentSize)
            return true;
        if (Interlocked.Increment(ref _sinceRefusal) < SegmentRetryInterval)
            return false;
        _refusedSegmentSize = int.MaxValue;
        return true;
    }

    /// <summary>Whether a message from that address to that source changes nothing.</summary>
    public bool Equals(ReadOnlySpan<byte> address, ReadOnlySpan<byte> source) =>
        address.SequenceEqual(_address) && source.SequenceEqual(_sourceState == SourceState.Forgotten ? default : _source);

    /// <summary>Whether it goes to that address and port, which are in network order.</summary>
    public bool IsTo(ReadOnlySpan<byte> address, ReadOnlySpan<byte> port) =>
        _address.AsSpan(2, 2).SequenceEqual(port) && _address.AsSpan(IsIPv6 ? 8 : 4, IsIPv6 ? 16 : 4).SequenceEqual(address);

    /// <summary>Fills in where a datagram, or a train of them, goes.</summary>
    /// <param name="message">Its name and control fields are set.</param>
    /// <param name="control">Space for control messages: <see cref="ControlSize"/> bytes.</param>
    /// <param name="trafficClass">The DS field and ECN bits of the datagram, 0 for the default.</param>
    /// <param name="segmentSize">The length of a train's datagrams, 0 for a single one.</param>
    public void Apply(msghdr* message, byte* control, int trafficClass = 0, ushort segmentSize = 0)
    {
        message->msg_name = _isConnected ? null : Pointer(_address);
        message->msg_namelen = _isConnected ? 0 : (uint)_address.Length;
        int length = 0;
        bool isIPv6 = IsIPv6;
        if (HasSource)
            length += Append(control + length, isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP, isIPv6 ? IPV6_PKTINFO : IP_PKTINFO, _source);
        if (trafficClass != 0)
        {
            length += Append(
                control + length, isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP, isIPv6 ? IPV6_TCLASS : IP_TOS,
                MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in trafficClass)));
        }

        if (segmentSize != 0)
        {
            length += Append(
                control + length, IPPROTO_UDP, UDP_SEGMENT, MemoryMarshal.AsBytes(new ReadOnlySpan<ushort>(in segmentSize)));
        }

        message->msg_control = length == 0 ? null : control;
        message->msg_controllen = (nuint)length;
    }

    private ReadOnlySpan<byte> Part(int start, int length) => _source.Length == 0 ? default : _source.AsSpan(start, length);

    private static int Append(byte* control, int level, int type, ReadOnlySpan<byte> data)
    {
        var header = (cmsghdr*)control;
        header->cmsg_len = CMSG_LEN(data.Length);
        header->cmsg_level = level;
        header->cmsg_type = type;
        data.CopyTo(new Span<byte>(CMSG_DATA(header), data.Length));
        return CMSG_SPACE(data.Length);
    }

    private static byte[] Pinned(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return [];
        byte[] pinned = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(pinned);
        return pinned;
    }

    private static byte* Pointer(byte[] pinned) => (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);

    private enum SourceState
    {
        Used,

        /// <summary>Not used until a message is received on it.</summary>
        Forgotten,

        /// <summary>Not used until routes choose it again.</summary>
        Rejected,
    }
}

/// <summary>The routes to a destination.</summary>
/// <param name="Used">The route from its source address; null if that is no address of ours.</param>
/// <param name="Chosen">The source address that the routing table would choose.</param>
internal readonly record struct UdpRoute(Route? Used, UInt128 Chosen);
