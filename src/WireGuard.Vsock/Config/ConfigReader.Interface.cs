using System.Buffers;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>The values of [Interface], each as far as it can be judged alone.</summary>
internal sealed partial class ConfigReader
{
    private readonly List<InterfaceAddress> _addresses = [];
    private readonly HashSet<InterfaceAddress> _addressesToKernel = []; // as it tells them apart
    private readonly List<string> _dnsServers = [];
    private readonly List<string> _searchDomains = [];
    private readonly Dictionary<string, List<string>> _hooks = new()
    {
        [PreUp] = [],
        [PostUp] = [],
        [PreDown] = [],
        [PostDown] = [],
    };

    private static readonly SearchValues<char> QuadCharacters = SearchValues.Create("0123456789.");

    private uint? _listenPort;
    private uint? _fwMark;
    private uint? _mtu;
    private Place _mtuPlace;
    private uint? _streams;
    private bool? _superpackets;
    private bool _savesConfig;
    private ServiceOptions _service = new();
    private RouteTable _table = RouteTable.Auto;

    // Null if what was said is no network: then nothing that depends on it is judged.
    private NetworkKind? _network = NetworkKind.Vsock;

    private KeySource<PrivateKey> OwnKey
    {
        get;
        set
        {
            field.Dispose();
            field = value;
        }
    } = new();

    private void ReadInterfaceValue(string key, ReadOnlySpan<char> value, Place place, ReadOnlySpan<char> comment)
    {
        switch (key)
        {
            case ConfigKeys.PrivateKey:
                ReadPrivateKey(value, place);
                break;
            case PrivateKeyFile:
                TakeKeyFile(key, ConfigKeys.PrivateKey, value, place);
                break;
            case ListenPort:
                _listenPort = ReadWgNumber(key, value, place);
                break;
            case FwMark:
                _fwMark = WgValues.TryReadFwMark(Word(value).ToLowerInvariant(), out uint mark) ? mark : null;
                if (_fwMark is null)
                    Mistake(place, key, $"{Shown(value)} is neither off nor a number to 4294967295 or 0xffffffff");
                break;
            case Address:
                EachItem(value, place, ReadAddress);
                break;
            case Dns:
                EachItem(value, place, ReadDns);
                break;
            case Mtu:
                _mtu = ReadNumber(key, value, place, int.MaxValue); // its limits: CheckMtu
                _mtuPlace = place;
                break;
            case Table:
                if (value is ['0', >= '0' and <= '9', ..])
                    Mistake(place, key, $"{Shown(value)} begins with a zero, which ip(8) takes for octal: leave the zero out");
                else if (!RouteTable.TryParse(value, out _table))
                    Mistake(place, key, $"{Shown(value)} is neither auto, off nor the number of a table, from 1");
                break;
            case SaveConfig:
                _savesConfig = ReadSwitch(key, value, place, "true", "false") == true;
                if (_savesConfig)
                    Warn(place, key, "wireguard-vsock never writes this file: nothing will be saved");
                break;
            case ConfigKeys.Network:
                ReadNetwork(value, place);
                break;
            case ConfigKeys.Streams:
                _streams = ReadNumber(key, value, place, DaemonOptions.MaxStreams, 1);
                break;
            case Superpackets:
                _superpackets = ReadSwitch(key, value, place, "on", "off");
                break;
            case ConfigKeys.Provision or ProvisionFrom or ProvisionPort:
                ReadProvision(key, value, place);
                break;
            case ConfigKeys.SocketGroup or ConfigKeys.SocketMode or ConfigKeys.Metrics or ConfigKeys.MetricsAllowedIps
                or ConfigKeys.Sandbox:
                ReadService(key, value, place);
                break;
            default:
                ReadHook(key, value, place, comment);
                break;
        }
    }

    private void ReadPrivateKey(ReadOnlySpan<char> value, Place place)
    {
        if (value.Equals("generate", StringComparison.OrdinalIgnoreCase))
        {
            OwnKey = new() { Generates = true };
            return;
        }

        _mentions.Add(new KeyMention(place, ConfigKeys.PrivateKey, null));
        OwnKey = new() { Given = ReadSecret(value, KeyText.ParsePrivate) };
        if (OwnKey.IsNone)
            Mistake(place, ConfigKeys.PrivateKey, $"{NoKey}, as wireguard-vsock genkey prints, nor generate");
        else if (ReadSecret(value, KeyText.IsZero))
            Mistake(place, ConfigKeys.PrivateKey, "it is all zero, which is no key: make one with wireguard-vsock genkey");
    }

    private void ReadService(string key, ReadOnlySpan<char> value, Place place)
    {
        string error = "";
        uint mode = 0;
        MetricsAddress? address = null;
        if (key == ConfigKeys.SocketMode)
            _ = ServiceOptions.TryReadMode(value, out mode, out error);
        else if (key == ConfigKeys.Metrics)
            _ = MetricsAddress.TryParse(value, out address, out error);
        if (error.Length != 0)
        {
            Mistake(place, key, $"{Shown(value)}: {error}");
            return;
        }

        _service = key switch
        {
            ConfigKeys.SocketGroup => _service with { SocketGroup = value.ToString() },
            ConfigKeys.SocketMode => _service with { SocketMode = mode },
            ConfigKeys.Metrics => _service with { Metrics = address },
            ConfigKeys.Sandbox => _service with { Sandbox = ReadSwitch(key, value, place, "on", "off") },
            _ => _service with { MetricsAllowedIps = ReadSwitch(key, value, place, "on", "off") },
        };
    }

    private void ReadNetwork(ReadOnlySpan<char> value, Place place)
    {
        bool isNetwork = NetworkKind.TryFromWord(Word(value).ToLowerInvariant(), out NetworkKind network);
        _network = isNetwork ? network : null;
        if (!isNetwork)
            Mistake(place, ConfigKeys.Network, $"{Shown(value)} is no network: one of {NetworkKind.Words}");
    }

    private void ReadAddress(ReadOnlySpan<char> item, Place place)
    {
        if (!InterfaceAddress.TryParse(item, out InterfaceAddress address))
            Mistake(place, Address, $"{Shown(item)} is no {AddressForm}");
        else if (!_addressesToKernel.Add(address.IsIPv6 ? address with { PrefixLength = 128 } : address))
            Mistake(place, Address, $"{(address.IsIPv6 ? address.AddressText : address)} is given already: delete it here");
        else
            _addresses.Add(address);
    }

    /// <summary>
    /// What has a colon, or digits and dots alone, is a server, as in wg-quick; else it is a search domain, or with '~' a routing
    /// domain of systemd-resolved.
    /// </summary>
    private void ReadDns(ReadOnlySpan<char> item, Place place)
    {
        bool isServer = item.Contains(':') || !item.ContainsAnyExcept(QuadCharacters);
        if (!isServer)
        {
            if (item is "~." || DomainName.IsValid(item.StartsWith('~') ? item[1..] : item))
                _searchDomains.Add(item.ToString());
            else
                Mistake(place, Dns, $"{Shown(item)} is neither a server's IP address nor a search domain");
            return;
        }

        int scope = item.IndexOf('%');
        bool isAddress = IpAddressText.TryParseIPv4(item, out _)
            || (IpAddressText.TryParseIPv6(scope < 0 ? item : item[..scope], out _)
                && (scope < 0 || ConfigFile.IsName(item[(scope + 1)..])));
        if (isAddress)
            _dnsServers.Add(item.ToString());
        else
            Mistake(place, Dns, $"{Shown(item)} is no IP address, and a search domain has letters and no colon");
    }

    /// <summary>Its text stays as it is. A '#' that does not look like a comment's was probably meant for the shell.</summary>
    private void ReadHook(string key, ReadOnlySpan<char> value, Place place, ReadOnlySpan<char> comment)
    {
        bool isInQuotes = value.Count('"') % 2 != 0 || value.Count('\'') % 2 != 0;
        if (!comment.IsEmpty && isInQuotes)
            Warn(place, key, "it ends at the '#', as in wg-quick, and that stands in quotes: put the command into a script");
        _hooks[key].Add(value.ToString());
    }

    private InterfaceSettings Interface() => new()
    {
        Network = _network ?? NetworkKind.Vsock,
        Streams = (int?)_streams,
        Superpackets = _superpackets,
        PrivateKey = OwnKey,
        Addresses = _addresses,
        ListenPort = (ushort?)_listenPort,
        FwMark = _fwMark,
        Mtu = (int?)_mtu,
        DnsServers = _dnsServers,
        SearchDomains = _searchDomains,
        Table = _table,
        PreUp = _hooks[PreUp],
        PostUp = _hooks[PostUp],
        PreDown = _hooks[PreDown],
        PostDown = _hooks[PostDown],
        SaveConfig = _savesConfig,
        Service = _service,
        Provision = _provision is { } kind
            ? new ProvisionSettings(kind, _provisionFrom, _takesFirst, _provisionPort)
            : null,
    };
}
