using System.Diagnostics.CodeAnalysis;

namespace WireGuard.Daemon.Control;

/// <summary>
/// Packets of one peer that wait for a session or a connection: the newest 128 (as in wireguard-go and the kernel), and at most
/// 256 KB. Lanes add, control takes. What is too much costs the oldest.
/// </summary>
internal sealed class StagedPackets
{
    public const int MaxPackets = 128;
    public const int MaxBytes = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _packets = new();
    private int _bytes;
    private volatile bool _isEmpty = true;

    /// <summary>Without the lock: lanes look at it for each packet.</summary>
    public bool IsEmpty => _isEmpty;

    /// <summary>Adds a copy of a packet.</summary>
    /// <returns>How many older ones were dropped for it.</returns>
    public int Add(ReadOnlySpan<byte> packet)
    {
        byte[] copy = packet.ToArray();
        int dropped = 0;
        lock (_gate)
        {
            while (_packets.Count > 0 && (_packets.Count >= MaxPackets || _bytes + copy.Length > MaxBytes))
            {
                _bytes -= _packets.Dequeue().Length;
                dropped++;
            }

            _packets.Enqueue(copy);
            _bytes += copy.Length;
            _isEmpty = false;
        }

        return dropped;
    }

    public bool TryTake([MaybeNullWhen(false)] out byte[] packet)
    {
        lock (_gate)
        {
            bool taken = _packets.TryDequeue(out packet);
            _bytes -= packet?.Length ?? 0;
            _isEmpty = _packets.Count == 0;
            return taken;
        }
    }

    /// <summary>Takes everything at once: whoever looks next finds nothing staged.</summary>
    public byte[][] TakeAll()
    {
        lock (_gate)
        {
            byte[][] all = [.. _packets];
            _packets.Clear();
            _bytes = 0;
            _isEmpty = true;
            return all;
        }
    }

    /// <summary>Drops everything.</summary>
    /// <returns>How many that were.</returns>
    public int Clear() => TakeAll().Length;
}
