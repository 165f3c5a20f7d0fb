using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// One end of a link, that WireGuard messages are sent to: a stream (<see cref="StreamEnd"/>), a UDP source that shares a
/// listening socket with others (<see cref="DatagramEnd"/>), or a UDP socket connected to a target
/// (<see cref="ConnectedEnd"/>). Owned by a lane.
/// </summary>
internal abstract unsafe class End(RelayLane lane, NetworkKind network)
{
    /// <summary>The longest message that is sent as a datagram.</summary>
    public const int LargestDatagram = 9_200;

    public RelayLane Lane { get; } = lane;

    public NetworkKind Network { get; } = network;

    /// <summary>Which of its rule's targets a far end leads to.</summary>
    public int TargetIndex { get; init; }

    /// <summary>Whether what is sent now would wait: who reads from a stream for it waits until it is drained.</summary>
    public virtual bool IsFull => false;

    /// <summary>Sends one message, or drops and counts it.</summary>
    /// <param name="message">It stays where it is, in unmanaged memory, until the lane's batches are flushed.</param>
    /// <param name="ecn">The ECN bits that it came with.</param>
    public abstract void Send(ReadOnlySpan<byte> message, int ecn = 0);

    /// <summary>Sends whole frames that lie side by side, or drops and counts them.</summary>
    /// <param name="frames">In unmanaged memory, as a message.</param>
    /// <param name="messages">How many they are.</param>
    public abstract void SendFrames(ReadOnlySpan<byte> frames, int messages);

    /// <summary>Closes it, whatever waits.</summary>
    public abstract void Close();
}
