using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A file for `setconf`, as wg(8) reads it: one mistake, in which no secret key is shown, or a change that the control socket
/// takes.
/// <code>u8 whether it replaces | text</code>
/// </summary>
internal sealed class SetConfTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        .. ConfigKeys.OfWg.Select(key => $"{key} = "), "[Interface]\n", "[Peer]\n", Texts.PrivateKey, Texts.PublicKey,
        Texts.PresharedKey, Texts.OtherPublicKey, "off", "0x", "10.0.0.1/24,", "::/0", "192.0.2.1:5", "[fe80::1%eth0]:5",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        string text = $"[Interface]\nPrivateKey = {Texts.PrivateKey}\nListenPort = 5\nFwMark = 0x7\n[Peer]\n"
            + $"PublicKey = {Texts.PublicKey}\nPresharedKey={Texts.PresharedKey}\nAllowedIPs = 10.0.0.1/24,::/0\n"
            + "Endpoint = 192.0.2.1:5\nPersistentKeepalive = off\n# c\n";
        yield return [0, .. Texts.Bytes(text)];
        yield return [1, .. Texts.Bytes(text.Replace("PersistentKeepalive", "Keepalive"))];
        yield return [1, .. Texts.Bytes("[Peer]\nAllowedIPs=\n")];
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        bool replaces = input.Length != 0 && (input[0] & 1) != 0;
        string text = Texts.Of(input[Math.Min(input.Length, 1)..]);
        using DeviceChange? change = WgConfigReader.Read(text, replaces, ReadEndpoint, out IReadOnlyList<string> messages);
        bool hasFailed = messages.Count > 0 && messages[^1] is "Configuration parsing error" or "Invalid configuration";
        Fact.Same(change is null, hasFailed, "whether there is a mistake");
        foreach (string message in messages)
        {
            Texts.CheckHidesKeys(message);
            Texts.CheckShown(message, "a message");
        }

        if (change is not null)
            CheckTaken(change);
    }

    private static void CheckTaken(DeviceChange change)
    {
        using SecretText written = new();
        SetRequestWriter.Write(change, written);
        using UapiParser parser = new(NetworkKind.Udp, Texts.InterfaceIndex);
        parser.Append(written.Bytes);
        bool isTaken = parser.TryNext(out UapiRequest request) && request.Kind == UapiRequestKind.Set;
        Fact.Holds(isTaken, $"the control socket takes it: {request.Message}");
        using SecretText again = new();
        SetRequestWriter.Write(request.Change!, again);
        Fact.SameBytes(written.Bytes, again.Bytes, "what it takes");
        request.Change!.Dispose();
    }

    private static string? ReadEndpoint(string text, PeerChange peer)
    {
        bool isRead = EndpointAddress.TryParse(
            text, NetworkKind.Udp, Texts.InterfaceIndex, out EndpointAddress endpoint, out string error);
        peer.Endpoint = isRead ? endpoint : null;
        return isRead ? null : error;
    }
}
