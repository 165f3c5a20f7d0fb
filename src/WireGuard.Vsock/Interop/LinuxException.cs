namespace WireGuard.Vsock.Interop;

/// <summary>A system call that failed where it must not: the call's name, its errno and the system's text for it.</summary>
internal sealed class LinuxException(string call, int errno) : Exception($"{call}: {Interop.Errno.Text(errno)}")
{
    public string Call { get; } = call;

    /// <summary>The errno, positive.</summary>
    public int Errno { get; } = errno;
}
