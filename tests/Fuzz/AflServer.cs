using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Trace = SharpFuzz.Common.Trace;

namespace WireGuard.Fuzz;

/// <summary>
/// The target's side of afl-fuzz (AFL++, src/afl-forkserver.c): it asks for runs on one descriptor and is answered on another;
/// inputs and edges lie in memory that both share, so a run costs two small reads and writes. All runs are in this process: an
/// exception is told as a signal, and what cannot be caught ends the process, which the script takes for a crash.
/// <code>
/// we:        hello
/// afl-fuzz:  options that it takes
/// then       afl-fuzz: run    we: pid, status
/// </code>
/// </summary>
internal static unsafe partial class AflServer
{
    public const int MapSize = 1 << 16; // what SharpFuzz's instrumentation writes to

    private const int Requests = 198;
    private const int Answers = 199;
    private const uint Options = 0x8000_0001;
    private const uint SharedInput = 0x0100_0000;
    private const int Crashed = 6; // as a process that SIGABRT ended

    /// <summary>Of processor time, so that a busy machine is none.</summary>
    public static readonly TimeSpan LongestRun = TimeSpan.FromSeconds(10);

    // Which run is under way, 0 for none: written by the runs' thread, read by the watching one.
    private static long s_run;

    /// <summary>Gives instrumented code a place for its edges, before any of it runs.</summary>
    public static void GiveMap() => Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(MapSize);

    public static void Serve(FuzzTarget target)
    {
        byte* map = Attach("__AFL_SHM_ID");
        byte* input = Attach("__AFL_SHM_FUZZ_ID");
        // What only a first run does is no edge of an input's.
        foreach (byte[] seed in target.Seeds().Take(10))
            TryRun(target, seed);
        new Thread(Watch) { IsBackground = true }.Start();
        Write(Options | SharedInput);
        Read();
        Trace.SharedMem = map;
        while (true)
        {
            Read();
            Write((uint)Environment.ProcessId);
            Trace.PrevLocation = 0;
            Interlocked.Increment(ref s_run);
            bool holds = TryRun(target, new ReadOnlySpan<byte>(input + sizeof(uint), *(int*)input));
            Interlocked.Increment(ref s_run);
            Write(holds ? 0u : Crashed);
        }
    }

    private static bool TryRun(FuzzTarget target, ReadOnlySpan<byte> input)
    {
        try
        {
            target.Run(input);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Ends the process when a run takes too long: a hang is a crash.</summary>
    private static void Watch()
    {
        long watched = 0;
        TimeSpan began = default;
        while (true)
        {
            Thread.Sleep(500);
            long run = Interlocked.Read(ref s_run);
            TimeSpan now = Process.GetCurrentProcess().TotalProcessorTime;
            if (run % 2 == 0 || run != watched)
                (watched, began) = (run, now);
            else if (now - began > LongestRun)
                Environment.FailFast("the run does not end");
        }
    }

    private static byte* Attach(string variable)
    {
        string id = Environment.GetEnvironmentVariable(variable)
            ?? throw new InvalidOperationException($"no {variable}: this is for afl-fuzz to run");
        byte* memory = ShmAt(int.Parse(id, CultureInfo.InvariantCulture), 0, 0);
        return (nint)memory != -1 ? memory : throw new InvalidOperationException($"shmat: errno {Marshal.GetLastPInvokeError()}");
    }

    private static uint Read()
    {
        uint word;
        if (Read(Requests, &word, sizeof(uint)) != sizeof(uint))
            Environment.Exit(0); // afl-fuzz has ended
        return word;
    }

    private static void Write(uint word)
    {
        if (Write(Answers, &word, sizeof(uint)) != sizeof(uint))
            Environment.Exit(0);
    }

    [LibraryImport("libc", EntryPoint = "shmat", SetLastError = true)]
    private static partial byte* ShmAt(int id, nint address, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int fd, void* buffer, nint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int fd, void* buffer, nint length);
}
