namespace WireGuard.Vsock.Transport;

/// <summary>The answer of a route lookup. Addresses are numbers in host order; 0 for none.</summary>
/// <param name="Interface">The index of the outgoing interface.</param>
/// <param name="Gateway">The next hop.</param>
/// <param name="Source">The source address that it chooses, unless the lookup named one.</param>
internal readonly record struct Route(int Interface, UInt128 Gateway, UInt128 Source);
