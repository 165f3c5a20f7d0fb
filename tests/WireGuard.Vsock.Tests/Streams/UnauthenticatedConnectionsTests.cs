using CsCheck;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>Who goes when too many have come, with a clock set by hand.</summary>
public sealed class UnauthenticatedConnectionsTests : IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly UnauthenticatedConnections _connections = new();
    private readonly List<StreamConnection> _gone = [];
    private uint _lastId;
    private long _now = 1_000_000;

    public void Dispose() => _inbox.Dispose();

    [Fact]
    public void Newest_is_always_admitted_and_the_oldest_of_its_source_goes()
    {
        StreamConnection[] first = [.. Enumerable.Range(0, 16).Select(_ => Come(1))];
        _now += UnauthenticatedConnections.YoungMs;
        Assert.Empty(_gone);
        for (int i = 0; i < 16; i++)
        {
            Come(1);
            Assert.Equal(first[..(i + 1)], _gone);
        }

        Assert.Equal(16, _connections.Count);
    }

    [Fact]
    public void What_is_young_does_not_count_against_its_source()
    {
        for (int i = 0; i < 256; i++)
            Come(1);
        Assert.Empty(_gone);
        _now += UnauthenticatedConnections.YoungMs - 1;
        Settle();
        Assert.Empty(_gone);
        _now++;
        Settle();
        Assert.Equal(16, _connections.Count);
    }

    [Fact]
    public void Of_256_the_oldest_of_the_largest_source_goes()
    {
        StreamConnection[] small = [.. Enumerable.Range(0, 100).Select(_ => Come(1))];
        StreamConnection[] large = [.. Enumerable.Range(0, 156).Select(_ => Come(2))];
        Come(3);
        Assert.Equal([large[0]], _gone);
        for (int i = 0; i < 27; i++)
            Come(1);
        Assert.Equal(large[..28], _gone);
        Assert.DoesNotContain(small[0], _gone);
        Assert.Equal(256, _connections.Count);
    }

    [Fact]
    public void Of_sources_with_one_each_the_oldest_goes()
    {
        StreamConnection[] all = [.. Enumerable.Range(0, 300).Select(i => Come((uint)i))];
        Assert.Equal(all[..44], _gone);
    }

    [Fact]
    public void Thousand_a_second_from_the_same_source_leave_a_caller_a_quarter_of_a_second_to_speak()
    {
        StreamConnection caller = Come(1);
        for (int ms = 1; ms < 250; ms++)
        {
            _now++;
            Come(1);
        }

        Assert.DoesNotContain(caller, _gone);
        caller.NoteCalled(_now);
        for (int ms = 0; ms < 999; ms++)
        {
            _now++;
            Come(1);
        }

        Assert.DoesNotContain(caller, _gone);
        _now++;
        Come(1);
        Come(1);
        Assert.Contains(caller, _gone);
    }

    [Fact]
    public void Called_keep_their_place_for_a_second_16_of_a_source_beside_the_others()
    {
        StreamConnection[] called = [.. Enumerable.Range(0, 16).Select(_ => Come(1))];
        _now += 500;
        foreach (StreamConnection connection in called)
            connection.NoteCalled(_now);
        for (int i = 0; i < 500; i++)
        {
            _now++;
            Come(1);
        }

        Assert.All(called, connection => Assert.DoesNotContain(connection, _gone));
        _now += 500;
        Come(1);
        Assert.All(called, connection => Assert.Contains(connection, _gone));
    }

    [Fact]
    public void Of_more_than_16_that_have_called_the_first_goes()
    {
        StreamConnection[] called = [.. Enumerable.Range(0, 40).Select(_ => Come(1))];
        foreach (StreamConnection connection in called)
            connection.NoteCalled(_now);
        _now += UnauthenticatedConnections.YoungMs;
        Settle();
        Assert.Equal(32, _connections.Count);
        Assert.Equal(called[..8], _gone);
    }

    [Fact]
    public void Called_are_bounded_in_all()
    {
        for (uint source = 0; source < 40; source++)
        {
            for (int i = 0; i < 30; i++)
                Come(source).NoteCalled(_now);
            _now++;
        }

        Assert.Equal(UnauthenticatedConnections.Max + UnauthenticatedConnections.MaxCalled, _connections.Count);
    }

    [Fact]
    public void Call_of_long_ago_spares_nobody()
    {
        StreamConnection first = Come(1);
        first.NoteCalled(_now);
        _now += UnauthenticatedConnections.CalledMs;
        for (int i = 0; i < 256; i++)
            Come(1);
        Assert.Equal([first], _gone);
    }

    [Fact]
    public void Whose_lane_knows_its_peer_never_goes()
    {
        StreamConnection known = Come(1);
        known.HandshakeReceived(Tunnel.NewPeer(), _now);
        for (int i = 0; i < 300; i++)
            Come(1);
        Assert.DoesNotContain(known, _gone);
        Assert.Equal(256, _connections.Count);
    }

    [Fact]
    public void What_has_left_makes_room()
    {
        StreamConnection[] all = [.. Enumerable.Range(0, 256).Select(_ => Come(1))];
        _connections.Remove(all[7]);
        _connections.Remove(all[7]);
        Come(1);
        Assert.Empty(_gone);
        Come(1);
        Assert.Equal([all[0]], _gone);
    }

    [Fact]
    public void Without_descriptors_the_oldest_of_the_largest_source_is_the_least()
    {
        Assert.Null(_connections.Least());
        Come(1);
        StreamConnection second = Come(2);
        Come(2);
        Assert.Same(second, _connections.Least());
    }

    [Fact]
    public void Whoever_has_called_or_come_lately_stays_as_the_slow_and_obvious_way_has_it()
    {
        Gen<(int What, int Which, int Ms)> step = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 1_000_000], Gen.Int[0, 40]);
        step.Array[1, 1_500].Sample(
            steps =>
            {
                using var inbox = new ControlInbox();
                var connections = new UnauthenticatedConnections();
                var naive = new NaiveCrowd();
                List<StreamConnection> open = [];
                long now = 1_000_000;
                uint id = 0;
                foreach ((int what, int which, int ms) in steps)
                {
                    now += what == 0 ? ms * 10 : ms / 20;
                    StreamConnection? old = open.Count == 0 ? null : open[which % open.Count];
                    if (what == 1)
                        old?.NoteCalled(now);
                    if (what == 2 && old is not null)
                    {
                        connections.Remove(old);
                        naive.Remove(old);
                        open.Remove(old);
                    }

                    if (what <= 2)
                        continue;
                    // Of few sources one has most.
                    var connection = New(inbox, ++id, (uint)(which % 100 < 60 ? 0 : which % 7), now);
                    connections.Add(connection);
                    naive.Add(connection);
                    open.Add(connection);
                    while (connections.Surplus(now) is { } surplus)
                    {
                        connections.Remove(surplus);
                        open.Remove(surplus);
                    }

                    naive.Settle(now);
                    if (!open.SequenceEqual(naive.All))
                        return false;
                }

                return true;
            },
            iter: 60);
    }

    private static StreamConnection New(ControlInbox inbox, uint id, uint source, long now) =>
        new(-1, id, EndpointAddress.IPv4(source, (ushort)id), isDialed: false, inbox) { SinceMs = now };

    private StreamConnection Come(uint source)
    {
        StreamConnection connection = New(_inbox, ++_lastId, source, _now);
        _connections.Add(connection);
        Settle();
        Assert.DoesNotContain(connection, _gone);
        return connection;
    }

    private void Settle()
    {
        while (_connections.Surplus(_now) is { } surplus)
        {
            _connections.Remove(surplus);
            _gone.Add(surplus);
        }
    }

    /// <summary>
    /// A list that is sorted for every question. Of few enough sources that those which have called never are too many in all.
    /// </summary>
    private sealed class NaiveCrowd
    {
        private readonly List<Entry> _entries = [];
        private long _rank;

        public IEnumerable<StreamConnection> All => _entries.Select(entry => entry.Connection);

        public void Add(StreamConnection connection) => _entries.Add(new Entry(connection) { Rank = ++_rank });

        public void Remove(StreamConnection connection) => _entries.RemoveAll(entry => entry.Connection == connection);

        public void Settle(long now)
        {
            foreach (Entry entry in Ranked().Where(entry => entry.IsCalled && now - entry.CreditMs >= 1_000).ToArray())
                EndCall(entry);
            while (Next(now) is { } next)
            {
                long called = next.Connection.CalledMs;
                if (called == next.CreditMs || now - called >= 1_000)
                {
                    _entries.Remove(next);
                    continue;
                }

                Entry[] others = [.. Ranked().Where(entry => entry.IsCalled && entry.Source == next.Source)];
                if (others.Length == 16)
                    EndCall(others[0]);
                (next.IsCalled, next.CreditMs, next.Rank) = (true, called, ++_rank);
            }
        }

        private Entry? Next(long now)
        {
            IGrouping<uint, Entry>[] waiting = [.. Ranked().Where(entry => !entry.IsCalled).GroupBy(entry => entry.Source)];
            Entry? ofItsSource = waiting
                .Where(group => group.Count() > 16)
                .Select(group => group.First())
                .FirstOrDefault(entry => entry.CreditMs != 0 || now - entry.Connection.SinceMs >= 250);
            if (ofItsSource is not null || waiting.Sum(group => group.Count()) <= 256)
                return ofItsSource;
            int most = waiting.Max(group => group.Count());
            IEnumerable<Entry> oldest = waiting.Where(group => group.Count() == most).Select(group => group.First());
            return oldest.MinBy(entry => entry.Connection.Id);
        }

        private IEnumerable<Entry> Ranked() => _entries.OrderBy(entry => entry.Rank);

        private void EndCall(Entry entry) => (entry.IsCalled, entry.Rank) = (false, -++_rank);

        private sealed class Entry(StreamConnection connection)
        {
            public StreamConnection Connection { get; } = connection;

            public uint Source { get; } = connection.Address.IPv4Address;

            public bool IsCalled { get; set; }

            public long CreditMs { get; set; }

            public long Rank { get; set; }
        }
    }
}
