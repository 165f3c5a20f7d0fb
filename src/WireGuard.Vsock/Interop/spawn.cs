using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// spawn.h and sys/wait.h. These functions give an errno as their result and leave errno alone. The two object types are opaque:
/// glibc's take 80 and 336 bytes, and callers give <see cref="SpawnObjectSize"/>.
/// </summary>
internal static unsafe partial class Libc
{
    public const int SpawnObjectSize = 512;

    public const short POSIX_SPAWN_SETPGROUP = 0x02;
    public const short POSIX_SPAWN_SETSIGDEF = 0x04;
    public const short POSIX_SPAWN_SETSIGMASK = 0x08;
    public const short POSIX_SPAWN_SETSID = 0x80;

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn(int* pid, string path, void* fileActions, void* attributes, byte** argv, byte** envp);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_init(void* fileActions);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_destroy(void* fileActions);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_adddup2(void* fileActions, int fd, int newFd);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_addclose(void* fileActions, int fd);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_setpgroup(void* attributes, int group);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_setsigdefault(void* attributes, ulong* signals);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_setsigmask(void* attributes, ulong* signals);

    // include/uapi/linux/wait.h
    public const int WNOHANG = 1;
    public const int WUNTRACED = 2;
    public const int WSTOPPED = WUNTRACED;
    public const int WEXITED = 4;
    public const int WNOWAIT = 0x01000000;
    public const int P_ALL = 0;

    /// <summary>siginfo_t: 128 bytes; the process that it is about (include/uapi/asm-generic/siginfo.h).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    public struct siginfo_t
    {
        [FieldOffset(16)] public int si_pid;
    }

    [LibraryImport(LibraryName)]
    public static partial int waitid(int idType, uint id, siginfo_t* info, int options);

    [LibraryImport(LibraryName)]
    public static partial int waitpid(int pid, int* status, int options);
}
