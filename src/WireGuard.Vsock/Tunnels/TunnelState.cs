using System.Globalization;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// What `up` has done, or was about to do, and `down` must undo: lines of key=value, in <see cref="RunFolder"/>. It is written
/// before each step, so that a process that is killed leaves nothing that it does not tell of. It holds no key, no hook's text
/// and no process's number: the interface is known by its daemon's <see cref="Instance"/>.
/// </summary>
internal sealed class TunnelState
{
    private TunnelState(string name) => Name = name;

    /// <summary>The interface's.</summary>
    public string Name { get; }

    /// <summary>The configuration file, from the root.</summary>
    public required string Config { get; init; }

    /// <summary>Random hexadecimal digits, which the daemon was given and tells.</summary>
    public required string Instance { get; init; }

    /// <summary>Whether `up` has done all of it.</summary>
    public bool IsUp { get; set; }

    /// <summary>Whether the private key was generated.</summary>
    public bool HasGeneratedKey { get; set; }

    /// <summary>Whether the file said a port: else the one that the daemon chose stays.</summary>
    public bool HasListenPort { get; set; }

    /// <summary>How the daemon was started: what a reload cannot change.</summary>
    public string Daemon { get; init; } = "";

    /// <summary>What the file said of DNS, which a reload cannot change; null if an earlier version did not note it.</summary>
    public string? Dns { get; set; }

    /// <summary>How it is provisioned, or "peers" if it learns them only; null for neither. A reload cannot change it.</summary>
    public string? Learns { get; init; }

    /// <summary>How often it was reloaded: its process reads the file again when this has grown.</summary>
    public uint Revision { get; set; }

    /// <summary>What the first verifier has offered this prover, and a reload counts with; null for nothing.</summary>
    public TakenOffer? Taken { get; set; }

    /// <summary>
    /// What verifiers have offered that were taken after the first, in their order: without their allowed IPs, which the daemon
    /// has. None without a first.
    /// </summary>
    public List<TakenOffer> Later { get; } = [];

    /// <summary>These and the routes go with the interface.</summary>
    public List<InterfaceAddress> Addresses { get; } = [];

    /// <summary>Without the interface's index, which another interface may have by now.</summary>
    public List<RouteMessage> Routes { get; } = [];

    /// <summary>Each with a priority.</summary>
    public List<RuleMessage> Rules { get; } = [];

    /// <summary>Under which name DNS servers were given to resolvconf(8); null if they were not.</summary>
    public string? ResolvconfName { get; set; }

    /// <summary>Whether they were written to /etc/resolv.conf.</summary>
    public bool HasResolvConf { get; set; }

    /// <summary>What a daemon is started with, as <see cref="Daemon"/> has it.</summary>
    public static string DaemonOf(InterfaceSettings settings) => string.Create(
        CultureInfo.InvariantCulture,
        $"{settings.Network.Word} streams {settings.Streams ?? 0} superpackets {settings.Superpackets ?? true}");

    /// <summary>What the settings say of DNS, as <see cref="Dns"/> has it.</summary>
    public static string DnsOf(InterfaceSettings settings) =>
        string.Join(' ', settings.DnsServers.Concat(settings.SearchDomains));

    /// <summary>What the settings say of peers to learn, as <see cref="Learns"/> has it.</summary>
    public static string? LearnsOf(TunnelSettings settings) =>
        settings.Interface.Provision is { } provision ? provision.Kind.ToString().ToLowerInvariant()
        : settings.LearnsPeers() ? "peers"
        : null;

    /// <summary>A new tunnel.</summary>
    public static TunnelState Begin(string name, string config, string instance, string daemon, string? learns = null)
    {
        if (config.AsSpan().ContainsAny('\n', '\r'))
            throw new SetupException($"the path of {name}'s configuration file has a line break in it: rename it");
        return new TunnelState(name) { Config = config, Instance = instance, Daemon = daemon, Learns = learns };
    }

    /// <summary>What is remembered of a tunnel; null if nothing is.</summary>
    /// <exception cref="SetupException">It cannot be read.</exception>
    public static TunnelState? Load(string name) =>
        RunFolder.Read(name) is { } file ? Parse(name, Encoding.UTF8.GetString(file)) : null;

    /// <exception cref="SetupException">It is no such file.</exception>
    public static TunnelState Parse(string name, string text)
    {
        ILookup<string, string> values = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2))
            .ToLookup(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "");
        string? config = values["config"].FirstOrDefault(), instance = values["instance"].FirstOrDefault();
        if (string.IsNullOrEmpty(config) || string.IsNullOrEmpty(instance))
            throw Damaged(name);
        var state = new TunnelState(name)
        {
            Config = config,
            Instance = instance,
            Daemon = values["daemon"].FirstOrDefault() ?? "",
            Dns = values["names"].FirstOrDefault(),
            IsUp = values["state"].Contains("up"),
            HasGeneratedKey = values["key"].Contains("generated"),
            HasListenPort = values["port"].Contains("given"),
            ResolvconfName = values["resolvconf"].FirstOrDefault(),
            HasResolvConf = values["dns"].Contains("resolv.conf"),
            Learns = values["learns"].FirstOrDefault(),
            Revision = DecimalText.TryParse(values["revision"].FirstOrDefault(), uint.MaxValue, out uint revision) ? revision : 0,
        };
        foreach (TakenOffer offer in ParseOffers(name, text))
        {
            if (state.Taken is null)
                state.Taken = offer;
            else
                state.Later.Add(offer);
        }

        foreach (string value in values["address"])
            state.Addresses.Add(InterfaceAddress.TryParse(value, out InterfaceAddress address) ? address : throw Damaged(name));
        foreach (string value in values["route"])
            state.Routes.Add(RouteMessage.TryParse(value, link: 0, out RouteMessage route) ? route : throw Damaged(name));
        foreach (string value in values["rule"])
            state.Rules.Add(RuleMessage.TryParse(value, out RuleMessage rule) ? rule : throw Damaged(name));
        return state;
    }

    /// <exception cref="SetupException">It cannot be written.</exception>
    public void Save() => RunFolder.Write(Name, Encoding.UTF8.GetBytes(ToText()));

    public void Remove() => RunFolder.Remove(Name);

    public string ToText()
    {
        var text = new StringBuilder();
        void Line(string key, object? value)
        {
            if (value is not null)
                text.Append(key).Append('=').Append(value).Append('\n');
        }

        Line("config", Config);
        Line("instance", Instance);
        Line("daemon", Daemon);
        Line("names", Dns);
        Line("state", IsUp ? "up" : "starting");
        Line("key", HasGeneratedKey ? "generated" : null);
        Line("port", HasListenPort ? "given" : null);
        Line("resolvconf", ResolvconfName);
        Line("dns", HasResolvConf ? "resolv.conf" : null);
        Line("learns", Learns);
        Line("revision", Revision > 0 ? Revision : null);
        foreach (TakenOffer taken in Taken is { } first ? [first, .. Later] : Later)
        {
            Line("offered-by", taken.By.ToHex());
            Line("offered-mtu", taken.Offer.Mtu);
            foreach (InterfaceAddress address in taken.Offer.Addresses)
                Line("offered-address", address);
            foreach (string server in taken.Offer.DnsServers)
                Line("offered-dns", server);
            foreach (string domain in taken.Offer.SearchDomains)
                Line("offered-search", domain);
        }

        Addresses.ForEach(address => Line("address", address));
        Routes.ForEach(route => Line("route", route));
        Rules.ForEach(rule => Line("rule", rule));
        return text.ToString();
    }

    /// <summary>Each begins with who has offered it.</summary>
    private static IEnumerable<TakenOffer> ParseOffers(string name, string text)
    {
        foreach (string part in ("\n" + text).Split("\noffered-by=").Skip(1))
        {
            string[] lines = part.Split('\n');
            PublicKey by = PublicKey.TryParseHex(lines[0], out PublicKey key) ? key : throw Damaged(name);
            List<InterfaceAddress> addresses = [];
            string[] Values(string what) => [.. lines
                .Where(line => line.StartsWith($"offered-{what}=", StringComparison.Ordinal))
                .Select(line => line.Split('=', 2)[1])];
            foreach (string value in Values("address"))
                addresses.Add(InterfaceAddress.TryParse(value, out InterfaceAddress address) ? address : throw Damaged(name));
            yield return new TakenOffer(by, new Offer
            {
                Addresses = addresses,
                Mtu = DecimalText.TryParse(Values("mtu").FirstOrDefault(), int.MaxValue, out uint mtu) ? (int)mtu : null,
                DnsServers = Values("dns"),
                SearchDomains = Values("search"),
            });
        }
    }

    private static SetupException Damaged(string name) =>
        new($"{RunFolder.PathOf(name)} is damaged: delete it, and the interface {name} if it is there");
}
