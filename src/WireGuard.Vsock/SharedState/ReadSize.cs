namespace WireGuard.Vsock.SharedState;

/// <summary>
/// How much of a stream is read at once. A lane writes all packets of a read to the TUN device before it reads the device again,
/// and the kernel answers some at once, into a queue of 200 packets: where a read has held very many, the next is shorter, so
/// that one peer's small packets do not push those of others out of that queue. Owned by the reader.
/// </summary>
internal struct ReadSize
{
    /// <summary>The most that is read at once, in bytes.</summary>
    public const int Most = 256 * 1024;

    private const int Least = 4 * 1024;
    private const int MostPackets = 64;

    public ReadSize()
    {
    }

    public int Bytes { get; private set; } = Most;

    /// <param name="bytes">How much was read.</param>
    /// <param name="packets">How many packets that made, written to the device.</param>
    public void HasRead(int bytes, int packets)
    {
        if (packets > MostPackets)
            Bytes = Math.Clamp((int)((long)bytes * MostPackets / packets), Least, Most);
        else if (bytes == Bytes && packets < MostPackets / 2)
            Bytes = Math.Min(Bytes * 2, Most);
    }
}
