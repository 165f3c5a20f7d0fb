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

    /// <summary>Adds a datagram, whose bytes must stay where they are until <see cref="Flush"/>.</summary>
    public void Add(UdpSocket socket, UdpDestination destination, byte* message, int length, int ecn)
    {
        if (_sender.Count == UdpSender.BatchSize || (_sender.Count != 0 && _socket != socket))
            Flush();
        _socket = socket;
        _sender.Add(message, length, destination, ecn);
    }

    public void Flush()
    {
        if (_sender.Count == 0)
            return;
        counters.CountDropped(RelayDrop.NotSent, _sender.Flush(_socket));
        _socket = null;
    }

    public void Dispose() => _sender.Dispose();
}
