namespace WireGuard.Protocol.Peers;

/// <summary>
/// Where a handshake message says it comes from, for a device under load, which wants that proven (section 5.3). The default
/// value wants nothing proven.
/// </summary>
public readonly ref struct MessageSource
{
    /// <param name="address">What a cookie is bound to: the bytes of an address and port, say. At least one.</param>
    /// <param name="sender">Who counts as one sender, of whom few messages are worked on: an IPv4 address, an IPv6 /64.</param>
    public MessageSource(ReadOnlySpan<byte> address, UInt128 sender)
    {
        Address = address;
        Sender = sender;
    }

    internal ReadOnlySpan<byte> Address { get; }

    internal UInt128 Sender { get; }

    internal bool MustBeProven => !Address.IsEmpty;
}
