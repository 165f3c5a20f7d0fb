using System.Buffers.Binary;
using WireGuard.Protocol;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>Handshake messages from datagrams: each comes out once, whole, with its own address, in its lane's order.</summary>
internal sealed class HandshakeQueueScenario : Scenario
{
    private const int Each = 8;

    private readonly HandshakeQueue _queue = new(new RateLimiter());
    private readonly byte[][] _addresses =
        [Sockaddr(EndpointAddress.IPv4(0xc0000201, 1)), Sockaddr(EndpointAddress.IPv4(0xc0000202, 2))];
    private readonly int[] _taken = new int[2];

    public override string Name => "handshake queue: each once, whole";

    public override int Threads => 3;

    public override void Prepare(Random random) => Array.Clear(_taken);

    public override void Run(int thread, Random random)
    {
        Span<byte> message = stackalloc byte[InitiationMessage.Size];
        if (thread == 2)
        {
            for (int left = 2 * Each; left > 0;)
            {
                if (!_queue.TryTake(message, out int length, out UdpDestination? from, out _))
                {
                    Thread.Yield();
                    continue;
                }

                left--;
                int number = BinaryPrimitives.ReadInt32LittleEndian(message), lane = number / Each;
                Require(length == InitiationMessage.Size && (uint)lane < 2, $"message {number} of {length} bytes");
                for (int at = 0; at < length; at += sizeof(int))
                    Require(BinaryPrimitives.ReadInt32LittleEndian(message[at..]) == number, "parts of two messages");
                Require(number % Each == _taken[lane]++, $"message {number} is not in order");
                Require(from.Address.Port == (uint)lane + 1, $"message {number} has the address of another");
                Interleaving.Point();
            }

            return;
        }

        for (int i = 0; i < Each; i++)
        {
            for (int at = 0; at < message.Length; at += sizeof(int))
                BinaryPrimitives.WriteInt32LittleEndian(message[at..], (thread * Each) + i);
            Require(_queue.TryPost(message, _addresses[thread], default), "the queue is full though it has space");
            Interleaving.Point();
        }
    }

    public override void Check() => Require(_queue.Count == 0, $"{_queue.Count} are left over");

    private static byte[] Sockaddr(EndpointAddress address)
    {
        byte[] bytes = new byte[EndpointAddress.MaxSockaddrSize];
        return bytes[..address.WriteSockaddr(bytes)];
    }
}
