using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

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

    /// <summary>Has those from the first on lead to /dev/null from now on.</summary>
    public static void LeadNowhere(int first, int last)
    {
        int nothing = OpenNothing();
        for (int fd = first; fd <= last; fd++)
            _ = Sys.Duplicate(nothing, fd);
        Sys.Close(nothing);
    }

    /// <summary>
    /// Opens /dev/null, or, where there is none, as in a root folder of few files, that folder: it is neither read nor written.
    /// </summary>
    /// <returns>A descriptor that is close-on-exec, or a negated errno.</returns>
    public static int OpenNothing()
    {
        int fd = Sys.Open("/dev/null", O_RDWR);
        return fd >= 0 ? fd : Sys.Open("/", O_RDONLY);
    }
}
