using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests;

/// <summary>Lowers how many descriptors this process may have, until it is disposed of. Only for tests that run alone.</summary>
internal sealed unsafe class DescriptorLimit : IDisposable
{
    private readonly rlimit _before;

    private DescriptorLimit(nuint limit)
    {
        rlimit before;
        Sys.Check(getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
        _before = before;
        before.rlim_cur = limit;
        Sys.Check(setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
    }

    /// <summary>No descriptor can be had but one that is closed meanwhile.</summary>
    public static DescriptorLimit None()
    {
        // The lowest free one is the one that would be given next.
        int next = Sys.Check(Sys.EventFd(), "eventfd");
        Sys.Close(next);
        return new DescriptorLimit((nuint)next);
    }

    public void Dispose()
    {
        rlimit before = _before;
        Sys.Check(setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
    }
}
