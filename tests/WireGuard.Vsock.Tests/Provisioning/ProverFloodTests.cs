using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>Too many connections and requests: which of them is closed, and which is answered first.</summary>
public sealed class ProverFloodTests : IDisposable
{
    private const uint Here = 0x0A000001;
    private const uint There = 0x0A000002;

    private readonly ProverParts _parts = new(isAttested: true);
    private readonly PrivateKey _verifier = PrivateKey.Generate();
    private readonly PrivateKey _unexpected = PrivateKey.Generate();
    private readonly List<ProverCaller> _callers = [];

    public void Dispose()
    {
        _callers.ForEach(caller => caller.Dispose());
        _parts.Dispose();
        _verifier.Dispose();
        _unexpected.Dispose();
    }

    [Fact]
    public void A_fifth_exchange_takes_the_place_of_the_oldest_of_the_source_that_has_most()
    {
        ProverCaller lone = Ask(There);
        ProverCaller[] many = [Ask(Here), Ask(Here), Ask(Here)];
        _parts.Pass(1_000);
        ProverCaller fifth = Ask(There);
        Assert.Equal([false, true, false, false, false], Closed([lone, .. many, fifth]));
        _parts.Pass(1_000);
        ProverCaller sixth = Ask(0x0A000003);
        Assert.Equal([true, true, false, false, false, false], Closed([lone, .. many, fifth, sixth]));
    }

    /// <summary>They are not exchanges: they have asked for nothing.</summary>
    [Fact]
    public void Silent_connections_do_not_take_the_places_of_exchanges()
    {
        ProverCaller exchange = Ask(Here);
        ProverCaller[] silent = [.. Enumerable.Range(0, Prover.MaxSilent).Select(_ => Call(Here))];
        Assert.All(Closed(silent), Assert.False);
        ProverCaller other = Call(There), more = Call(Here);
        Assert.Equal([true, true], Closed(silent[..2]));
        Assert.All(Closed([.. silent[2..], other, more, exchange]), Assert.False);
        other.Send(ProverCaller.Request(_verifier));
        Assert.NotNull(other.Take());
    }

    [Fact]
    public void Documents_are_made_at_a_rate()
    {
        for (int i = 0; i < 40; i++)
        {
            using ProverCaller caller = Ask(Here);
            _parts.Pass(50);
        }

        // 4 at once, and in the 2 s of the flood 8 more, but for one that was not there when its turn came.
        Assert.InRange(_parts.Documents, 11, 12);
        _parts.Pass(60_000);
        int before = _parts.Documents;
        ProverCaller[] last = [Ask(Here), Ask(Here), Ask(Here), Ask(Here), Ask(Here)];
        Assert.Equal(before + 4, _parts.Documents);
        _parts.Pass(Prover.DocumentMs - 1);
        Assert.Null(last[4].Take());
        _parts.Pass(1);
        Assert.NotNull(last[4].Take());
    }

    /// <summary>It is served beside a flood of valid requests from another source, within a quarter of a second.</summary>
    [Fact]
    public void A_flood_from_one_source_keeps_no_other_out()
    {
        for (int i = 0; i < 200; i++)
        {
            Ask(Here);
            _parts.Pass(10);
        }

        ProverCaller real = Ask(There);
        long began = _parts.NowMs;
        for (int i = 0; i < 100 && real.Take() is null; i++)
        {
            Assert.False(real.IsClosed);
            Ask(Here);
            _parts.Pass(10);
        }

        Assert.InRange(_parts.NowMs - began, 0, Prover.DocumentMs + 10);
    }

    [Fact]
    public void A_flood_from_one_source_keeps_no_exchange_of_another_from_its_end()
    {
        ProverCaller real = Call(There);
        byte[] request = ProverCaller.Request(_verifier);
        real.Send(request);
        byte[] response = real.TakeWhole();
        for (int i = 0; i < 500; i++)
        {
            Ask(Here);
            Call(Here);
            _parts.Pass(10);
        }

        real.Send(ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, response));
        Assert.Equal(ExchangeMessages.Done, real.TakeWhole());
    }

    /// <summary>From one source the key that a request shows is all that tells them apart.</summary>
    [Fact]
    public void Who_does_not_know_a_verifiers_key_does_not_keep_it_out()
    {
        _parts.IsExpected = key => key == _verifier.PublicKey;
        for (int i = 0; i < 50; i++)
            Ask(Here, _unexpected);
        ProverCaller real = Ask(Here, _verifier);
        for (uint i = 0; i < 50; i++)
            Ask(There + i, _unexpected);
        Assert.False(real.IsClosed);
        Assert.Null(real.Take());
        _parts.Pass(Prover.DocumentMs);
        Assert.NotNull(real.Take());
    }

    [Fact]
    public void An_unexpected_verifier_is_answered_where_nobody_else_asks()
    {
        _parts.IsExpected = _ => false;
        Assert.NotNull(Ask(Here, _unexpected).Take());
    }

    /// <summary>
    /// 200 requests a second from its own source, which show its key: a request that comes in time for a turn is answered, and
    /// can be confirmed over a path of 50 ms.
    /// </summary>
    [Fact]
    public void From_one_source_trying_again_gets_through()
    {
        byte[]? done = null;
        Flood(2_000);
        for (int tries = 0; done is null && tries < 100; tries++)
        {
            long began = _parts.NowMs;
            using ProverCaller real = _parts.Call(Here);
            byte[] request = ProverCaller.Request(_verifier);
            real.Send(request);
            byte[]? response;
            while ((response = real.Take()) is null && !real.IsClosed)
                Flood(5);
            // Each try comes 5 ms later between two turns than the one before.
            Flood(response is null ? 255 - (int)(_parts.NowMs - began) : 50);
            if (response is null)
                continue;
            real.Send(ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, response));
            done = real.Take();
        }

        Assert.Equal(ExchangeMessages.Done, done);
        Assert.Single(_parts.Taken);

        void Flood(int ms)
        {
            for (int i = 0; i < ms; i += 5)
            {
                Ask(Here);
                _parts.Pass(5);
                if (_callers.Count > 64)
                    _callers.RemoveAll(EndIfClosed);
            }
        }

        static bool EndIfClosed(ProverCaller caller)
        {
            bool isClosed = caller.IsClosed;
            if (isClosed)
                caller.Dispose();
            return isClosed;
        }
    }

    [Fact]
    public void Garbage_of_any_kind_leaves_nothing_behind()
    {
        byte[] whole = ProverCaller.Frame(ProverCaller.Request(_verifier));
        Gen.Select(Gen.Byte.Array[0, 100], Gen.Int[0, whole.Length], Gen.Bool, Gen.Bool).Sample((garbage, cut, begins, ends) =>
        {
            using ProverCaller caller = _parts.Call(Here);
            caller.SendRaw(begins ? [.. whole.AsSpan(0, cut), .. garbage] : garbage);
            if (ends)
                caller.EndWriting();
            _parts.NowMs += 500;
            return true;
        }, iter: 2_000, threads: 1);
        _parts.Pass(10_000);
        Assert.Equal(0, _parts.Loop.DeadlineCount);
        Assert.Empty(_parts.Taken);
        using ProverCaller real = _parts.Call(Here);
        real.Exchange(_verifier);
        Assert.Equal(ExchangeMessages.Done, real.TakeWhole());
    }

    private ProverCaller Call(uint from)
    {
        ProverCaller caller = _parts.Call(from);
        _callers.Add(caller);
        return caller;
    }

    private ProverCaller Ask(uint from, PrivateKey? verifier = null)
    {
        ProverCaller caller = Call(from);
        caller.Send(ProverCaller.Request(verifier ?? _verifier));
        return caller;
    }

    private static bool[] Closed(ProverCaller[] callers) => [.. callers.Select(caller => caller.IsClosed)];
}
