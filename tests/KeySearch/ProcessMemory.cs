using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace WireGuard.KeySearch;

/// <summary>
/// All that another process has mapped and that can be read, by /proc/PID/smaps and /proc/PID/mem. A region is named with the
/// flags that say how the kernel keeps it: lo locked, dd not dumped, wf wiped on fork.
/// </summary>
internal sealed class ProcessMemory(int pid) : IDisposable
{
    private readonly SafeFileHandle _memory = File.OpenHandle($"/proc/{pid}/mem");

    /// <summary>Each region in pieces, which overlap by as many bytes as are asked for.</summary>
    public IEnumerable<(string Region, ArraySegment<byte> Bytes)> Pieces(int overlap)
    {
        byte[] buffer = new byte[1 << 20];
        foreach ((string line, string flags) in Mappings())
        {
            // 7f0000000000-7f0000021000 rw-p 00000000 00:00 0     [stack]
            string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            string path = fields.Length > 5 ? fields[5].Trim() : "anonymous";
            if (fields[1][0] != 'r' || path is "[vvar]" or "[vvar_vclock]" or "[vsyscall]")
                continue;
            string[] ends = fields[0].Split('-');
            long start = long.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            long end = long.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            while (start < end)
            {
                int length = Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - start)), start);
                if (length <= 0)
                    break;
                yield return ($"{fields[1]} {path} at {start:x}{flags}", new ArraySegment<byte>(buffer, 0, length));
                start += start + length < end ? Math.Max(length - overlap, 1) : length;
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Each as a line of /proc/PID/maps, and those of its flags that are looked at here.</summary>
    private IEnumerable<(string Line, string Flags)> Mappings()
    {
        string? mapping = null;
        foreach (string line in File.ReadAllLines($"/proc/{pid}/smaps"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!words[0].EndsWith(':'))
                mapping = line;
            else if (words[0] == "VmFlags:" && mapping is not null)
                yield return (mapping, string.Concat(words.Where(IsLookedAt).Select(flag => $" {flag}")));
        }
    }

    private static bool IsLookedAt(string flag) => flag is "lo" or "dd" or "wf";

    private int Read(Span<byte> buffer, long address)
    {
        try
        {
            return RandomAccess.Read(_memory, buffer, address);
        }
        catch (IOException)
        {
            return 0; // gone meanwhile, or not to be read: a device
        }
    }
}
