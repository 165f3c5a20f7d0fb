using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>HELLO: under which session it is owed, and what one that comes in leaves to be done.</summary>
public sealed class PeerHelloTests : IDisposable
{
    private static readonly Hello s_ofA = new(65_480, HelloFeatures.Tcp | HelloFeatures.Udp | HelloFeatures.Answers);
    private static readonly Hello s_ofB = new(9_000, HelloFeatures.Tcp);

    private readonly Ends _ends = new();

    private Ends.End A => _ends.A;

    private Ends.End B => _ends.B;

    public void Dispose() => _ends.Dispose();

    [Fact]
    public void Peer_that_says_it_is_owed_it_once()
    {
        _ends.Connect();
        Assert.Null(Owed(A, s_ofA));
        Assert.Equal(PeerNews.HelloSaid, Take(A, Say(B, s_ofB)).News);
        Assert.Equal(s_ofA, Take(B, Owed(A, s_ofA)).Hello);
        Assert.Null(Owed(A, s_ofA));
    }

    [Fact]
    public void What_was_said_already_is_not_owed()
    {
        _ends.Connect();
        Assert.NotNull(Say(A, s_ofA));
        Take(A, Say(B, s_ofB));
        Assert.Null(Owed(A, s_ofA));
    }

    [Fact]
    public void Nothing_is_said_without_a_session()
    {
        Assert.Null(Say(A, s_ofA));
        Assert.Null(Owed(A, s_ofA));
        _ends.Connect();
        _ends.NowMs += 180_000;
        Assert.Null(Say(A, s_ofA));
    }

    [Fact]
    public void Superpackets_that_are_taken_back_are_owed_under_each_session_under_which_they_were_promised()
    {
        _ends.Connect();
        Assert.Null(Owed(A, s_ofA.WithoutSuperpackets));
        Assert.NotNull(Say(A, s_ofA));
        _ends.NowMs += 5_000;
        _ends.Connect();
        Assert.NotNull(Say(A, s_ofA));
        Hello withdrawn = s_ofA.WithoutSuperpackets;
        Assert.Equal(new Hello(0, HelloFeatures.Answers), withdrawn);
        Assert.Equal(withdrawn, Take(B, Owed(A, withdrawn)).Hello);
        Assert.Equal(withdrawn, Take(B, Owed(A, withdrawn)).Hello);
        Assert.Null(Owed(A, withdrawn));
    }

    [Fact]
    public void When_handshakes_have_crossed_it_is_owed_under_the_others_session_too()
    {
        byte[]? ofA = _ends.Begin(A), ofB = _ends.Begin(B);
        byte[] responseOfA = _ends.Receive(A, ofB).Reply, responseOfB = _ends.Receive(B, ofA).Reply;
        _ends.Receive(A, responseOfB);
        _ends.Receive(B, responseOfA);
        Keypair own = A.Keypair;
        Take(B, Say(A, s_ofA));
        Take(A, Say(B, s_ofB));
        Keypair others = A.Peer.Keypairs.All.Single(keypair => keypair != own);
        Assert.Equal((null, s_ofB), (own.RemoteHello, others.RemoteHello));
        Assert.NotNull(Take(B, Owed(A, s_ofA)).Hello);
        Assert.NotNull(Take(A, Owed(B, s_ofB)).Hello);
        Assert.Equal((s_ofB, s_ofB), (own.RemoteHello, others.RemoteHello));
        Assert.Null(Owed(A, s_ofA));
        Assert.Null(Owed(B, s_ofB));
    }

    [Fact]
    public void Only_a_peer_that_answers_is_asked()
    {
        _ends.Connect();
        Hello asks = s_ofA with { Features = s_ofA.Features | HelloFeatures.Joins | HelloFeatures.Asks };
        Assert.Null(Say(A, asks));
        Take(A, Say(B, s_ofB));
        Assert.Null(Say(A, asks));
        Take(A, Say(B, s_ofB with { Features = HelloFeatures.Answers }));
        Assert.NotNull(Say(A, asks));
    }

    [Fact]
    public void What_is_said_of_the_connection_is_not_kept_of_the_peer()
    {
        _ends.Connect();
        Taken taken = Take(B, Say(A, s_ofA with { Features = s_ofA.Features | HelloFeatures.Joins }));
        Assert.Equal((true, false, s_ofA), (taken.Joins, taken.Asks, taken.Hello));
        Take(A, Say(B, s_ofB with { Features = HelloFeatures.Answers }));
        taken = Take(B, Say(A, s_ofA with { Features = s_ofA.Features | HelloFeatures.Joins | HelloFeatures.Asks }));
        Assert.Equal((true, true, s_ofA), (taken.Joins, taken.Asks, taken.Hello));
        Assert.Equal(s_ofA, A.Keypair.SaidHello);
    }

    [Fact]
    public void What_is_owed_of_the_peer_is_said_once_though_it_joins()
    {
        _ends.Connect();
        Take(A, Say(B, s_ofB));
        Hello joins = s_ofA with { Features = s_ofA.Features | HelloFeatures.Joins };
        Assert.NotNull(Owed(A, joins));
        Assert.Null(Owed(A, joins));
    }

    [Fact]
    public void It_starts_no_timer_but_those_of_a_keepalive()
    {
        _ends.Connect();
        Take(B, Say(A, s_ofA));
        Assert.Equal((0, 0), (A.Peer.Activity.SentUnansweredSince, B.Peer.Activity.ReceivedUnansweredSince));
        Assert.Equal((_ends.NowMs, _ends.NowMs), (A.Peer.Activity.LastTraversal, B.Peer.Activity.LastTraversal));
    }

    [Fact]
    public void Who_says_none_heeds_none_and_over_datagrams_it_is_a_packet_like_any_other()
    {
        _ends.Connect();
        Taken ignored = Take(B, Say(A, s_ofA), Extensions.Ignored);
        Assert.Equal((PayloadKind.Hello, PeerNews.None, null), (ignored.Kind, ignored.News, ignored.Hello));
        Taken packet = Take(B, Say(A, s_ofA), Extensions.None);
        Assert.Equal((PayloadKind.Packet, PeerNews.TimerStarted, null), (packet.Kind, packet.News, packet.Hello));
    }

    [Fact]
    public void Promises_in_a_short_message_are_not_heeded_and_the_rest_is()
    {
        _ends.Connect();
        Hello hello = s_ofA with { Features = s_ofA.Features | HelloFeatures.ShortChecksums | HelloFeatures.Joins };
        Taken taken = Take(B, Say(A, hello, isShort: true));
        Assert.Equal((PeerNews.HelloSaid, true), (taken.News, taken.Joins));
        Assert.Equal(new Hello(0, HelloFeatures.Answers), taken.Hello);
        Assert.False(taken.Promise.Promises);
        Assert.Null(A.Keypair.SaidHello);
        byte[]? message = Say(A, hello);
        Assert.Equal(16_384, message!.Length);
        taken = Take(B, message);
        Assert.Equal(hello.OfPeer, taken.Hello);
        Assert.Equal((true, true), (taken.Promise.TakesSuperpackets, taken.Promise.TakesShortChecksums));
        Assert.Equal(hello.OfPeer, A.Keypair.SaidHello);
    }

    [Fact]
    public void Promise_of_one_byte_less_than_it_takes_is_not_heeded()
    {
        _ends.Connect();
        byte[] message = new byte[Hello.ProvingSize - 1];
        Assert.True(A.Peer.TryWriteHello(_ends.Aead, s_ofA, default, message, _ends.NowMs));
        Assert.Equal(new Hello(0, HelloFeatures.Answers), Take(B, message).Hello);
    }

    [Fact]
    public void Short_message_repeats_what_was_promised_and_takes_it_back_but_promises_no_more()
    {
        _ends.Connect();
        Take(B, Say(A, s_ofA with { LargestSuperpacket = 9_000 }));
        Hello repeated = s_ofA with { Features = s_ofA.Features | HelloFeatures.ShortChecksums };
        Assert.Equal(s_ofA with { LargestSuperpacket = 9_000 }, Take(B, Say(A, repeated, isShort: true)).Hello);
        Assert.Equal(s_ofA.WithoutSuperpackets, Take(B, Say(A, s_ofA.WithoutSuperpackets)).Hello);
        Assert.Equal(s_ofA.WithoutSuperpackets, Take(B, Say(A, repeated, isShort: true)).Hello);
    }

    [Fact]
    public void Hello_that_promises_nothing_is_short()
    {
        _ends.Connect();
        byte[] message = Say(A, s_ofA.WithoutSuperpackets)!;
        Assert.Equal(WireGuardPeer.ShortHelloSize, message.Length);
        Assert.Equal(s_ofA.WithoutSuperpackets, Take(B, message).Hello);
        Assert.Equal(s_ofA.WithoutSuperpackets, A.Keypair.SaidHello);
    }

    [Fact]
    public void Message_in_front_of_it_confirms_the_session_though_it_is_lost()
    {
        _ends.Receive(A, _ends.Receive(B, _ends.Begin(A)).Reply);
        byte[] first = new byte[TransportMessage.MinSize], message = new byte[Hello.ProvingSize];
        Assert.True(A.Peer.TryWriteHello(_ends.Aead, s_ofA, first, message, _ends.NowMs));
        Assert.Equal((0ul, 1ul), (TransportMessage.Counter(first), TransportMessage.Counter(message)));
        Taken taken = Take(B, first);
        Assert.Equal((PayloadKind.Keepalive, PeerNews.SessionConfirmed, null), (taken.Kind, taken.News, taken.Hello));
        Assert.Equal(PeerAction.SessionConfirmed, B.Peer.Poll(_ends.NowMs));
        Assert.True(B.Peer.CanSend(_ends.NowMs));
    }

    [Fact]
    public void In_front_of_one_that_joins_goes_one_that_joins()
    {
        _ends.Connect();
        Hello joins = s_ofA with { Features = s_ofA.Features | HelloFeatures.Joins };
        byte[] first = new byte[WireGuardPeer.ShortHelloSize], message = new byte[Hello.ProvingSize];
        Assert.True(A.Peer.TryWriteHello(_ends.Aead, joins, first, message, _ends.NowMs));
        Taken taken = Take(B, first);
        Assert.Equal((true, false), (taken.Joins, taken.Promise.Promises));
        taken = Take(B, message);
        Assert.Equal((true, true, s_ofA), (taken.Joins, taken.Promise.Promises, taken.Hello));
    }

    private byte[]? Say(Ends.End end, Hello hello, bool isShort = false)
    {
        byte[] message = new byte[hello.Promises && !isShort ? Hello.ProvingSize : WireGuardPeer.ShortHelloSize];
        return end.Peer.TryWriteHello(_ends.Aead, hello, default, message, _ends.NowMs) ? message : null;
    }

    private byte[]? Owed(Ends.End end, Hello hello)
    {
        byte[] message = new byte[hello.Promises ? Hello.ProvingSize : WireGuardPeer.ShortHelloSize];
        return end.Peer.TryWriteOwedHello(_ends.Aead, hello, default, message, _ends.NowMs) ? message : null;
    }

    /// <summary>What a message that comes over a stream leaves.</summary>
    private Taken Take(Ends.End end, byte[]? message, Extensions extensions = Extensions.Heeded)
    {
        Assert.NotNull(message);
        byte[] copy = [.. message];
        Assert.True(end.Indices.TryFind(TransportMessage.ReceiverIndex(copy), out WireGuardPeer? peer, out Keypair? keypair));
        Assert.True(peer.TryOpen(keypair!, _ends.Aead, copy, extensions, _ends.NowMs, out OpenedMessage opened));
        return new Taken(opened.Kind, opened.News, opened.Joins, opened.Asks, keypair!.RemoteHello, opened.Promise);
    }

    private sealed record Taken(PayloadKind Kind, PeerNews News, bool Joins, bool Asks, Hello? Hello, Hello Promise);
}
