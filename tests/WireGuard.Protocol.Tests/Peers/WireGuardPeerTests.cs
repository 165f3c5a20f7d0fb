using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>
/// Section 6 of the paper, rule by rule, on the one type in which they stand, with a clock set by hand. The timers alone, to the
/// millisecond and with their jitter: PeerTimersTests.
/// </summary>
public sealed class WireGuardPeerTests : IDisposable
{
    private static readonly byte[] s_packet = [.. Enumerable.Range(0, 80).Select(i => (byte)i)];

    private readonly Ends _ends = new();

    private Ends.End A => _ends.A;

    private Ends.End B => _ends.B;

    public void Dispose() => _ends.Dispose();

    // ---- sections 6.1 and 6.2: when a session is renewed, and when it ends ------------------------------------------

    [Fact]
    public void Initiator_that_sends_after_120_s_wants_a_new_handshake_and_the_responder_never_does()
    {
        _ends.Connect();
        Pass(119_999);
        _ends.Seal(A, s_packet, out PeerNews news);
        Assert.False(news.HasFlag(PeerNews.HandshakeWanted));
        Pass(1);
        _ends.Seal(A, s_packet, out news);
        Assert.True(news.HasFlag(PeerNews.HandshakeWanted));
        _ends.Seal(B, s_packet, out news);
        Assert.False(news.HasFlag(PeerNews.HandshakeWanted));
    }

    [Fact]
    public void Either_end_wants_a_new_handshake_after_2_to_the_60_messages()
    {
        _ends.Connect();
        foreach (Ends.End end in (Ends.End[])[A, B])
        {
            end.Keypair.SetNextCounter(Limits.RekeyAfterMessages - 1);
            _ends.Seal(end, s_packet, out PeerNews news);
            Assert.False(news.HasFlag(PeerNews.HandshakeWanted));
            _ends.Seal(end, s_packet, out news);
            Assert.True(news.HasFlag(PeerNews.HandshakeWanted));
        }
    }

    [Fact]
    public void Initiator_that_only_receives_wants_a_new_handshake_at_165_s_and_says_so_once()
    {
        _ends.Connect();
        Pass(164_999);
        Assert.False(Received(A, B).HasFlag(PeerNews.HandshakeWanted));
        Pass(1);
        Assert.False(Received(B, A).HasFlag(PeerNews.HandshakeWanted));
        Assert.True(Received(A, B).HasFlag(PeerNews.HandshakeWanted));
        Assert.False(Received(A, B).HasFlag(PeerNews.HandshakeWanted));
    }

    [Fact]
    public void Session_neither_sends_nor_receives_after_180_s()
    {
        _ends.Connect();
        byte[]? late = _ends.Seal(A, s_packet);
        Pass(179_999);
        Assert.NotNull(_ends.Open(B, _ends.Seal(A, s_packet)));
        Pass(1);
        Assert.False(A.Peer.CanSend(_ends.NowMs));
        Assert.Null(_ends.Seal(A, s_packet, out PeerNews news));
        Assert.Equal(PeerNews.HandshakeWanted, news);
        Assert.Null(_ends.Open(B, late));
    }

    [Fact]
    public void Session_sends_no_counter_from_REJECT_AFTER_MESSAGES_on()
    {
        _ends.Connect();
        A.Keypair.SetNextCounter(Limits.RejectAfterMessages - 1);
        Assert.NotNull(_ends.Seal(A, s_packet));
        Assert.Null(_ends.Seal(A, s_packet, out PeerNews news));
        Assert.Equal(PeerNews.HandshakeWanted, news);
    }

    // ---- section 6.1 and 6.4: initiations -------------------------------------------------------------------------

    [Fact]
    public void Packet_without_a_session_wants_a_handshake_and_is_kept_by_the_caller()
    {
        Assert.Null(_ends.Seal(A, s_packet, out PeerNews news));
        Assert.Equal(PeerNews.HandshakeWanted, news);
    }

    [Fact]
    public void Packet_that_no_session_seals_is_not_left_in_the_message()
    {
        byte[] message = [.. Enumerable.Repeat((byte)9, WireGuardPeer.SealedLength(s_packet.Length) + 1)];
        Assert.False(A.Peer.TrySeal(_ends.Aead, s_packet, message, _ends.NowMs, out _));
        Assert.Equal((-1, 9), (message.AsSpan()[..^1].IndexOfAnyExcept((byte)0), message[^1]));
    }

    [Fact]
    public void Traffic_renews_no_initiation_that_is_in_flight()
    {
        Assert.NotNull(_ends.Begin(A));
        Pass(5_000);
        Assert.Null(_ends.Begin(A));
        Assert.NotNull(_ends.Begin(A, isRetry: true));
    }

    [Fact]
    public void No_initiation_is_sent_within_5_s_of_the_last_nor_of_a_response()
    {
        Assert.Equal(HandshakeOutcome.Responded, _ends.Receive(B, _ends.Begin(A)).Outcome);
        Pass(4_999);
        Assert.Null(_ends.Begin(A, isRetry: true));
        Assert.Null(_ends.Begin(B));
        Pass(1);
        Assert.NotNull(_ends.Begin(A, isRetry: true));
        Assert.NotNull(_ends.Begin(B));
    }

    [Fact]
    public void Initiation_without_an_answer_is_sent_again_18_times_and_then_given_up()
    {
        Assert.NotNull(_ends.Begin(A));
        for (int i = 0; i < 18; i++)
        {
            long sent = _ends.NowMs;
            Assert.Equal(PeerAction.RetryHandshake, _ends.Wait(A));
            Assert.InRange(_ends.NowMs - sent, 5_000, 5_333);
            Assert.NotNull(_ends.Begin(A, isRetry: true));
        }

        Assert.Equal(PeerAction.AbandonHandshake, _ends.Wait(A));
        Assert.Equal(PeerAction.None, A.Peer.Poll(_ends.NowMs));
        Assert.NotNull(_ends.Begin(A)); // new traffic begins anew
    }

    [Fact]
    public void Retry_replaces_the_initiation_before_it_and_frees_its_index()
    {
        byte[]? lost = _ends.Begin(A);
        Assert.Equal(PeerAction.RetryHandshake, _ends.Wait(A));
        byte[]? retried = _ends.Begin(A, isRetry: true);
        Assert.Equal(1, A.Indices.Count);
        Assert.Equal(HandshakeOutcome.Responded, _ends.Receive(B, lost).Outcome);
        Pass(20);
        byte[] response = _ends.Receive(B, retried).Reply;
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, response).Outcome);
    }

    [Fact]
    public void New_connection_need_not_wait_5_s_for_an_initiation()
    {
        Assert.NotNull(_ends.Begin(A));
        Pass(10);
        Assert.False(A.Peer.AllowInitiation(_ends.NowMs));
        Assert.Equal(PeerAction.Initiate, _ends.Wait(A));
        Assert.Equal(Ends.Start + 50, _ends.NowMs);
        Assert.NotNull(_ends.Begin(A, isRetry: true));
    }

    [Fact]
    public void Packets_that_no_handshake_can_be_begun_for_are_dropped_after_90_s()
    {
        A.Peer.HandshakeImpossible(isRetry: false, arePacketsWaiting: false, _ends.NowMs);
        Assert.Equal(WireGuardPeer.Never, A.Peer.NextDeadline(_ends.NowMs));
        A.Peer.HandshakeImpossible(isRetry: false, arePacketsWaiting: true, _ends.NowMs);
        Pass(1_000);
        A.Peer.HandshakeImpossible(isRetry: false, arePacketsWaiting: true, _ends.NowMs);
        Assert.Equal(PeerAction.DropStaged, _ends.Wait(A));
        Assert.Equal(Ends.Start + 90_000, _ends.NowMs);
    }

    [Fact]
    public void Handshakes_that_cross_both_complete_and_each_end_sends_with_its_own()
    {
        byte[]? ofA = _ends.Begin(A), ofB = _ends.Begin(B);
        byte[] responseOfA = _ends.Receive(A, ofB).Reply, responseOfB = _ends.Receive(B, ofA).Reply;
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, responseOfB).Outcome);
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(B, responseOfA).Outcome);
        Assert.True(A.Keypair.IsInitiator && B.Keypair.IsInitiator);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(s_packet, _ends.Open(B, _ends.Seal(A, s_packet)));
            Assert.Equal(s_packet, _ends.Open(A, _ends.Seal(B, s_packet)));
        }
    }

    [Fact]
    public void Responder_sends_nothing_before_the_initiator_has_sent_in_the_session()
    {
        byte[] response = _ends.Receive(B, _ends.Begin(A)).Reply;
        Assert.Null(_ends.Seal(B, s_packet));
        Assert.Equal(HandshakeOutcome.Completed, _ends.Receive(A, response).Outcome);
        _ends.Open(B, _ends.Seal(A), out PeerNews news);
        Assert.Equal(PeerNews.SessionConfirmed, news);
        Assert.NotNull(_ends.Seal(B, s_packet)); // though the owner has not been told yet
        Assert.Equal(PeerAction.SessionConfirmed, B.Peer.Poll(_ends.NowMs));
        Assert.Equal(PeerAction.None, B.Peer.Poll(_ends.NowMs));
    }

    // ---- sections 6.2 and 6.5: silence ----------------------------------------------------------------------------

    [Fact]
    public void Packet_that_is_received_is_answered_with_a_keepalive_after_10_s()
    {
        _ends.Connect();
        Assert.True(Received(B, A).HasFlag(PeerNews.TimerStarted));
        long received = _ends.NowMs;
        Assert.Equal(PeerAction.SendKeepalive, _ends.Wait(B));
        Assert.Equal(10_000, _ends.NowMs - received);
    }

    [Fact]
    public void Keepalive_is_answered_by_nothing()
    {
        _ends.Connect();
        Assert.Empty(_ends.Open(A, _ends.Seal(B, default, out PeerNews sent), out PeerNews received)!);
        Assert.Equal((PeerNews.None, PeerNews.None), (sent, received));
        Pass(60_000);
        Assert.Equal((PeerAction.None, PeerAction.None), (A.Peer.Poll(_ends.NowMs), B.Peer.Poll(_ends.NowMs)));
    }

    [Fact]
    public void Packet_that_nothing_answers_begins_a_handshake_after_15_s()
    {
        _ends.Connect();
        _ends.Seal(A, s_packet, out PeerNews news);
        Assert.Equal(PeerNews.TimerStarted, news);
        long sent = _ends.NowMs;
        Assert.Equal(PeerAction.BeginHandshake, _ends.Wait(A));
        Assert.InRange(_ends.NowMs - sent, 15_000, 15_333);
        Assert.NotNull(_ends.Begin(A));
    }

    [Fact]
    public void Anything_that_answers_calls_that_handshake_off()
    {
        _ends.Connect();
        _ends.Seal(A, s_packet);
        Pass(14_000);
        Assert.NotNull(_ends.Open(A, _ends.Seal(B)));
        Pass(10_000);
        Assert.Equal(PeerAction.None, A.Peer.Poll(_ends.NowMs));
    }

    [Fact]
    public void Persistent_keepalive_is_due_at_once_when_switched_on_and_then_whenever_nothing_went_for_so_long()
    {
        _ends.Connect();
        Assert.True(A.Peer.SetPersistentKeepalive(25_000, _ends.NowMs));
        Assert.False(A.Peer.SetPersistentKeepalive(25_000, _ends.NowMs));
        Pass(5_000);
        _ends.Seal(A);
        long sent = _ends.NowMs;
        Assert.Equal(PeerAction.SendKeepalive, _ends.Wait(A));
        Assert.Equal(25_000, _ends.NowMs - sent);
    }

    // ---- section 6.3: zero keys -----------------------------------------------------------------------------------

    [Fact]
    public void Keys_that_nothing_renews_are_wiped_after_540_s()
    {
        _ends.Connect();
        Keypair keypair = A.Keypair;
        Assert.Equal(PeerAction.KeysWiped, _ends.Wait(A));
        Assert.Equal(Ends.Start + 540_000, _ends.NowMs);
        Assert.Empty(A.Peer.Keypairs.All);
        Assert.Equal(0, A.Indices.Count);
        Assert.False(keypair.CanSend(Ends.Start));
        Assert.NotNull(_ends.Begin(A)); // what was configured stays
    }

    [Fact]
    public void Handshake_that_was_given_up_is_forgotten_540_s_later()
    {
        Assert.NotNull(_ends.Begin(A));
        while (_ends.Wait(A) == PeerAction.RetryHandshake)
            _ends.Begin(A, isRetry: true);
        long abandoned = _ends.NowMs;
        Assert.Equal(1, A.Indices.Count);
        Assert.Equal(PeerAction.KeysWiped, _ends.Wait(A));
        Assert.Equal(540_000, _ends.NowMs - abandoned);
        Assert.Equal(0, A.Indices.Count);
    }

    [Fact]
    public void Sealing_and_opening_allocate_nothing()
    {
        _ends.Connect();
        byte[] packet = new byte[1_420], message = new byte[WireGuardPeer.SealedLength(packet.Length)];
        int opened = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                A.Peer.TrySeal(_ends.Aead, packet, message, _ends.NowMs, out _);
                opened += B.Device.TryOpen(_ends.Aead, message, _ends.NowMs, out _, out _) ? 1 : 0;
            }
        }));
        Assert.True(opened > 0 && opened % 200 == 0);
    }

    private void Pass(long ms) => _ends.NowMs += ms;

    /// <summary>What a packet from the other end leaves to be done at this one.</summary>
    private PeerNews Received(Ends.End at, Ends.End from)
    {
        Assert.NotNull(_ends.Open(at, _ends.Seal(from, s_packet), out PeerNews news));
        return news;
    }
}
