using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// The C library, one partial file a header, under its native names; called through <see cref="Sys"/>, which handles errno.
/// This file: unistd.h and sys/uio.h.
/// </summary>
internal static unsafe partial class Libc
{
    private const string LibraryName = "libc";

    [StructLayout(LayoutKind.Sequential)]
    public struct iovec
    {
        public void* iov_base;
        public nuint iov_len;
    }

    [LibraryImport(LibraryName)]
    public static partial nint read(int fd, void* buffer, nuint count);

    [LibraryImport(LibraryName)]
    public static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport(LibraryName)]
    public static partial nint writev(int fd, iovec* pieces, int count);

    public const int SEEK_CUR = 1; // include/uapi/linux/fs.h

    [LibraryImport(LibraryName)]
    public static partial long lseek(int fd, long offset, int whence);

    [LibraryImport(LibraryName)]
    public static partial int close(int fd);

    [LibraryImport(LibraryName)]
    public static partial int dup2(int fd, int newFd);

    [LibraryImport(LibraryName)]
    public static partial int pipe2(int* ends, int flags);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlink(string path);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int fchownat(int directory, string path, uint owner, uint group, int flags);

    public const uint CLOSE_RANGE_CLOEXEC = 4; // include/uapi/linux/close_range.h

    [LibraryImport(LibraryName)]
    public static partial int close_range(uint first, uint last, uint flags);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int chdir(string path);

    [LibraryImport(LibraryName)]
    public static partial int setsid();

    [LibraryImport(LibraryName)]
    public static partial uint geteuid();

    [LibraryImport(LibraryName)]
    public static partial uint getegid();

    [LibraryImport(LibraryName)]
    public static partial int getppid();

    [LibraryImport(LibraryName)]
    public static partial int getpgrp();

    [LibraryImport(LibraryName)]
    public static partial int getsid(int pid);

    [LibraryImport(LibraryName)]
    public static partial int tcgetpgrp(int fd);

    [LibraryImport(LibraryName)]
    public static partial int tcsetpgrp(int fd, int group);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint readlink(string path, byte* buffer, nuint size);

    [LibraryImport(LibraryName)]
    public static partial void sync();

    /// <summary>stdlib.h.</summary>
    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int setenv(string name, string value, int overwrites);

    [LibraryImport(LibraryName)]
    public static partial int isatty(int fd);

    [LibraryImport(LibraryName)]
    public static partial nint syscall(nint number, nuint argument1, nuint argument2, nuint argument3, nuint argument4);
}
