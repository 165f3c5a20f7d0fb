using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>signal.h (include/uapi/asm-generic/signal.h).</summary>
internal static unsafe partial class Libc
{
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGQUIT = 3;
    public const int SIGKILL = 9;
    public const int SIGUSR1 = 10;
    public const int SIGUSR2 = 12;
    public const int SIGPIPE = 13;
    public const int SIGALRM = 14;
    public const int SIGTERM = 15;
    public const int SIGSTKFLT = 16;
    public const int SIGCHLD = 17;
    public const int SIGCONT = 18;
    public const int SIGSTOP = 19;
    public const int SIGTSTP = 20;
    public const int SIGTTIN = 21;
    public const int SIGTTOU = 22;
    public const int SIGXCPU = 24;
    public const int SIGXFSZ = 25;
    public const int SIGVTALRM = 26;
    public const int SIGPROF = 27;
    public const int SIGWINCH = 28;
    public const int SIGIO = 29;
    public const int SIGPWR = 30;

    /// <summary>
    /// The first and last real-time signal. glibc keeps 32 and 33 for itself; .NET interrupts threads with its SIGRTMIN, 34.
    /// </summary>
    public const int FirstRealTime = 35, LastRealTime = 64;

    public const nint SIG_DFL = 0;
    public const nint SIG_IGN = 1;

    [LibraryImport(LibraryName)]
    public static partial nint signal(int number, nint handler);

    /// <summary>glibc's sigset_t: 128 bytes, one bit a signal from 1 on.</summary>
    public const int SignalSetWords = 16;

    /// <summary>glibc's struct sigaction takes 152 bytes; its first field is the handler.</summary>
    public const int SignalActionSize = 256;

    public const int SIG_BLOCK = 0;
    public const int SIG_SETMASK = 2;

    [LibraryImport(LibraryName)]
    public static partial int sigaction(int number, void* action, void* before);

    [LibraryImport(LibraryName)]
    public static partial int pthread_sigmask(int how, ulong* signals, ulong* before);

    [LibraryImport(LibraryName)]
    public static partial int kill(int pid, int number);

    [LibraryImport(LibraryName)]
    public static partial int raise(int number);
}
