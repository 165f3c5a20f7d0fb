using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests;

/// <summary>A fact that needs root and /dev/net/tun: elsewhere it is skipped, with that reason.</summary>
public sealed class TunFactAttribute : FactAttribute
{
    internal static readonly string? Missing = FindMissing();

    public TunFactAttribute() => Skip = Missing;

    private static string? FindMissing()
    {
        if (Libc.geteuid() != 0) return "needs root";
        if (!File.Exists("/dev/net/tun")) return "needs /dev/net/tun";
        try
        {
            Namespace.Run(() => Namespace.Sh("ip link show lo"));
            return null;
        }
        catch (InvalidOperationException e)
        {
            return $"needs network namespaces and iproute2: {e.Message}";
        }
    }
}

/// <summary>As <see cref="TunFactAttribute"/>, with data.</summary>
public sealed class TunTheoryAttribute : TheoryAttribute
{
    public TunTheoryAttribute() => Skip = TunFactAttribute.Missing;
}

/// <summary>Runs a test on a thread of its own in network and mount namespaces of its own, which end with the thread.</summary>
internal static partial class Namespace
{
    private const int CLONE_NEWNS = 0x00020000;
    private const int CLONE_NEWNET = 0x40000000;
    private static int s_names;

    public static void Run(Action test)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) throw new InvalidOperationException("unshare failed");
                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>As <see cref="Run"/>, with one more namespace, whose name for ip -n is given.</summary>
    public static void RunWithOther(Action<string> test) => Run(() =>
    {
        string other = $"wgtest-{Environment.ProcessId}-{Interlocked.Increment(ref s_names)}";
        Sh($"ip netns add {other}");
        try
        {
            test(other);
        }
        finally
        {
            if (File.Exists($"/run/netns/{other}")) Sh($"ip netns del {other}");
        }
    });

    /// <summary>A command in the namespace of the calling thread; it must succeed.</summary>
    public static string Sh(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = process.StandardOutput.ReadToEnd(), errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{command}: {errors}");
        return output;
    }

    [LibraryImport("libc")]
    private static partial int unshare(int flags);
}
