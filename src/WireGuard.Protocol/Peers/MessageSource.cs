namespace WireGuard.Protocol.Peers;

/// <summary>
/// Where a handshake message came from, for a device under load: the sender has to prove it with a cookie (section 5.3). The
/// default value asks for no proof.
/// </summary>
public readonly ref struct MessageSource
{
    /// <param name="address">The bytes that a cookie is bound to, such as those of the address and port; at least one.</param>
    /// <param name="sender">What the rate limit counts as one source, such as an IPv4 address or an IPv6 /64.</param>
    public MessageSource(ReadOnlySpan<byte> address, UInt128 sender)
    {
        Address = address;
        Sender = sender;
    }

    internal ReadOnlySpan<byte> Address { get; }

    internal UInt128 Sender { get; }

    internal bool MustBeProven => !Address.IsEmpty;
}
