namespace WireGuard.Vsock.Transport;

/// <summary>
/// Where messages to a peer are sent: a UDP address, or an open stream connection. Control sets it, lanes read it.
/// </summary>
internal abstract class Destination
{
    /// <summary>The far end's address.</summary>
    public abstract EndpointAddress Address { get; }
}
