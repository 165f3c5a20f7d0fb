using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>Small files, read and written whole. Results are errnos as everywhere in <see cref="Sys"/>.</summary>
internal static unsafe partial class Sys
{
    private const int LargestFile = 1 << 20;

    /// <summary>Takes an exclusive lock on an open file (flock(2)), which the kernel releases when the file is closed.</summary>
    /// <returns>0, or a negated errno: -EAGAIN if another has it.</returns>
    public static int TryLock(int fd)
    {
        int n;
        do n = Result(flock(fd, LOCK_EX | LOCK_NB)); while (n == -Errno.EINTR);
        return n;
    }

    public static int Rename(string from, string to) => Result(rename(from, to));

    /// <summary>Gives an open file to a user and a group, of which <see cref="uint.MaxValue"/> leaves it as it is.</summary>
    public static int ChangeOwner(int fd, uint owner, uint group) => Result(fchownat(fd, "", owner, group, AT_EMPTY_PATH));

    public static int RemoveDirectory(string path) => Result(rmdir(path));

    /// <summary>Reads a file of up to a megabyte.</summary>
    /// <returns>0, or a negated errno: -EFBIG for a larger one.</returns>
    public static int ReadFile(string path, out byte[] content)
    {
        content = [];
        int fd = Open(path, O_RDONLY);
        if (fd < 0)
            return fd;
        using FileDescriptor file = new(fd);
        byte[] buffer = new byte[4096];
        int length = 0;
        while (true)
        {
            int n = Read(fd, buffer.AsSpan(length));
            if (n < 0)
                return n;
            if (n == 0)
                break;
            length += n;
            if (length > LargestFile)
                return -Errno.EFBIG;
            if (length == buffer.Length)
                Array.Resize(ref buffer, 2 * length);
        }

        content = buffer[..length];
        return 0;
    }

    /// <summary>
    /// Replaces what is in a file, in place: it stays the same file, as a bind mount needs. A missing one is made.
    /// </summary>
    /// <param name="path">In UTF-8.</param>
    /// <param name="content">All that is in it then.</param>
    /// <param name="mode">Of a file that is made.</param>
    /// <returns>0, or a negated errno.</returns>
    public static int WriteFile(string path, ReadOnlySpan<byte> content, uint mode)
    {
        int fd = Open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
        if (fd < 0)
            return fd;
        using FileDescriptor file = new(fd);
        while (!content.IsEmpty)
        {
            int n = Write(fd, content);
            if (n < 0)
                return n;
            content = content[n..];
        }

        return 0;
    }
}
