using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>What a verifier once sent, sent again by somebody between the two, who can hold back and repeat it.</summary>
public sealed class ProverReplayTests : IDisposable
{
    private static readonly Offer s_old = new() { Mtu = 1_300 };
    private static readonly Offer s_new = new() { Mtu = 1_400 };

    private readonly PrivateKey _verifier = PrivateKey.Generate();

    public void Dispose() => _verifier.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_recorded_exchange_does_not_put_old_settings_back(bool isAttested)
    {
        using var parts = new ProverParts(isAttested);
        using ProverCaller first = parts.Call(), second = parts.Call();
        (byte[] request, _, byte[] confirm) = first.Exchange(_verifier, s_old);
        second.Exchange(_verifier, s_new);
        parts.Pass(60_000);
        using ProverCaller replay = parts.Call();
        replay.Send(request);
        Assert.Null(replay.Take());
        Assert.True(replay.IsClosed);
        using ProverCaller atOnce = parts.Call();
        atOnce.SendRaw([.. ProverCaller.Frame(request), .. ProverCaller.Frame(confirm)]);
        Assert.True(atOnce.IsClosed);
        Assert.Equal([1_300, 1_400], parts.Taken.Select(taken => taken.Offer.Mtu));
    }

    /// <summary>The confirm was held back: the prover has never seen it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_confirm_that_never_came_does_not_come_later(bool isAttested)
    {
        using var parts = new ProverParts(isAttested);
        byte[] request = ProverCaller.Request(_verifier);
        byte[] confirm;
        using (ProverCaller first = parts.Call())
        {
            first.Send(request);
            confirm = ProverCaller.Confirm(_verifier, parts.Key.PublicKey, request, first.TakeWhole(), s_old);
        }

        using ProverCaller second = parts.Call();
        second.Exchange(_verifier, s_new);
        using ProverCaller replay = parts.Call();
        replay.Send(request);
        Assert.True(replay.IsClosed);
        Assert.NotEmpty(confirm);
        Assert.Single(parts.Taken);
    }

    /// <summary>The held-back confirm comes on its own connection, which was kept open.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_two_exchanges_of_a_verifier_the_later_one_stands(bool isAttested)
    {
        using var parts = new ProverParts(isAttested);
        using PrivateKey other = PrivateKey.Generate();
        // The connection of the later exchange is the older one: what counts is when it asked.
        using ProverCaller newer = parts.Call(), older = parts.Call(), another = parts.Call();
        byte[] request = ProverCaller.Request(_verifier), others = ProverCaller.Request(other);
        older.Send(request);
        byte[] held = ProverCaller.Confirm(_verifier, parts.Key.PublicKey, request, older.TakeWhole(), s_old);
        another.Send(others);
        byte[] response = another.TakeWhole();
        newer.Exchange(_verifier, s_new);
        Assert.True(older.IsClosed);
        Assert.NotEmpty(held);
        another.Send(ProverCaller.Confirm(other, parts.Key.PublicKey, others, response));
        Assert.Equal(ExchangeMessages.Done, another.TakeWhole());
        Assert.Equal([_verifier.PublicKey, other.PublicKey], parts.Taken.Select(taken => taken.Verifier));
    }

    [Fact]
    public void One_request_twice_at_a_time_is_responded_to_once()
    {
        using var parts = new ProverParts();
        byte[] request = ProverCaller.Request(_verifier);
        using ProverCaller one = parts.Call(), two = parts.Call();
        one.Send(request);
        two.Send(request);
        Assert.NotNull(one.Take());
        Assert.True(two.IsClosed);
    }

    /// <summary>A process that forgot all: the document's signature is another.</summary>
    [Fact]
    public void A_recorded_exchange_does_not_fit_a_new_document()
    {
        using var parts = new ProverParts(isAttested: true);
        using ProverCaller first = parts.Call();
        (byte[] request, byte[] response, byte[] confirm) = first.Exchange(_verifier, s_old);
        parts.Restart();
        using ProverCaller replay = parts.Call();
        replay.Send(request);
        Assert.NotEqual(response, replay.TakeWhole());
        replay.Send(confirm);
        Assert.True(replay.IsClosed);
        Assert.Single(parts.Taken);
    }

    /// <summary>ProvisionPort was changed: the key is the same, and so is an unattested response.</summary>
    [Fact]
    public void A_prover_that_listens_elsewhere_forgets_nothing()
    {
        using var parts = new ProverParts();
        using ProverCaller first = parts.Call();
        (byte[] request, _, _) = first.Exchange(_verifier, s_old);
        parts.ListenAnew();
        using ProverCaller replay = parts.Call();
        replay.Send(request);
        Assert.True(replay.IsClosed);
        Assert.Equal(1, parts.Prover.Dropped(ProverDrop.Replayed));
    }

    [Fact]
    public void A_recorded_exchange_does_not_fit_a_new_key()
    {
        using var parts = new ProverParts();
        using var restarted = new ProverParts();
        using ProverCaller first = parts.Call(), replay = restarted.Call();
        (byte[] request, _, byte[] confirm) = first.Exchange(_verifier, s_old);
        replay.Send(request);
        Assert.NotNull(replay.Take());
        replay.Send(confirm);
        Assert.True(replay.IsClosed);
        Assert.Empty(restarted.Taken);
    }

    [Fact]
    public void A_flood_of_requests_makes_no_prover_forget_what_it_took()
    {
        using var parts = new ProverParts();
        using PrivateKey unexpected = PrivateKey.Generate();
        using ProverCaller first = parts.Call();
        (byte[] request, _, _) = first.Exchange(_verifier, s_old);
        for (int i = 0; i < RecentRequests.Most + 4; i++)
        {
            using ProverCaller flood = parts.Call();
            flood.Send(ProverCaller.Request(unexpected));
            parts.NowMs += Prover.DocumentMs;
        }

        using ProverCaller replay = parts.Call();
        replay.Send(request);
        Assert.True(replay.IsClosed);
    }

    [Fact]
    public void The_last_requests_are_remembered()
    {
        var recent = new RecentRequests();
        byte[] Nth(int n) => ExchangeMessages.Request([.. BitConverter.GetBytes(n), .. new byte[28]], _verifier.PublicKey);
        for (int i = 0; i < RecentRequests.Most + 1; i++)
            recent.Add(Nth(i));
        Assert.False(recent.Contains(Nth(0)));
        for (int i = 1; i < RecentRequests.Most + 1; i++)
            Assert.True(recent.Contains(Nth(i)));
        Assert.False(recent.Contains(Nth(-1)));
    }
}
