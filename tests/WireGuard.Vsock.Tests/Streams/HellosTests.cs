using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Streams;

public sealed class HellosTests : IDisposable
{
    private static readonly Hello s_ours = new(65_480, HelloFeatures.Tcp);
    private static readonly Hello s_theirs = new(9_000, HelloFeatures.Udp);

    private readonly EventLoop _loop = new();
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly SocketPair _pair = new();
    private readonly StreamConnection _connection;
    private readonly Tunnel _tunnel;

    public HellosTests()
    {
        _connection = new StreamConnection(_pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _tunnel = new Tunnel(_loop.NowMs);
        _tunnel.Peer.Destination = _connection;
    }

    public void Dispose()
    {
        _connection.Dispose();
        _tunnel.Dispose();
        _pair.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void Peer_that_says_it_first_is_answered_once()
    {
        Hellos hellos = New(s_ours);
        hellos.Answer(_tunnel.Peer);
        Assert.Empty(Heard());
        _tunnel.Keypair.RemoteHello = s_theirs;
        hellos.Answer(_tunnel.Peer);
        Assert.Equal([s_ours], Heard());
        hellos.Answer(_tunnel.Peer);
        Assert.Empty(Heard());
    }

    [Fact]
    public void What_was_said_already_is_no_answer_owed()
    {
        Hellos hellos = New(s_ours);
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.Equal([s_ours], Heard());
        _tunnel.Keypair.RemoteHello = s_theirs;
        hellos.Answer(_tunnel.Peer);
        Assert.Empty(Heard());
    }

    [Fact]
    public void Who_says_nothing_answers_nothing()
    {
        Hellos hellos = New(null);
        _tunnel.Keypair.RemoteHello = s_theirs;
        hellos.Answer(_tunnel.Peer);
        Assert.False(hellos.TrySay(_tunnel.Peer));
        Assert.False(hellos.TryJoin(_tunnel.Peer, _connection));
        Assert.Empty(Heard());
    }

    [Fact]
    public void Joining_says_so()
    {
        Assert.True(New(s_ours).TryJoin(_tunnel.Peer, _connection));
        Assert.Equal([s_ours with { Features = HelloFeatures.Tcp | HelloFeatures.Joins }], Heard());
    }

    [Fact]
    public void Answer_is_asked_for_of_a_peer_that_gives_one()
    {
        Hellos hellos = New(s_ours);
        Assert.False(hellos.TryAsk(_tunnel.Peer, _connection));
        _tunnel.Keypair.RemoteHello = s_theirs;
        Assert.False(hellos.TryAsk(_tunnel.Peer, _connection));
        _tunnel.Keypair.RemoteHello = s_theirs with { Features = HelloFeatures.Answers };
        Assert.True(hellos.TryAsk(_tunnel.Peer, _connection));
        Assert.Equal([s_ours with { Features = HelloFeatures.Tcp | HelloFeatures.Joins | HelloFeatures.Asks }], Heard());
    }

    [Fact]
    public void Superpackets_are_taken_back_under_each_keypair_under_which_they_were_promised()
    {
        Hello withdrawn = new(0, HelloFeatures.ShortChecksums);
        Hellos hellos = New(s_ours with { Features = HelloFeatures.Tcp | HelloFeatures.Udp | HelloFeatures.ShortChecksums });
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Heard();
        hellos.WithdrawSuperpackets([_tunnel.Peer]);
        Assert.Equal([withdrawn], Heard());
        hellos.WithdrawSuperpackets([_tunnel.Peer]);
        Assert.Empty(Heard());
        Assert.True(hellos.TryJoin(_tunnel.Peer, _connection));
        Assert.Equal(withdrawn, Assert.Single(Heard()).OfPeer);
    }

    [Fact]
    public void What_promises_is_long_and_behind_a_keepalive()
    {
        Assert.True(New(s_ours).TrySay(_tunnel.Peer));
        Assert.Equal([TransportMessage.MinSize, 16_384], Lengths());
        Assert.Equal(_tunnel.Keypair.RemoteIndex, _connection.SaidHelloUnder);
    }

    [Fact]
    public void What_promises_nothing_is_short_and_alone()
    {
        Assert.True(New(new Hello(0, HelloFeatures.Answers)).TrySay(_tunnel.Peer));
        Assert.Equal([WireGuardPeer.ShortHelloSize], Lengths());
    }

    [Fact]
    public void Answer_that_is_owed_is_long_and_behind_a_keepalive()
    {
        _tunnel.Keypair.RemoteHello = s_theirs;
        New(s_ours).Answer(_tunnel.Peer);
        Assert.Equal([TransportMessage.MinSize, 16_384], Lengths());
    }

    [Fact]
    public void What_joins_comes_first_on_its_connection_and_is_repeated_in_full_length_once()
    {
        Hellos hellos = New(s_ours);
        Assert.True(hellos.TryJoin(_tunnel.Peer, _connection));
        Assert.Equal([WireGuardPeer.ShortHelloSize, 16_384], Lengths());
        Assert.True(hellos.TryJoin(_tunnel.Peer, _connection));
        _tunnel.Keypair.RemoteHello = s_theirs with { Features = HelloFeatures.Answers };
        Assert.True(hellos.TryAsk(_tunnel.Peer, _connection));
        Assert.Equal([WireGuardPeer.ShortHelloSize, WireGuardPeer.ShortHelloSize], Lengths());
    }

    [Fact]
    public void It_is_said_once_on_a_connection_and_again_on_another()
    {
        Hellos hellos = New(s_ours);
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.False(hellos.TrySay(_tunnel.Peer));
        Assert.Equal([s_ours], Heard());
        using var pair = new SocketPair();
        using var other = new StreamConnection(pair.Near, 2, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _tunnel.Peer.Destination = other;
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.False(hellos.TrySay(_tunnel.Peer));
        Assert.Equal([TransportMessage.MinSize, 16_384], [.. pair.ReadMessages().Select(message => message.Length)]);
        _tunnel.Peer.Destination = _connection;
        Assert.False(hellos.TrySay(_tunnel.Peer));
    }

    [Fact]
    public void It_is_said_again_on_a_connection_that_is_back_when_it_was_said_on_another_under_a_new_session()
    {
        Hellos hellos = New(s_ours);
        Assert.True(hellos.TrySay(_tunnel.Peer));
        using var pair = new SocketPair();
        using var other = new StreamConnection(pair.Near, 2, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _tunnel.Connect(_loop.NowMs + 6_000);
        _tunnel.Peer.Destination = other;
        Assert.True(hellos.TrySay(_tunnel.Peer));
        _tunnel.Peer.Destination = _connection;
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.False(hellos.TrySay(_tunnel.Peer));
    }

    [Fact]
    public void It_is_said_sixteen_times_under_a_session_however_often_the_peer_moves()
    {
        Hellos hellos = New(s_ours);
        int said = 0;
        for (int i = 0; i < 100; i++)
        {
            // As when other peers have had it meanwhile.
            _connection.SaidHelloUnder = null;
            said += hellos.TrySay(_tunnel.Peer) ? 1 : 0;
            Lengths();
        }

        Assert.Equal(16, said);
    }

    [Fact]
    public void Peer_that_was_promised_nothing_is_told_nothing()
    {
        Hellos hellos = New(s_ours);
        hellos.WithdrawSuperpackets([_tunnel.Peer]);
        Assert.Empty(Heard());
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.Equal([new Hello(0, HelloFeatures.None)], Heard());
    }

    private Hellos New(Hello? local) => new(_loop, _aead, local, NullLogger.Instance);

    private int[] Lengths() => [.. _pair.ReadMessages(takesShort: false).Select(message => message.Length)];

    /// <summary>What was said, without keepalives and repetitions in front of it.</summary>
    private List<Hello> Heard()
    {
        List<Hello> heard = [];
        foreach (byte[] message in _pair.ReadMessages())
        {
            byte[] payload = _tunnel.Open(message, _loop.NowMs)!;
            bool isHello = Hello.TryRead(payload, out Hello hello);
            Assert.True(isHello || payload.Length == 0);
            if (isHello && (heard.Count == 0 || heard[^1] != hello))
                heard.Add(hello);
        }

        return heard;
    }
}
