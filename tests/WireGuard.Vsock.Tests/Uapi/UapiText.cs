using System.Text;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Keys to speak of, and a parser fed with text.</summary>
internal static class UapiText
{
    // The keys of the example at https://www.wireguard.com/xplatform/.
    internal const string PrivateHex = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";
    internal const string Peer1 = "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33";
    internal const string Peer2 = "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376";
    internal const string PresharedHex = "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52";
    internal const string Zero = "0000000000000000000000000000000000000000000000000000000000000000";

    internal static UapiParser NewParser(NetworkKind network = NetworkKind.Vsock) => new(network, NoInterface);

    internal static uint NoInterface(string name) => name == "eth0" ? 3u : 0;

    internal static List<UapiRequest> Parse(string text, NetworkKind network = NetworkKind.Vsock)
    {
        using UapiParser parser = NewParser(network);
        parser.Append(Encoding.Latin1.GetBytes(text));
        return TakeAll(parser);
    }

    internal static List<UapiRequest> TakeAll(UapiParser parser)
    {
        var requests = new List<UapiRequest>();
        while (parser.TryNext(out UapiRequest request))
            requests.Add(request);
        return requests;
    }

    /// <summary>The one change that a set with these lines asks for.</summary>
    internal static DeviceChange ParseSet(string lines, NetworkKind network = NetworkKind.Vsock)
    {
        UapiRequest request = Assert.Single(Parse($"set=1\n{lines}\n", network));
        Assert.True(request.Kind == UapiRequestKind.Set, request.Message);
        return request.Change!;
    }

    /// <summary>All that a request says, so that two can be compared.</summary>
    internal static string Describe(UapiRequest request)
    {
        var text = new StringBuilder($"{request.Kind} {request.Errno} {request.Message}");
        if (request.Change is not { } change)
            return text.ToString();
        text.Append($"| key {Hex(change.PrivateKey is null ? [] : change.PrivateKey.Bytes)} removed {change.RemovesPrivateKey}");
        text.Append($" port {change.ListenPort} mark {change.FirewallMark} replace {change.ReplacesPeers}");
        if (change.Notes is { } notes)
            text.Append($" provision {notes.Provision} {notes.ProvisionPort} {string.Join(';', notes.Awaited)}");
        foreach (PeerChange peer in change.Peers)
        {
            text.Append($"| peer {peer.PublicKey.ToHex()} remove {peer.Removes} update {peer.UpdatesOnly}");
            text.Append($" psk {Hex(peer.PresharedKey is null ? [] : peer.PresharedKey.Bytes)} at {peer.Endpoint}");
            text.Append($" by {peer.EndpointName}");
            if (peer.Note is { } note)
                text.Append($" {note.Attest} {note.AttestedAt} {note.Module} {note.ProvisionedAt} {string.Join(';', note.Pcrs)}");
            text.Append($" keepalive {peer.PersistentKeepalive} replace {peer.ReplacesAllowedIps}");
            foreach (AllowedIpChange allowed in peer.AllowedIps)
                text.Append($" {(allowed.Removes ? '-' : '+')}{allowed.Prefix}");
        }

        return text.ToString();
    }

    internal static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
