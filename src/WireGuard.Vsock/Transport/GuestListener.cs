using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// The listening socket at PATH_PORT, by which the guest behind the Unix socket PATH calls. While it cannot be had, and when its
/// file was removed, it is tried again each second. Control only.
/// </summary>
/// <param name="acceptor">Accepts what comes in there, and closes it in the end.</param>
/// <param name="path">PATH.</param>
/// <param name="log">Is told once of each problem.</param>
internal sealed class GuestListener(Acceptor acceptor, string path, ILogger log)
{
    /// <summary>
    /// How many looks leave alone a socket that another program was found to listen on: each probe is a connection to it.
    /// </summary>
    private const int LooksBetweenProbes = 10;

    private UnixListener? _listener; // null while it cannot be had, or none is to be
    private int _ownerError; // why its file could not be given to PATH's owner; 0 if it was
    private statx_t _taken; // the socket of another program, while _looksToProbe is not 0
    private int _looksToProbe;

    public bool IsOpen => _listener is not null;

    /// <summary>Why it cannot be had; null if nothing is wrong.</summary>
    public string? Problem { get; private set; }

    /// <summary>Listens, unless it does.</summary>
    /// <returns>0, or the errno that keeps it from that, which is not logged.</returns>
    public int TryOpen(uint port)
    {
        if (_listener is not null)
            return 0;
        try
        {
            UnixListener listener = StreamSocket.ListenUnix(path, port);
            acceptor.Add(listener, EndpointAddress.Unix(path, port: 0));
            (_listener, Problem) = (listener, null);
            Log.ListeningForGuest(log, listener.Path);
            return 0;
        }
        catch (LinuxException refused)
        {
            return refused.Errno;
        }
    }

    /// <summary>Called once a second: listens where it could not before.</summary>
    public void Look(uint port)
    {
        string at = UnixAddress.ListeningPath(path, port);
        if (_listener is { IsInPlace: false })
        {
            Log.GuestListenerGone(log, at);
            Close();
        }

        if (Sys.Stat(path, out statx_t monitors) >= 0 && (monitors.stx_mode & S_IFMT) == S_IFLNK)
        {
            Close();
            Note(at, $"{path} is a symbolic link, and what it leads to is where the guest calls: name the socket itself "
                + "(its folder may be a link)");
            return;
        }

        if (_listener is null && !IsTaken(at))
            Open(at, port);
        if (_listener is { } listener)
            FollowOwner(listener);
    }

    public void Close()
    {
        if (_listener is null)
            return;
        acceptor.Remove(_listener);
        (_listener, Problem, _ownerError, _looksToProbe) = (null, null, 0, 0);
    }

    private void Open(string at, uint port)
    {
        int error = TryOpen(port);
        if (error == 0)
            return;
        if (error == Errno.EADDRINUSE && Sys.Stat(at, out _taken) >= 0)
            _looksToProbe = LooksBetweenProbes;
        Note(at, UnixListener.Problem(error));
    }

    /// <summary>Whether the socket there is the one that another program listened on a short while ago.</summary>
    private bool IsTaken(string at) =>
        _looksToProbe > 0 && --_looksToProbe > 0 && Sys.Stat(at, out statx_t now) >= 0 && now.IsSameFileAs(_taken)
        && now.stx_ctime_sec == _taken.stx_ctime_sec && now.stx_ctime_nsec == _taken.stx_ctime_nsec;

    private void Note(string at, string reason)
    {
        string problem = $"cannot listen at {at}: {reason}";
        if (Problem != problem)
            Log.GuestListenFailed(log, at, reason);
        Problem = problem;
    }

    /// <summary>The monitor's socket may have come later than ours, or have another owner than the one before.</summary>
    private void FollowOwner(UnixListener listener)
    {
        int result = listener.FollowOwner(path);
        if (result < 0 && result != _ownerError)
            Log.GuestOwnerFailed(log, listener.Path, path, Errno.Text(-result));
        _ownerError = result;
    }
}
