using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>What a lane makes of HELLO.</summary>
public sealed class InboundHelloTests : IDisposable
{
    private const long Now = 1_000_000;
    private static readonly Hello s_hello = new(65_480, HelloFeatures.Tcp | (HelloFeatures)0x8000_0000);

    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly LaneCounters _counters = new();
    private readonly Published _published = new() { LocalHello = s_hello };
    private readonly SocketPair _pair = new();
    private readonly TunPair _tun = new();
    private readonly Inbound _inbound;
    private readonly StreamConnection _connection;
    private readonly Tunnel _tunnel;

    public InboundHelloTests()
    {
        _inbound = new Inbound(_tun.Queue, _aead, _published, _inbox, _counters);
        _connection = new StreamConnection(_pair.Near, 1, EndpointAddress.IPv4(1, 1), isDialed: false, _inbox);
        _tunnel = new Tunnel(Now);
        _published.Indices.Bind(_tunnel.Peer, _tunnel.Keypair);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _pair.Dispose();
        _inbound.Dispose();
        Assert.Empty(_tun.Taken());
        _tun.Dispose();
        _tunnel.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
    }

    [Fact]
    public void Hello_is_remembered_with_its_keypair_and_control_is_told()
    {
        Assert.Null(_tunnel.Keypair.RemoteHello);
        Receive(Message(s_hello));
        Assert.Equal(s_hello, _tunnel.Keypair.RemoteHello);
        Assert.False(_connection.IsJoined);
        Assert.Same(_tunnel.Peer, _connection.Peer);
        Assert.True(_inbox.TryTake(out Peer? peer));
        Assert.Equal(PeerSignals.SaidHello, peer.TakeSignals());
        Assert.Equal(0, Enum.GetValues<DropReason>().Sum(reason => _counters[reason]));
    }

    [Fact]
    public void Hello_that_joins_makes_the_connection_one_more()
    {
        Receive(Message(s_hello with { Features = s_hello.Features | HelloFeatures.Joins }));
        Assert.True(_connection.IsJoined);
        Assert.Equal(s_hello, _tunnel.Keypair.RemoteHello);
        Assert.True(_inbox.TryTake(out StreamConnection? connection));
        Assert.Equal(ConnectionSignals.Authenticated | ConnectionSignals.Newest, connection.TakeSignals());
    }

    [Fact]
    public void Hello_that_asks_for_an_answer_says_so_of_the_connection_alone()
    {
        Receive(Message(s_hello with { Features = s_hello.Features | HelloFeatures.Joins | HelloFeatures.Asks }));
        Assert.Equal(s_hello, _tunnel.Keypair.RemoteHello);
        Assert.True(_inbox.TryTake(out StreamConnection? connection));
        Assert.True(connection.TakeSignals().HasFlag(ConnectionSignals.Asked));
    }

    [Fact]
    public void Message_that_a_later_one_has_overtaken_is_not_the_newest()
    {
        byte[] first = _tunnel.SealFar([], Now), second = _tunnel.SealFar([], Now), third = _tunnel.SealFar([], Now);
        Receive(second);
        Assert.True(_inbox.TryTake(out StreamConnection? connection));
        Assert.True(connection.TakeSignals().HasFlag(ConnectionSignals.Newest));
        Receive(first);
        Assert.False(_inbox.TryTake(out connection));
        Receive(third);
        Assert.True(_inbox.TryTake(out connection));
        Assert.True(connection.TakeSignals().HasFlag(ConnectionSignals.Newest));
    }

    [Theory]
    [InlineData(HelloFeatures.ShortChecksums, true)]
    [InlineData(HelloFeatures.Tcp, false)]
    public void Hello_says_whether_the_far_end_takes_short_checksums(object features, bool takes)
    {
        Receive(Message(s_hello with { Features = (HelloFeatures)features }));
        Assert.Equal((true, takes), (_connection.IsProven, _connection.TakesShortChecksums));
    }

    [Fact]
    public void Short_hello_proves_no_connection_and_promises_nothing()
    {
        Receive(Message(s_hello with { Features = s_hello.Features | HelloFeatures.ShortChecksums }, isLong: false));
        Assert.Equal(new Hello(0, s_hello.Features & ~HelloFeatures.Tcp), _tunnel.Keypair.RemoteHello);
        Assert.Equal((false, false), (_connection.IsProven, _connection.TakesShortChecksums));
    }

    [Fact]
    public void Connection_is_not_proven_by_what_has_come_under_its_keypair_on_another()
    {
        _tunnel.Keypair.RemoteHello = s_hello with { Features = HelloFeatures.ShortChecksums };
        Receive(_tunnel.SealFar([], Now));
        Assert.Equal((false, false), (_connection.IsProven, _connection.TakesShortChecksums));
        Receive(Message(s_hello with { Features = HelloFeatures.ShortChecksums }, isLong: false));
        Assert.Equal((false, false), (_connection.IsProven, _connection.TakesShortChecksums));
        Receive(Message(s_hello with { Features = HelloFeatures.ShortChecksums }));
        Assert.Equal((true, true), (_connection.IsProven, _connection.TakesShortChecksums));
    }

    [Fact]
    public void Connection_that_another_peer_takes_over_is_proven_no_more()
    {
        Receive(Message(s_hello with { Features = HelloFeatures.ShortChecksums }));
        using var other = new Tunnel(Now);
        _published.Indices.Bind(other.Peer, other.Keypair);
        Receive(other.SealFar([], Now));
        Assert.Same(other.Peer, _connection.Peer);
        Assert.Equal((false, false), (_connection.IsProven, _connection.TakesShortChecksums));
    }

    [Fact]
    public void Hello_that_is_no_accepted_message_changes_nothing()
    {
        byte[] message = Message(s_hello with { Features = HelloFeatures.Joins });
        byte[] forged = [.. message];
        forged[^1] ^= 1;
        Receive(forged);
        Assert.Null(_tunnel.Keypair.RemoteHello);
        Assert.Null(_connection.Peer);

        Receive(Message(s_hello));
        Receive(message);
        Receive(message);
        Assert.Equal(2, _counters[DropReason.NotAuthentic]);
        Assert.False(_connection.IsJoined);
    }

    [Fact]
    public void Hello_asks_for_no_answer()
    {
        Receive(Message(s_hello));
        Assert.Equal(0, _tunnel.Peer.Activity.ReceivedUnansweredSince);
        Assert.Equal(Now, _tunnel.Peer.Activity.LastTraversal);
    }

    [Fact]
    public void Hello_of_a_version_to_come_is_dropped_as_no_packet()
    {
        byte[] payload = new byte[16];
        s_hello.Write(payload);
        payload[1] = 2;
        Receive(_tunnel.SealFar(payload, Now));
        Assert.Null(_tunnel.Keypair.RemoteHello);
        Assert.Equal(1, _counters[DropReason.SourceNotAllowed]);
    }

    [Fact]
    public void Hello_is_not_heeded_by_who_says_none()
    {
        var published = new Published();
        published.Indices.Bind(_tunnel.Peer, _tunnel.Keypair);
        using var inbound = new Inbound(_tun.Queue, _aead, published, _inbox, _counters);
        Receive(Message(s_hello with { Features = s_hello.Features | HelloFeatures.Joins }), inbound);
        Assert.Null(_tunnel.Keypair.RemoteHello);
        Assert.False(_connection.IsJoined);
        Assert.Same(_tunnel.Peer, _connection.Peer);
        Assert.Equal(0, Enum.GetValues<DropReason>().Sum(reason => _counters[reason]));
    }

    private byte[] Message(Hello hello, bool isLong = true)
    {
        byte[] payload = new byte[isLong && hello.Promises ? Hello.ProvingSize - TransportMessage.Overhead : 16];
        hello.Write(payload);
        return _tunnel.SealFar(payload, Now);
    }

    private void Receive(byte[] message) => Receive(message, _inbound);

    private void Receive(byte[] message, Inbound inbound)
    {
        byte[] frame = new byte[FrameCodec.HeaderSize + message.Length];
        message.CopyTo(frame, FrameCodec.HeaderSize);
        FrameCodec.WriteHeader(frame, message);
        _pair.Write(frame);
        inbound.OnReadable(_connection, Now);
    }
}
