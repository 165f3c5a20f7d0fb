using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>signal.h (include/uapi/asm-generic/signal.h).</summary>
internal static partial class Libc
{
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGQUIT = 3;
    public const int SIGUSR1 = 10;
    public const int SIGUSR2 = 12;
    public const int SIGPIPE = 13;
    public const int SIGALRM = 14;
    public const int SIGTERM = 15;
    public const int SIGSTKFLT = 16;
    public const int SIGXCPU = 24;
    public const int SIGXFSZ = 25;
    public const int SIGVTALRM = 26;
    public const int SIGPROF = 27;
    public const int SIGIO = 29;
    public const int SIGPWR = 30;
    public const nint SIG_DFL = 0;
    public const nint SIG_IGN = 1;

    [LibraryImport(LibraryName)]
    public static partial nint signal(int number, nint handler);
}
