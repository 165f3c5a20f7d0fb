using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Relay;

/// <summary>What floods do to those who have a key: the limits of handshakes, with a clock set by hand.</summary>
public sealed class FloodTests : IDisposable
{
    private const long Start = 1_000_000;
    private const int SourcesPerSecond = 10_000;
    private const int RetryMs = 5_000; // REKEY_TIMEOUT

    private readonly RelayParts _parts = new(2);
    private readonly List<Near> _links = [];
    private uint _lastForged = 0x0a00_0000;
    private long _now = Start;

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void A_source_has_20_initiations_a_second_and_5_at_once()
    {
        int carried = 0, cookies = 0;
        for (int i = 0; i < 100; i++)
        {
            NearRoutes? near = null;
            RouteDecision decision = _parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(0), _now);
            carried += decision.Kind == RouteKind.Carry ? 1 : 0;
            cookies += decision.Kind == RouteKind.Answer ? 1 : 0;
            if (i == 9)
                Assert.Equal(5, carried);
            _now += i < 9 ? 0 : 11; // the rest in a second
        }

        Assert.InRange(carried, 20, 25);
        Assert.Equal(100, carried + cookies);
    }

    [Fact]
    public void Who_forges_a_peers_address_cannot_use_up_its_initiations()
    {
        CookieGenerator client = _parts.ClientOf(0);
        for (int i = 0; i < 50; i++)
            Forge(RelayParts.Source(1));
        NearRoutes? near = null;
        Assert.Equal(RouteDecision.Answer, FromClient(ref near, client));
        Assert.True(client.TryConsumeReply(new CookieReplyMessage(_parts.Reply), _now));
        for (int ms = 0; ms < RetryMs; ms += 10)
        {
            Forge(RelayParts.Source(1));
            _now += 10;
        }

        RouteDecision decision = FromClient(ref near, client);
        Assert.Equal(RouteDecision.To(new RouteTargets(0)) with { IsProven = true }, decision);
    }

    [Fact]
    public void With_and_without_cookies_a_source_has_20_a_second_and_5_at_once_of_each()
    {
        var limits = new InitiationLimits();
        int taken = 0;
        for (int i = 0; i < 1000; i++)
            taken += limits.TryTake(1, isProven: i % 2 == 0, _now++) ? 1 : 0;
        Assert.InRange(taken, 20, 30);
    }

    [Fact]
    public void A_flood_of_other_messages_has_initiations_prove_their_sources()
    {
        for (int i = 0; i < InitiationLimits.UnderLoadPerSecond; i++)
            Admit(RelayParts.Source(++_lastForged), RouteDecision.To(new RouteTargets(0)));
        NearRoutes? near = null;
        Assert.Equal(RouteDecision.Answer, FromClient(ref near, _parts.ClientOf(0)));
    }

    [Fact]
    public void A_stream_proves_its_source_by_itself()
    {
        Flood(1_000);
        NearRoutes? near = new();
        RouteDecision decision = _parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(1), _now, isStream: true);
        Assert.Equal(RouteDecision.To(new RouteTargets(1)) with { IsProven = true }, decision);
    }

    [Fact]
    public void Under_load_forged_sources_make_no_links()
    {
        Flood(2_000);
        Assert.True(_parts.Admission.IsUnderLoad(_now));
        Assert.InRange(_links.Count, 0, InitiationLimits.UnderLoadPerSecond);
        int before = _links.Count;
        Flood(3_000);
        Assert.Equal(before, _links.Count);
        _now += 2_001;
        Assert.False(_parts.Admission.IsUnderLoad(_now));
    }

    /// <summary>
    /// A client's first initiation is answered with a cookie; its next, which its protocol sends 5 s later, is carried at once,
    /// and its place outlives any answer that comes within a second.
    /// </summary>
    [Fact]
    public void A_real_client_passes_a_flood_of_forged_sources_with_its_cookie()
    {
        Flood(1_500);
        CookieGenerator client = _parts.ClientOf(0);
        NearRoutes? near = null;
        Assert.Equal(RouteDecision.Answer, FromClient(ref near, client));
        Assert.Null(near);
        Assert.True(client.TryConsumeReply(new CookieReplyMessage(_parts.Reply), _now));
        Flood(RetryMs);
        RouteDecision decision = FromClient(ref near, client);
        Assert.Equal(RouteDecision.To(new RouteTargets(0)) with { IsProven = true }, decision);
        Near place = Admit(RelayParts.Source(1), decision);
        Flood(1_000);
        Assert.False(place.IsEvicted);
    }

    [Fact]
    public void Who_has_been_answered_needs_no_cookie()
    {
        NearRoutes? near = null;
        FromClient(ref near, _parts.ClientOf(0));
        _parts.Routes.FromFar(near!, 0, RelayParts.Response(77, 1), _now);
        Flood(1_500);
        Assert.Equal(RouteDecision.To(new RouteTargets(0)), FromClient(ref near, _parts.ClientOf(0)));
        Assert.Equal(RouteDecision.To(new RouteTargets(0)), _parts.FromNear(ref near, Client, RelayParts.Transport(77), _now));
    }

    [Fact]
    public void A_peer_that_roams_during_a_flood_is_carried_at_once()
    {
        _parts.Routes.FromFar(new NearRoutes(), 1, RelayParts.Response(77, 1), _now);
        Flood(1_500);
        for (uint index = 1_000; index < 50_000; index++)
        {
            NearRoutes? forged = null;
            RouteDecision decision = _parts.FromNear(ref forged, RelayParts.Source(index), RelayParts.Transport(index), _now);
            Assert.Equal(RelayDrop.NoRoute, decision.Reason);
        }

        NearRoutes? near = null;
        Assert.Equal(RouteDecision.To(new RouteTargets(1)), _parts.FromNear(ref near, Client, RelayParts.Transport(77), _now));
    }

    /// <summary>Each asks for a cookie of its own, and a client has one at a time.</summary>
    [Fact]
    public void A_client_passes_when_relay_and_enclave_are_both_under_load()
    {
        CookieGenerator client = _parts.ClientOf(0);
        using CookieChecker enclave = new(new MacKeys(_parts.KeyOf(0)));
        byte[] source = [0, 0, 0, 1];
        byte[] initiation = [], reply = new byte[CookieReplyMessage.Size];
        bool isThrough = false;
        NearRoutes? near = null;
        for (int attempt = 0; attempt < 3 && !isThrough; attempt++)
        {
            Flood(1_500);
            initiation = _parts.Initiation(client, _now);
            if (_parts.FromNear(ref near, Client, initiation, _now).Kind == RouteKind.Answer)
            {
                Assert.True(client.TryConsumeReply(new CookieReplyMessage(_parts.Reply), _now));
            }
            else if (!(isThrough = enclave.IsMac2Valid(initiation, source, _now)))
            {
                enclave.WriteReply(initiation, 0, source, _now, new CookieReplyMessage(reply));
                Assert.True(client.TryConsumeReply(new CookieReplyMessage(reply), _now));
            }

            _now += RetryMs;
        }

        Assert.True(isThrough);
    }

    [Fact]
    public void A_cookie_is_good_for_its_source_alone()
    {
        Flood(1_500);
        CookieGenerator client = _parts.ClientOf(0);
        NearRoutes? near = null;
        FromClient(ref near, client);
        Assert.True(client.TryConsumeReply(new CookieReplyMessage(_parts.Reply), _now));
        byte[] initiation = _parts.Initiation(client, _now);
        EndpointAddress[] others = [RelayParts.Source(2), EndpointAddress.IPv4(1, 51821)];
        Assert.All(others, other =>
        {
            NearRoutes? far = null;
            Assert.Equal(RouteDecision.Answer, _parts.FromNear(ref far, other, initiation, _now));
        });
    }

    [Fact]
    public void What_floods_leave_behind_is_bounded()
    {
        Flood(3_000);
        Assert.Equal(0, _parts.Routes.Known.Count);
        Assert.InRange(_parts.Admission.Count, 0, Admission.MaxUnanswered);
    }

    /// <summary>With To alone there is no key for a cookie: one that comes has its place until 256 others have come.</summary>
    [Fact]
    public void Without_keys_a_flood_leaves_an_answer_the_time_that_256_forgeries_take()
    {
        Near place = Admit(Client, RouteDecision.To(new RouteTargets(0)));
        for (int i = 0; i < Admission.MaxUnanswered - 1; i++)
            Admit(RelayParts.Source(++_lastForged), RouteDecision.To(new RouteTargets(0)));
        Assert.False(place.IsEvicted);
        _parts.Admission.Answered(place.Place!);
        for (int i = 0; i < 10_000; i++)
            Admit(RelayParts.Source(++_lastForged), RouteDecision.To(new RouteTargets(0)));
        Assert.False(place.IsEvicted);
        Assert.Equal(Admission.MaxUnanswered + 1, _parts.Admission.Count);
    }

    private static EndpointAddress Client => RelayParts.Source(1);

    private RouteDecision FromClient(ref NearRoutes? near, CookieGenerator client) =>
        _parts.FromNear(ref near, Client, _parts.Initiation(client, _now), _now);

    /// <summary>Initiations that look authentic, each from a source of its own.</summary>
    private void Flood(int ms)
    {
        const int step = 10;
        for (int past = 0; past < ms; past += step)
        {
            for (int i = 0; i < SourcesPerSecond * step / 1000; i++)
                Forge(RelayParts.Source(++_lastForged));
            _now += step;
            _parts.Admission.Sweep(_now);
        }
    }

    private void Forge(EndpointAddress source)
    {
        NearRoutes? near = null;
        RouteDecision decision = _parts.FromNear(ref near, source, _parts.Initiation(1), _now);
        if (decision.Kind == RouteKind.Carry)
            _links.Add(Admit(source, decision));
    }

    private Near Admit(EndpointAddress source, RouteDecision decision)
    {
        var near = new Near();
        near.Place = _parts.Admission.TryAdmit(near, source.Source(), isStream: false, decision.IsProven, _now);
        Assert.NotNull(near.Place);
        return near;
    }

    private sealed class Near : INearEnd
    {
        public NearPlace? Place { get; set; }

        public bool IsEvicted { get; private set; }

        public void Evict() => IsEvicted = true;
    }
}
