using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Handshake messages from datagrams that wait for control. Anyone who can send to the port can fill it, from spoofed addresses;
/// so messages with a valid mac2, which proves their source (section 5.3), have places of their own and go first, limited by
/// source. Messages and addresses are copied into memory allocated at the start.
/// </summary>
internal sealed class HandshakeQueue(RateLimiter rates)
{
    /// <summary>How many may wait without a proven source.</summary>
    public const int Max = 256;

    /// <summary>How many may wait with a proven source.</summary>
    public const int MaxProven = 256;

    private readonly Lock _gate = new();
    private readonly Ring _proven = new(MaxProven);
    private readonly Ring _others = new(Max);

    // One for each length of address and source, reused for every message. Control only.
    private readonly List<UdpDestination> _senders = [];

    public int Count
    {
        get
        {
            lock (_gate)
                return _proven.Count + _others.Count;
        }
    }

    /// <summary>Queues a copy of a message.</summary>
    /// <param name="message">At most <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="address">Where it came from: a struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="source">The address of ours that it came to: a struct in_pktinfo or in6_pktinfo, or empty.</param>
    /// <returns>False when the queue is full.</returns>
    public bool TryPost(ReadOnlySpan<byte> message, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
    {
        lock (_gate)
            return _others.TryAdd(message, address, source);
    }

    /// <summary>As <see cref="TryPost"/>, for a message whose mac2 is valid.</summary>
    /// <param name="message">At most <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="address">Where it came from: a struct sockaddr_in or sockaddr_in6.</param>
    /// <param name="source">The address of ours that it came to: a struct in_pktinfo or in6_pktinfo, or empty.</param>
    /// <param name="sender">The key of the sender's rate limit.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool TryPostProven(
        ReadOnlySpan<byte> message, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source, UInt128 sender, long nowMs)
    {
        lock (_gate)
            return _proven.Count < MaxProven && rates.TryTake(sender, nowMs) && _proven.TryAdd(message, address, source);
    }

    /// <summary>Takes the oldest message whose source is proven, else the oldest.</summary>
    /// <param name="buffer">Receives it: <see cref="InitiationMessage.Size"/> bytes.</param>
    /// <param name="length">Its length.</param>
    /// <param name="from">Where it came from; overwritten by the next message.</param>
    /// <param name="isProven">Whether its mac2 was valid.</param>
    public bool TryTake(Span<byte> buffer, out int length, [MaybeNullWhen(false)] out UdpDestination from, out bool isProven)
    {
        lock (_gate)
        {
            isProven = _proven.Count != 0;
            return (isProven ? _proven : _others).TryTake(buffer, out length, _senders, out from);
        }
    }

    /// <summary>Guarded by the queue's lock.</summary>
    private sealed class Ring(int capacity)
    {
        private const int AddressOffset = InitiationMessage.Size;
        private const int SourceOffset = AddressOffset + EndpointAddress.MaxSockaddrSize;
        private const int SlotSize = SourceOffset + UdpDestination.MaxSourceSize;

        private readonly byte[] _bytes = new byte[capacity * SlotSize];
        private readonly (byte Message, byte Address, byte Source)[] _lengths = new (byte, byte, byte)[capacity];
        private int _first;

        public int Count { get; private set; }

        public bool TryAdd(ReadOnlySpan<byte> message, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
        {
            if (Count == capacity)
                return false;
            int i = (_first + Count++) % capacity;
            Span<byte> slot = _bytes.AsSpan(i * SlotSize, SlotSize);
            message.CopyTo(slot);
            Interleaving.Point();
            address.CopyTo(slot[AddressOffset..]);
            source.CopyTo(slot[SourceOffset..]);
            _lengths[i] = ((byte)message.Length, (byte)address.Length, (byte)source.Length);
            return true;
        }

        public bool TryTake(
            Span<byte> buffer, out int length, List<UdpDestination> senders, [MaybeNullWhen(false)] out UdpDestination from)
        {
            length = 0;
            from = null;
            if (Count == 0)
                return false;
            ReadOnlySpan<byte> slot = _bytes.AsSpan(_first * SlotSize, SlotSize);
            (length, int address, int source) = _lengths[_first];
            slot[..length].CopyTo(buffer);
            from = Sender(senders, slot.Slice(AddressOffset, address), slot.Slice(SourceOffset, source));
            Interleaving.Point();
            _first = (_first + 1) % capacity;
            Count--;
            return true;
        }

        private static UdpDestination Sender(List<UdpDestination> senders, ReadOnlySpan<byte> address, ReadOnlySpan<byte> source)
        {
            foreach (UdpDestination sender in senders)
            {
                if (sender.TryAssign(address, source))
                    return sender;
            }

            var first = new UdpDestination(address, source);
            senders.Add(first);
            return first;
        }
    }
}
