using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Where a rule carries messages to: its address, what a name in it resolves to, and when it may be dialled again after failures.
/// Control says what the name resolves to; lanes say how dialling went. Guarded by its lock, which is taken when something is
/// dialled, never for a message of a link that stands.
/// </summary>
internal sealed class Target
{
    public const int FirstDelayMs = 250;
    public const int LongestDelayMs = 2_000;

    private const int ReportMs = 60_000;

    private readonly Lock _gate = new();
    private EndpointAddress[] _addresses = []; // in the order in which they are to be tried
    private int _next; // of them
    private bool _hasAnswered; // that one
    private int _delayMs;
    private long _notBeforeMs;
    private bool _hasFailed;
    private bool _isReported;
    private long _reportedMs;

    public Target(TransportAddress address)
    {
        Address = address;
        if (address.TryResolved(out EndpointAddress endpoint))
            _addresses = [endpoint];
    }

    public TransportAddress Address { get; }

    /// <summary>What it is to be reached at; an empty list changes nothing.</summary>
    /// <returns>Whether that is another than before.</returns>
    public bool Resolved(EndpointAddress[] addresses)
    {
        lock (_gate)
        {
            if (addresses.Length == 0 || addresses.AsSpan().SequenceEqual(_addresses))
                return false;
            (_addresses, _next, _hasAnswered, _delayMs, _notBeforeMs) = (addresses, 0, false, 0, 0);
            return true;
        }
    }

    /// <summary>Whether it has failed since this was last asked.</summary>
    public bool TakeFailed()
    {
        lock (_gate)
        {
            bool hasFailed = _hasFailed;
            _hasFailed = false;
            return hasFailed;
        }
    }

    /// <summary>Gives the address to dial, unless its name is not resolved or it failed a moment ago.</summary>
    public bool TryTake(long nowMs, out EndpointAddress address)
    {
        lock (_gate)
        {
            bool isReady = _addresses.Length != 0 && nowMs >= _notBeforeMs;
            address = isReady ? _addresses[_next] : default;
            return isReady;
        }
    }

    /// <summary>Connecting there failed: the next address of its name is dialled, after a while.</summary>
    public void ConnectFailed(EndpointAddress address, long nowMs)
    {
        lock (_gate)
        {
            _hasFailed = true;
            Leave(address);
            // Of several that fail at once, the first one counts.
            if (nowMs >= _notBeforeMs)
            {
                _delayMs = Math.Clamp(_delayMs * 2, FirstDelayMs, LongestDelayMs);
                _notBeforeMs = nowMs + _delayMs;
            }
        }
    }

    /// <summary>
    /// Nothing comes back from there: its name may have another address by now. No other link is kept waiting for that: what an
    /// unauthenticated source sends has no answer, either.
    /// </summary>
    /// <param name="hadAnswered">Whether something came back on that link before.</param>
    public void FellSilent(EndpointAddress address, bool hadAnswered)
    {
        lock (_gate)
        {
            _hasFailed = true;
            if (hadAnswered || !_hasAnswered)
                Leave(address);
        }
    }

    /// <summary>Whether to say that it cannot be reached: when that begins, and once a minute.</summary>
    public bool MustReport(long nowMs)
    {
        lock (_gate)
        {
            if (_isReported && nowMs - _reportedMs < ReportMs)
                return false;
            (_isReported, _reportedMs) = (true, nowMs);
            return true;
        }
    }

    /// <summary>Something has come from there.</summary>
    /// <returns>Whether that is to be said, since the opposite was.</returns>
    public bool Answered(EndpointAddress address)
    {
        lock (_gate)
        {
            bool wasReported = _isReported;
            _isReported = false;
            (_delayMs, _notBeforeMs) = (0, 0);
            _hasAnswered |= _addresses.Length != 0 && _addresses[_next] == address;
            return wasReported;
        }
    }

    /// <summary>The lock is held.</summary>
    private void Leave(EndpointAddress address)
    {
        if (_addresses.Length == 0 || _addresses[_next] != address)
            return;
        _next = (_next + 1) % _addresses.Length;
        _hasAnswered = false;
    }
}
