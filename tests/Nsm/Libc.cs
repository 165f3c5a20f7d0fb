using System.Runtime.InteropServices;

namespace WireGuard.Nsm;

/// <summary>What a vhost-user device needs of libc: sys/socket.h, sys/mman.h, poll.h, unistd.h; of Linux with 64 bits.</summary>
internal static unsafe partial class Libc
{
    public const int SOL_SOCKET = 1;
    public const int SCM_RIGHTS = 1;
    public const int MSG_WAITALL = 0x100;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;

    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int MAP_SHARED = 1;

    public const short POLLIN = 1;

    [StructLayout(LayoutKind.Sequential)]
    public struct Iovec
    {
        public void* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Msghdr
    {
        public void* Name;
        public uint NameLength;
        public Iovec* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>Head of a control message, which its data follow.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Cmsghdr
    {
        public nuint Length;
        public int Level;
        public int Type;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Pollfd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "recvmsg")]
    public static partial nint ReceiveMessage(int fd, Msghdr* message, int flags);

    [LibraryImport("libc", EntryPoint = "mmap")]
    public static partial nint Map(void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    public static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "poll")]
    public static partial int Poll(Pollfd* fds, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "read")]
    public static partial nint Read(int fd, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "write")]
    public static partial nint Write(int fd, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int fd);
}
