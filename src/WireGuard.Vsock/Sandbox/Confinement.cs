using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// Takes from a process what it does not need, in two steps:
/// <code>
/// Begin     capabilities, no_new_privs and Landlock, of each thread there is (this one and the runtime's for finalizers), before
///           signals are caught and other threads start: these inherit it
/// Open      what takes the rights that the process started with: on a thread of its own
/// Complete  when all is opened: that thread ends, /proc shows that no other has kept its rights, and the filter of system calls
///           is put in force, of every thread
/// </code>
/// A step that the kernel has and that does not hold ends the process. One that it has not, or that a container refuses, is left
/// out, which the report says.
/// </summary>
internal sealed class Confinement
{
    private const string Mend = "--sandbox=off goes without";

    /// <summary>How long a thread that has ended may be seen.</summary>
    private const int PatienceMs = 5_000;

    private readonly SandboxNeeds _needs;
    private readonly PrivilegedThread? _opening; // null if nothing is taken
    private readonly string _without = "";       // why nothing is taken
    private readonly List<string> _parts = [];   // what is in force, in words
    private ulong _kept;
    private bool _couldLower = true; // false where a container refuses capset(2)
    private bool _hadRights;

    private Confinement(SandboxNeeds needs, string without) => (_needs, _without) = (needs, without);

    private Confinement(SandboxNeeds needs) => (_needs, _opening) = (needs, new PrivilegedThread());

    /// <summary>Whether this process is confined, and so cannot later do what takes the rights that it started with.</summary>
    public bool TakesRights => _opening is not null;

    /// <summary>Leaves no core file of this process, nor its memory to others of the same user. At its start.</summary>
    public static void Conceal()
    {
        _ = Sys.SetLimit(RLIMIT_CORE, 0);
        _ = Sys.ProcessControl(PR_SET_DUMPABLE, 0);
    }

    /// <summary>Conceals the process, and takes from its threads what belongs to each.</summary>
    /// <param name="needs">What is not taken.</param>
    /// <param name="without">Why nothing is to be taken; null if it is.</param>
    /// <exception cref="SetupException">A step that the kernel has did not hold.</exception>
    public static Confinement Begin(SandboxNeeds needs, string? without)
    {
        if (without is not null)
            return new Confinement(needs, without);
        // The just-in-time compiler makes memory executable, and has threads of its own. (RuntimeFeature says there is none in
        // any build of a project that can be published without it.)
        if (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") is not null)
            return new Confinement(needs, "this is no build that was compiled ahead of time");
        Conceal();
        Confinement confinement = new(needs);
        confinement.TakeRights();
        return confinement;
    }

    /// <summary>Runs with the rights that the process started with. What it throws is thrown.</summary>
    public T Open<T>(Func<T> open)
    {
        if (_opening is null)
            return open();
        T opened = default!;
        _opening.Do(() => opened = open());
        return opened;
    }

    /// <exception cref="SetupException">A step that the kernel has did not hold.</exception>
    public SandboxReport Complete()
    {
        if (_opening is null)
            return new SandboxReport(false, _without);
        _opening.Dispose();
        // Where the process has begun with none, no thread has any to lose, also in a root folder without /proc.
        if (_hadRights)
            AwaitThreads();
        Filter();
        return new SandboxReport(true, string.Join(", ", _parts));
    }

    private void AwaitThreads()
    {
        long end = Sys.MonotonicMs() + PatienceMs;
        for (; ThreadStates.FirstOther(_kept, _couldLower) is { } problem; Thread.Sleep(1))
        {
            if (Sys.MonotonicMs() >= end)
                throw Failed(problem);
        }
    }

    private static SetupException Failed(string problem) => new($"the sandbox does not hold: {problem}: {Mend}");

    private void TakeRights()
    {
        _hadRights = geteuid() == 0 || Sys.Capabilities() != 0;
        _kept = Capabilities.KeptFor(_needs);
        FileRules? files;
        try
        {
            files = FileRules.TryMake(_needs);
        }
        catch (LinuxException e)
        {
            throw Failed(e.Message);
        }

        using (files)
        {
            string? here = TakeFromThread(files), there = null;
            bool isDone = here is null && FinalizerThread.TryDo(() => there = TakeFromThread(files));
            if ((here ?? there) is { } problem)
                throw Failed(problem);
            if (!isDone)
                throw Failed("the runtime's thread for finalizers does not answer");
            _parts.AddRange(
            [
                "no_new_privs",
                Capabilities.TextOf(_kept),
                files is null ? "no Landlock here" : $"Landlock {files.Version}",
            ]);
        }
    }

    /// <summary>Null if it holds.</summary>
    private string? TakeFromThread(FileRules? files)
    {
        int result = Sys.ProcessControl(PR_SET_NO_NEW_PRIVS, 1);
        if (result < 0)
            return $"PR_SET_NO_NEW_PRIVS: {Errno.Text(-result)}";
        result = Capabilities.Keep(_kept);
        if (result == -Errno.EPERM)
            (_kept, _couldLower) = (Sys.Capabilities(), false);
        else if (result < 0)
            return $"capset: {Errno.Text(-result)}";
        result = files?.Enforce() ?? 0;
        return result < 0 ? $"landlock_restrict_self: {Errno.Text(-result)}" : null;
    }

    private unsafe void Filter()
    {
        uint strictest = SECCOMP_RET_KILL_PROCESS;
        int result = Sys.Seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &strictest);
        if (result < 0)
        {
            _parts.Add($"no filter of system calls here ({Errno.Text(-result)})");
            return;
        }

        IReadOnlyList<SystemCallRule> rules = SystemCallRules.Of(_needs, Environment.ProcessId);
        sock_filter[] program = SystemCallFilter.Assemble(rules, RuntimeInformation.ProcessArchitecture);
        fixed (sock_filter* first = program)
        {
            sock_fprog filter = new() { len = (ushort)program.Length, filter = first };
            result = Sys.Seccomp(
                SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
            if (result == -Errno.EINVAL) // SPEC_ALLOW is of Linux 4.17
                result = Sys.Seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
        }

        if (result != 0)
            throw Failed(result > 0 ? $"thread {result} takes no filter" : $"seccomp: {Errno.Text(-result)}");
        _parts.Add($"{rules.Count} system calls");
    }
}
