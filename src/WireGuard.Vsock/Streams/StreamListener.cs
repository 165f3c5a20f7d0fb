using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Streams;

/// <summary>The listening sockets of a stream network: VSOCK's one, or TCP's for each address family. Control only.</summary>
internal sealed class StreamListener
{
    // What wg(8) can show: a 16-bit port; and those below 1024 are for well-known services.
    private const int FirstEphemeralPort = 1024;
    private const int LastEphemeralPort = 65_535;
    private const int PortAttempts = 100;

    private readonly Acceptor _acceptor;

    /// <param name="loop">The control loop.</param>
    /// <param name="onAccepted">Is given each connection and its far end.</param>
    /// <param name="onShortage">Called when there is no descriptor for one more; says whether some were given up for it.</param>
    public StreamListener(EventLoop loop, Action<int, EndpointAddress> onAccepted, Func<bool> onShortage) =>
        _acceptor = new Acceptor(loop, onAccepted, onShortage);

    /// <summary>The port all are bound to; 0 while closed.</summary>
    public ushort Port { get; private set; }

    public bool IsOpen => _acceptor.IsOpen;

    /// <summary>Listens on a port, and no longer on the one before. If the new one cannot be had, nothing changes.</summary>
    /// <exception cref="LinuxException">The port is taken, or the system has no room for one more watch.</exception>
    public void Open(NetworkKind kind, ushort port, uint mark)
    {
        if (IsOpen && port == Port)
            return;
        List<int> opened = port == 0 ? OpenEphemeral(kind, mark) : OpenAll(kind, port, mark);
        _acceptor.Replace(opened);
        Port = (ushort)StreamSocket.LocalPort(opened[0]);
    }

    public void Close()
    {
        _acceptor.Close();
        Port = 0;
    }

    public void SetMark(uint mark) => _acceptor.SetMark(mark);

    private static List<int> OpenEphemeral(NetworkKind kind, uint mark)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return OpenAll(kind, (ushort)Random.Shared.Next(FirstEphemeralPort, LastEphemeralPort + 1), mark);
            }
            catch (LinuxException taken) when (taken.Errno == Errno.EADDRINUSE && attempt < PortAttempts)
            {
                // Another will be free.
            }
        }
    }

    private static List<int> OpenAll(NetworkKind kind, ushort port, uint mark)
    {
        var opened = new List<int>();
        try
        {
            if (kind == NetworkKind.Vsock)
                opened.Add(StreamSocket.Listen(EndpointAddress.Vsock(VMADDR_CID_ANY, port), mark));
            if (kind is NetworkKind.Tcp or NetworkKind.Tcp4)
                opened.Add(StreamSocket.Listen(EndpointAddress.Any(isIPv6: false, port), mark));
            if (kind is NetworkKind.Tcp or NetworkKind.Tcp6)
                OpenIPv6(opened, port, mark, isOptional: kind == NetworkKind.Tcp);
            return opened;
        }
        catch
        {
            opened.ForEach(Sys.Close);
            throw;
        }
    }

    private static void OpenIPv6(List<int> opened, ushort port, uint mark, bool isOptional)
    {
        try
        {
            opened.Add(StreamSocket.Listen(EndpointAddress.Any(isIPv6: true, port), mark));
        }
        catch (LinuxException missing) when (isOptional && missing.Errno is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
            // A kernel without IPv6 still has IPv4.
        }
    }
}
