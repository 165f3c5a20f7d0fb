namespace WireGuard.Vsock.Transport;

/// <summary>The address as sockets and limits use it.</summary>
internal readonly partial struct EndpointAddress
{
    public bool IsVsock => Kind == AddressFamilyKind.Vsock;

    public bool IsUnix => Kind == AddressFamilyKind.Unix;

    public bool IsIP => Kind is AddressFamilyKind.IPv4 or AddressFamilyKind.IPv6;

    public bool IsIPv6 => Kind == AddressFamilyKind.IPv6;

    /// <summary>The wildcard address of a family, to bind to.</summary>
    public static EndpointAddress Any(bool isIPv6, ushort port) => isIPv6 ? IPv6(0, port) : IPv4(0, port);

    /// <summary>The same, by the transport to this machine's host. VSOCK only.</summary>
    public EndpointAddress ToHost() => Vsock(Cid, _port, isToHost: true);

    public EndpointAddress WithPort(uint port) => new(Kind, _host, port, _scopeOrFlags, Path);

    /// <summary>
    /// The key by which unauthenticated senders are limited: an IPv4 address, an IPv6 /64 (the least that one customer has), a
    /// CID or a hash of a Unix socket's path; all link-local addresses of one link. The prefix is in the upper 64 bits, the scope
    /// and the kind below.
    /// </summary>
    public UInt128 Source() =>
        (Kind == AddressFamilyKind.IPv6 ? _host >> 64 << 64 : _host << 64) | (UInt128)ScopeId << 32 | (uint)Kind;
}
