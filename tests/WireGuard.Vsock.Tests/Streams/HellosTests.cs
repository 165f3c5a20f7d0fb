using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
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
        Assert.True(hellos.TrySay(_tunnel.Peer));
        Assert.Equal([withdrawn], Heard());
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

    private List<Hello> Heard() =>
        [.. _pair.ReadMessages().Select(message =>
        {
            Assert.True(Hello.TryRead(_tunnel.Open(message, _loop.NowMs), out Hello hello));
            return hello;
        })];
}
