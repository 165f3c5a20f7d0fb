using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Our own operation on the control socket: what was dropped.</summary>
public class CountersTests
{
    [Fact]
    public void Counters_and_cloned_are_operations_like_get()
    {
        using var parser = new UapiParser(NetworkKind.Tcp, _ => 0);
        parser.Append("counters=1\n\ncloned=1\n\nget=1\n\n"u8);
        Assert.True(parser.TryNext(out UapiRequest first));
        Assert.True(parser.TryNext(out UapiRequest second));
        Assert.True(parser.TryNext(out UapiRequest third));
        Assert.Equal(
            (UapiRequestKind.Counters, UapiRequestKind.Cloned, UapiRequestKind.Get), (first.Kind, second.Kind, third.Kind));
    }

    [Fact]
    public void Status_and_handshake_are_operations_too_and_take_no_keys()
    {
        Assert.Equal(
            [UapiRequestKind.Status, UapiRequestKind.Handshake, UapiRequestKind.Invalid],
            UapiText.Parse("status=1\n\nhandshake=1\n\nstatus=1\nlisten_port=1\n\n").Select(request => request.Kind));
    }

    [Fact]
    public void A_handshake_may_be_asked_for_with_one_peer()
    {
        PublicKey key = new(Enumerable.Repeat((byte)0xAB, PublicKey.Size).ToArray());
        UapiRequest request = Assert.Single(UapiText.Parse($"handshake={key.ToHex()}\n\n"));
        Assert.Equal((UapiRequestKind.Handshake, key), (request.Kind, request.Peer));
        Assert.Null(Assert.Single(UapiText.Parse("handshake=1\n\n")).Peer);
        Assert.Equal(UapiRequestKind.Fatal, UapiText.Parse($"handshake={key.ToHex()[1..]}\n\n")[^1].Kind);
    }

    [Fact]
    public void The_answer_names_the_device_first_and_then_each_peer()
    {
        var key = new PublicKey(Enumerable.Repeat((byte)0xAB, PublicKey.Size).ToArray());
        using var writer = new UapiWriter();
        writer.WriteCounters([new Counter("not_authentic", 7)], [(key, [new Counter("dropped_packets", long.MaxValue)])]);
        Assert.Equal(
            $"not_authentic=7\npublic_key={key.ToHex()}\ndropped_packets=9223372036854775807\nerrno=0\n\n",
            Encoding.ASCII.GetString(writer.Unsent));
    }
}
