using System.Buffers.Binary;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>A file with the layout of /dev/vmclock0 (struct vmclock_abi), in the hypervisor's place.</summary>
internal sealed class VmClockFile : IDisposable
{
    private readonly byte[] _bytes = new byte[112];

    public VmClockFile()
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes, 0x4b4c4356);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(4), 4096);
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(8), 1);
        Restore(7);
    }

    public string Path { get; } = System.IO.Path.GetTempFileName();

    /// <summary>As after a restore from a snapshot.</summary>
    public void Restore(ulong marker, uint sequence = 2)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(12), sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(16), marker);
        Write(_bytes);
    }

    public void Change(int at, byte value)
    {
        _bytes[at] = value;
        Write(_bytes);
    }

    /// <summary>In place: it is mapped.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        using FileStream file = new(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Write(bytes);
        file.Flush();
    }

    public void Dispose() => File.Delete(Path);
}
