using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>An address that messages are sent to as datagrams: a source of a listening socket, which others share.</summary>
internal unsafe class DatagramEnd(RelayLane lane, UdpSocket socket, UdpDestination destination) : End(lane, NetworkKind.Udp)
{
    public UdpSocket Socket { get; protected set; } = socket;

    /// <summary>With the address of ours that the source's datagrams come to, so that answers go out from there.</summary>
    public UdpDestination Destination { get; set; } = destination;

    public override void Send(ReadOnlySpan<byte> message, int ecn = 0)
    {
        if (message.Length > LargestDatagram)
        {
            Lane.Counters.CountDropped(RelayDrop.TooLong);
            return;
        }

        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(message));
        Lane.Datagrams.Add(Socket, Destination, start, message.Length, ecn);
    }

    public override void SendFrames(ReadOnlySpan<byte> frames, int messages)
    {
        while (!frames.IsEmpty)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(frames);
            Send(frames.Slice(FrameCodec.HeaderSize, length));
            frames = frames[(FrameCodec.HeaderSize + length)..];
        }
    }

    public override void Close()
    {
    }
}
