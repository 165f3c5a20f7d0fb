using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>An attacker between a verifier and a prover changes, replaces and replays messages.</summary>
public sealed class AttemptTamperingTests : IDisposable
{
    private readonly AttemptParts _parts = new();
    private readonly PrivateKey _attacker = PrivateKey.Generate();

    public void Dispose()
    {
        _parts.Dispose();
        _attacker.Dispose();
    }

    /// <summary>Bits of each message but the document, which the library's tests change: nothing is taken, ever.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void Whatever_is_changed_on_the_way_nothing_is_taken(int number, bool isAttested)
    {
        for (int at = 0; at < 160; at += 5)
        {
            ProverParts prover = _parts.Prover(isAttested);
            int length = int.MaxValue;
            Middle middle = _parts.Between(prover);
            middle.Change = (which, message) =>
            {
                if (which == number && at < (length = message.Length))
                    message[at] ^= (byte)(1 << (at % 8));
                return message;
            };
            AttemptResult result = _parts.Run(prover, middle, settings => settings with { AllowsUnattested = !isAttested });
            if (at >= length)
                break;
            Assert.NotEmpty(result.Problems);
            Assert.Empty(prover.Taken);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Somebody_else_as_the_verifier_gets_no_confirm_that_fits(bool isAttested)
    {
        ProverParts prover = _parts.Prover(isAttested);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) => which == 0 ? ProverCaller.Request(_attacker) : message;
        Assert.NotEmpty(_parts.Run(prover, middle).Problems);
        Assert.Empty(prover.Taken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Somebody_else_as_the_prover_is_found_out_or_learns_nothing(bool isAttested)
    {
        ProverParts prover = _parts.Prover(isAttested);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) =>
        {
            Assert.True(which != 1 || ExchangeMessages.TryReadResponse(message, out _));
            if (which != 1 || !ExchangeMessages.TryReadResponse(message, out ProverResponse? response))
                return message;
            return ExchangeMessages.Response(_attacker.PublicKey, response.Port, response.Document.Span);
        };
        AttemptResult result = _parts.Run(prover, middle);
        Assert.NotEmpty(result.Problems);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void Another_port_in_the_answer_is_found_out()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) =>
        {
            if (which != 1 || !ExchangeMessages.TryReadResponse(message, out ProverResponse? response))
                return message;
            return ExchangeMessages.Response(response.Prover, 9, response.Document.Span);
        };
        Assert.NotEmpty(_parts.Run(prover, middle).Problems);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void A_document_that_is_left_out_is_missed()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) => which == 1 ? ExchangeMessages.Response(prover.Key.PublicKey, 51_820, []) : message;
        Assert.NotEmpty(_parts.Run(prover, middle, settings => settings with { AllowsUnattested = false }).Problems);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void A_recorded_answer_has_a_foreign_nonce()
    {
        ProverParts prover = _parts.Prover(isAttested: true);
        Middle first = _parts.Between(prover), second = _parts.Between(prover);
        Assert.Empty(_parts.Run(prover, first).Problems);
        second.Change = (which, message) => which == 1 ? first.Seen[1] : message;
        AttemptResult result = _parts.Run(prover, second);
        Assert.Contains(result.Problems, problem => problem.Contains("nonce", StringComparison.OrdinalIgnoreCase));
        Assert.Single(prover.Taken);
    }
}
