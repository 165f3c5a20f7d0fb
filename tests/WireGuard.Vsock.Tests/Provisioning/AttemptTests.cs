using WireGuard.Attestation.Signing;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>A verifier and a prover, and what is wrong with a prover or its document.</summary>
public sealed class AttemptTests : IDisposable
{
    private readonly AttemptParts _parts = new();

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void The_reason_is_short_however_much_is_wrong()
    {
        AttemptResult With(int problems) =>
            new(null, 0, null, IsAttested: false, [.. Enumerable.Range(1, problems).Select(n => $"p{n}")]);
        Assert.Null(With(0).Reason);
        Assert.Equal("p1; p2; p3; p4; p5", With(5).Reason);
        Assert.Equal("p1; p2; p3; p4; p5; and 37 more", With(42).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_prover_is_attested_and_takes_what_it_is_offered(bool isAttested)
    {
        ProverParts prover = _parts.Prover(isAttested);
        var offer = new Offer { Addresses = [ExchangeMessagesTests.Address("203.0.113.2/24")], SearchDomains = ["example.com"] };
        AttemptResult result = _parts.Run(prover, _parts.Between(prover), settings => settings with { Offer = offer });
        Assert.Empty(result.Problems);
        Assert.Equal((prover.Key.PublicKey, 51_820u, isAttested), (result.Key, result.Port, result.IsAttested));
        Assert.Equal(isAttested, result.Document is not null);
        (PublicKey verifier, Offer taken) = Assert.Single(prover.Taken);
        Assert.Equal(_parts.Verifier.PublicKey, verifier);
        ExchangeMessagesTests.AssertSame(offer, taken);
    }

    [Fact]
    public void By_hand_a_prover_is_attested_and_takes_nothing()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        AttemptResult result = _parts.Run(prover, _parts.Between(prover), confirms: false);
        Assert.Empty(result.Problems);
        Assert.True(result.IsAttested);
        Assert.Equal(AttemptParts.Pcr0, result.Document!.Pcr(0).ToArray());
        Assert.Empty(prover.Taken);
    }

    /// <summary>The key may be another peer's, say: the prover must not take what it would have been offered.</summary>
    [Fact]
    public void What_the_caller_refuses_is_not_confirmed()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        AttemptResult? asked = null;
        AttemptResult result = _parts.Run(prover, _parts.Between(prover), refuses: shown =>
        {
            asked = shown;
            return "it is another peer's";
        });
        Assert.Equal(["it is another peer's"], result.Problems);
        Assert.Equal((prover.Key.PublicKey, 51_820u, true), (asked!.Key, asked.Port, asked.IsAttested));
        Assert.Empty(asked.Problems);
        prover.Pass(1_000);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void An_answer_without_a_document_is_refused_unless_that_is_allowed()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        AttemptResult result = _parts.Run(prover, _parts.Between(prover), settings => settings with { AllowsUnattested = false });
        Assert.StartsWith("it answers without an attestation document", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void Another_measurement_is_refused()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        AttemptResult result =
            _parts.Run(prover, _parts.Between(prover), settings => settings with { Pins = [new(0, new byte[48])] });
        Assert.Contains(result.Problems, problem => problem.Contains("PCR0", StringComparison.Ordinal));
        Assert.False(result.IsAttested);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void A_document_under_another_root_is_refused()
    {
        using Signer another = Signer.Create(DateTimeOffset.UtcNow);
        ProverParts prover = _parts.Prover(isAttested: true);
        prover.MakeDocument = (nonce, key, data) => AttemptParts.Sign(another, nonce, key, data);
        Assert.NotEmpty(_parts.Run(prover, _parts.Between(prover)).Problems);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void Its_own_key_is_refused()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        AttemptResult result = _parts.Run(prover, _parts.Between(prover), key: prover.Key);
        Assert.StartsWith("it shows this end's own public key", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void A_key_that_no_private_key_has_is_refused()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) => which == 1 ? ExchangeMessages.Response(default, 51_820, []) : message;
        Assert.Equal(["its public key is one of those that no private key has"], _parts.Run(prover, middle).Problems);
    }

    [Fact]
    public void A_refusal_is_told_as_the_other_ends()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        prover.Reason = "its address is taken\n";
        Middle middle = _parts.Between(prover);
        AttemptResult result = _parts.Run(prover, middle);
        Assert.Equal([$"{middle.Address} refuses; it says, unauthenticated: \"its address is taken?\""], result.Problems);
        Assert.Equal(prover.Key.PublicKey, result.Key);
    }
}
