using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>
/// The endpoint of one peer by name: when the name is resolved, and which of its addresses is tried. A pure state machine: events
/// and the time go in, and addresses to use come out. It knows no resolver, and no clock.
/// <code>
/// new -------------------------------------------------------> due
/// due        --AskAtMs: asked--------------------------------> under way
/// under way  --not resolved----------------------------------> due in 1 s, then 2, 4 ... 60 s
///            --resolved, and the peer was not reached--------> known; its first address is used, but not the one that has failed
///            --resolved, and the peer was reached meanwhile--> known; nothing changes
/// known      --the peer is not reached, an address is left---> known; that address is used
///            --the peer is not reached, none is left---------> due, but not within 1 s of the last question, then 2, 4 ... 60 s
/// any        --the peer is reached---------------------------> the delay begins anew
/// </code>
/// Control only.
/// </summary>
internal sealed class PeerName
{
    /// <summary>The time of what is not to happen.</summary>
    public const long Never = long.MaxValue;

    public const int MinDelayMs = 1_000;
    public const int MaxDelayMs = 60_000;

    /// <summary>The most addresses of one name that are tried.</summary>
    public const int MaxAddresses = 8;

    private readonly Queue<EndpointAddress> _left = new();
    private int _delayMs = MinDelayMs;
    private long _askedMs;

    /// <param name="text">HOST:PORT, valid (<see cref="HostName"/>).</param>
    public PeerName(string text)
    {
        Text = text;
        _ = HostName.TryParse(text, out string host, out ushort port, out _);
        (Host, Port) = (host, port);
    }

    public string Text { get; }

    public string Host { get; }

    public ushort Port { get; }

    /// <summary>Why the name was not resolved when it was last asked for; null if it was, or never asked for.</summary>
    public string? Error { get; private set; }

    /// <summary>When it is to be resolved; <see cref="Never"/> while there is no need, or a question is under way.</summary>
    public long AskAtMs { get; private set; }

    /// <summary>Whether the last that was heard of the address in use is that the peer cannot be reached there.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Whether nothing has come of any address so far.</summary>
    private bool IsUnreached { get; set; } = true;

    private bool IsUnderWay { get; set; }

    /// <summary>The question was put.</summary>
    public void Asked(long nowMs)
    {
        IsUnderWay = true;
        _askedMs = nowMs;
        AskAtMs = Never;
    }

    /// <summary>The answer: the name has these addresses.</summary>
    /// <param name="addresses">At least one, in the order in which they are to be tried.</param>
    /// <param name="current">The endpoint in use.</param>
    /// <returns>The endpoint to use from now on; null to stay.</returns>
    public EndpointAddress? Resolved(IReadOnlyList<EndpointAddress> addresses, EndpointAddress? current)
    {
        IsUnderWay = false;
        if (Error is not null)
            _delayMs = MinDelayMs;
        Error = null;
        _left.Clear();
        if (!IsUnreached)
            return null;
        foreach (EndpointAddress address in addresses.Distinct().Take(MaxAddresses))
        {
            if (address != current)
                _left.Enqueue(address);
        }

        // One that has just failed comes last; alone it is kept, and dialled at its own pace.
        if (current is { } used && _left.Count != 0 && addresses.Contains(used))
        {
            if (!HasFailed)
                return null;
            _left.Enqueue(used);
        }

        return Next();
    }

    /// <summary>The answer: the name cannot be resolved now.</summary>
    public void Unresolved(string error, long nowMs)
    {
        IsUnderWay = false;
        Error = error;
        AskAtMs = nowMs + TakeDelay();
    }

    /// <summary>The peer cannot be reached: dialling has failed, or a handshake was not answered.</summary>
    /// <returns>The endpoint to use from now on; null to stay.</returns>
    public EndpointAddress? Failed(long nowMs)
    {
        (HasFailed, IsUnreached) = (true, true);
        if (Next() is { } next)
            return next;
        if (!IsUnderWay && AskAtMs == Never)
            AskAtMs = Math.Max(nowMs, _askedMs + TakeDelay());
        return null;
    }

    /// <summary>A handshake with the peer was completed.</summary>
    public void Reached()
    {
        (HasFailed, IsUnreached) = (false, false);
        _left.Clear();
        _delayMs = MinDelayMs;
        if (Error is null)
            AskAtMs = Never;
    }

    private EndpointAddress? Next() => _left.TryDequeue(out EndpointAddress next) ? next : null;

    private int TakeDelay()
    {
        int delayMs = _delayMs;
        _delayMs = Math.Min(2 * delayMs, MaxDelayMs);
        return delayMs;
    }
}
