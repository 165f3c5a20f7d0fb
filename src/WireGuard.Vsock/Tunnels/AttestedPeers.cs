namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// When peers that are known by what they run are attested: each as soon as its section is there, and anew when it is not reached
/// any more, since a peer that was started anew has a new key. No clock, no sockets: the time is a parameter.
/// <code>
///             +--- has failed: 0.5 s later, then 1 s, 2 s, ... 15 s ---+
///             v                                                        |
/// start --> Waiting --- due, and fewer than 4 attempts run ---> Attempting --- holds ---> Learned
///             ^ |                                                                            ^ |
///             | +------------- a handshake with the peer it has was answered ----------------+ |
///             +----------- not reached: at once if it was reached, else as after a failure ----+
/// </code>
/// One thread's own.
/// </summary>
/// <param name="random">From 0 to 1: many verifiers of one peer do not call at the same moments.</param>
internal sealed class AttestedPeers(Func<double> random)
{
    /// <summary>How many attempts run at once.</summary>
    internal const int MaxAttempts = 4;

    /// <summary>How many of these are with sections that fail again and again: many of them keep no other waiting.</summary>
    internal const int MaxSlowAttempts = 3;

    internal const int FirstDelayMs = 500, MaxDelayMs = 15_000;

    /// <summary>How long the handshake with a peer that was just learned may take.</summary>
    internal const int SettleMs = 3_000;

    /// <summary>How long a rekey may go unanswered while the session still serves: two initiations are lost by then.</summary>
    internal const int RekeyMs = 10_000;

    /// <summary>
    /// After how long without a message of a peer's it is asked for a handshake, and how long after that again: keepalives are
    /// empty, and nothing answers them.
    /// </summary>
    internal const int QuietMs = 50_000, QuietAgainMs = 25_000;

    private readonly List<Section> _sections = [];

    private enum Stage
    {
        Waiting,
        Attempting,
        Learned,
    }

    /// <summary>When <see cref="TryStart"/> has something to give; <see cref="long.MaxValue"/> before another event.</summary>
    public long NextMs
    {
        get
        {
            long nextMs = long.MaxValue;
            foreach (Section section in Startable())
                nextMs = Math.Min(nextMs, section.AtMs);
            return nextMs;
        }
    }

    /// <summary>The sections there are from now on, each known by where it is attested. A new one is attested at once.</summary>
    public void Set(IReadOnlyCollection<string> addresses, long nowMs)
    {
        _sections.RemoveAll(section => !addresses.Contains(section.Address));
        foreach (string address in addresses)
        {
            if (Find(address) is null)
                _sections.Add(new Section(address) { AtMs = nowMs });
        }
    }

    /// <summary>
    /// Gives a section to attest now: of those that are due the one that has failed least, and of these the first that was due.
    /// Its attempt runs until <see cref="End"/>.
    /// </summary>
    public bool TryStart(long nowMs, out string address)
    {
        Section? first = null;
        foreach (Section section in Startable())
        {
            bool isBefore = first is null || section.DelayMs < first.DelayMs
                || (section.DelayMs == first.DelayMs && section.AtMs < first.AtMs);
            if (section.AtMs <= nowMs && isBefore)
                first = section;
        }

        address = first?.Address ?? "";
        if (first is not null)
            first.Stage = Stage.Attempting;
        return first is not null;
    }

    /// <summary>An attempt has ended. One whose section is gone counts no more.</summary>
    /// <param name="isLearned">Whether the peer is the daemon's now.</param>
    public void End(string address, bool isLearned, long nowMs)
    {
        if (Find(address) is not { Stage: Stage.Attempting } section)
            return;
        if (isLearned)
        {
            (section.Stage, section.AtMs, section.WasLearned) = (Stage.Learned, nowMs + SettleMs, true);
            section.AskAtMs = nowMs + QuietMs;
        }
        else
        {
            Delay(section, nowMs);
        }
    }

    /// <summary>How a peer that was learned is now: asked each second.</summary>
    /// <returns>Whether it is reached again by itself, so that its section does not wait any more.</returns>
    public bool Look(string address, PeerReach reach, long nowMs)
    {
        if (Find(address) is not { WasLearned: true, Stage: not Stage.Attempting } section)
            return false;
        bool isUnanswered = reach is PeerReach.Silent or PeerReach.Rekeying;
        long? unansweredMs = isUnanswered ? section.UnansweredMs : null;
        section.UnansweredMs = isUnanswered ? unansweredMs ?? nowMs : null;
        if (reach == PeerReach.Reached)
        {
            bool wasWaiting = section.Stage == Stage.Waiting;
            (section.Stage, section.AtMs, section.DelayMs, section.WasReached) = (Stage.Learned, nowMs, FirstDelayMs, true);
            return wasWaiting;
        }

        // An initiation of a moment ago is unanswered too.
        bool counts = reach switch
        {
            PeerReach.Gone => true,
            PeerReach.Idle => false,
            PeerReach.Silent => nowMs >= section.AtMs && unansweredMs is not null,
            PeerReach.Rekeying => unansweredMs is { } since && nowMs - since >= RekeyMs,
            _ => nowMs >= section.AtMs,
        };
        if (section.Stage == Stage.Waiting || !counts)
            return false;
        if (section.WasReached)
            (section.Stage, section.AtMs) = (Stage.Waiting, nowMs);
        else
            Delay(section, nowMs);
        (section.WasReached, section.UnansweredMs) = (false, null);
        return false;
    }

    /// <summary>
    /// Whether a peer that is reached or idle, as far as is known, is to be asked for a handshake, for want of another sign of
    /// life. Asked each second where there are no connections whose end would tell.
    /// </summary>
    /// <param name="received">How many bytes have come from the peer, which count whatever they were.</param>
    public bool WantsHandshake(string address, ulong received, long nowMs)
    {
        if (Find(address) is not { Stage: Stage.Learned } section)
            return false;
        if (section.Received != received)
            (section.Received, section.AskAtMs) = (received, nowMs + QuietMs);
        if (nowMs < section.AskAtMs)
            return false;
        section.AskAtMs = nowMs + QuietAgainMs;
        return true;
    }

    private Section? Find(string address) => _sections.Find(section => section.Address == address);

    /// <summary>Those that wait, and may have one of the attempts that run at once.</summary>
    private IEnumerable<Section> Startable()
    {
        int attempts = 0, slow = 0;
        foreach (Section section in _sections.Where(section => section.Stage == Stage.Attempting))
        {
            attempts++;
            slow += section.IsSlow ? 1 : 0;
        }

        return attempts == MaxAttempts ? []
            : _sections.Where(section => section.Stage == Stage.Waiting && (!section.IsSlow || slow < MaxSlowAttempts));
    }

    /// <summary>The next attempt is after the delay, give or take a fifth; the one after that waits twice as long.</summary>
    private void Delay(Section section, long nowMs)
    {
        section.Stage = Stage.Waiting;
        section.AtMs = nowMs + (long)(section.DelayMs * (0.8 + (0.4 * random())));
        section.DelayMs = Math.Min(section.DelayMs * 2, MaxDelayMs);
    }

    private sealed class Section(string address)
    {
        public string Address { get; } = address;

        public Stage Stage { get; set; }

        /// <summary>Waiting: when it is attested. Learned: from when on not to be reached counts.</summary>
        public long AtMs { get; set; }

        public int DelayMs { get; set; } = FirstDelayMs;

        public bool IsSlow => DelayMs == MaxDelayMs;

        public bool WasLearned { get; set; }

        /// <summary>Whether the peer was reached since it was attested.</summary>
        public bool WasReached { get; set; }

        /// <summary>Bytes of the peer's, as of the last look.</summary>
        public ulong Received { get; set; }

        /// <summary>Learned: when a handshake is asked for if nothing comes until then.</summary>
        public long AskAtMs { get; set; }

        /// <summary>Since when a handshake is unanswered; null for none.</summary>
        public long? UnansweredMs { get; set; }
    }
}

/// <summary>How a peer that was learned is.</summary>
internal enum PeerReach
{
    /// <summary>It has a session, and over streams a connection.</summary>
    Reached,

    /// <summary>It has no session, and nothing that was sent asked for one.</summary>
    Idle,

    /// <summary>It has a session, and a handshake for the next is not answered: it counts when it lasts.</summary>
    Rekeying,

    /// <summary>It has no session, and a handshake with it is not answered: it counts when it is so twice.</summary>
    Silent,

    /// <summary>It has no connection.</summary>
    Unreached,

    /// <summary>The daemon has no such peer any more.</summary>
    Gone,
}
