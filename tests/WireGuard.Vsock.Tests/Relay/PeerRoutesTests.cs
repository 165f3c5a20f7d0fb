using System.Buffers.Binary;
using CsCheck;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Relay;

namespace WireGuard.Vsock.Tests.Relay;

/// <summary>Which enclave a message is for, without a key that is secret.</summary>
public sealed class PeerRoutesTests : IDisposable
{
    private const long Start = 1_000_000;

    private static readonly RouteDecision NoRoute = RouteDecision.Drop(RelayDrop.NoRoute);

    private readonly RelayParts _parts = new(3);

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void An_initiation_goes_to_the_enclave_whose_key_its_sender_has()
    {
        for (int target = 0; target < 3; target++)
        {
            NearRoutes? near = null;
            Assert.Equal(To(target), _parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(target), Start));
            Assert.NotNull(near);
        }
    }

    [Fact]
    public void What_fits_nobody_is_dropped_and_remembers_nothing()
    {
        NearRoutes? near = null;
        byte[] forNobody = _parts.Initiation(0);
        forNobody[5] ^= 1;
        byte[][] messages = [forNobody, RelayParts.Transport(7), RelayParts.Response(1, 7), RelayParts.Cookie(7)];
        foreach (byte[] message in messages)
            Assert.Equal(NoRoute, _parts.FromNear(ref near, RelayParts.Source(1), message, Start));
        foreach (byte[] garbage in new[] { [], new byte[3], new byte[148], [4, 0, 0, 0], [.. _parts.Initiation(0), 0] })
        {
            Assert.Equal(
                RouteDecision.Drop(RelayDrop.NotAMessage), _parts.FromNear(ref near, RelayParts.Source(1), garbage, Start));
        }

        Assert.Null(near);
        Assert.Equal(0, _parts.Routes.Known.Count);
    }

    [Fact]
    public void Later_messages_go_where_the_index_came_from()
    {
        NearRoutes? near = null;
        _parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(2), Start);
        Assert.True(_parts.Routes.FromFar(near!, 2, RelayParts.Response(77, 1), Start));
        Assert.Equal(To(2), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Transport(77), Start));
        // The enclave begins a handshake of its own.
        Assert.True(_parts.Routes.FromFar(near!, 2, _parts.Initiation(0, sender: 78), Start));
        Assert.Equal(To(2), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Response(5, 78), Start));
        Assert.Equal(To(2), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Cookie(78), Start));
        Assert.Equal(NoRoute, _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Response(5, 79), Start));
    }

    [Fact]
    public void Responses_and_cookies_go_only_where_the_enclave_asked_this_source()
    {
        NearRoutes? near = Answered(1, 0, 77), other = null;
        Assert.Equal(NoRoute, _parts.FromNear(ref other, RelayParts.Source(2), RelayParts.Response(5, 77), Start));
        Assert.Equal(NoRoute, _parts.FromNear(ref other, RelayParts.Source(2), RelayParts.Cookie(77), Start));
        Assert.Equal(To(0), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Cookie(77), Start));
    }

    [Fact]
    public void A_cookie_reply_of_the_enclave_is_no_answer()
    {
        NearRoutes? near = null;
        _parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(0), Start);
        Assert.False(_parts.Routes.FromFar(near!, 0, RelayParts.Cookie(1), Start));
        Assert.False(near!.IsAnswered);
        Assert.True(_parts.Routes.FromFar(near, 0, RelayParts.Transport(1), Start));
        Assert.True(near.IsAnswered);
    }

    [Fact]
    public void A_peer_that_has_roamed_is_carried_to_each_enclave_that_gave_out_its_index()
    {
        Answered(1, 0, 77);
        Answered(2, 1, 77);
        Answered(2, 2, 78);
        NearRoutes? roamed = null;
        Assert.Equal(
            RouteDecision.To(new RouteTargets(1, 0)),
            _parts.FromNear(ref roamed, RelayParts.Source(9), RelayParts.Transport(77), Start));
        Assert.False(roamed!.IsAnswered);
        Assert.Equal(To(2), _parts.FromNear(ref roamed, RelayParts.Source(9), RelayParts.Transport(78), Start));
        // What the enclave says itself decides from now on.
        _parts.Routes.FromFar(roamed!, 0, RelayParts.Response(77, 1), Start);
        Assert.Equal(To(0), _parts.FromNear(ref roamed, RelayParts.Source(9), RelayParts.Transport(77), Start));
    }

    [Fact]
    public void The_source_that_an_index_was_given_to_is_never_moved()
    {
        NearRoutes? first = Answered(1, 0, 77), roamed = null;
        _parts.FromNear(ref roamed, RelayParts.Source(9), RelayParts.Transport(77), Start);
        Assert.Equal(To(0), _parts.FromNear(ref first, RelayParts.Source(1), RelayParts.Transport(77), Start));
    }

    [Fact]
    public void A_known_index_makes_few_new_sources()
    {
        Answered(1, 0, 77);
        int carried = 0;
        for (uint source = 100; source < 300; source++)
        {
            NearRoutes? near = null;
            long now = Start + (10 * (source - 100)); // two seconds
            RouteDecision decision = _parts.FromNear(ref near, RelayParts.Source(source), RelayParts.Transport(77), now);
            carried += decision.Kind == RouteKind.Carry ? 1 : 0;
            if (decision.Kind != RouteKind.Carry)
                Assert.Equal(RouteDecision.Drop(RelayDrop.RateLimited), decision);
            Assert.Equal(decision.Kind == RouteKind.Carry, near is not null);
        }

        Assert.InRange(carried, KnownIndices.Burst, KnownIndices.Burst + (2 * KnownIndices.PerSecond));
    }

    [Fact]
    public void What_others_bring_forgets_nothing_that_an_enclave_has_said()
    {
        NearRoutes? near = Answered(1, 0, 77);
        for (uint index = 1000; index < 1100; index++)
            Answered(2, 1, index);
        for (uint index = 1000; index < 1100; index++)
            _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Transport(index), Start);
        Assert.Equal(To(0), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Transport(77), Start));
    }

    [Fact]
    public void An_index_is_known_for_as_long_as_a_keypair_lives()
    {
        Answered(1, 0, 77);
        NearRoutes? near = null;
        Assert.Equal(To(0), _parts.FromNear(ref near, RelayParts.Source(2), RelayParts.Transport(77), Start + 189_999));
        near = null;
        Assert.Equal(NoRoute, _parts.FromNear(ref near, RelayParts.Source(3), RelayParts.Transport(77), Start + 190_000));
    }

    [Fact]
    public void An_enclave_cannot_push_out_what_others_gave_out()
    {
        var known = new KnownIndices(targets: 300);
        known.Learn(1, target: 0, Start);
        for (uint i = 0; i < 100_000; i++)
            known.Learn(1000 + i, target: 1, Start);
        Assert.Equal(1 + KnownIndices.LeastShare, known.Count);
        Assert.True(known.TryAdopt(1, Start, out RouteTargets targets, out _));
        Assert.Equal(new RouteTargets(0), targets);

        NearRoutes? near = Answered(1, 0, 77);
        for (uint i = 0; i < 1000; i++)
            _parts.Routes.FromFar(near, 1, RelayParts.Response(1000 + i, 1), Start);
        Assert.Equal(To(0), _parts.FromNear(ref near, RelayParts.Source(1), RelayParts.Transport(77), Start));
    }

    [Fact]
    public void Peers_that_stay_keep_their_indices_and_cookies_when_a_rule_changes()
    {
        Answered(1, 1, 77);
        Answered(1, 2, 78);
        CookieGenerator client = _parts.ClientOf(1);
        NearRoutes? near = null;
        while (_parts.FromNear(ref near, RelayParts.Source(1), _parts.Initiation(client, Start), Start).Kind != RouteKind.Answer)
        {
        }

        Assert.True(client.TryConsumeReply(new CookieReplyMessage(_parts.Reply), Start));
        using var changed = new PeerRoutes([_parts.Peers[1]], _parts.Admission, _parts.Routes);
        _parts.Routes.Dispose();
        near = null;
        RouteDecision From(ref NearRoutes? near, byte[] message) =>
            changed.FromNear(ref near, RelayParts.Source(1), isStream: false, message, Start, _parts.Reply);
        Assert.Equal(To(0), From(ref near, RelayParts.Transport(77)));
        Assert.Equal(NoRoute, From(ref near, RelayParts.Transport(78)));
        Assert.Equal(To(0) with { IsProven = true }, From(ref near, _parts.Initiation(client, Start)));
    }

    /// <summary>Beside lists that are searched from the end.</summary>
    [Fact]
    public void What_a_near_end_has_learned_is_as_a_list_says() =>
        Gen.Select(Gen.UInt[0, 20], Gen.Int[0, 70]).Array[0, 700].Sample(
            heard =>
            {
                var routes = new NearRoutes();
                List<(uint Index, int Target)> list = [];
                foreach ((uint index, int target) in heard)
                {
                    routes.Learn(index, target);
                    list.Remove((index, target));
                    if (list.Count(one => one.Target == target) == NearRoutes.MaxPerTarget)
                        list.Remove(list.First(one => one.Target == target));
                    else if (list.Count == NearRoutes.MaxLearned)
                        list.RemoveAt(0);
                    list.Add((index, target));
                }

                Assert.Equal(list.Count, routes.LearnedCount);
                for (uint index = 0; index <= 20; index++)
                {
                    short[] last = [.. list.Where(one => one.Index == index).Select(one => (short)one.Target).Reverse().Take(2)];
                    Assert.Equal(last.Length > 0, routes.TryFind(index, out RouteTargets targets));
                    Assert.Equal([.. last, .. Enumerable.Repeat(RouteTargets.NoTarget, 2 - last.Length)],
                        new[] { targets.First, targets.Second });
                }
            },
            iter: 300);

    /// <summary>Beside all that was said, searched whole.</summary>
    [Fact]
    public void What_is_known_of_indices_is_as_a_list_says() =>
        Gen.Select(Gen.UInt[0, 12], Gen.Int[0, 4], Gen.Int[0, 20_000]).Array[0, 100].Sample(
            heard =>
            {
                var known = new KnownIndices(targets: 5);
                List<(uint Index, int Target, long AtMs)> list = [];
                long now = Start;
                foreach ((uint index, int target, int ms) in heard)
                {
                    now += ms;
                    known.Learn(index, target, now);
                    list.Add((index, target, now));
                }

                for (uint index = 0; index <= 12; index++)
                {
                    // Of the two that gave it out last, those who did so in time.
                    short[] last = [.. list.Where(one => one.Index == index).Reverse().DistinctBy(one => one.Target).Take(2)
                        .Where(one => now - one.AtMs < KnownIndices.AgeMs).Select(one => (short)one.Target)];
                    Assert.Equal(last.Length > 0, known.TryAdopt(index, now, out RouteTargets targets, out _));
                    Assert.Equal([.. last, .. Enumerable.Repeat(RouteTargets.NoTarget, 2 - last.Length)],
                        new[] { targets.First, targets.Second });
                }
            },
            iter: 1000);

    [Fact]
    public void Whatever_comes_from_either_side_never_an_exception() =>
        Gen.Select(Gen.Bool, Gen.Int[0, 4], Gen.UInt[0, 3], Gen.Byte.Array[0, 200]).Array[0, 50].Sample(
            events =>
            {
                using var parts = new RelayParts(2);
                NearRoutes? near = null;
                foreach ((bool isNear, int type, uint index, byte[] bytes) in events)
                {
                    byte[] message = Shaped(type, index, bytes);
                    if (isNear)
                        parts.FromNear(ref near, RelayParts.Source(1), message, Start);
                    else if (near is not null)
                        parts.Routes.FromFar(near, (int)(index & 1), message, Start);
                }
            },
            iter: 2000);

    [Fact]
    public void Nothing_is_allocated_for_a_message()
    {
        NearRoutes? near = Answered(1, 0, 77);
        byte[] transport = RelayParts.Transport(77), unknown = RelayParts.Transport(5), answer = RelayParts.Transport(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _parts.FromNear(ref near, RelayParts.Source(1), transport, Start);
            _parts.FromNear(ref near, RelayParts.Source(1), unknown, Start);
            _parts.Routes.FromFar(near!, 0, answer, Start);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>A near end whose handshake an enclave has answered.</summary>
    private NearRoutes Answered(uint source, int target, uint index)
    {
        var near = new NearRoutes();
        _parts.Routes.FromFar(near, target, RelayParts.Response(index, source), Start);
        return near;
    }

    private static byte[] Shaped(int type, uint index, byte[] bytes)
    {
        int length = type switch { 1 => 148, 2 => 92, 3 => 64, 4 => Math.Max(bytes.Length, 32), _ => bytes.Length };
        Array.Resize(ref bytes, length);
        if (length >= 12)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)type);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), index);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), index);
        }

        return bytes;
    }

    private static RouteDecision To(int target) => RouteDecision.To(new RouteTargets(target));
}
