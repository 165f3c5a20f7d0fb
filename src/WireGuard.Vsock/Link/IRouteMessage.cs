namespace WireGuard.Vsock.Link;

/// <summary>Which addresses, routes or rules a list holds.</summary>
/// <param name="IsIPv6">The family.</param>
/// <param name="Interface">An interface's index; 0 for any.</param>
/// <param name="Table">A routing table; 0 for any.</param>
internal readonly record struct RouteFilter(bool IsIPv6, int Interface = 0, uint Table = 0);

/// <summary>
/// An address, a route or a rule, as the message that makes, deletes or reports it. They compare by value: one that is listed
/// equals one that was made if nothing about it is different.
/// </summary>
internal interface IRouteMessage<T>
    where T : struct, IRouteMessage<T>
{
    /// <summary>RTM_NEW...; deleting is one more, listing two.</summary>
    static abstract ushort NewType { get; }

    /// <summary>Writes what follows the header of a request to list.</summary>
    static abstract void WriteFilter(in RouteFilter filter, ref NetlinkRequest request);

    /// <summary>Reads what follows the header of a message of <see cref="NewType"/>; false if it is malformed.</summary>
    static abstract bool TryRead(ReadOnlySpan<byte> body, out T message);

    /// <summary>Writes what follows the header of a request to make or delete it.</summary>
    void Write(ref NetlinkRequest request);

    bool IsOf(in RouteFilter filter);
}
