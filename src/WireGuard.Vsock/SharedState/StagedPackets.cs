using System.Diagnostics;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Packets of one peer that wait for a session or a connection: the newest 128 (as in wireguard-go and the kernel), and at most
/// 256 KB. When there are more, the oldest are dropped.
/// <para>
/// Each lane adds the packets it has read, and takes only its own, when control asks it to: so a flow, which stays on its lane,
/// keeps its order.
/// </para>
/// </summary>
internal sealed class StagedPackets
{
    public const int MaxPackets = 128;
    public const int MaxBytes = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<(int Lane, byte[] Bytes)> _packets = new();
    private readonly byte[] _countOf = new byte[DaemonOptions.MaxLanes];
    private int _bytes;

    // A bit for each lane that has packets here. Written under the lock.
    private volatile uint _lanes;

    // A bit for each lane that was asked to send them. Guarded by the lock.
    private uint _asked;

    /// <summary>Whether no lane has packets here.</summary>
    public bool IsEmpty => _lanes == 0;

    /// <summary>Whether the lane has no packets here. Without the lock, since lanes check it for each packet.</summary>
    public bool IsEmptyOf(int lane) => (_lanes & Bit(lane)) == 0;

    /// <summary>Adds a copy of a packet that the lane has read.</summary>
    /// <returns>How many older ones were dropped for it.</returns>
    public int Add(int lane, ReadOnlySpan<byte> packet)
    {
        Debug.Assert((uint)lane < DaemonOptions.MaxLanes, "only lanes stage");
        byte[] copy = packet.ToArray();
        int dropped = 0;
        lock (_gate)
        {
            for (; _packets.Count > 0 && (_packets.Count >= MaxPackets || _bytes + copy.Length > MaxBytes); dropped++)
                DropOldest();
            _packets.Enqueue((lane, copy));
            _countOf[lane]++;
            _bytes += copy.Length;
            _lanes |= Bit(lane);
        }

        return dropped;
    }

    /// <summary>Which lanes have packets here and were not asked yet to send them.</summary>
    /// <param name="lanes">A bit for each lane.</param>
    /// <returns>False when nothing is staged.</returns>
    public bool TryAsk(out uint lanes)
    {
        lock (_gate)
        {
            lanes = _lanes & ~_asked;
            _asked = _lanes;
            return _lanes != 0;
        }
    }

    /// <summary>Takes the lane's packets, in order.</summary>
    public byte[][] TakeAll(int lane)
    {
        lock (_gate)
        {
            var taken = new byte[_countOf[lane]][];
            int count = 0;
            for (int left = _packets.Count; left > 0; left--)
            {
                (int Lane, byte[] Bytes) packet = _packets.Dequeue();
                if (packet.Lane != lane)
                {
                    _packets.Enqueue(packet);
                    continue;
                }

                _bytes -= packet.Bytes.Length;
                taken[count++] = packet.Bytes;
            }

            Forget(lane);
            return taken;
        }
    }

    /// <summary>Drops everything.</summary>
    /// <returns>How many there were.</returns>
    public int Clear()
    {
        lock (_gate)
        {
            int count = _packets.Count;
            _packets.Clear();
            Array.Clear(_countOf);
            _bytes = 0;
            _asked = 0;
            _lanes = 0;
            return count;
        }
    }

    private static uint Bit(int lane) => 1u << lane;

    private void DropOldest()
    {
        (int lane, byte[] bytes) = _packets.Dequeue();
        _bytes -= bytes.Length;
        if (--_countOf[lane] == 0)
            Forget(lane);
    }

    private void Forget(int lane)
    {
        _countOf[lane] = 0;
        _asked &= ~Bit(lane);
        _lanes &= ~Bit(lane);
    }
}
