namespace WireGuard.Vsock.Uapi;

/// <summary>What is wrong with a line: Linux's number, and words for the log that repeat no value.</summary>
internal readonly record struct UapiError(int Errno, string Message)
{
    /// <summary>A key that there is not, or a value it cannot have (asm-generic/errno-base.h).</summary>
    internal const int EINVAL = 22;

    /// <summary>More peers or allowed IPs than there may be (asm-generic/errno-base.h).</summary>
    internal const int ENOSPC = 28;

    /// <summary>A line that is not key=value (asm-generic/errno.h).</summary>
    internal const int EPROTO = 71;

    /// <summary>A line past its bound (asm-generic/errno.h).</summary>
    internal const int EMSGSIZE = 90;
}
