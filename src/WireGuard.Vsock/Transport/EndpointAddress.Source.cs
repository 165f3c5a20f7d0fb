namespace WireGuard.Vsock.Transport;

/// <summary>The address as the thing that listens, dials, or is limited.</summary>
internal readonly partial struct EndpointAddress
{
    public bool IsVsock => Kind == AddressFamilyKind.Vsock;

    public bool IsIPv6 => Kind == AddressFamilyKind.IPv6;

    /// <summary>The wildcard address of a family, to bind to.</summary>
    public static EndpointAddress Any(bool isIPv6, ushort port) => isIPv6 ? IPv6(0, port) : IPv4(0, port);

    public EndpointAddress WithPort(uint port) => new(Kind, _host, port, _scopeId);

    /// <summary>
    /// Whoever counts as one source wherever unauthenticated bytes are bounded: an IPv4 address, an IPv6 /64 (one customer has
    /// that many at least), a CID. Link-local addresses are one source a link. Below the 64 bits of the prefix stand the scope
    /// and the kind.
    /// </summary>
    public UInt128 Source() =>
        (Kind == AddressFamilyKind.IPv6 ? _host >> 64 << 64 : _host << 64) | (UInt128)_scopeId << 32 | (uint)Kind;
}
