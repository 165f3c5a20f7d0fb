using System.Runtime.InteropServices;

namespace WireGuard.Daemon.Interop;

/// <summary>signal.h (include/uapi/asm-generic/signal.h).</summary>
internal static partial class Libc
{
    public const int SIGINT = 2;
    public const int SIGPIPE = 13;
    public const nint SIG_DFL = 0;
    public const nint SIG_IGN = 1;

    [LibraryImport(LibraryName)]
    public static partial nint signal(int number, nint handler);
}
