using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>The values of each [Peer].</summary>
internal sealed partial class ConfigReader
{
    private const string AddressForm = "IP address, such as 10.0.0.1, 10.0.0.0/24 or 2001:db8::/64";

    private void ReadPeerValue(PeerDraft peer, string key, ReadOnlySpan<char> value, Place place, int offset)
    {
        switch (key)
        {
            case ConfigKeys.PublicKey:
                ReadPublicKey(peer, value, place);
                break;
            case ConfigKeys.PresharedKey:
                ReadPresharedKey(peer, value, place);
                break;
            case PresharedKeyFile:
                if (TakeKeyFile(key, ConfigKeys.PresharedKey, value, place) is { } file)
                    peer.PresharedKey = new() { File = file };
                break;
            case AllowedIps:
                ReadAllowedIps(key, value, place, (address, at) => TakeAllowedIp(peer, address, at));
                break;
            case ConfigKeys.Endpoint:
                peer.Endpoint = offset..(offset + value.Length);
                peer.EndpointPlace = place;
                break;
            case ConfigKeys.Attest:
            case var _ when IsOfAttest(key):
                ReadAttestation(peer, key, value, place);
                break;
            default:
                peer.Keepalive = value.Equals("off", StringComparison.OrdinalIgnoreCase)
                    ? 0
                    : ReadWgNumber(key, value, place, unless: "off");
                break;
        }
    }

    /// <summary>The name of a file that holds a key. Null if a key itself stands there, which must not become a string.</summary>
    private string? TakeKeyFile(string key, string other, ReadOnlySpan<char> value, Place place)
    {
        if (IsKey(value))
        {
            Mistake(place, key, $"this is a key, not a file: write {other} = ... instead");
            return null;
        }

        string file = value.ToString();
        _mentions.Add(new KeyMention(place, key, file));
        return file;
    }

    private void ReadPublicKey(PeerDraft peer, ReadOnlySpan<char> value, Place place)
    {
        peer.PublicKeyPlace = place;
        PublicKey? key = ReadSecret(value, ParsePublic); // a secret key may stand here by mistake
        if (key is null)
            Mistake(place, ConfigKeys.PublicKey, $"{NoKey}, as wireguard-vsock pubkey prints");
        else if (key.Value.IsZero)
            Mistake(place, ConfigKeys.PublicKey, "it is all zero, which is no machine's key: put the other machine's");
        else
            peer.PublicKey = key;
    }

    private static PublicKey? ParsePublic(ReadOnlySpan<char> text) => KeyText.TryParse(text, out PublicKey key) ? key : null;

    private void ReadPresharedKey(PeerDraft peer, ReadOnlySpan<char> value, Place place)
    {
        _mentions.Add(new KeyMention(place, ConfigKeys.PresharedKey, null));
        PresharedKey? key = ReadSecret(value, KeyText.ParsePreshared);
        peer.PresharedKey = new() { Given = key };
        if (value.Equals("generate", StringComparison.OrdinalIgnoreCase))
            Mistake(place, ConfigKeys.PresharedKey, "both machines need the same: make it with wireguard-vsock genpsk");
        else if (key is null)
            Mistake(place, ConfigKeys.PresharedKey, $"{NoKey}, as wireguard-vsock genpsk prints");
        else if (key.IsZero)
            Warn(place, ConfigKeys.PresharedKey, "it is all zero, which means none");
    }

    private void ReadAllowedIps(string key, ReadOnlySpan<char> value, Place place, Action<InterfaceAddress, Place> take)
    {
        if (value.IsEmpty)
            return;
        foreach (Range range in value.Split(','))
        {
            ReadOnlySpan<char> item = value[range].Trim(WhiteSpace);
            int start = range.Start.GetOffset(value.Length);
            start += value[range].Length - value[range].TrimStart(WhiteSpace).Length;
            Place at = place with { Column = place.Column + start };
            if (item.IsEmpty)
                Mistake(at, key, "there is a comma too many: an address is missing");
            else if (ReadSecret(item, WgValues.ReadAllowedIp) is { } address)
                take(address, at);
            else
                Mistake(at, key, $"{Shown(item)} is no {AddressForm}, each behind a comma");
        }
    }

    private void TakeAllowedIp(PeerDraft peer, InterfaceAddress address, Place place)
    {
        IpPrefix prefix = address.Network;
        peer.AllowedIps.Add(prefix);
        WarnOfHostBits(AllowedIps, address, place);
        if (_owners.TryGetValue(prefix, out (PeerDraft Peer, Place Place) other) && other.Peer != peer)
            Warn(place, AllowedIps, $"{prefix} is the peer's of line {other.Place.Line} too: the last one, this, has it alone");
        _owners[prefix] = (peer, place);
    }

    private void WarnOfHostBits(string key, InterfaceAddress address, Place place)
    {
        if (address.Network.Address != address.Address)
            Warn(place, key, $"{address} has bits behind its length: it is taken as {address.Network}");
    }

    /// <summary>What has been read of one [Peer], which begins here.</summary>
    private sealed partial class PeerDraft(Place place)
    {
        internal Place Place { get; } = place;

        /// <summary>Where each key stands first.</summary>
        internal Dictionary<string, Place> Said { get; } = [];

        /// <summary>Null if it is missing or wrong.</summary>
        internal PublicKey? PublicKey { get; set; }

        internal Place PublicKeyPlace { get; set; }

        internal KeySource<PresharedKey> PresharedKey
        {
            get;
            set
            {
                field.Dispose();
                field = value;
            }
        } = new();

        internal List<IpPrefix> AllowedIps { get; } = [];

        /// <summary>Where in the text it is. What it means depends on the network, which may be said below it.</summary>
        internal Range? Endpoint { get; set; }

        internal Place EndpointPlace { get; set; }

        internal EndpointAddress? Address { get; set; }

        internal string? Name { get; set; }

        internal uint? Keepalive { get; set; }

        internal PeerSettings Settings => new()
        {
            PublicKey = PublicKey ?? default,
            Attest = Attestation,
            PresharedKey = PresharedKey,
            AllowedIps = AllowedIps,
            Endpoint = Address,
            EndpointName = Name,
            PersistentKeepalive = (ushort?)Keepalive,
        };
    }
}
