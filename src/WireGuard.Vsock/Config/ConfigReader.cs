using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Reads a configuration file whole: the sections [Interface] and [Peer] of wg-quick(8), and the keys of ours
/// (wireguard-vsock.conf(5)). White space means nothing in the values that <c>wg(8)</c> reads. As in wg-quick a '#' begins a
/// comment also within a hook. What holds between lines is checked at the end (ConfigReader.Checks.cs).
///
/// DEVIATION: <c>wg(8)</c> takes the last of a repeated key; here that is a mistake, as is a second [Interface]. Test:
/// ConfigReaderErrorTests.
/// </summary>
internal sealed partial class ConfigReader : SectionReader
{
    private static readonly FileSection InterfaceKeys = new(InterfaceSection, OfInterface);
    private static readonly FileSection PeerKeys = new(PeerSection, OfPeer);

    private readonly Func<string, uint> _interfaceIndex;
    private readonly List<KeyMention> _mentions = [];
    private readonly Dictionary<string, Place> _said = []; // where each key of [Interface] stands first
    private readonly List<PeerDraft> _peers = [];
    private bool _isPeer; // the section that is being read
    private Place? _interfacePlace;

    private ConfigReader(Func<string, uint> interfaceIndex)
        : base(InterfaceKeys, PeerKeys) => _interfaceIndex = interfaceIndex;

    protected override Dictionary<string, Place> SaidHere => _isPeer ? _peers[^1].Said : _said;

    /// <summary>Reads a file's text; never throws, whatever it is.</summary>
    /// <param name="interfaceIndex">The index of the interface of that name, 0 if there is none: if_nametoindex(3).</param>
    internal static ConfigResult Read(ReadOnlySpan<char> text, Func<string, uint> interfaceIndex)
    {
        var reader = new ConfigReader(interfaceIndex);
        reader.ReadLines(text);
        reader.CheckWhole(text);
        return reader.Result();
    }

    protected override void Begin(FileSection section, Place place)
    {
        _isPeer = section == PeerKeys;
        if (_isPeer)
        {
            _peers.Add(new PeerDraft(place));
            return;
        }

        if (_interfacePlace is { } first)
            Mistake(place, "", $"a second {InterfaceSection}: move its lines to the first, on line {first.Line}");
        _interfacePlace ??= place;
    }

    protected override void ReadValue(
        FileSection section, string key, ReadOnlySpan<char> value, Place place, int offset, ReadOnlySpan<char> comment)
    {
        if (section == PeerKeys)
            ReadPeerValue(_peers[^1], key, value, place, offset);
        else
            ReadInterfaceValue(key, value, place, comment);
    }

    protected override bool Repeats(string key) => ConfigKeys.Repeats(key);

    /// <summary>Where nothing is asked for by an empty value, none of these would do as it says.</summary>
    protected override bool IsIdleIfEmpty(string key) => Repeats(key) && key != ProvisionFrom && !IsOfAttest(key);

    protected override string? WhyNoKey(string word) => IsPcr(word.ToUpperInvariant())
        && word.Length is > 3 and < 8 && word.AsSpan(3).ContainsAnyExceptInRange('0', '9') == false
            ? "no such key: there are PCR0 to PCR31"
            : null;

    protected override string? WhyNoSection(string name) => Find(RelayKeys.Sections, name) is null
        ? null
        : "it is of a relay's file: wireguard-vsock relay FILE";

    private ConfigResult Result()
    {
        TunnelSettings settings = new(Interface(), [.. _peers.Select(peer => peer.Settings)]);
        if (MistakeCount > 0)
            settings.Dispose();
        return new ConfigResult(MistakeCount > 0 ? null : settings, Diagnostics(), _mentions)
        {
            RootFiles = _rootFiles,
            PublicKeys = [.. _peers
                .Where(peer => peer.PublicKey is not null)
                .Select(peer => new PeerKeyMention(peer.PublicKeyPlace, peer.PublicKey!.Value))],
        };
    }
}
