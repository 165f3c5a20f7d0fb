using System.Diagnostics.CodeAnalysis;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Tests;
using WireGuard.Vsock.Tests.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A connection to the control socket: requests are the same whole and in pieces; no message repeats a secret; what a `set` asks
/// for is written down as a `set` that asks for the same; a device that applies it has what a model by wg's documentation has,
/// and its status is read back.
/// <code>u8 network | u8 bytes a piece | requests</code>
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
internal sealed class UapiTarget : FuzzTarget
{
    private readonly ControlParts _parts = new(new NoNetwork(), resolve: (_, _) => new NameAnswer([], "none"));

    public override IEnumerable<string> Words =>
    [
        "set=1\n", "get=1\n", "status=1\n", "handshake=1\n", "counters=1\n", "cloned=1\n", "\n\n", "private_key=", "listen_port=",
        "fwmark=", "replace_peers=true\n", "public_key=", "preshared_key=", "endpoint=", "endpoint_name=", "update_only=true\n",
        "remove=true\n", "persistent_keepalive_interval=", "replace_allowed_ips=true\n", "allowed_ip=", "allowed_ip=-", "attest=",
        "attested_at=", "attested_module=", "attested_pcr=0:", "provisioned_at=", "provision=nitro\n", "provision_port=",
        "awaited=", "protocol_version=1\n", Texts.PrivateHex, Texts.PublicHex, Texts.OtherPublicHex, Texts.PresharedHex,
        "10.0.0.0/8", "::/0", "0.0.0.0/0", "vm(6):51820", "192.0.2.1:1", "[2001:db8::1]:1", "unix:/run/v.sock:1",
        new string('0', 64), " to-host",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        string peers = $"public_key={Texts.PublicHex}\npreshared_key={Texts.PresharedHex}\nendpoint=192.0.2.1:51820\n"
            + $"persistent_keepalive_interval=25\nreplace_allowed_ips=true\nallowed_ip=10.0.0.0/8\nallowed_ip=::/0\n"
            + $"public_key={Texts.OtherPublicHex}\nallowed_ip=10.1.0.0/16\nallowed_ip=-10.0.0.0/8\n";
        string device = $"private_key={Texts.PrivateHex}\nlisten_port=51820\nfwmark=7\nreplace_peers=true\n";
        string notes = "provision=nitro\nprovision_port=51821\nawaited=vsock:16:1 no answer yet\n";
        string note = $"attest=vsock:16:1\nattested_at=5\nattested_module=i-0abc\nattested_pcr=0:{Texts.PublicHex}\n";
        string[] requests =
        [
            $"set=1\n{device}{peers}\nget=1\n\n", $"set=1\n{notes}{peers}{note}\n", $"set=1\n{peers}\nset=1\n{device}\n",
            $"set=1\npublic_key={Texts.PublicHex}\nremove=true\n\nset=1\nreplace_peers=true\npublic_key={Texts.PublicHex}\n\n",
            $"set=1\n{peers}public_key={Texts.PublicHex}\nupdate_only=true\nallowed_ip=10.1.0.0/16\n\nstatus=1\n\n",
            "get=1\nx=1\n\ncounters=1\n\nnone", "set=1\nlisten_port=65536\n\nget=1\n\n",
        ];
        foreach (string request in requests)
            yield return new Chosen().Byte(1).Byte(40).Bytes(Encoding.Latin1.GetBytes(request)).ToArray();
        (int, string)[] endpoints = [(0, "vm(6):1 to-host"), (7, "unix:/run/v.sock:1"), (4, "[::1]:1")];
        foreach ((int network, string endpoint) in endpoints)
        {
            string request = $"set=1\npublic_key={Texts.PublicHex}\nendpoint={endpoint}\n\n";
            yield return new Chosen().Byte(network).Byte(0).Bytes(Encoding.Latin1.GetBytes(request)).ToArray();
        }
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        var network = (NetworkKind)(choices.Byte() % 8);
        int size = Math.Max((int)choices.Byte(), Math.Max(1, input.Length / 64));
        ReadOnlySpan<byte> text = choices.Rest;
        List<UapiRequest> whole = Parse(text, network, Math.Max(text.Length, 1)), inPieces = Parse(text, network, size);
        try
        {
            Fact.Same(whole.Count, inPieces.Count, "how many requests there are");
            for (int i = 0; i < whole.Count; i++)
            {
                Fact.Same(Describe(whole[i]), Describe(inPieces[i]), "a request that is read in pieces");
                CheckRequest(whole[i], network);
            }

            if (network.IsIP) // as the model's device
                Apply(whole);
        }
        finally
        {
            foreach (UapiRequest request in (IEnumerable<UapiRequest>)[.. whole, .. inPieces])
                request.Change?.Dispose();
        }
    }

    private static List<UapiRequest> Parse(ReadOnlySpan<byte> text, NetworkKind network, int size)
    {
        List<UapiRequest> requests = [];
        using UapiParser parser = new(network, Texts.InterfaceIndex);
        for (; !text.IsEmpty; text = text[Math.Min(size, text.Length)..])
        {
            parser.Append(text[..Math.Min(size, text.Length)]);
            while (parser.TryNext(out UapiRequest request))
                requests.Add(request);
        }

        return requests;
    }

    private static void CheckRequest(UapiRequest request, NetworkKind network)
    {
        bool isError = request.Kind is UapiRequestKind.Invalid or UapiRequestKind.Fatal;
        Fact.Same(request.Kind == UapiRequestKind.Set, request.Change is not null, "whether it changes anything");
        Fact.Same(isError, request.Message.Length > 0, "whether it says what is wrong");
        Fact.Holds(request.Message.Length < 500, "what is wrong is said shortly");
        Fact.Holds(!request.Message.Contains(Texts.PrivateHex[..16], StringComparison.OrdinalIgnoreCase), "no message has a key");
        Texts.CheckShown(request.Message, "a message");
        if (request.Change is null)
            return;
        string written = Written(request.Change);
        List<UapiRequest> again = Parse(Encoding.Latin1.GetBytes(written), network, int.MaxValue);
        Fact.Holds(again is [{ Kind: UapiRequestKind.Set }], "what is written down is one set");
        Fact.Same(written, Written(again[0].Change!), "a set that is written, read and written");
        again[0].Change!.Dispose();
    }

    private static string Describe(UapiRequest request) => request.Change is null
        ? $"{request.Kind} {request.Errno} {request.Message}"
        : Written(request.Change);

    private static string Written(DeviceChange change)
    {
        using SecretText text = new();
        SetRequestWriter.Write(change, text);
        return Encoding.Latin1.GetString(text.Bytes);
    }

    private void Apply(List<UapiRequest> requests)
    {
        DeviceModel model = new();
        foreach (UapiRequest request in requests)
        {
            if (request.Change is not { } change)
                continue;
            change.Peers.ForEach(peer => peer.EndpointName = null); // it would be resolved by another thread
            model.Apply(change);
            Fact.Same(0, _parts.Configurator.Apply(change), "what a set that can be applied answers");
            model.Check(_parts.Configurator.Status());
            CheckStatus();
        }

        using DeviceChange none = new()
        {
            RemovesPrivateKey = true,
            ListenPort = 0,
            FirewallMark = 0,
            ReplacesPeers = true,
            Notes = new DeviceNotes(),
        };
        Fact.Same(0, _parts.Configurator.Apply(none), "what a set that removes all answers");
        Fact.Same(0, _parts.Configurator.Status().Peers.Count(), "how many peers are left");
        _parts.Log.Lines.Clear();
    }

    /// <summary>What is told of the device is read back, and told again.</summary>
    private void CheckStatus()
    {
        using UapiWriter writer = new();
        writer.WriteStatus(_parts.Configurator.FullStatus());
        string told = Encoding.Latin1.GetString(writer.Unsent);
        Fact.Same(told, StatusTarget.WrittenAgain(told, isStatus: true), "the device's status, read and written");
    }
}

/// <summary>What a device has after a `set`, by https://www.wireguard.com/xplatform/.</summary>
internal sealed class DeviceModel
{
    private readonly Dictionary<string, PeerModel> _peers = [];
    private string _privateKey = "";
    private string _publicKey = "";
    private int _port;
    private uint _mark;

    public void Apply(DeviceChange change)
    {
        _port = change.ListenPort ?? _port;
        _mark = change.FirewallMark ?? _mark;
        if (change.RemovesPrivateKey)
            (_privateKey, _publicKey) = ("", "");
        if (change.PrivateKey is { } key)
        {
            (_privateKey, _publicKey) = (Convert.ToHexString(key.Bytes), key.PublicKey.ToHex());
            _peers.Remove(_publicKey);
        }

        if (change.ReplacesPeers)
            _peers.Clear();
        foreach (PeerChange peer in change.Peers)
            Apply(peer);
    }

    public void Check(DeviceStatus status)
    {
        Fact.Same(_privateKey, status.PrivateKey is null ? "" : Convert.ToHexString(status.PrivateKey.Bytes), "the private key");
        Fact.Same(_port, status.ListenPort, "the port");
        Fact.Same(_mark, status.FirewallMark, "the mark");
        PeerStatus[] peers = [.. status.Peers];
        Fact.Same(_peers.Count, peers.Length, "how many peers there are");
        foreach (PeerStatus peer in peers)
        {
            Fact.Holds(_peers.TryGetValue(peer.PublicKey.ToHex(), out PeerModel? model), "a peer that was added");
            Fact.Same(model.PresharedKey, HexOf(peer.PresharedKey), "its preshared key");
            Fact.Same(model.Endpoint, peer.Endpoint?.ToString() ?? "", "its endpoint");
            Fact.Same(model.Keepalive, peer.PersistentKeepalive, "its keepalive");
            Fact.Holds(model.AllowedIps.SetEquals(peer.AllowedIps.Select(prefix => prefix.ToString())), "its allowed IPs");
        }
    }

    private void Apply(PeerChange change)
    {
        string key = change.PublicKey.ToHex();
        if (change.Removes)
            _peers.Remove(key);
        if (change.Removes || key == _publicKey || (change.UpdatesOnly && !_peers.ContainsKey(key)))
            return;
        if (!_peers.TryGetValue(key, out PeerModel? peer))
            _peers.Add(key, peer = new PeerModel());
        if (change.PresharedKey is { } preshared)
            peer.PresharedKey = HexOf(preshared);
        if (change.Endpoint is { } endpoint)
            peer.Endpoint = endpoint.ToString();
        peer.Keepalive = change.PersistentKeepalive ?? peer.Keepalive;
        if (change.ReplacesAllowedIps)
            peer.AllowedIps.Clear();
        foreach ((IpPrefix prefix, bool removes) in change.AllowedIps)
        {
            string text = prefix.ToString();
            if (removes)
            {
                peer.AllowedIps.Remove(text);
                continue;
            }

            foreach (PeerModel other in _peers.Values)
                other.AllowedIps.Remove(text);
            peer.AllowedIps.Add(text);
        }
    }

    /// <summary>The all-zero key and none are the same.</summary>
    private static string HexOf(PresharedKey? key) =>
        key is null || !key.Bytes.ContainsAnyExcept((byte)0) ? "" : Convert.ToHexString(key.Bytes);

    private sealed class PeerModel
    {
        public string PresharedKey { get; set; } = "";

        public string Endpoint { get; set; } = "";

        public int Keepalive { get; set; }

        public HashSet<string> AllowedIps { get; } = [];
    }
}
