using System.Runtime.InteropServices;
using System.Text;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>Processes, their signals and their terminal.</summary>
internal static unsafe partial class Sys
{
    public static int Kill(int pid, int signal) => Result(kill(pid, signal));

    /// <summary>Sends a signal to this thread; if it stops the process, returns when the process goes on.</summary>
    public static void Raise(int signal) => _ = raise(signal);

    public static bool IsIgnored(int signal)
    {
        nint* action = stackalloc nint[SignalActionSize / sizeof(nint)];
        return sigaction(signal, null, action) == 0 && action[0] == SIG_IGN;
    }

    /// <summary>
    /// Takes back the default of SIGCHLD if it was ignored at start: else the ends of children could not be waited for.
    /// </summary>
    public static void KeepChildren()
    {
        if (IsIgnored(SIGCHLD)) _ = signal(SIGCHLD, SIG_DFL);
    }

    /// <summary>
    /// Waits until a child, or an orphan given to this process, has ended or stopped; its status can be taken then.
    /// </summary>
    /// <returns>Its process id, or a negated errno.</returns>
    public static int WaitForAny()
    {
        siginfo_t info;
        int n;
        do n = Result(waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT)); while (n == -Errno.EINTR);
        return n < 0 ? n : info.si_pid;
    }

    /// <summary>Takes the status of a child that has ended or stopped. After that its number may mean another process.</summary>
    public static int TakeStatus(int pid, out int status)
    {
        fixed (int* p = &status) return Result(waitpid(pid, p, WNOHANG | WUNTRACED));
    }

    /// <summary>The same of one that has ended; 0 if it has not.</summary>
    public static int TakeEnd(int pid, out int status)
    {
        fixed (int* p = &status) return Result(waitpid(pid, p, WNOHANG));
    }

    /// <summary>
    /// Has this thread's process get a signal when its parent, or the thread that started it, has ended. Exec keeps it, a change
    /// of user does not.
    /// </summary>
    public static int SignalAtParentsEnd(int signal) => Result(prctl(PR_SET_PDEATHSIG, (nuint)signal, 0, 0, 0));

    /// <summary>The process group in a terminal's foreground; a negated errno if it is not this session's terminal.</summary>
    public static int ForegroundGroup(int terminal) => Result(tcgetpgrp(terminal));

    /// <summary>Gives a terminal to a process group, also from the background.</summary>
    public static void SetForegroundGroup(int terminal, int group)
    {
        ulong* blocked = stackalloc ulong[SignalSetWords], before = stackalloc ulong[SignalSetWords];
        new Span<ulong>(blocked, SignalSetWords).Clear();
        blocked[0] = 1UL << (SIGTTOU - 1); // by default it would stop this process
        _ = pthread_sigmask(SIG_BLOCK, blocked, before);
        _ = tcsetpgrp(terminal, group);
        _ = pthread_sigmask(SIG_SETMASK, before, null);
    }

    /// <summary>
    /// environ(7): our environment, "name=value" each, ended by a null. .NET's own has strings instead, which do not keep all
    /// bytes, and what it sets is not in this one.
    /// </summary>
    public static byte** Variables => *(byte***)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "environ");

    /// <summary>Sets a variable of our environment, also for programs that we start. While there is no other thread.</summary>
    public static void SetVariable(string name, string value)
    {
        _ = setenv(name, value, 1);
        Environment.SetEnvironmentVariable(name, value);
    }

    /// <summary>The target of a symbolic link; null if it cannot be read.</summary>
    public static string? ReadLink(string path)
    {
        byte* buffer = stackalloc byte[256];
        nint n = readlink(path, buffer, 256);
        return n is > 0 and < 256 ? Encoding.UTF8.GetString(buffer, (int)n) : null;
    }

    /// <summary>statx(2) of what a path leads to.</summary>
    public static int StatTarget(string path, out statx_t status)
    {
        fixed (statx_t* p = &status) return Result(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, p));
    }

    public static int Mount(string source, string target, string type, ulong flags, string? data) =>
        Result(mount(source, target, type, flags, data));
}
