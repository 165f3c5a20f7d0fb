using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>When peers are attested, and anew. The clock is set by hand, and jitter is half of what it may be.</summary>
public sealed class AttestedPeersTests
{
    private const int LongestMs = AttestedPeers.MaxDelayMs * 6 / 5;

    private readonly AttestedPeers _peers = new(() => 0.5);
    private long _now = 1000;

    [Fact]
    public void Each_section_is_attested_at_once_but_only_so_many_together()
    {
        _peers.Set(["a", "b", "c", "d", "e"], _now);
        Assert.Equal(["a", "b", "c", "d"], Started());
        Assert.Equal(long.MaxValue, _peers.NextMs);
        _peers.End("c", isLearned: true, _now);
        Assert.Equal(_now, _peers.NextMs);
        Assert.Equal(["e"], Started());
    }

    [Fact]
    public void After_failures_it_is_tried_ever_more_seldom()
    {
        _peers.Set(["a"], _now);
        List<long> delays = [];
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(["a"], Started());
            _peers.End("a", isLearned: false, _now);
            delays.Add(_peers.NextMs - _now);
            _now = _peers.NextMs - 1;
            Assert.Empty(Started());
            _now++;
        }

        Assert.Equal([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000], delays);
    }

    [Fact]
    public void A_peer_that_is_reached_stays()
    {
        Learn("a");
        for (int i = 0; i < 100; i++)
        {
            _now += 1000;
            _peers.Look("a", PeerReach.Reached, _now);
            Assert.Empty(Started());
        }
    }

    [Theory]
    [InlineData(PeerReach.Unreached)]
    [InlineData(PeerReach.Gone)]
    public void A_peer_that_was_reached_and_is_not_any_more_is_attested_at_once(object reach)
    {
        Learn("a");
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Look("a", (PeerReach)reach, _now += 1000);
        Assert.Equal(["a"], Started());
    }

    /// <summary>Each second is asked. What comes, whatever it is, is a sign of life.</summary>
    [Fact]
    public void A_peer_of_which_nothing_comes_is_asked_for_a_handshake_now_and_then()
    {
        List<long> AskedIn(int seconds, Func<int, ulong> received)
        {
            List<long> asked = [];
            for (int i = 1; i <= seconds; i++)
            {
                if (_peers.WantsHandshake("a", received(i), _now += 1000))
                    asked.Add(i);
            }

            return asked;
        }

        Assert.False(_peers.WantsHandshake("a", 0, _now));
        Learn("a");
        Assert.Equal([50, 75, 100], AskedIn(100, _ => 0));
        Assert.Equal([51, 76], AskedIn(100, _ => 148));
        Assert.Empty(AskedIn(100, i => (ulong)i));
        // One that is being attested anew is not asked.
        _peers.Look("a", PeerReach.Gone, _now);
        Assert.Empty(AskedIn(100, _ => 7));
        Assert.Equal(["a"], Started());
        Assert.Empty(AskedIn(100, _ => 7));
        _peers.End("a", isLearned: true, _now);
        Assert.Equal([51], AskedIn(60, _ => 8));
    }

    [Fact]
    public void Silence_counts_when_it_lasts()
    {
        Learn("a");
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Look("a", PeerReach.Silent, _now += 1000);
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Look("a", PeerReach.Silent, _now += 1000);
        Assert.Empty(Started());
        _peers.Look("a", PeerReach.Silent, _now += 1000);
        Assert.Equal(["a"], Started());
    }

    /// <summary>One lost initiation is no reason to attest a peer anew, as long as the session serves.</summary>
    [Fact]
    public void A_rekey_that_is_not_answered_counts_when_the_second_is_not_either()
    {
        Learn("a");
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        for (int i = 0; i < 10; i++)
        {
            _peers.Look("a", PeerReach.Rekeying, _now += 1000);
            Assert.Empty(Started());
        }

        _peers.Look("a", PeerReach.Rekeying, _now += 1000);
        Assert.Equal(["a"], Started());
    }

    [Fact]
    public void A_rekey_that_is_answered_is_forgotten()
    {
        Learn("a");
        for (int i = 0; i < 60; i++)
        {
            _peers.Look("a", i % 8 == 0 ? PeerReach.Reached : PeerReach.Rekeying, _now += 1000);
            Assert.Empty(Started());
        }
    }

    [Fact]
    public void A_peer_that_nothing_is_sent_to_stays()
    {
        Learn("a");
        for (int i = 0; i < 100; i++)
        {
            _peers.Look("a", PeerReach.Idle, _now += 1000);
            Assert.Empty(Started());
        }
    }

    [Fact]
    public void A_peer_that_is_reached_again_while_it_waits_to_be_attested_waits_no_more()
    {
        Learn("a");
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Look("a", PeerReach.Unreached, _now += 1000);
        Assert.Equal(["a"], Started());
        Assert.False(_peers.Look("a", PeerReach.Reached, _now), "an attempt goes on");
        _peers.End("a", isLearned: false, _now);
        Assert.False(_peers.Look("a", PeerReach.Idle, _now));
        Assert.False(_peers.Look("a", PeerReach.Unreached, _now));
        Assert.True(_peers.Look("a", PeerReach.Reached, _now));
        Assert.False(_peers.Look("a", PeerReach.Reached, _now));
        _now += 100_000;
        Assert.Empty(Started());
        // It is as one that was just learned and reached.
        _peers.Look("a", PeerReach.Gone, _now);
        Assert.Equal(["a"], Started());
    }

    /// <summary>Its peer was attested by what it asked for before.</summary>
    [Fact]
    public void A_section_that_is_new_is_attested_though_its_peer_is_reached()
    {
        Learn("a");
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Set([], _now);
        _peers.Set(["a"], _now);
        Assert.False(_peers.Look("a", PeerReach.Reached, _now));
        Assert.Equal(["a"], Started());
    }

    /// <summary>Each attempt with one of these takes as long as an attempt may.</summary>
    [Fact]
    public void Addresses_at_which_nothing_answers_keep_no_peer_waiting_that_was_reached()
    {
        const int AttemptMs = 10_000;
        string[] dead = [.. Enumerable.Range(0, 50).Select(i => $"dead{i}")];
        _peers.Set(["live"], _now);
        Assert.Equal(["live"], Started());
        _peers.End("live", isLearned: true, _now);
        _peers.Look("live", PeerReach.Reached, _now);
        _peers.Set([.. dead, "live"], _now);
        List<(string Address, long EndsMs)> running = [];
        HashSet<string> tried = [];
        bool wasStarted = false;
        for (int second = 0; second < 3600; second++, _now += 1000)
        {
            foreach ((string address, _) in running.FindAll(one => one.EndsMs <= _now))
                _peers.End(address, isLearned: false, _now);
            running.RemoveAll(one => one.EndsMs <= _now);
            // It is gone after half an hour.
            _peers.Look("live", second < 1800 ? PeerReach.Reached : PeerReach.Unreached, _now);
            List<string> started = Started();
            wasStarted |= started.Contains("live");
            running.AddRange(started.Select(address => (address, _now + AttemptMs)));
            Assert.Equal(second >= 1800, wasStarted);
            if (second > 1000)
                tried.UnionWith(started);
        }

        Assert.Equal(51, tried.Count);
    }

    [Theory]
    [InlineData(true, true, false, PeerReach.Reached)]
    [InlineData(true, false, false, PeerReach.Idle)]
    [InlineData(true, true, true, PeerReach.Rekeying)]
    [InlineData(true, false, true, PeerReach.Silent)]
    [InlineData(false, true, false, PeerReach.Unreached)]
    public void How_a_peer_is_is_what_the_daemon_tells(bool isConnected, bool hasSession, bool isUnanswered, object reach)
    {
        PeerStatus peer = new()
        {
            PublicKey = default,
            Details = new PeerDetails
            {
                HasSession = hasSession,
                HandshakeError = isUnanswered ? "no answer" : null,
                Connections = isConnected ? [new ConnectionStatus(default, true, ConnectionUse.Current, 0, 0, 0, 0, 0)] : [],
            },
        };
        Assert.Equal((PeerReach)reach, AttestedSections.ReachOf(peer, isStream: true));
        Assert.Equal(isConnected, AttestedSections.ReachOf(peer, isStream: false) == (PeerReach)reach);
        Assert.Equal(PeerReach.Gone, AttestedSections.ReachOf(null, isStream: true));
    }

    [Fact]
    public void A_peer_that_was_just_learned_has_time_for_its_handshake()
    {
        Learn("a");
        _peers.Look("a", PeerReach.Unreached, _now += 1000);
        _peers.Look("a", PeerReach.Unreached, _now += 1000);
        Assert.Empty(Started());
        _peers.Look("a", PeerReach.Unreached, _now += 1000);
        Assert.Equal(_now + 500, _peers.NextMs);
    }

    [Fact]
    public void A_peer_that_answers_attestations_and_no_handshakes_is_attested_ever_more_seldom()
    {
        Learn("a");
        List<long> delays = [];
        for (int i = 0; i < 7; i++)
        {
            _peers.Look("a", PeerReach.Unreached, _now += AttestedPeers.SettleMs);
            delays.Add(_peers.NextMs - _now);
            _now = _peers.NextMs;
            Assert.Equal(["a"], Started());
            _peers.End("a", isLearned: true, _now);
        }

        Assert.Equal([500, 1000, 2000, 4000, 8000, 15_000, 15_000], delays);
        _peers.Look("a", PeerReach.Reached, _now += 1000);
        _peers.Look("a", PeerReach.Unreached, _now += 1000);
        Assert.Equal(["a"], Started());
        _peers.End("a", isLearned: false, _now);
        Assert.Equal(_now + 500, _peers.NextMs);
    }

    [Fact]
    public void A_section_that_is_gone_is_not_attested_and_the_end_of_its_attempt_is_nothing()
    {
        _peers.Set(["a", "b"], _now);
        Assert.Equal(["a", "b"], Started());
        _peers.Set(["b"], _now);
        _peers.End("a", isLearned: true, _now);
        _peers.Look("a", PeerReach.Unreached, _now);
        _now += 100_000;
        Assert.Empty(Started());
    }

    [Fact]
    public void Whatever_happens_bounds_hold()
    {
        Random random = new(7);
        AttestedPeers peers = new(random.NextDouble);
        string[] all = [.. Enumerable.Range(0, 12).Select(i => $"tcp:{i}")];
        HashSet<string> there = [], running = [];
        Dictionary<string, long> idleSince = [];
        for (int step = 0; step < 20_000; step++)
        {
            string one = all[random.Next(all.Length)];
            switch (random.Next(4))
            {
                case 0 when random.Next(20) == 0:
                    there = [.. all.Where(_ => random.Next(3) > 0)];
                    running.IntersectWith(there);
                    peers.Set(there, _now);
                    break;
                case 1 when running.Count > 0:
                    string ended = running.ElementAt(random.Next(running.Count));
                    running.Remove(ended);
                    bool isLearned = random.Next(2) == 0;
                    peers.End(ended, isLearned, _now);
                    idleSince[ended] = isLearned ? long.MaxValue : _now;
                    break;
                case 2:
                    if (peers.Look(one, (PeerReach)random.Next(6), _now))
                        idleSince.Remove(one);
                    break;
                default:
                    _now += random.Next(400);
                    break;
            }

            while (peers.TryStart(_now, out string address))
            {
                Assert.Contains(address, there);
                Assert.True(running.Add(address), "it is attested already");
                idleSince.Remove(address);
            }

            Assert.InRange(running.Count, 0, AttestedPeers.MaxAttempts);
            // Nothing that has failed waits for longer than the longest delay, if there is room for any attempt.
            if (running.Count < AttestedPeers.MaxSlowAttempts)
                Assert.DoesNotContain(idleSince, idle => there.Contains(idle.Key) && idle.Value < _now - LongestMs);
        }
    }

    private List<string> Started()
    {
        List<string> started = [];
        while (_peers.TryStart(_now, out string address))
            started.Add(address);
        return started;
    }

    private void Learn(string address)
    {
        _peers.Set([address], _now);
        Assert.Equal([address], Started());
        _peers.End(address, isLearned: true, _now);
    }
}
