namespace WireGuard.Protocol.Peers;

/// <summary>
/// What the data path notes for the timers: since when something that was sent, or received, waits for an answer. Any thread
/// writes it, the owner thread reads it. Each field is one atomic store; a race between two threads moves a timer by no more than
/// the race lasted.
/// <para>
/// The owner thread sleeps while no timer runs. A thread that starts one learns from the return value that it must tell the
/// owner; while the owner watches, it need not be told.
/// </para>
/// </summary>
internal sealed class Activity
{
    private long _sentUnansweredSince;
    private long _receivedUnansweredSince;
    private long _lastTraversal;
    private int _isWatched;

    /// <summary>When the oldest data message that no authenticated message has answered was sent; 0 for none.</summary>
    public long SentUnansweredSince => Volatile.Read(ref _sentUnansweredSince);

    /// <summary>When the oldest data message that we have not answered with anything was received; 0 for none.</summary>
    public long ReceivedUnansweredSince => Volatile.Read(ref _receivedUnansweredSince);

    /// <summary>When an authenticated message was last sent or received.</summary>
    public long LastTraversal => Volatile.Read(ref _lastTraversal);

    /// <summary>Notes a data message with an inner packet that was sent.</summary>
    /// <returns>Whether the owner thread must be told.</returns>
    public bool DataSent(long nowMs)
    {
        Sent(nowMs);
        if (SentUnansweredSince != 0)
            return false;
        Interleaving.Point();
        Volatile.Write(ref _sentUnansweredSince, nowMs);
        return AskToBeWatched();
    }

    /// <summary>Notes an authenticated message of any kind that was sent.</summary>
    public void Sent(long nowMs)
    {
        if (ReceivedUnansweredSince != 0)
            Volatile.Write(ref _receivedUnansweredSince, 0);
        Volatile.Write(ref _lastTraversal, nowMs);
    }

    /// <summary>Notes a data message with an inner packet that was received and authenticated.</summary>
    /// <returns>Whether the owner thread must be told.</returns>
    public bool DataReceived(long nowMs)
    {
        Received(nowMs);
        if (ReceivedUnansweredSince != 0)
            return false;
        Interleaving.Point();
        Volatile.Write(ref _receivedUnansweredSince, nowMs);
        return AskToBeWatched();
    }

    /// <summary>Notes an authenticated message of any kind that was received.</summary>
    public void Received(long nowMs)
    {
        if (SentUnansweredSince != 0)
            Volatile.Write(ref _sentUnansweredSince, 0);
        Volatile.Write(ref _lastTraversal, nowMs);
    }

    /// <summary>The owner thread polls by itself when the next timer is due.</summary>
    internal void Watch() => Volatile.Write(ref _isWatched, 1);

    /// <summary>The owner thread stops watching, unless a timer has started meanwhile.</summary>
    internal bool TryStopWatching()
    {
        // The full fence pairs with the one in AskToBeWatched: one of the two sides sees the other's store.
        Interlocked.Exchange(ref _isWatched, 0);
        if (SentUnansweredSince == 0 && ReceivedUnansweredSince == 0)
            return true;
        Interleaving.Point();
        Watch();
        return false;
    }

    internal void HandshakeBegan() => Volatile.Write(ref _sentUnansweredSince, 0);

    internal void KeepaliveDue() => Volatile.Write(ref _receivedUnansweredSince, 0);

    private bool AskToBeWatched() => Interlocked.CompareExchange(ref _isWatched, 1, 0) == 0;
}
