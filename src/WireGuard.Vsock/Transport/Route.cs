namespace WireGuard.Vsock.Transport;

/// <summary>What a route lookup says. Addresses are in the bits in which the network has them; 0 for none.</summary>
/// <param name="Interface">The index of the interface that it leads out of.</param>
/// <param name="Gateway">The next hop.</param>
/// <param name="Source">The source address that it chooses, where none was asked with.</param>
internal readonly record struct Route(int Interface, UInt128 Gateway, UInt128 Source);
