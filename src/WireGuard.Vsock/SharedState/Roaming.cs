using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Where a peer has roamed to over UDP, as lanes note it for control: only the newest address, copied into place, since a peer
/// may send each datagram from another one.
/// </summary>
internal sealed class Roaming
{
    private readonly Lock _gate = new();
    private readonly byte[] _address = new byte[EndpointAddress.MaxSockaddrSize];
    private readonly byte[] _source = new byte[UdpDestination.MaxSourceSize];
    private int _addressLength;
    private int _sourceLength;

    // Control only: a peer that alternates between two addresses reuses both.
    private UdpDestination? _previous;

    /// <summary>Notes where an authentic datagram came from, and which address of ours it came to.</summary>
    public void Note(ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
    {
        lock (_gate)
        {
            address.CopyTo(_address);
            source.CopyTo(_source);
            _addressLength = address.Length;
            _sourceLength = source.Length;
        }
    }

    /// <summary>What was noted since the last call. Control only.</summary>
    /// <param name="current">Where messages to the peer are sent now.</param>
    /// <returns>Where to send them; null if that does not change.</returns>
    public UdpDestination? Take(UdpDestination? current)
    {
        UdpDestination next;
        lock (_gate)
        {
            ReadOnlySpan<byte> address = _address.AsSpan(0, _addressLength), source = _source.AsSpan(0, _sourceLength);
            _addressLength = 0;
            if (address.IsEmpty || current?.Equals(address, source) == true)
                return null;
            next = _previous?.Equals(address, source) == true ? _previous : new UdpDestination(address, source);
        }

        _previous = current;
        return next;
    }
}
