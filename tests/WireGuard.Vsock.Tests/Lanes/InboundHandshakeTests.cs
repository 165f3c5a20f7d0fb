using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Lanes;

/// <summary>Where a lane puts handshake messages, over UDP on the loopback interface.</summary>
public sealed class InboundHandshakeTests : IDisposable
{
    private readonly LaneParts _lane = new();
    private readonly PrivateKey _local = PrivateKey.Generate();
    private readonly WireGuardDevice<WireGuardPeer> _far = new(PrivateKey.Generate());
    private readonly Aead _aead = new();
    private readonly UdpSocket _socket = UdpSocket.Open(isIPv6: false, 0, isShared: false, 0, UdpOffloads.None);
    private readonly Socket _sender = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly WireGuardPeer _farPeer;
    private readonly CookieChecker _cookies;
    private readonly byte[] _message = new byte[InitiationMessage.Size];

    public InboundHandshakeTests()
    {
        var macKeys = new MacKeys(_local.PublicKey);
        _cookies = new CookieChecker(macKeys);
        _lane.Published.Snapshot = _lane.Published.Snapshot with { MacKeys = macKeys, Cookies = _cookies };
        _farPeer = new WireGuardPeer(_local.PublicKey);
        _far.Add(_farPeer);
        _sender.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _sender.Connect(IPAddress.Loopback, _socket.LocalPort);
    }

    public void Dispose()
    {
        _sender.Dispose();
        _socket.Dispose();
        _cookies.Dispose();
        _lane.Dispose();
        _aead.Dispose();
        _local.Dispose();
        _far.Dispose();
    }

    [Fact]
    public void Full_queue_still_takes_a_datagram_with_a_cookie_of_its_source()
    {
        Initiate(1);
        byte[] withoutCookie = [.. _message];
        for (int i = 0; i < HandshakeQueue.Max; i++)
            Assert.True(_lane.Inbox.TryPostHandshake(withoutCookie, Source(), default));
        Receive(withoutCookie);
        Assert.Equal(1, _lane.Counters[DropReason.HandshakeQueueFull]);

        GiveCookie(withoutCookie);
        Initiate(2);
        byte[] withCookie = [.. _message];
        byte[] forged = [.. withCookie];
        forged[^1] ^= 1;
        Receive(forged);
        Assert.Equal(2, _lane.Counters[DropReason.HandshakeQueueFull]);
        Receive(withCookie);
        Assert.Equal(2, _lane.Counters[DropReason.HandshakeQueueFull]);
        Assert.True(_lane.Inbox.TryTakeHandshake(_message, out _, out UdpDestination? from, out bool isProven));
        Assert.True(isProven);
        Assert.Equal(withCookie, _message);
        Assert.Equal(EndpointAddress.IPv4(0x7F000001, SenderPort), from.Address);
        Assert.True(from.HasSource);
    }

    [Fact]
    public void One_source_with_a_cookie_takes_no_more_than_its_share()
    {
        Initiate(1);
        GiveCookie(_message);
        for (int i = 0; i < HandshakeQueue.Max; i++)
            Assert.True(_lane.Inbox.TryPostHandshake(_message, Source(), default));
        for (uint i = 2; i < 12; i++)
        {
            Initiate(i);
            Receive(_message);
        }

        Assert.Equal(HandshakeQueue.Max + 5, _lane.Inbox.HandshakesWaiting);
    }

    private ushort SenderPort => (ushort)((IPEndPoint)_sender.LocalEndPoint!).Port;

    private void Receive(byte[] datagram)
    {
        _sender.Send(datagram);
        _lane.Inbound.OnReadable(_socket, LaneParts.Now);
    }

    private void Initiate(uint index) => Assert.True(_farPeer.TryWriteInitiation(
        _far.PrivateKey!, index, Tai64n.FromUnixTime(1_700_000_000 + index, 0), _aead, LaneParts.Now, _message));

    private void GiveCookie(byte[] message)
    {
        Span<byte> source = stackalloc byte[EndpointAddress.MaxCookieSourceSize];
        source = source[..EndpointAddress.IPv4(0x7F000001, SenderPort).CookieSource(source)];
        byte[] reply = new byte[CookieReplyMessage.Size];
        _cookies.WriteReply(message, 1, source, LaneParts.Now, new CookieReplyMessage(reply));
        Assert.True(_farPeer.TryConsumeCookieReply(reply, LaneParts.Now));
    }

    private static byte[] Source()
    {
        byte[] sockaddr = new byte[EndpointAddress.MaxSockaddrSize];
        return sockaddr[..EndpointAddress.IPv4(1, 1).WriteSockaddr(sockaddr)];
    }
}
