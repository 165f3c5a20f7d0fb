using System.Diagnostics;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Packets of one peer that wait for a session or a connection: the newest 128 (as in wireguard-go and the kernel), and at most
/// 256 KB. What is too much costs the oldest.
/// <para>
/// Each lane adds what it has read, and alone takes it again, when control has asked it to: so a flow, which stays on its lane,
/// is not overtaken by what the lane reads next.
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

    // A bit a lane: those that have something here. Written under the lock.
    private volatile uint _lanes;

    // Those of them that were asked to send it. Guarded by the lock.
    private uint _asked;

    /// <summary>Whether no lane has anything here.</summary>
    public bool IsEmpty => _lanes == 0;

    /// <summary>Whether that lane has nothing here. Without the lock: lanes look at it for each packet.</summary>
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

    /// <summary>Which lanes must be told to send what they have here: those that were not told yet.</summary>
    /// <param name="lanes">A bit a lane.</param>
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

    /// <summary>Takes all that the lane has here, in its order.</summary>
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
    /// <returns>How many that were.</returns>
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
