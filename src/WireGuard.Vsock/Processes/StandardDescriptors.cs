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
    /// Opens once more, to be written alone, what a descriptor leads to that can also be read: who has a terminal so reads what
    /// is typed there.
    /// </summary>
    /// <returns>
    /// A descriptor that is close-on-exec; negative where the one that there is does: it cannot be read, or is a socket.
    /// </returns>
    public static int OpenForWriting(int fd)
    {
        int flags = Sys.OpenFlags(fd);
        if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
            return -Errno.EBADF;
        // To append, since it has a place of its own in a file; and not to wait for a serial line, or for who reads a pipe.
        int opened = (flags & O_ACCMODE) == O_RDWR
            ? Sys.Open($"/proc/self/fd/{fd}", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY)
            : -Errno.EACCES;
        if (opened < 0)
            return Sys.IsTerminal(fd) ? OpenNothing() : opened;
        _ = Sys.SetOpenFlags(opened, O_APPEND | (flags & O_NONBLOCK));
        return opened;
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
