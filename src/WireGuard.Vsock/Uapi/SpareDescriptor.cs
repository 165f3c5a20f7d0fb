using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// A descriptor that is good for nothing but to be closed: then there is one for whoever must have one. Control only.
/// </summary>
internal sealed class SpareDescriptor : IDisposable
{
    private int _fd = Sys.EventFd();

    /// <returns>Whether there is a descriptor free now that was not before.</returns>
    public bool TryRelease()
    {
        if (_fd < 0)
            return false;
        Sys.Close(_fd);
        _fd = -1;
        return true;
    }

    /// <summary>A descriptor was closed: it is the spare one, if there is none.</summary>
    public void Refill()
    {
        if (_fd < 0)
            _fd = Sys.EventFd();
    }

    public void Dispose() => TryRelease();
}
