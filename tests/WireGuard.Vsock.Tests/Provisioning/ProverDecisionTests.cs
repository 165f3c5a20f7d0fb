using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>A tunnel that takes its time to decide on an offer.</summary>
public sealed class ProverDecisionTests : IDisposable
{
    private readonly PrivateKey _verifier = PrivateKey.Generate();
    private readonly ProverParts _parts = new() { Undecided = [] };

    public void Dispose()
    {
        _parts.Dispose();
        _verifier.Dispose();
    }

    [Fact]
    public void The_verifier_hears_what_the_tunnel_has_decided_when_it_has()
    {
        using ProverCaller taken = _parts.Call(), refused = _parts.Call();
        using PrivateKey other = PrivateKey.Generate();
        taken.Exchange(_verifier);
        refused.Exchange(other);
        Assert.Null(taken.Take());
        Assert.False(taken.IsClosed);
        _parts.Undecided![1]("no");
        Assert.Equal("no", refused.TakeError());
        Assert.Null(taken.Take());
        _parts.Undecided[0](null);
        Assert.Equal(ExchangeMessages.Done, taken.TakeWhole());
        Assert.Equal(1, _parts.Prover.Dropped(ProverDrop.Refused));
    }

    [Fact]
    public void Others_are_answered_meanwhile()
    {
        using ProverCaller waits = _parts.Call();
        waits.Exchange(_verifier);
        List<ProverCaller> others = [];
        for (int i = 0; i < 3 * Prover.MaxExchanges; i++)
        {
            using PrivateKey key = PrivateKey.Generate();
            ProverCaller other = _parts.Call((uint)(0x0A000002 + i));
            other.Send(ProverCaller.Request(key));
            _parts.Pass(Prover.DocumentMs);
            Assert.NotNull(other.Take());
            others.Add(other);
        }

        Assert.False(waits.IsClosed);
        _parts.Undecided![0](null);
        Assert.Equal(ExchangeMessages.Done, waits.TakeWhole());
        others.ForEach(other => other.Dispose());
    }

    [Fact]
    public void One_that_waits_for_a_decision_may_say_nothing_and_is_given_10_s()
    {
        using PrivateKey other = PrivateKey.Generate();
        using ProverCaller talks = _parts.Call(), waits = _parts.Call();
        talks.Exchange(_verifier);
        talks.SendRaw([0, 0, 0, 1]);
        Assert.True(talks.IsClosed);
        waits.Exchange(other);
        _parts.Pass(Prover.ExchangeMs);
        Assert.True(waits.IsClosed);
        Assert.Equal((1, 1), (_parts.Prover.Dropped(ProverDrop.Malformed), _parts.Prover.Dropped(ProverDrop.Late)));
        // What is decided then stands all the same, and its request is known.
        _parts.Undecided!.ForEach(decide => decide(null));
        Assert.Equal(2, _parts.Log.Lines.Count(line => line.StartsWith("Provisioned by", StringComparison.Ordinal)));
    }

    /// <summary>The earlier one's confirm comes while the later one is decided on.</summary>
    [Fact]
    public void Of_two_exchanges_of_a_verifier_the_later_one_stands_that_is_not_decided_yet()
    {
        using ProverCaller older = _parts.Call(), newer = _parts.Call();
        older.Send(ProverCaller.Request(_verifier));
        Assert.NotNull(older.Take());
        newer.Exchange(_verifier);
        Assert.True(older.IsClosed);
        Assert.Equal(1, _parts.Prover.Dropped(ProverDrop.Superseded));
        _parts.Undecided![0](null);
        Assert.Equal(ExchangeMessages.Done, newer.TakeWhole());
    }

    [Fact]
    public void Of_too_many_that_wait_for_a_decision_one_that_is_expected_stays()
    {
        _parts.IsExpected = verifier => verifier == _verifier.PublicKey;
        using ProverCaller expected = _parts.Call();
        expected.Exchange(_verifier);
        List<ProverCaller> others = [];
        for (int i = 0; i < 2 * Prover.MaxExchanges; i++)
        {
            using PrivateKey key = PrivateKey.Generate();
            _parts.Pass(Prover.DocumentMs);
            others.Add(_parts.Call());
            others[^1].Exchange(key);
        }

        Assert.Equal(Prover.MaxExchanges - 1, others.Count(other => !other.IsClosed));
        Assert.False(expected.IsClosed);
        others.ForEach(other => other.Dispose());
    }
}
