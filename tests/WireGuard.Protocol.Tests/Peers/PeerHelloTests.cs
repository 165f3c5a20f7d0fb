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

    private byte[]? Say(Ends.End end, Hello hello)
    {
        byte[] message = new byte[WireGuardPeer.HelloMessageSize];
        return end.Peer.TryWriteHello(_ends.Aead, hello, message, _ends.NowMs) ? message : null;
    }

    private byte[]? Owed(Ends.End end, Hello hello)
    {
        byte[] message = new byte[WireGuardPeer.HelloMessageSize];
        return end.Peer.TryWriteOwedHello(_ends.Aead, hello, message, _ends.NowMs) ? message : null;
    }

    /// <summary>What a message that comes over a stream leaves.</summary>
    private Taken Take(Ends.End end, byte[]? message, Extensions extensions = Extensions.Heeded)
    {
        Assert.NotNull(message);
        byte[] copy = [.. message];
        Assert.True(end.Indices.TryFind(TransportMessage.ReceiverIndex(copy), out WireGuardPeer? peer, out Keypair? keypair));
        Assert.True(peer.TryOpen(keypair!, _ends.Aead, copy, extensions, _ends.NowMs, out OpenedMessage opened));
        return new Taken(opened.Kind, opened.News, opened.Joins, opened.Asks, keypair!.RemoteHello);
    }

    private sealed record Taken(PayloadKind Kind, PeerNews News, bool Joins, bool Asks, Hello? Hello);
}
