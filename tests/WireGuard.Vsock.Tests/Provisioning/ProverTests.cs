using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Provisioning;

public sealed class ProverTests : IDisposable
{
    private readonly ProverParts _parts = new(isAttested: true);
    private readonly PrivateKey _verifier = PrivateKey.Generate();

    public void Dispose()
    {
        _parts.Dispose();
        _verifier.Dispose();
    }

    [Fact]
    public void A_verifier_with_a_right_mac_is_taken_and_nothing_before()
    {
        var offer = new Offer { Addresses = [ExchangeMessagesTests.Address("10.0.0.2/24")], Mtu = 1_400 };
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier);
        caller.Send(request);
        byte[] response = caller.TakeWhole();
        Assert.Empty(_parts.Taken);
        Assert.True(ExchangeMessages.TryReadResponse(response, out ProverResponse? read));
        Assert.Equal((_parts.Key.PublicKey, _parts.ListeningPort), (read.Prover, read.Port));
        caller.Send(ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, response, offer));
        Assert.Equal(ExchangeMessages.Done, caller.TakeWhole());
        Assert.True(caller.IsClosed);
        (PublicKey verifier, Offer taken) = Assert.Single(_parts.Taken);
        Assert.Equal(_verifier.PublicKey, verifier);
        ExchangeMessagesTests.AssertSame(offer, taken);
        Assert.Contains(_parts.Log.Lines, line => line.StartsWith("Provisioned by the verifier ", StringComparison.Ordinal));
    }

    [Fact]
    public void The_document_binds_nonce_key_request_and_port()
    {
        (byte[] Nonce, byte[] Key, byte[] UserData) asked = default;
        _parts.MakeDocument = (nonce, key, data) =>
        {
            asked = (nonce, key, data);
            return [1];
        };
        byte[] nonce = new byte[32];
        nonce[5] = 5;
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier, nonce);
        caller.Send(request);
        Assert.NotNull(caller.Take());
        Assert.Equal(nonce, asked.Nonce);
        Assert.Equal(_parts.Key.PublicKey.Bytes.ToArray(), asked.Key);
        byte[] bare = ExchangeMessages.Response(_parts.Key.PublicKey, _parts.ListeningPort, []);
        Assert.Equal(ExchangeProof.UserData(request, bare), asked.UserData);
    }

    [Fact]
    public void A_prover_without_a_module_answers_without_a_document()
    {
        using var parts = new ProverParts(isAttested: false);
        using ProverCaller caller = parts.Call();
        (_, byte[] response, _) = caller.Exchange(_verifier);
        Assert.Equal(ExchangeMessages.Response(parts.Key.PublicKey, parts.ListeningPort, []), response);
        Assert.Equal(ExchangeMessages.Done, caller.TakeWhole());
        Assert.Single(parts.Taken);
    }

    [Fact]
    public void A_refusal_is_told_and_changes_nothing()
    {
        _parts.Reason = "its allowed IPs are another peer's";
        using ProverCaller caller = _parts.Call();
        caller.Exchange(_verifier);
        Assert.Equal("its allowed IPs are another peer's", caller.TakeError());
        Assert.True(caller.IsClosed);
        Assert.Empty(_parts.Taken);
    }

    [Fact]
    public void An_offer_that_cannot_be_read_is_refused_behind_its_mac()
    {
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier), mac = new byte[32];
        caller.Send(request);
        byte[] unsigned = ExchangeMessages.Unsigned([0xA1, 5, 0]);
        Assert.True(ExchangeProof.TryMac(_verifier, _parts.Key.PublicKey, request, caller.TakeWhole(), unsigned, mac));
        caller.Send(ExchangeMessages.Confirm(unsigned, mac));
        Assert.Equal("the offer has a setting that is not known here", caller.TakeError());
        Assert.Empty(_parts.Taken);
    }

    [Fact]
    public void A_module_that_fails_is_told_and_logged_once_in_a_while()
    {
        _parts.MakeDocument = (_, _, _) => null;
        for (int i = 0; i < 3; i++)
        {
            using ProverCaller caller = _parts.Call();
            caller.Send(ProverCaller.Request(_verifier));
            Assert.Equal("no attestation document can be had: it is broken", caller.TakeError());
            Assert.True(caller.IsClosed);
        }

        Assert.Single(_parts.Log.Lines, "Verifiers get no attestation document: it is broken");
        _parts.Pass(10_000);
        using ProverCaller later = _parts.Call();
        later.Send(ProverCaller.Request(_verifier));
        Assert.Equal(2, _parts.Log.Lines.Count(line => line.StartsWith("Verifiers get no", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("00000000")] // empty
    [InlineData("00000048")] // a byte too short to be a request
    [InlineData("0000004a")] // a byte too long
    [InlineData("00010001")]
    [InlineData("ffffffff")]
    [InlineData("474554202f20485454502f312e310d0a0d0a")] // HTTP
    public void A_length_that_no_request_has_closes_the_connection(string hex)
    {
        using ProverCaller caller = _parts.Call();
        caller.SendRaw(Convert.FromHexString(hex));
        Assert.True(caller.IsClosed);
        Assert.Null(caller.Take());
    }

    [Fact]
    public void A_message_that_is_no_request_gets_silence()
    {
        byte[] request = ProverCaller.Request(_verifier);
        for (int i = 0; i < request.Length; i++)
        {
            if (i is (>= 6 and < 38) or >= 41)
                continue; // a nonce and a key are any bytes
            byte[] changed = [.. request];
            changed[i] ^= 0x21;
            using ProverCaller caller = _parts.Call();
            caller.Send(changed);
            Assert.True(caller.IsClosed);
            Assert.Null(caller.Take());
        }

        Assert.Equal(0, _parts.Documents);
    }

    [Fact]
    public void Nothing_is_sent_before_the_request_is_whole()
    {
        using ProverCaller caller = _parts.Call();
        byte[] frame = ProverCaller.Frame(ProverCaller.Request(_verifier));
        foreach (byte one in frame)
        {
            Assert.Null(caller.Take());
            caller.SendRaw([one]);
        }

        Assert.NotNull(caller.Take());
        Assert.Equal(1, _parts.Documents);
    }

    [Fact]
    public void Who_sends_a_byte_now_and_then_is_left_after_10_s()
    {
        using ProverCaller caller = _parts.Call();
        byte[] frame = ProverCaller.Frame(ProverCaller.Request(_verifier));
        for (int second = 0; second < 9; second++)
        {
            caller.SendRaw([frame[second]]);
            _parts.Pass(1_000);
        }

        _parts.Pass(999);
        Assert.False(caller.IsClosed);
        _parts.Pass(1);
        Assert.True(caller.IsClosed);
    }

    [Fact]
    public void Who_never_confirms_is_left_after_10_s()
    {
        using ProverCaller caller = _parts.Call();
        caller.Send(ProverCaller.Request(_verifier));
        Assert.NotNull(caller.Take());
        _parts.Pass(9_999);
        Assert.False(caller.IsClosed);
        _parts.Pass(1);
        Assert.True(caller.IsClosed);
    }

    [Fact]
    public void Who_does_not_read_its_answer_is_left_after_10_s()
    {
        _parts.MakeDocument = (_, _, _) => new byte[60_000];
        var pair = new SocketPair();
        pair.SetNearBuffer(4_096);
        _parts.Prover.Accept(pair.Near, EndpointAddress.IPv4(1, 1));
        using var caller = new ProverCaller(_parts, pair);
        caller.Send(ProverCaller.Request(_verifier));
        _parts.Pass(9_999);
        byte[] begun = pair.ReadBytes();
        Assert.InRange(begun.Length, 1, 59_999);
        _parts.Pass(1);
        Assert.True(caller.IsClosed);
    }

    [Fact]
    public void A_long_answer_is_sent_as_it_is_read()
    {
        _parts.MakeDocument = (_, _, _) => new byte[60_000];
        var pair = new SocketPair();
        pair.SetNearBuffer(4_096);
        _parts.Prover.Accept(pair.Near, EndpointAddress.IPv4(1, 1));
        using var caller = new ProverCaller(_parts, pair);
        byte[] request = ProverCaller.Request(_verifier);
        caller.Send(request);
        byte[]? response = null;
        for (int i = 0; i < 100 && response is null; i++)
            response = caller.Take();
        Assert.NotNull(response);
        caller.Send(ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, response));
        Assert.Equal(ExchangeMessages.Done, caller.TakeWhole());
        Assert.Single(_parts.Taken);
    }

    [Fact]
    public void Something_behind_a_request_closes_the_connection()
    {
        using ProverCaller caller = _parts.Call();
        caller.SendRaw([.. ProverCaller.Frame(ProverCaller.Request(_verifier)), 0]);
        Assert.True(caller.IsClosed);
        Assert.Null(caller.Take());
        Assert.Equal(0, _parts.Documents);
    }

    [Fact]
    public void Something_behind_a_confirm_makes_it_worthless()
    {
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier);
        caller.Send(request);
        byte[] confirm = ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, caller.TakeWhole());
        caller.SendRaw([.. ProverCaller.Frame(confirm), 0]);
        Assert.True(caller.IsClosed);
        Assert.Empty(_parts.Taken);
    }

    [Fact]
    public void A_confirm_that_is_too_long_is_not_read()
    {
        using ProverCaller caller = _parts.Call();
        caller.Send(ProverCaller.Request(_verifier));
        Assert.NotNull(caller.Take());
        caller.SendRaw([0, 1, 0, 1]);
        Assert.True(caller.IsClosed);
    }

    /// <summary>Not even where its mac would be right: the frame that is on its way would be torn.</summary>
    [Fact]
    public void A_message_that_overtakes_the_one_it_answers_is_malformed()
    {
        using var pair = new SocketPair();
        pair.SetNearBuffer(4_096);
        using MessageStream stream = MessageStream.TryOpen(_parts.Loop, pair.Near, _ => { })!;
        Assert.True(stream.TrySend(new byte[60_000]));
        pair.Write(ProverCaller.Frame([1, 2, 3]));
        Assert.Equal(MessageStatus.Malformed, stream.Read(1, 3, out _));
    }

    /// <summary>A module may take its time: who has gone by then is seen before the next document.</summary>
    [Fact]
    public void One_document_is_made_in_a_turn_of_the_loop()
    {
        ProverCaller[] callers = [_parts.Call(), _parts.Call(), _parts.Call()];
        long turn = -1;
        _parts.MakeDocument = (_, _, _) =>
        {
            Assert.NotEqual(turn, _parts.Loop.Turn);
            turn = _parts.Loop.Turn;
            return [(byte)++_parts.Documents];
        };
        foreach (ProverCaller caller in callers)
            caller.WriteOnly(ProverCaller.Frame(ProverCaller.Request(_verifier)));
        _parts.Turn(1);
        Assert.Equal(1, _parts.Documents);
        callers[1].Dispose();
        _parts.Pass(1);
        Assert.Equal(2, _parts.Documents);
        callers[0].Dispose();
        callers[2].Dispose();
    }

    [Fact]
    public void A_verifier_that_ends_its_half_before_the_answer_is_gone()
    {
        using ProverCaller waiting = Exhaust();
        waiting.EndWriting();
        Assert.True(waiting.IsClosed);
        _parts.Pass(1_000);
        Assert.Null(waiting.Take());
    }

    [Fact]
    public void A_verifier_may_end_its_half_behind_its_confirm()
    {
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier);
        caller.Send(request);
        byte[] confirm = ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, caller.TakeWhole());
        caller.SendRaw(ProverCaller.Frame(confirm));
        caller.EndWriting();
        Assert.Equal(ExchangeMessages.Done, caller.TakeWhole());
        Assert.Single(_parts.Taken);
    }

    [Fact]
    public void A_connection_is_closed_a_second_after_the_last_word()
    {
        using ProverCaller caller = _parts.Call();
        caller.Exchange(_verifier);
        Assert.Equal(1, _parts.Loop.DeadlineCount);
        _parts.Pass(1_000);
        Assert.Equal(0, _parts.Loop.DeadlineCount);
    }

    /// <summary>Every bit of a confirm counts.</summary>
    [Fact]
    public void A_confirm_that_was_changed_changes_nothing()
    {
        int length = 4;
        for (int i = 0; i < length; i++)
        {
            using ProverCaller caller = _parts.Call();
            byte[] request = ProverCaller.Request(_verifier);
            caller.Send(request);
            byte[] confirm = ProverCaller.Confirm(_verifier, _parts.Key.PublicKey, request, caller.TakeWhole());
            length = confirm.Length;
            confirm[i] ^= (byte)(1 << (i % 8));
            caller.Send(confirm);
            Assert.True(caller.IsClosed);
            Assert.Null(caller.Take());
            _parts.Pass(1_000);
        }

        Assert.Empty(_parts.Taken);
        Assert.DoesNotContain(_parts.Log.Lines, line => line.StartsWith("Provisioned", StringComparison.Ordinal));
    }

    [Fact]
    public void A_mac_by_another_key_is_wrong()
    {
        using PrivateKey another = PrivateKey.Generate();
        using ProverCaller caller = _parts.Call();
        byte[] request = ProverCaller.Request(_verifier);
        caller.Send(request);
        caller.Send(ProverCaller.Confirm(another, _parts.Key.PublicKey, request, caller.TakeWhole()));
        Assert.True(caller.IsClosed);
        Assert.Empty(_parts.Taken);
        Assert.Equal(1, _parts.Prover.Dropped(ProverDrop.WrongMac));
        Assert.Contains("A confirm from 10.0.0.1:1 has a wrong mac", _parts.Log.Lines);
        Assert.Contains("Dropped of all that verifiers began: 1 with a wrong mac", _parts.Log.Lines);
    }

    [Fact]
    public void Refusals_are_logged_once_in_a_while_and_hold_no_text_of_the_verifiers()
    {
        _parts.Reason = "no";
        for (int i = 0; i < 4; i++)
        {
            using ProverCaller caller = _parts.Call();
            caller.Exchange(_verifier);
            Assert.Equal("no", caller.TakeError());
        }

        string line = Assert.Single(
            _parts.Log.Lines, line => line.StartsWith("Refused the verifier ", StringComparison.Ordinal));
        Assert.EndsWith(", from 10.0.0.1:1: no", line, StringComparison.Ordinal);
    }

    /// <summary>A caller whose request waits for its turn, since all documents that may be made at once are made.</summary>
    private ProverCaller Exhaust()
    {
        for (int i = 0; i < Prover.DocumentsAtOnce; i++)
        {
            using ProverCaller caller = _parts.Call();
            caller.Send(ProverCaller.Request(_verifier));
            Assert.NotNull(caller.Take());
        }

        ProverCaller waiting = _parts.Call();
        waiting.Send(ProverCaller.Request(_verifier));
        Assert.Null(waiting.Take());
        return waiting;
    }
}
