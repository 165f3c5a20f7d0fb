using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Descriptors 0, 1 and 2, which may be closed when a program is started. The next files opened would get these numbers, and what
/// is meant for stderr would be written into a pipe, or into the interface.
/// </summary>
internal static class StandardDescriptors
{
    private const int Last = 2;

    /// <summary>Opens /dev/null on those that are closed. Called before anything else is opened.</summary>
    public static void Open()
    {
        int fd;
        // open(2) takes the lowest number that is free.
        while ((fd = OpenNothing()) is >= 0 and <= Last)
            _ = Sys.SetCloseOnExec(fd, false);
        if (fd >= 0)
            Sys.Close(fd);
    }

    /// <summary>Where there is no /dev/null, the root folder serves as well: it is neither read nor written.</summary>
    private static int OpenNothing()
    {
        int fd = Sys.Open("/dev/null", O_RDWR);
        return fd >= 0 ? fd : Sys.Open("/", O_RDONLY);
    }
}
