using System.Globalization;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The listening port. One that another program has when the link comes up is tried again each second: that program may be about
/// to end. Peers are dialled meanwhile over streams; over UDP a socket on another port is not what was asked for, so nothing is
/// sent.
/// </summary>
internal sealed partial class Configurator
{
    /// <summary>How often a port that could not be had is tried again.</summary>
    private const int ListenAgainMs = 1_000;

    private const ushort FirstFreePort = 1024;

    private readonly Deadline _listenAgain;
    private string? _listenError;

    /// <summary>The link is up: listens on the port that was asked for.</summary>
    public void Listen()
    {
        if (Open(_device.ListenPort) is not { } refused)
            return;
        Log.ListenFailed(_log, _device.ListenPort, refused.Message + MendOf(refused, _device.ListenPort));
        _listenError = refused.Errno == Errno.EADDRINUSE
            ? string.Create(CultureInfo.InvariantCulture, $"listening port {_device.ListenPort} is taken")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"cannot listen on port {_device.ListenPort}: {Errno.Text(refused.Errno)}{MendOf(refused, _device.ListenPort)}");
        _loop.Schedule(_listenAgain, _loop.NowMs + ListenAgainMs);
    }

    /// <summary>
    /// Listens on another port, at once if the link is up, else when it comes up. An ephemeral port that was bound stays the
    /// device's, as in wireguard-go: it is the same after the link was down.
    /// </summary>
    /// <param name="port">0 for an ephemeral one.</param>
    /// <returns>0, or the errno, positive; then nothing has changed.</returns>
    public int TryListen(ushort port)
    {
        if (!_device.IsUp)
        {
            _device.ListenPort = port;
            return 0;
        }

        if (Open(port) is not { } refused)
            return 0;
        Log.ListenFailed(_log, port, refused.Message + MendOf(refused, port));
        return refused.Errno;
    }

    private string MendOf(LinuxException refused, ushort port) =>
        refused.Errno == Errno.EACCES && port is > 0 and < FirstFreePort && Sandbox is { IsOn: true }
            ? "; a sandboxed daemon keeps ports below 1024 only if it had one at its start: start it anew, or with --sandbox=off"
            : "";

    private void ListenAgain()
    {
        if (_device.IsUp && _network.Port == 0 && Open(_device.ListenPort) is not null)
            _loop.Schedule(_listenAgain, _loop.NowMs + ListenAgainMs);
    }

    /// <returns>Why the port cannot be had; null if it is had.</returns>
    private LinuxException? Open(ushort port)
    {
        bool wasOpen = _network.IsOpen;
        LinuxException? refused = null;
        try
        {
            _network.Open(port);
            _device.ListenPort = _network.Port;
            Log.Listening(_log, _network.Port);
        }
        catch (LinuxException e)
        {
            refused = e;
        }

        if (!wasOpen && _network.IsOpen)
            StartPeers();
        return refused;
    }

    /// <summary>The network has opened: sends what waited for it.</summary>
    private void StartPeers()
    {
        foreach (Peer peer in _device.Peers.Values)
            Start(peer);
    }

    /// <summary>The peer can be sent to from now on.</summary>
    private void Start(Peer peer)
    {
        if (peer.IsHandshakeWanted || peer.PersistentKeepaliveMs > 0)
            _sessions.SendKeepalive(peer);
        else
            _sessions.SendStaged(peer);
        _sessions.Schedule(peer);
    }
}
