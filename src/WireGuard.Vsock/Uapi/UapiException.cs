namespace WireGuard.Vsock.Uapi;

/// <summary>An interface's daemon cannot be spoken to, or refuses.</summary>
internal sealed class UapiException(string name, int errno, string reason) : SetupException($"{name}: {reason}")
{
    public UapiException(string name, int errno)
        : this(name, errno, Interop.Errno.Text(errno))
    {
    }

    /// <summary>Linux's number, positive.</summary>
    public int Errno { get; } = errno;

    /// <summary>The message without the interface's name: strerror(3), or more where that would not say enough.</summary>
    public string Reason { get; } = reason;
}
