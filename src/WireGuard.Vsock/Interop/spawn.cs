using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// spawn.h and sys/wait.h. These functions give an errno as their result and leave errno alone. The two object types are opaque:
/// glibc's take 80 and 336 bytes, and callers give <see cref="SpawnObjectSize"/>.
/// </summary>
internal static unsafe partial class Libc
{
    public const int SpawnObjectSize = 512;

    public const short POSIX_SPAWN_SETSID = 0x80;

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn(int* pid, string path, void* fileActions, void* attributes, byte** argv, byte** envp);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_init(void* fileActions);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawn_file_actions_destroy(void* fileActions);

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int posix_spawn_file_actions_addopen(void* fileActions, int fd, string path, int flags, uint mode);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_init(void* attributes);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_destroy(void* attributes);

    [LibraryImport(LibraryName)]
    public static partial int posix_spawnattr_setflags(void* attributes, short flags);

    [LibraryImport(LibraryName)]
    public static partial int waitpid(int pid, int* status, int options);
}
