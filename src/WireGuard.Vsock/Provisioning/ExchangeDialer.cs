using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// Connects to where a prover listens: each address of a name in turn, CID 3 by the transport to the host as well, and a guest
/// behind its Unix socket. On its loop's thread; it ends when its owner disposes of it, or with one of its two answers.
/// </summary>
internal sealed class ExchangeDialer : IDisposable
{
    /// <summary>How long one address is tried while there are others.</summary>
    private const int AddressMs = 3_000;

    /// <summary>The most addresses of a name that are tried.</summary>
    private const int MaxAddresses = 16;

    /// <summary>The parent of a Nitro enclave, as the enclave sees it.</summary>
    private const uint ParentCid = 3;

    /// <summary>Look-ups under way, in this process: getaddrinfo(3) cannot be stopped, so they outlast who wanted them.</summary>
    private static int s_lookups; // interlocked

    private readonly EventLoop _loop;
    private readonly TransportAddress _to;
    private readonly uint _mark;
    private readonly long _endMs;
    private readonly Action<int> _onConnected;
    private readonly Action<string> _onFailed;
    private readonly Deadline _nextAddress;
    private readonly Queue<EndpointAddress> _addresses = new();
    private NameResolver<ExchangeDialer>? _resolver;
    private ulong _resolverWatch;
    private EndpointAddress _address; // that is tried
    private GuestConnect _question;
    private int _fd = -1;
    private ulong _watch;
    private string _problem = "";
    private int _firstError; // to CID 3, before it is tried to the host

    /// <param name="loop">Whose thread it is.</param>
    /// <param name="to">Where.</param>
    /// <param name="mark">SO_MARK; 0 for none.</param>
    /// <param name="endMs">When its owner gives up: all addresses have their share of the time until then.</param>
    /// <param name="onConnected">Given the socket, which is its own from then on.</param>
    /// <param name="onFailed">Told why, in words, when nothing is left to be tried.</param>
    public ExchangeDialer(
        EventLoop loop, TransportAddress to, uint mark, long endMs, Action<int> onConnected, Action<string> onFailed)
    {
        (_loop, _to, _mark, _endMs, _onConnected, _onFailed) = (loop, to, mark, endMs, onConnected, onFailed);
        _nextAddress = new Deadline(() => Failed(Errno.ETIMEDOUT));
    }

    /// <summary>Whether its name is not resolved yet.</summary>
    public bool IsResolving => _resolver is not null;

    public void Begin()
    {
        if (_to.IsName)
        {
            Resolve();
            return;
        }

        if (_to.TryResolved(out EndpointAddress address))
            _addresses.Enqueue(address);
        Next();
    }

    public void Dispose()
    {
        _loop.Cancel(_nextAddress);
        EndResolving();
        CloseSocket();
    }

    private void Resolve()
    {
        if (Volatile.Read(ref s_lookups) >= NameResolver.MaxThreads)
        {
            _onFailed("its name cannot be resolved: earlier look-ups have not come back");
            return;
        }

        try
        {
            _resolver = new NameResolver<ExchangeDialer>(static dialer => LookUp(dialer._to));
            _resolverWatch = _loop.Watch(_resolver.Fd, EPOLLIN, _ => TakeAnswer());
            _resolver.Ask(this);
        }
        catch (LinuxException shortage)
        {
            EndResolving();
            _onFailed($"its name cannot be resolved: {shortage.Message}");
        }
    }

    /// <summary>On a thread of its own.</summary>
    private static NameAnswer LookUp(TransportAddress to)
    {
        Interlocked.Increment(ref s_lookups);
        NameAnswer answer = NameResolver.Resolve(to.Network, to.Host, (ushort)to.Port);
        Interlocked.Decrement(ref s_lookups);
        return answer;
    }

    private void TakeAnswer()
    {
        _resolver!.BeginTaking();
        if (!_resolver.TryTake(out _, out NameAnswer answer))
            return;
        EndResolving();
        for (int i = 0; i < Math.Min(answer.Addresses.Count, MaxAddresses); i++)
            _addresses.Enqueue(answer.Addresses[i]);
        _problem = $"its name cannot be resolved: {answer.Error}";
        Next();
    }

    private void EndResolving()
    {
        if (_resolver is null)
            return;
        _loop.Unwatch(_resolverWatch, _resolver.Fd);
        _resolver.Dispose();
        _resolver = null;
    }

    private void Next()
    {
        while (_addresses.TryDequeue(out _address))
        {
            int error = Connect();
            if (error == 0)
                return;
            Note(error);
        }

        _onFailed(_problem);
    }

    /// <summary>Begins with an address.</summary>
    /// <returns>0, or an errno.</returns>
    private int Connect()
    {
        _fd = StreamSocket.Connect(_address, _mark);
        if (_fd < 0)
            return -_fd;
        _question = default;
        int watched = _loop.TryWatch(_fd, _address.IsUnix ? EPOLLIN : EPOLLOUT, _ => OnReady(), out _watch);
        if (watched < 0)
        {
            CloseSocket();
            return -watched;
        }

        // The last one has all that is left.
        if (_addresses.Count != 0)
            _loop.Schedule(_nextAddress, _loop.NowMs + Math.Min(AddressMs, (_endMs - _loop.NowMs) / (_addresses.Count + 1)));
        return 0;
    }

    private void OnReady()
    {
        GuestConnectStatus answer = _address.IsUnix ? _question.Read(_fd) : GuestConnectStatus.Connected;
        if (answer == GuestConnectStatus.Pending)
            return;
        int error = _address.IsUnix ? GuestConnect.ErrnoOf(answer) : StreamSocket.ConnectError(_fd);
        if (error != 0)
        {
            Failed(error);
            return;
        }

        _loop.Cancel(_nextAddress);
        _loop.Unwatch(_watch, _fd);
        int fd = _fd;
        _fd = -1;
        _onConnected(fd);
    }

    private void Failed(int error)
    {
        _loop.Cancel(_nextAddress);
        CloseSocket();
        Note(error);
        Next();
    }

    /// <summary>What an address that failed means for those that follow, and for what is said in the end.</summary>
    private void Note(int error)
    {
        bool isParent = _address is { IsVsock: true, IsToHost: false, Cid: ParentCid };
        if (isParent && error is Errno.ENODEV or Errno.ECONNRESET)
        {
            // The kernel takes the CID for a guest's where it has the transports of both.
            _firstError = error;
            _addresses.Enqueue(_address.ToHost());
            return;
        }

        // That there is no transport to a host explains nothing.
        if (_firstError != 0 && error is Errno.ENODEV or Errno.EINVAL)
            error = _firstError;
        _problem = StreamSocket.ConnectProblem(_address, error);
    }

    private void CloseSocket()
    {
        if (_fd < 0)
            return;
        _loop.Unwatch(_watch, _fd);
        Sys.Close(_fd);
        _fd = -1;
    }
}
