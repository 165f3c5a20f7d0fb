using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.ConfigKeys;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Config;

/// <summary>The values of provisioning: of the prover in [Interface], of the verifier in [Peer].</summary>
internal sealed partial class ConfigReader
{
    private readonly List<PublicKey> _provisionFrom = [];
    private readonly List<RootMention> _rootFiles = [];

    private ProvisionKind? _provision;
    private bool _takesFirst;
    private uint? _provisionPort;

    private void ReadProvision(string key, ReadOnlySpan<char> value, Place place)
    {
        switch (key)
        {
            case ConfigKeys.Provision:
                _provision = Word(value).ToLowerInvariant() switch
                {
                    "nitro" => ProvisionKind.Nitro,
                    "unattested" => ProvisionKind.Unattested,
                    _ => null,
                };
                if (_provision is null)
                    Mistake(place, key, $"{Shown(value)} is neither nitro nor unattested");
                break;
            case ProvisionPort:
                _provisionPort = ReadNumber(key, value, place, VMADDR_PORT_ANY - 1, 1);
                break;
            default:
                EachItem(value, place, TakeVerifier);
                break;
        }
    }

    private void TakeVerifier(ReadOnlySpan<char> item, Place place)
    {
        if (item.Equals("first", StringComparison.OrdinalIgnoreCase))
            _takesFirst = true;
        else if (ReadSecret(item, ParsePublic) is not { } key)
            Mistake(place, ProvisionFrom, $"{Shown(item)} is neither a public key of 44 characters in base64 nor first");
        else if (key.IsZero)
            Mistake(place, ProvisionFrom, "it is all zero, which is no machine's key: put the verifier's");
        else if (_provisionFrom.Contains(key))
            Mistake(place, ProvisionFrom, "the key is given already: delete it here");
        else
            _provisionFrom.Add(key);
    }

    private void ReadAttestation(PeerDraft peer, string key, ReadOnlySpan<char> value, Place place)
    {
        switch (key)
        {
            case ConfigKeys.Attest:
                ReadAttest(peer, value, place);
                break;
            case AttestRoot when IsKey(value):
                Mistake(place, key, "this is a key, not the file of a root's certificate");
                break;
            case AttestRoot:
                peer.RootFile = value.ToString();
                _rootFiles.Add(new RootMention(place, peer.RootFile));
                break;
            case AttestDebug:
                peer.AllowsDebug = ReadYesOrNo(key, value, place);
                break;
            case AttestUnattested:
                peer.AllowsUnattested = ReadYesOrNo(key, value, place);
                break;
            case OfferAddress:
                EachItem(value, place, (item, at) =>
                {
                    if (InterfaceAddress.TryParse(item, out InterfaceAddress address))
                        peer.Offer(address, at);
                    else
                        Mistake(at, key, $"{Shown(item)} is no {AddressForm}");
                });
                break;
            case OfferAllowedIps:
                ReadAllowedIps(key, value, place, (address, at) =>
                {
                    WarnOfHostBits(key, address, at);
                    peer.OfferedIps.Add(address.Network);
                });
                break;
            case OfferMtu:
                peer.OfferedMtu = ReadNumber(key, value, place, int.MaxValue); // its limits: CheckOffer
                peer.OfferedMtuPlace = place;
                break;
            case OfferDns:
                EachItem(value, place, (item, at) => ReadOfferedDns(peer, item, at));
                break;
            default:
                ReadPcr(peer, key, value, place);
                break;
        }
    }

    private void ReadAttest(PeerDraft peer, ReadOnlySpan<char> value, Place place)
    {
        if (!TransportAddress.TryParse(value, AddressUse.Send, out TransportAddress address, out string error))
            Mistake(place, ConfigKeys.Attest, $"{Shown(value)}: {error}");
        else if (address.Network == NetworkKind.Udp)
            Mistake(place, ConfigKeys.Attest, "attesting is over a stream, also where the tunnel is over udp: write tcp");
        else if (address.Port == 0)
            Mistake(place, ConfigKeys.Attest, "port 0 cannot be called: put the port of the enclave's Provision");
        else
            peer.Attest = address;
    }

    /// <summary>What is not hexadecimal digits may be a secret.</summary>
    private void ReadPcr(PeerDraft peer, string key, ReadOnlySpan<char> value, Place place)
    {
        if (value.Length is 64 or 96 or 128 && !value.ContainsAnyExcept(HexDigits))
            peer.Pin(new PcrPin(Array.IndexOf(Pcrs, key), Convert.FromHexString(value)), place);
        else
            Mistake(place, key, $"{Shown(value)} is not 96 hexadecimal digits, as nitro-cli build-enclave prints them");
    }

    /// <summary>A server with a scope and a routing domain mean something on the machine itself alone.</summary>
    private void ReadOfferedDns(PeerDraft peer, ReadOnlySpan<char> item, Place place)
    {
        if (item.Contains(':') || !item.ContainsAnyExcept(QuadCharacters))
        {
            if (IpAddressText.TryParseIPv4(item, out _) || IpAddressText.TryParseIPv6(item, out _))
                peer.OfferedServers.Add(item.ToString());
            else
                Mistake(place, OfferDns, $"{Shown(item)} is no IP address, and a search domain has letters and no colon");
        }
        else if (DomainName.IsValid(item))
        {
            peer.OfferedDomains.Add(item.ToString());
        }
        else
        {
            Mistake(place, OfferDns, $"{Shown(item)} is neither a server's IP address nor a search domain");
        }
    }

    private bool ReadYesOrNo(string key, ReadOnlySpan<char> value, Place place)
    {
        string word = Word(value).ToLowerInvariant();
        ReadOnlySpan<char> said = word is "on" or "true" ? "yes" : word is "off" or "false" ? "no" : value;
        return ReadSwitch(key, said, place, "yes", "no") == true;
    }

    /// <summary>What has been read of how a peer is attested.</summary>
    private sealed partial class PeerDraft
    {
        /// <summary>Null if there is none, or it is wrong.</summary>
        internal TransportAddress? Attest { get; set; }

        internal List<PcrPin> Pins { get; } = [];

        internal List<Place> PinPlaces { get; } = [];

        internal string? RootFile { get; set; }

        internal bool AllowsDebug { get; set; }

        internal bool AllowsUnattested { get; set; }

        internal List<InterfaceAddress> OfferedAddresses { get; } = [];

        internal List<Place> OfferedPlaces { get; } = [];

        internal List<IpPrefix> OfferedIps { get; } = [];

        internal uint? OfferedMtu { get; set; }

        internal Place OfferedMtuPlace { get; set; }

        internal List<string> OfferedServers { get; } = [];

        internal List<string> OfferedDomains { get; } = [];

        internal void Pin(PcrPin pin, Place place)
        {
            Pins.Add(pin);
            PinPlaces.Add(place);
        }

        internal void Offer(InterfaceAddress address, Place place)
        {
            OfferedAddresses.Add(address);
            OfferedPlaces.Add(place);
        }

        private AttestSettings? Attestation => Attest is null ? null : new()
        {
            Address = Attest,
            Pins = Pins,
            RootFile = RootFile,
            AllowsDebug = AllowsDebug,
            AllowsUnattested = AllowsUnattested,
            Offer = new Offer
            {
                Addresses = OfferedAddresses,
                AllowedIps = OfferedIps,
                Mtu = (int?)OfferedMtu,
                DnsServers = OfferedServers,
                SearchDomains = OfferedDomains,
            },
        };
    }
}
