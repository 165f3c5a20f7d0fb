using CsCheck;
using WireGuard.Vsock.Relay;

namespace WireGuard.Vsock.Tests.Relay;

/// <summary>Which near ends a relay takes, with a clock set by hand.</summary>
public sealed class AdmissionTests
{
    private readonly List<Near> _gone = [];
    private Admission _admission = new(new RelayLimits());
    private long _now = 1_000_000;

    [Fact]
    public void Newest_is_always_admitted_and_the_oldest_of_its_source_goes()
    {
        Near[] first = [.. Enumerable.Range(0, 16).Select(_ => Come(1))];
        _now += Admission.YoungMs;
        Assert.Empty(_gone);
        for (int i = 0; i < 16; i++)
        {
            Come(1);
            Assert.Equal(first[..(i + 1)], _gone);
        }

        Assert.Equal(16, _admission.UnansweredCount);
    }

    [Fact]
    public void What_is_young_does_not_count_against_its_source()
    {
        for (int i = 0; i < 256; i++)
            Come(1);
        Assert.Empty(_gone);
        _now += Admission.YoungMs - 1;
        _admission.Sweep(_now);
        Assert.Empty(_gone);
        _now++;
        _admission.Sweep(_now);
        Assert.Equal(16, _admission.UnansweredCount);
        Assert.Equal(240, _gone.Count);
    }

    [Fact]
    public void Of_256_the_oldest_of_the_largest_source_goes()
    {
        for (int i = 0; i < 100; i++)
            Come(1);
        Near[] large = [.. Enumerable.Range(0, 156).Select(_ => Come(2))];
        Come(3);
        Assert.Equal([large[0]], _gone);
        Assert.Equal(256, _admission.UnansweredCount);
    }

    [Fact]
    public void A_flood_of_the_unproven_takes_no_place_of_the_proven()
    {
        Near datagrams = Come(1, isProven: true);
        Near stream = Come(2);
        _admission.Prove(stream.Place!, _now);
        for (uint source = 10; source < 10_010; source++)
            Come(source);
        Assert.Equal(256 + 2, _admission.UnansweredCount);
        Assert.DoesNotContain(datagrams, _gone);
        Assert.DoesNotContain(stream, _gone);
    }

    [Fact]
    public void An_unanswered_one_goes_after_5_s_and_an_answered_one_stays()
    {
        Near[] unanswered = [Come(1), Come(2, isProven: true)];
        Near[] answered = [Come(1), Come(2, isProven: true)];
        foreach (Near near in answered)
            _admission.Answered(near.Place!);
        _now += Admission.PatienceMs - 1;
        _admission.Sweep(_now);
        Assert.Empty(_gone);
        _now++;
        _admission.Sweep(_now);
        Assert.Equal(unanswered, _gone);
        _now += 1_000_000;
        _admission.Sweep(_now);
        Assert.Equal(2, _gone.Count);
        Assert.Equal(2, _admission.Count);
    }

    [Fact]
    public void With_all_places_answered_a_new_one_is_refused()
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 3, MaxPerSource: 2));
        Near first = Come(1), second = Come(1);
        _admission.Answered(first.Place!);
        Near third = Come(1);
        Assert.Equal([second], _gone); // two of a source
        _admission.Answered(third.Place!);
        Assert.Null(Come(1).Place);
        _admission.Answered(Come(2).Place!);
        Assert.Null(Come(3).Place); // three in all
        _admission.Gone(first.Place!);
        Assert.NotNull(Come(3).Place);
        Assert.Equal(3, _admission.Count);
    }

    [Fact]
    public void A_full_relay_takes_a_new_one_for_one_that_waits()
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 2));
        Near waiting = Come(1);
        _admission.Answered(Come(2).Place!);
        Assert.NotNull(Come(3).Place);
        Assert.Equal([waiting], _gone);
    }

    [Fact]
    public void A_stream_that_speaks_beside_an_answered_one_of_its_source_waits_for_no_answer()
    {
        Near before = Come(1, isStream: true);
        _admission.Prove(before.Place!, _now);
        _admission.Answered(Come(1, isStream: true).Place!);
        Near after = Come(1, isStream: true), silent = Come(1, isStream: true);
        Near datagrams = Come(1), other = Come(2, isStream: true);
        _admission.Prove(after.Place!, _now);
        _admission.Prove(other.Place!, _now);
        _now += Admission.PatienceMs;
        _admission.Sweep(_now);
        Assert.Equal([silent, datagrams, other], _gone);
        Assert.Equal(3, _admission.Count);
        Assert.Equal(0, _admission.UnansweredCount);
    }

    [Fact]
    public void A_full_relay_gives_up_the_one_that_is_idle_for_longest()
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 3));
        Near[] settled = [Come(1), Come(2), Come(3)];
        foreach (Near near in settled)
            _admission.Answered(near.Place!);
        _now += Admission.IdleMs - 1;
        Assert.Null(Come(4).Place);
        _now += 1_000;
        settled[0].Place!.UsedMs = _now;
        settled[1].Place!.UsedMs += 500;
        Assert.NotNull(Come(4).Place);
        Assert.Equal([settled[2]], _gone);
    }

    [Fact]
    public void Raw_streams_have_a_quarter_of_all_places()
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 8));
        for (int i = 0; i < 2; i++)
            _admission.Answered(Come(1, isStream: true, isRaw: true).Place!);
        Assert.Null(Come(2, isStream: true, isRaw: true).Place);
        Assert.NotNull(Come(2, isStream: true).Place);
        Assert.Empty(_gone);
    }

    [Fact]
    public void Raw_streams_have_all_places_where_there_are_no_others()
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 4)) { IsRawAlone = true };
        for (int i = 0; i < 4; i++)
            _admission.Answered(Come(1, isStream: true, isRaw: true).Place!);
        Assert.Null(Come(2, isStream: true, isRaw: true).Place);
        Assert.Empty(_gone);
    }

    [Fact]
    public void What_is_said_of_one_that_went_changes_nothing()
    {
        Near near = Come(1);
        _now += Admission.PatienceMs;
        _admission.Sweep(_now);
        _admission.Prove(near.Place!, _now);
        _admission.Answered(near.Place!);
        _admission.Gone(near.Place!);
        _admission.Gone(near.Place!);
        Assert.Equal(0, _admission.Count);
        Assert.Equal(0, _admission.UnansweredCount);
    }

    [Fact]
    public void Whatever_comes_and_goes_the_limits_hold() =>
        Gen.Select(Gen.Int[0, 6], Gen.UInt[0, 5], Gen.Int[0, 400]).Array[0, 600].Sample(
            steps => new AdmissionTests().Play(steps), iter: 300);

    private void Play((int What, uint Source, int Ms)[] steps)
    {
        _admission = new Admission(new RelayLimits(MaxConnections: 300, MaxPerSource: 100));
        List<Near> live = [];
        HashSet<Near> answered = [];
        foreach ((int what, uint source, int ms) in steps)
        {
            Near? one = live.Count > 0 ? live[ms % live.Count] : null;
            switch (what)
            {
                case <= 2:
                    Near near = Come(source, isStream: what == 0, isProven: what == 2);
                    if (near.Place is null)
                        Assert.True(live.Count >= 300 || answered.Any(other => live.Contains(other) && other.Source == source));
                    else
                        live.Add(near);
                    break;
                case 3 when one is not null:
                    _admission.Answered(one.Place!);
                    answered.Add(one);
                    break;
                case 4 when one is not null:
                    _admission.Gone(one.Place!);
                    live.Remove(one);
                    break;
                case 5 when one is not null:
                    _admission.Prove(one.Place!, _now);
                    break;
                default:
                    _now += ms;
                    foreach (Near used in live)
                        used.Place!.UsedMs = _now;
                    _admission.Sweep(_now);
                    break;
            }

            live.RemoveAll(_gone.Contains);
            Assert.DoesNotContain(_gone, answered.Contains);
            Assert.Equal(live.Count, _admission.Count);
            Assert.InRange(_admission.UnansweredCount, 0, 2 * Admission.MaxUnanswered);
            Assert.All(live.GroupBy(other => other.Source), group => Assert.InRange(group.Count(), 1, 100));
        }
    }

    private Near Come(uint source, bool isStream = false, bool isProven = false, bool isRaw = false)
    {
        var near = new Near(this, source);
        near.Place = _admission.TryAdmit(near, source, isStream, isProven, _now, isRaw);
        return near;
    }

    private sealed class Near(AdmissionTests of, uint source) : INearEnd
    {
        public uint Source => source;

        public NearPlace? Place { get; set; }

        public void Evict()
        {
            Assert.DoesNotContain(this, of._gone); // once
            of._gone.Add(this);
        }
    }
}
