using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Datagrams of one socket on their way out, sent together: a wrapper of <see cref="UdpSender"/> for a lane that has many
/// sockets. Owned by a lane.
/// </summary>
internal sealed unsafe class DatagramBatch(RelayCounters counters) : IDisposable
{
    private readonly UdpSender _sender = new();
    private UdpSocket? _socket;
    private long _bytes;

    /// <summary>Adds a datagram, whose bytes must stay where they are until <see cref="Flush"/>.</summary>
    public void Add(UdpSocket socket, UdpDestination destination, byte* message, int length, int ecn)
    {
        if (_sender.Count == UdpSender.BatchSize || (_sender.Count != 0 && _socket != socket))
            Flush();
        _socket = socket;
        _sender.Add(message, length, destination, ecn);
        _bytes += length;
    }

    public void Flush()
    {
        if (_sender.Count == 0)
            return;
        int count = _sender.Count, refused = _sender.Flush(_socket);
        counters.CountDropped(RelayDrop.NotSent, refused);
        // Of a batch that was refused in part they are about as long as each other.
        counters.CountSent(NetworkKind.Udp, count - refused, _bytes * (count - refused) / count);
        _socket = null;
        _bytes = 0;
    }

    public void Dispose() => _sender.Dispose();
}
