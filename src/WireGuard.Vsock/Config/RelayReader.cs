using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.RelayKeys;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Reads what a relay is to do, from a file or from arguments (RelayReader.Arguments.cs).
/// <code>
/// [General]                            for the process; may be left out
/// MaxConnections, MaxPerSource, Idle, Metrics, Sandbox
///
/// [Relay]                              once for each rule
/// Listen = ADDRESS                     and more of them
/// To = ADDRESS | Peer = KEY=ADDRESS    and more of these
/// Raw = on|off
/// </code>
/// What must hold between the lines is judged when all are read (RelayReader.Checks.cs). There are no secrets in it.
/// </summary>
internal sealed partial class RelayReader : SectionReader
{
    private const uint LargestNumber = 1_000_000;
    private const uint LongestIdle = 86_400;

    private static readonly FileSection Relay = new(RelaySection, OfRelay);
    private static readonly FileSection General = new(GeneralSection, OfGeneral);

    private readonly bool _isLine; // of arguments
    private readonly List<RuleDraft> _rules = [];
    private readonly Dictionary<string, Place> _said = []; // where each key of [General] stands first
    private bool _isGeneral; // the section that is being read
    private Place? _generalPlace;
    private RelayLimits _limits = new();
    private MetricsAddress? _metrics;
    private bool _isSandboxed = true;

    private RelayReader(bool isLine)
        : base(Relay, General) => _isLine = isLine;

    protected override Dictionary<string, Place> SaidHere => _isGeneral || _rules.Count == 0 ? _said : _rules[^1].Said;

    /// <summary>Reads a file's text; never throws, whatever it is.</summary>
    internal static RelayResult Read(ReadOnlySpan<char> text)
    {
        var reader = new RelayReader(isLine: false);
        reader.ReadLines(text);
        return reader.Result();
    }

    /// <summary>Whether a text is meant as a relay's file: by its first section.</summary>
    internal static bool IsRelays(ReadOnlySpan<char> text)
    {
        foreach (ReadOnlySpan<char> line in text.TrimStart(ByteOrderMark).EnumerateLines())
        {
            ReadOnlySpan<char> trimmed = line.Trim();
            if (trimmed.StartsWith('['))
                return Find(Sections, Word(trimmed[..(trimmed.IndexOf(']') + 1)])) is not null;
        }

        return false;
    }

    protected override void Begin(FileSection section, Place place)
    {
        _isGeneral = section == General;
        if (!_isGeneral)
            _rules.Add(new RuleDraft(place));
        else if (_generalPlace is { } first)
            Mistake(place, "", $"a second {GeneralSection}: move its lines to the first, on line {first.Line}");
        else
            _generalPlace = place;
    }

    protected override void ReadValue(
        FileSection section, string key, ReadOnlySpan<char> value, Place place, int offset, ReadOnlySpan<char> comment)
    {
        switch (key)
        {
            case MaxConnections:
                _limits = _limits with { MaxConnections = Number(key, value, place, LargestNumber) ?? _limits.MaxConnections };
                break;
            case MaxPerSource:
                _limits = _limits with { MaxPerSource = Number(key, value, place, LargestNumber) ?? _limits.MaxPerSource };
                break;
            case Idle:
                _limits = _limits with { IdleSeconds = Number(key, value, place, LongestIdle) ?? _limits.IdleSeconds };
                break;
            case RelayKeys.Metrics:
                ReadMetrics(value, place);
                break;
            case RelayKeys.Sandbox:
                _isSandboxed = ReadSwitch(Named(key), value, place, "on", "off") != false;
                break;
            default:
                ReadRule(_rules[^1], key, value, place);
                break;
        }
    }

    protected override bool Repeats(string key) => key is Listen or Peer;

    protected override bool IsIdleIfEmpty(string key) => false;

    protected override string Named(string key) => _isLine ? Option(key) : key;

    protected override string Spot(Place place) => _isLine ? $"as argument {place.Column}" : base.Spot(place);

    protected override string ThisPlace => _isLine ? "the option" : base.ThisPlace;

    protected override string? WhyNoSection(string name) =>
        Find([ConfigKeys.InterfaceSection, ConfigKeys.PeerSection], name) is null
            ? null
            : "it is of a tunnel's file: wireguard-vsock up FILE";

    private void ReadRule(RuleDraft rule, string key, ReadOnlySpan<char> value, Place place)
    {
        switch (key)
        {
            case Listen:
                if (Address(key, value, AddressUse.Listen, place) is { } listen)
                    rule.Listen.Add(new Located(listen, place));
                break;
            case To:
                rule.To = Address(key, value, AddressUse.Send, place);
                rule.ToPlace = place;
                break;
            case Peer:
                ReadPeer(rule, value, place);
                break;
            default:
                rule.IsRaw = ReadSwitch(Named(key), value, place, "on", "off") == true;
                break;
        }
    }

    private TransportAddress? Address(string key, ReadOnlySpan<char> value, AddressUse use, Place place)
    {
        if (TransportAddress.TryParse(value, use, out TransportAddress address, out string error))
            return address;
        Mistake(place, Named(key), $"{Shown(value)}: {error}");
        return null;
    }

    private void ReadPeer(RuleDraft rule, ReadOnlySpan<char> value, Place place)
    {
        ReadOnlySpan<char> rest = value.Length > KeyText.Length ? value[KeyText.Length..] : [];
        ReadOnlySpan<char> address = rest.TrimStart();
        bool isMissingEquals = !address.IsEmpty && address[0] != '=';
        address = address.StartsWith('=') ? address[1..].TrimStart() : [];
        if (value.Length < KeyText.Length || !KeyText.TryParse(value[..KeyText.Length], out PublicKey key))
        {
            Mistake(place, Named(Peer), $"it does not begin with a public key: {NoKey}; another = and the address follow");
            return;
        }

        if (isMissingEquals)
            Mistake(place, Named(Peer), "an = is missing before the address: a key ends with one itself, so two stand there");
        else if (address.IsEmpty)
            Mistake(place, Named(Peer), "no address follows the key: write KEY=vsock:CID:PORT");
        else if (key.IsZero)
            Mistake(place, Named(Peer), "the key is all zero, which is no machine's: put the enclave's");
        else if (Address(Peer, address, AddressUse.Send, place) is { } to)
            rule.Peers.Add(new Located(to, place, key));
    }

    private int? Number(string key, ReadOnlySpan<char> value, Place place, uint max) =>
        (int?)ReadNumber(Named(key), value, place, max, min: 1);

    private void ReadMetrics(ReadOnlySpan<char> value, Place place)
    {
        if (MetricsAddress.TryParse(value, out MetricsAddress address, out string error))
            _metrics = address;
        else
            Mistake(place, Named(RelayKeys.Metrics), KeyText.MayBeIn(value) ? $"this is none of {MetricsAddress.Forms}" : error);
    }

    private RelayResult Result()
    {
        CheckWhole();
        RelaySettings settings = new([.. _rules.Select(rule => rule.Settings)], _limits, _metrics)
        {
            IsSandboxed = _isSandboxed,
        };
        return new RelayResult(MistakeCount > 0 ? null : settings, Diagnostics(), _rules.ConvertAll(rule => rule.Place));
    }

    /// <summary>What has been read of one [Relay], which begins here.</summary>
    private sealed class RuleDraft(Place place)
    {
        internal Place Place { get; } = place;

        /// <summary>Where each key stands first.</summary>
        internal Dictionary<string, Place> Said { get; } = [];

        internal List<Located> Listen { get; } = [];

        /// <summary>Null if it is missing or wrong.</summary>
        internal TransportAddress? To { get; set; }

        internal Place ToPlace { get; set; }

        internal List<Located> Peers { get; } = [];

        internal bool IsRaw { get; set; }

        internal List<Located> Targets => To is { } to ? [.. Peers, new Located(to, ToPlace)] : Peers;

        internal RelayRule Settings => new(
            Listen.ConvertAll(listen => listen.Address),
            To,
            Peers.ConvertAll(peer => new RelayPeer(peer.Key, peer.Address)),
            IsRaw);
    }

    /// <summary>An address, whose it is, and where that is said. A class: lists of them share their code with others.</summary>
    private sealed record Located(TransportAddress Address, Place Place, PublicKey Key = default);
}

/// <summary>What reading gave.</summary>
/// <param name="Settings">Null if there is a mistake.</param>
/// <param name="Diagnostics">All mistakes, in the order of their places.</param>
/// <param name="RulePlaces">Where each rule of the settings begins.</param>
internal sealed record RelayResult(
    RelaySettings? Settings, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<Place> RulePlaces);
