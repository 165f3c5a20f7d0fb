using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>A file descriptor with an owner: closed once, when disposed.</summary>
internal sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor(int fd)
        : base(-1, ownsHandle: true) => SetHandle(fd);

    public int Fd => (int)handle;

    public override bool IsInvalid => handle < 0;

    protected override bool ReleaseHandle()
    {
        Sys.Close((int)handle);
        return true;
    }
}
