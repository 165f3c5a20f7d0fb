using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>Sections 5.1, 5.3 and 5.4, on the device: which handshake messages are worked on, also under load.</summary>
public sealed class WireGuardDeviceTests : IDisposable
{
    private static readonly byte[] s_source = [192, 0, 2, 1, 0xca, 0x6c];

    private readonly Ends _ends = new();

    private Ends.End A => _ends.A;

    private Ends.End B => _ends.B;

    /// <summary>A's address, while B is under load.</summary>
    private static MessageSource OfA => new(s_source, 1);

    public void Dispose() => _ends.Dispose();

    // ---- under load -----------------------------------------------------------------------------------------------

    [Fact]
    public void Under_load_an_initiation_is_answered_with_a_cookie_and_the_retry_that_carries_it_with_a_response()
    {
        (HandshakeOutcome outcome, byte[] cookie) = _ends.Receive(B, _ends.Begin(A), OfA);
        Assert.Equal((HandshakeOutcome.CookieGiven, 64), (outcome, cookie.Length));
        Assert.Equal((HandshakeOutcome.CookieTaken, 0), (_ends.Receive(A, cookie).Outcome, B.Indices.Count));
        Assert.Null(_ends.Begin(A, isRetry: true)); // not before its time
        Assert.Equal(PeerAction.RetryHandshake, _ends.Wait(A));
        (outcome, byte[] response) = _ends.Receive(B, _ends.Begin(A, isRetry: true), OfA);
        Assert.Equal(HandshakeOutcome.Responded, outcome);
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, response).Outcome);
    }

    [Fact]
    public void Cookie_of_another_source_proves_nothing()
    {
        byte[] message = WithCookie();
        byte[] other = [.. s_source];
        other[3]++;
        Assert.Equal(HandshakeOutcome.CookieGiven, _ends.Receive(B, message, new MessageSource(other, 1)).Outcome);
        Assert.Equal(HandshakeOutcome.Responded, _ends.Receive(B, message, OfA).Outcome);
    }

    [Fact]
    public void Under_load_a_response_needs_a_cookie_too_and_a_cookie_reply_does_not()
    {
        byte[] response = _ends.Receive(B, _ends.Begin(A)).Reply;
        (HandshakeOutcome outcome, byte[] cookie) = _ends.Receive(A, response, OfA);
        Assert.Equal(HandshakeOutcome.CookieGiven, outcome);
        Assert.Equal(HandshakeOutcome.CookieTaken, _ends.Receive(B, cookie, OfA).Outcome);
        Assert.Equal(PeerAction.RetryHandshake, _ends.Wait(A));
        response = _ends.Receive(B, _ends.Begin(A, isRetry: true)).Reply;
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, response, OfA).Outcome);
    }

    [Fact]
    public void Source_that_is_proven_has_20_messages_a_second_worked_on_and_5_at_once()
    {
        byte[] message = WithCookie();
        List<HandshakeOutcome> outcomes = [];
        for (int i = 0; i < 10; i++)
            outcomes.Add(_ends.Receive(B, message, OfA).Outcome);
        Assert.Equal(HandshakeOutcome.Responded, outcomes[0]);
        Assert.Equal(4, outcomes.Count(outcome => outcome == HandshakeOutcome.InitiationOld)); // worked on: a replay
        Assert.Equal(5, outcomes.Count(outcome => outcome == HandshakeOutcome.Ignored));
        Assert.Equal(HandshakeOutcome.InitiationOld, _ends.Receive(B, message, new MessageSource(s_source, 2)).Outcome);
        _ends.NowMs += 50;
        Assert.Equal(HandshakeOutcome.InitiationOld, _ends.Receive(B, message, OfA).Outcome);
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(B, message, OfA).Outcome);
    }

    [Fact]
    public void Source_without_an_address_is_refused_since_nothing_could_be_proven_of_it() =>
        Assert.Throws<ArgumentException>(() => { _ = new MessageSource([], 1); });

    [Fact]
    public void What_has_no_valid_mac1_gets_no_cookie()
    {
        byte[] message = _ends.Begin(A)!;
        message[116] ^= 1;
        (HandshakeOutcome outcome, byte[] reply) = _ends.Receive(B, message, OfA);
        Assert.Equal((HandshakeOutcome.Ignored, 0), (outcome, reply.Length));
    }

    [Fact]
    public void Flood_without_cookies_makes_no_garbage()
    {
        byte[] message = _ends.Begin(A)!, reply = new byte[WireGuardPeer.MaxHandshakeSize];
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
                B.Device.Receive(_ends.Aead, message, _ends.NowMs, reply, OfA);
        }));
    }

    // ---- whose it is ----------------------------------------------------------------------------------------------

    [Fact]
    public void Each_initiation_that_is_not_answered_says_why_and_changes_nothing()
    {
        byte[] accepted = _ends.Begin(A)!, forged = [.. accepted], misdirected = [.. accepted];
        misdirected[40] ^= 1; // encrypted static
        forged[90] ^= 1; // encrypted timestamp
        B.Device.MacKeys!.WriteMac1(forged);
        B.Device.MacKeys.WriteMac1(misdirected);
        Assert.Equal((HandshakeOutcome.InitiationNotForUs, null), Outcome(B, misdirected));
        Assert.Equal((HandshakeOutcome.InitiationNotAuthentic, B.Peer), Outcome(B, forged));
        Assert.Equal(0, B.Indices.Count);
        Assert.Equal((HandshakeOutcome.Responded, B.Peer), Outcome(B, accepted));
        Assert.Equal((HandshakeOutcome.InitiationOld, B.Peer), Outcome(B, accepted));
        A.Peer.AllowInitiation(_ends.NowMs);
        byte[] next = NextInitiation();
        _ends.NowMs = Ends.Start + 19;
        Assert.Equal((HandshakeOutcome.InitiationTooSoon, B.Peer), Outcome(B, next));
        _ends.NowMs = Ends.Start + 20;
        B.Device.Remove(B.Peer);
        Assert.Equal((HandshakeOutcome.InitiatorUnknown, null), Outcome(B, next));
        Assert.Equal(0, B.Indices.Count);
    }

    [Fact]
    public void Response_that_nobody_waits_for_is_ignored_and_a_forged_one_rejected()
    {
        byte[] response = _ends.Receive(B, _ends.Begin(A)).Reply, forged = [.. response], stray = [.. response];
        forged[50] ^= 1;
        stray[8] ^= 1;
        A.Device.MacKeys!.WriteMac1(forged);
        A.Device.MacKeys.WriteMac1(stray);
        Assert.Equal((HandshakeOutcome.ResponseRejected, null), Outcome(A, forged)); // Anybody can name an index.
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(A, stray).Outcome);
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, response).Outcome);
    }

    [Fact]
    public void Bytes_of_any_length_and_content_are_ignored()
    {
        _ends.Connect();
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = new byte[random.Next(4) switch { 0 => 148, 1 => 92, 2 => 64, _ => random.Next(300) }];
            random.NextBytes(bytes);
            if (bytes.Length >= 4 && random.Next(4) != 0)
                BinaryPrimitives.WriteInt32LittleEndian(bytes, random.Next(6));
            Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(B, bytes, random.Next(2) == 0 ? OfA : default).Outcome);
            Assert.Null(_ends.Open(B, bytes));
        }
    }

    [Fact]
    public void Receiver_indices_do_not_pile_up()
    {
        for (int i = 0; i < 100; i++)
        {
            _ends.Connect();
            _ends.NowMs += 5_000;
        }

        Assert.Equal((2, 2), (A.Indices.Count, B.Indices.Count)); // the session, and the one before
        A.Device.Remove(A.Peer);
        Assert.Equal(0, A.Indices.Count);
    }

    // ---- what ends sessions ---------------------------------------------------------------------------------------

    [Fact]
    public void New_private_key_ends_every_session_and_the_peers_stay()
    {
        _ends.Connect();
        byte[]? late = _ends.Seal(B, [1]);
        A.Device.SetPrivateKey(PrivateKey.Generate());
        AssertSessionEnded(late);
        Assert.True(A.Peer.CanHandshake);
        Assert.NotNull(_ends.Begin(A));
    }

    [Fact]
    public void Device_without_a_private_key_answers_nothing_and_begins_nothing()
    {
        byte[]? initiation = _ends.Begin(A);
        B.Device.SetPrivateKey(null);
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(B, initiation).Outcome);
        Assert.Null(_ends.Begin(B));
    }

    [Fact]
    public void Sessions_that_are_ended_by_hand_neither_send_nor_receive_and_may_be_renewed_at_once()
    {
        _ends.Connect();
        byte[]? late = _ends.Seal(B, [1]);
        A.Device.EndSessions();
        AssertSessionEnded(late);
        Assert.Equal(HandshakeOutcome.Responded, _ends.Receive(B, Later(() => _ends.Begin(A))).Outcome);
    }

    [Fact]
    public void Removed_peer_gets_no_session_any_more_and_its_secrets_are_wiped()
    {
        A.Peer.SetPresharedKey(new PresharedKey([.. Enumerable.Repeat((byte)7, 32)]));
        PresharedKey presharedKey = A.Peer.PresharedKey!;
        byte[]? late = _ends.Begin(B);
        A.Device.Remove(A.Peer);
        Assert.Empty(A.Device.Peers);
        Assert.Null(_ends.Begin(A));
        Assert.Equal(HandshakeOutcome.InitiatorUnknown, _ends.Receive(A, late).Outcome);
        Assert.Throws<ObjectDisposedException>(() => presharedKey.Bytes.Length);
        Assert.True(A.Peer.Remote.StaticStatic.IsEmpty);
    }

    private (HandshakeOutcome, WireGuardPeer?) Outcome(Ends.End end, byte[] message)
    {
        byte[] copy = [.. message], reply = new byte[WireGuardPeer.MaxHandshakeSize];
        HandshakeResult<WireGuardPeer> result = end.Device.Receive(_ends.Aead, copy, _ends.NowMs, reply);
        return (result.Outcome, result.Peer);
    }

    private void AssertSessionEnded(byte[]? late)
    {
        Assert.False(A.Peer.CanSend(_ends.NowMs));
        Assert.Null(_ends.Seal(A, [1]));
        Assert.Null(_ends.Open(A, late));
        Assert.Equal(0, A.Indices.Count);
    }

    /// <summary>One more initiation of A's, 50 ms after the last.</summary>
    private byte[] NextInitiation()
    {
        _ends.NowMs += 50;
        return _ends.Begin(A, isRetry: true)!;
    }

    private byte[]? Later(Func<byte[]?> send)
    {
        _ends.NowMs += 20;
        return send();
    }

    /// <summary>An initiation of A's that carries a cookie of B's.</summary>
    private byte[] WithCookie()
    {
        Assert.Equal(HandshakeOutcome.CookieTaken, _ends.Receive(A, _ends.Receive(B, _ends.Begin(A), OfA).Reply).Outcome);
        Assert.Equal(PeerAction.RetryHandshake, _ends.Wait(A));
        return _ends.Begin(A, isRetry: true)!;
    }
}
