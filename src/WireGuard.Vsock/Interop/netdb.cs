using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>netdb.h and arpa/inet.h of glibc.</summary>
internal static unsafe partial class Libc
{
    public const int AI_PASSIVE = 0x1;
    public const int AI_NUMERICHOST = 0x4;
    public const int AI_NUMERICSERV = 0x400;

    public const int EAI_NONAME = -2;
    public const int EAI_AGAIN = -3;
    public const int EAI_FAIL = -4;
    public const int EAI_NODATA = -5;
    public const int EAI_SERVICE = -8;
    public const int EAI_SYSTEM = -11;

    [StructLayout(LayoutKind.Sequential)]
    public struct addrinfo
    {
        public int ai_flags;
        public int ai_family;
        public int ai_socktype;
        public int ai_protocol;
        public uint ai_addrlen;
        public byte* ai_addr;
        public byte* ai_canonname;
        public addrinfo* ai_next;
    }

    [LibraryImport(LibraryName, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getaddrinfo(string? node, string? service, addrinfo* hints, addrinfo** result);

    [LibraryImport(LibraryName)]
    public static partial void freeaddrinfo(addrinfo* result);

    [LibraryImport(LibraryName)]
    public static partial byte* gai_strerror(int code);

    [LibraryImport(LibraryName)]
    public static partial byte* inet_ntop(int family, void* address, byte* text, uint size);
}
