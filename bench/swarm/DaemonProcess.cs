using System.Globalization;

namespace WireGuard.Swarm;

/// <summary>What /proc tells of the daemon (proc(5)).</summary>
internal sealed class DaemonProcess(int pid)
{
    private const int TicksPerSecond = 100; // USER_HZ, the same on every processor that .NET runs on

    /// <summary>Processor seconds of all its threads.</summary>
    public double CpuSeconds => CpuSecondsIn($"/proc/{pid}/stat");

    /// <summary>Processor seconds of its first thread, which is the control thread.</summary>
    public double ControlCpuSeconds => CpuSecondsIn($"/proc/{pid}/task/{pid}/stat");

    public int Descriptors => Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length;

    /// <summary>A line of its status, such as VmRSS, in kB.</summary>
    public long StatusKb(string name)
    {
        string line = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until it uses no processor time worth speaking of for half a second.</summary>
    public void WaitUntilIdle()
    {
        double before;
        do
        {
            before = CpuSeconds;
            Thread.Sleep(500);
        }
        while (CpuSeconds - before > 0.02);
    }

    private static double CpuSecondsIn(string file)
    {
        // The name, in brackets, may hold spaces. Behind it: state is field 3, utime 14, stime 15.
        string stat = File.ReadAllText(file);
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[11..13].Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
