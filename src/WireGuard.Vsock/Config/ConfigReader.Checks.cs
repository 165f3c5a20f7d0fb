using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>What must hold between the lines, judged when all are read.</summary>
internal sealed partial class ConfigReader
{
    internal const string OwnPublicKey = "it is this interface's own: put the other machine's";

    private const int SmallestMtu = 68; // RFC 791; also the kernel's for IPv4
    private const int SmallestIPv6Mtu = 1280; // RFC 8200 section 5
    private const string ToHost = "to-host";
    private const string AddNetwork = $"add to {InterfaceSection}: {ConfigKeys.Network} = udp (or tcp)";
    private const string AddUnix = $"add to {InterfaceSection}: {ConfigKeys.Network} = unix";

    private readonly Dictionary<IpPrefix, (PeerDraft Peer, Place Place)> _owners = [];

    private bool IsNetworkSaid => _said.ContainsKey(ConfigKeys.Network);

    private void CheckWhole(ReadOnlySpan<char> text)
    {
        if (_interfacePlace is null)
            Mistake(new Place(1, 1), "", $"there is no {InterfaceSection}: begin the file with that line");
        else
            CheckPrivateKey(_interfacePlace.Value);
        CheckStreams();
        CheckMtu(Mtu, _mtu, _mtuPlace, _addresses.Exists(address => address.IsIPv6));
        CheckProvision();
        var peers = new Dictionary<PublicKey, Place>();
        var attested = new Dictionary<TransportAddress, Place>();
        PublicKey? own = OwnKey.Given?.PublicKey;
        foreach (PeerDraft peer in _peers)
        {
            CheckPeer(peer, own, peers);
            CheckAttest(peer, attested);
            if (_network is { } network && peer.Endpoint is { } range)
                ReadEndpoint(peer, text[range], network);
        }
    }

    private void CheckPrivateKey(Place section)
    {
        bool isGiven = _said.TryGetValue(ConfigKeys.PrivateKey, out Place given);
        bool isFile = _said.TryGetValue(PrivateKeyFile, out Place file);
        if (isGiven && isFile)
            Mistake(file, PrivateKeyFile, $"there is {ConfigKeys.PrivateKey} on line {given.Line} too: keep one of the two");
        else if (isFile)
            OwnKey = new() { File = _mentions.Find(mention => mention.Key == PrivateKeyFile)?.File }; // null after a mistake
        else if (!isGiven && _hooks.Values.All(hooks => hooks.Count == 0))
            Warn(section, ConfigKeys.PrivateKey, "there is none, and no hook to set it: nothing goes through without a key");
    }

    private void CheckStreams()
    {
        bool isUdp = _network is { IsStream: false };
        if (isUdp && _said.TryGetValue(ConfigKeys.Streams, out Place place))
            Mistake(place, ConfigKeys.Streams, $"{_network!.Value.Word} has no streams: delete the line");
    }

    private void CheckMtu(string key, uint? given, Place place, bool hasIPv6)
    {
        if (given is not { } mtu)
            return;
        if (mtu < SmallestMtu)
            Mistake(place, key, $"{mtu} is less than {SmallestMtu}, Linux's least: delete the line for the default");
        else if (mtu < SmallestIPv6Mtu && hasIPv6)
            Mistake(place, key, $"{mtu} is less than {SmallestIPv6Mtu}, IPv6's least: raise it, or delete the IPv6 addresses");
        else if (_network is { } network && mtu > network.LargestPacket)
            Mistake(place, key, $"{mtu} is more than a message over {network.Word} can carry: at most {network.LargestPacket}");
    }

    private void CheckPeer(PeerDraft peer, PublicKey? own, Dictionary<PublicKey, Place> others)
    {
        Place place = peer.PublicKeyPlace;
        bool isAttested = peer.Said.ContainsKey(ConfigKeys.Attest);
        if (!peer.Said.ContainsKey(ConfigKeys.PublicKey) && !isAttested)
            Mistake(peer.Place, ConfigKeys.PublicKey, $"this {PeerSection} has none: add the other machine's");
        else if (peer.PublicKey is { } key && key == own)
            Mistake(place, ConfigKeys.PublicKey, OwnPublicKey);
        else if (peer.PublicKey is { } one && !others.TryAdd(one, place))
            Mistake(place, ConfigKeys.PublicKey, $"line {others[one].Line} has the same: make one {PeerSection} of the two");
        if (peer.Said.TryGetValue(PresharedKeyFile, out Place file)
            && peer.Said.TryGetValue(ConfigKeys.PresharedKey, out Place given))
        {
            Mistake(file, PresharedKeyFile, $"there is {ConfigKeys.PresharedKey} on line {given.Line} too: keep one of the two");
        }

        bool isOffered = _takesFirst || (peer.PublicKey is { } verifier && _provisionFrom.Contains(verifier));
        if (!peer.Said.ContainsKey(AllowedIps) && !isOffered)
            Warn(peer.Place, AllowedIps, $"this {PeerSection} has none: no packets go to it or are taken from it");
        if (_network == NetworkKind.Unix && !isAttested && !peer.Said.ContainsKey(ConfigKeys.Endpoint))
            Warn(peer.Place, ConfigKeys.Endpoint, $"this {PeerSection} has none: over unix it can call only where another does");
    }

    private void ReadEndpoint(PeerDraft peer, ReadOnlySpan<char> value, NetworkKind network)
    {
        Place place = peer.EndpointPlace;
        if (IsKey(value))
        {
            Mistake(place, ConfigKeys.Endpoint, "this is a key, not ADDRESS:PORT");
            return;
        }

        string text = SqueezeEndpoint(value);
        if (EndpointAddress.TryParse(text, network, _interfaceIndex, out EndpointAddress endpoint, out string error))
        {
            peer.Address = endpoint;
            if (network.IsIP && endpoint.Port == 0)
                Mistake(place, ConfigKeys.Endpoint, "port 0 is no port: from 1 to 65535");
            else if (WhyNotMeant(text, network, endpoint) is { } doubt)
                Warn(place, ConfigKeys.Endpoint, doubt);
        }
        else if (network.IsIP && IsName(text))
        {
            peer.Name = text;
        }
        else
        {
            Mistake(place, ConfigKeys.Endpoint, $"{Shown(text)}: {WhyNoEndpoint(text, network, error)}");
        }
    }

    /// <summary>A dotted quad is an address of either network: 0.0.0.6 is CID 6, and 192.0.2.1 CID 3221225985.</summary>
    private string? WhyNotMeant(string text, NetworkKind network, EndpointAddress endpoint)
    {
        if (!IpAddressText.TryParseIPv4(text.AsSpan(0, text.IndexOf(':')), out uint quad))
            return null;
        bool looksLikeCid = quad >> 24 == 0;
        if (network == NetworkKind.Vsock && !looksLikeCid && !IsNetworkSaid)
            return $"{text} is CID {endpoint.Cid} over vsock, since no network is said; for IP, {AddNetwork}";
        return network != NetworkKind.Vsock && looksLikeCid
            ? $"{text} is CID {quad} in VSOCK's form, but the network is {network.Word}"
            : null;
    }

    private static bool IsName(string text) => HostName.TryParse(text, out string host, out _, out _) && DomainName.IsValid(host);

    private string WhyNoEndpoint(string text, NetworkKind network, string error)
    {
        bool isUnix = UnixAddress.IsMeant(text);
        if (isUnix && network == NetworkKind.Unix)
            return error;
        if (network.IsIP && WhyOtherFamily(text, network) is { } family)
            return family;
        bool isAddress = EndpointAddress.TryParse(text, NetworkKind.Udp, _interfaceIndex, out _, out _);
        bool isVsock = EndpointAddress.TryParse(text, NetworkKind.Vsock, _interfaceIndex, out _, out _);
        bool isIP = isAddress || IsName(text);
        string? kind = isUnix ? "behind a Unix socket"
            : network.IsIP ? isVsock ? "of VSOCK" : null
            : network == NetworkKind.Unix && isVsock && (!isAddress || LooksLikeCid(text)) ? "of VSOCK"
            : isIP ? "of IP"
            : null;
        if (kind is null)
            return network.IsIP ? $"{error}, nor HOST:PORT" : error;
        string form = network == NetworkKind.Unix ? ": write unix:PATH:PORT" : "";
        return IsNetworkSaid ? $"an endpoint {kind}, but the network is {network.Word}{form}"
            : $"an endpoint {kind}, but no network is said: {(isUnix ? AddUnix : AddNetwork)}";
    }

    /// <summary>Null if it is no IP endpoint, or one in VSOCK's form.</summary>
    private string? WhyOtherFamily(string text, NetworkKind network)
    {
        NetworkKind both = network.IsStream ? NetworkKind.Tcp : NetworkKind.Udp;
        if (!EndpointAddress.TryParse(text, both, _interfaceIndex, out EndpointAddress endpoint, out _) || LooksLikeCid(text))
            return null;
        string family = endpoint.IsIPv6 ? "IPv6" : "IPv4";
        return $"an {family} address, but the network is {network.Word}: write {ConfigKeys.Network} = {both.Word}";
    }

    private static bool LooksLikeCid(string text) =>
        IpAddressText.TryParseIPv4(text.AsSpan(0, text.IndexOf(':')), out uint quad) && quad >> 24 == 0;

    /// <summary>Without white space, as wg(8) has it, but for that before our last word.</summary>
    private static string SqueezeEndpoint(ReadOnlySpan<char> value)
    {
        bool isToHost = value.EndsWith(ToHost, StringComparison.OrdinalIgnoreCase)
            && value.Length > ToHost.Length && WhiteSpace.Contains(value[^(ToHost.Length + 1)]);
        return isToHost ? $"{Squeeze(value[..^ToHost.Length])} {ToHost}" : Squeeze(value);
    }
}
