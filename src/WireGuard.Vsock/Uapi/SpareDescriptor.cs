using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// A descriptor held in reserve: closing it frees one for the control socket when descriptors are short. Control only.
/// </summary>
internal sealed class SpareDescriptor : IDisposable
{
    private int _fd = Sys.EventFd();

    /// <returns>Whether a descriptor was freed.</returns>
    public bool TryRelease()
    {
        if (_fd < 0)
            return false;
        Sys.Close(_fd);
        _fd = -1;
        return true;
    }

    /// <summary>Called when a descriptor was closed: takes it, if there is no spare one.</summary>
    public void Refill()
    {
        if (_fd < 0)
            _fd = Sys.EventFd();
    }

    public void Dispose() => TryRelease();
}
