namespace WireGuard.Vsock.Transport;

/// <summary>The families an <see cref="EndpointAddress"/> can be of. Its default value is of none: no address.</summary>
internal enum AddressFamilyKind : byte
{
    None,
    IPv4,
    IPv6,
    Vsock,
}
