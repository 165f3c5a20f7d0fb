namespace WireGuard.Vsock.Config;

/// <summary>The keys of a configuration file, as they are written, and which section each is of.</summary>
internal static class ConfigKeys
{
    internal const string PrivateKey = "PrivateKey";
    internal const string PrivateKeyFile = "PrivateKeyFile";
    internal const string ListenPort = "ListenPort";
    internal const string FwMark = "FwMark";
    internal const string Address = "Address";
    internal const string Dns = "DNS";
    internal const string Mtu = "MTU";
    internal const string Table = "Table";
    internal const string PreUp = "PreUp";
    internal const string PostUp = "PostUp";
    internal const string PreDown = "PreDown";
    internal const string PostDown = "PostDown";
    internal const string SaveConfig = "SaveConfig";
    internal const string Network = "Network";
    internal const string Streams = "Streams";
    internal const string Superpackets = "Superpackets";
    internal const string SocketGroup = "SocketGroup";
    internal const string SocketMode = "SocketMode";
    internal const string Metrics = "Metrics";
    internal const string MetricsAllowedIps = "MetricsAllowedIPs";
    internal const string Sandbox = "Sandbox";
    internal const string Provision = "Provision";
    internal const string ProvisionFrom = "ProvisionFrom";
    internal const string ProvisionPort = "ProvisionPort";
    internal const string PublicKey = "PublicKey";
    internal const string PresharedKey = "PresharedKey";
    internal const string PresharedKeyFile = "PresharedKeyFile";
    internal const string AllowedIps = "AllowedIPs";
    internal const string Endpoint = "Endpoint";
    internal const string PersistentKeepalive = "PersistentKeepalive";

    internal const string Attest = "Attest";
    internal const string AttestRoot = "AttestRoot";
    internal const string AttestDebug = "AttestDebug";
    internal const string AttestUnattested = "AttestUnattested";
    internal const string OfferAddress = "OfferAddress";
    internal const string OfferAllowedIps = "OfferAllowedIPs";
    internal const string OfferMtu = "OfferMTU";
    internal const string OfferDns = "OfferDNS";

    /// <summary>All of <see cref="Pcrs"/>, in the help.</summary>
    internal const string AnyPcr = "PCR0..PCR31";

    internal const string InterfaceSection = "[Interface]";
    internal const string PeerSection = "[Peer]";

    internal static readonly string[] OfInterface = [.. KeyMeaning.OfInterface.Select(key => key.Key)];

    /// <summary>By their numbers.</summary>
    internal static readonly string[] Pcrs = [.. Enumerable.Range(0, 32).Select(index => $"PCR{index}")];

    internal static readonly string[] OfPeer =
        [.. KeyMeaning.OfPeer.SelectMany(key => key.Key == AnyPcr ? Pcrs : [key.Key])];

    /// <summary>Those that wg(8) knows.</summary>
    internal static readonly string[] OfWg =
        [PrivateKey, ListenPort, FwMark, PublicKey, PresharedKey, AllowedIps, Endpoint, PersistentKeepalive];

    /// <summary>Whether each line of the key adds to those before.</summary>
    internal static bool Repeats(string key) =>
        key is Address or Dns or PreUp or PostUp or PreDown or PostDown or AllowedIps or ProvisionFrom
            or OfferAddress or OfferAllowedIps or OfferDns || IsPcr(key);

    internal static bool IsPcr(string key) => key.StartsWith("PCR", StringComparison.Ordinal);

    /// <summary>Whether the key is one of those that go with <see cref="Attest"/>.</summary>
    internal static bool IsOfAttest(string key) => IsPcr(key)
        || key is AttestRoot or AttestDebug or AttestUnattested or OfferAddress or OfferAllowedIps or OfferMtu or OfferDns;

    /// <summary>The word among these that was probably meant: one spelled nearly so, or that has the word in it.</summary>
    internal static string? Nearest(string word, IReadOnlyList<string> words)
    {
        const int tellingLength = 4;
        return NearestWord.To(word, words)
            ?? (word.Length < tellingLength ? null : words.FirstOrDefault(
                candidate => candidate.Contains(word, StringComparison.OrdinalIgnoreCase)
                    || (candidate.Length >= tellingLength && word.Contains(candidate, StringComparison.OrdinalIgnoreCase))));
    }
}
