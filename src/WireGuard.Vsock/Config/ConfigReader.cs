using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Reads a configuration file whole: the format of wg-quick(8), and the keys of ours (wireguard-vsock.conf(5)).
/// <code>
/// file    := { [ section | key "=" value ] [ "#" comment ] newline }
/// section := "[Interface]" | "[Peer]"
/// </code>
/// Case means nothing in sections and keys, nor does white space in and around them, nor in the values that <c>wg(8)</c> reads.
/// A comment begins at the first '#', wherever it stands, as in wg-quick: also within a hook.
///
/// Every mistake is found, not the first alone: one on a line never hides another, and what holds between lines is checked at
/// the end (ConfigReader.Checks.cs). DEVIATION: <c>wg(8)</c> takes the last of a repeated key; here that is a mistake, as is a
/// second [Interface]. Test: ConfigReaderErrorTests.
///
/// The text holds keys, and a string cannot be wiped. So nothing of it becomes one but words that are shorter than a key, values
/// of other keys that are right, and what a message can show.
/// </summary>
internal sealed partial class ConfigReader
{
    /// <summary>Of diagnostics; a file that is no configuration would have one a line.</summary>
    internal const int MaxDiagnostics = 1000;

    private const int LongestWord = 31;

    private static readonly string[] Sections = [InterfaceSection, PeerSection];

    private readonly Func<string, uint> _interfaceIndex;
    private readonly List<Diagnostic> _diagnostics = [];
    private readonly List<KeyMention> _mentions = [];
    private readonly Dictionary<string, Place> _said = []; // where each key of [Interface] stands first
    private readonly List<PeerDraft> _peers = [];
    private Section _section = Section.None;
    private Place? _interfacePlace;
    private int _mistakes;
    private int _untold; // diagnostics past the bound

    private ConfigReader(Func<string, uint> interfaceIndex) => _interfaceIndex = interfaceIndex;

    private enum Section
    {
        None,
        Interface,
        Peer,
        Unknown, // its keys are neither read nor reported
    }

    /// <summary>Reads a file's text; never throws, whatever it is.</summary>
    /// <param name="interfaceIndex">The index of the interface of that name, 0 if there is none: if_nametoindex(3).</param>
    internal static ConfigResult Read(ReadOnlySpan<char> text, Func<string, uint> interfaceIndex)
    {
        var reader = new ConfigReader(interfaceIndex);
        reader.ReadLines(text);
        reader.CheckWhole(text);
        return reader.Result();
    }

    private void ReadLines(ReadOnlySpan<char> text)
    {
        const char byteOrderMark = '\uFEFF';
        int start = text.StartsWith(byteOrderMark) ? 1 : 0;
        for (int number = 1; start < text.Length; number++)
        {
            int length = text[start..].IndexOf('\n');
            int end = length < 0 ? text.Length : start + length;
            ReadOnlySpan<char> line = text[start..end];
            int comment = line.IndexOf('#');
            ReadLine(comment < 0 ? line : line[..comment], new LinePlace(number, start), comment < 0 ? [] : line[comment..]);
            start = end + 1;
        }
    }

    private void ReadLine(ReadOnlySpan<char> line, LinePlace at, ReadOnlySpan<char> comment)
    {
        int indent = line.Length - line.TrimStart(WhiteSpace).Length;
        line = line.Trim(WhiteSpace);
        if (line.IsEmpty)
            return;
        int bad = line.IndexOfAny(NotText);
        if (bad >= 0)
        {
            string what = line[bad] == '\uFFFD' ? "bytes that are not UTF-8" : $"the control character U+{(int)line[bad]:X4}";
            Mistake(at.Column(indent + bad), "", $"{what}: save the file as plain text in UTF-8");
        }
        else if (line[0] == '[')
        {
            ReadSection(line, at.Column(indent));
        }
        else if (_section != Section.Unknown)
        {
            ReadPair(line, at, indent, comment);
        }
    }

    private void ReadSection(ReadOnlySpan<char> line, Place place)
    {
        int end = line.IndexOf(']') + 1;
        ReadOnlySpan<char> bracketed = end == 0 ? line : line[..end];
        string name = Word(bracketed);
        string? section = Find(Sections, name) ?? Nearest(name, Sections);
        if (section is null)
        {
            _section = Section.Unknown;
            Mistake(place, "", $"no such section: there are {InterfaceSection} and {PeerSection}");
            return;
        }

        if (!section.Equals(name, StringComparison.OrdinalIgnoreCase))
            Mistake(place, "", $"no such section: did you mean {section}?");
        else if (end != line.Length)
            Mistake(place with { Column = place.Column + end }, "", $"only a # comment may follow {section}: begin a new line");
        if (section == PeerSection)
        {
            _section = Section.Peer;
            _peers.Add(new PeerDraft(place));
            return;
        }

        _section = Section.Interface;
        if (_interfacePlace is { } first)
            Mistake(place, "", $"a second {InterfaceSection}: move its lines to the first, on line {first.Line}");
        _interfacePlace ??= place;
    }

    private void ReadPair(ReadOnlySpan<char> line, LinePlace at, int indent, ReadOnlySpan<char> comment)
    {
        Place place = at.Column(indent);
        int equals = line.IndexOf('=');
        ReadOnlySpan<char> before = equals < 0 ? line : line[..equals];
        string word = Word(before);
        string[] own = _section == Section.Peer ? OfPeer : OfInterface;
        string[] others = _section == Section.Peer ? OfInterface : OfPeer;
        string? key = Find(own, word) ?? Find(others, word);
        if (equals < 0)
        {
            // A first word that is a key tells more; the rest of the line may be anything, a secret as well.
            int end = line.IndexOfAny(WhiteSpace);
            key ??= end < 0 ? null : Find([.. own, .. others], Word(line[..end]));
            Mistake(place, key ?? "", $"there is no '=': a line is {key ?? "KEY"} = VALUE, or a section, or a # comment");
        }
        else if (key is null)
        {
            UnknownKey(word, place, own, others);
        }
        else if (_section == Section.None)
        {
            string section = OfPeer.Contains(key) ? PeerSection : InterfaceSection;
            Mistake(place, key, $"it stands before any section: put {section} above it");
        }
        else if (!own.Contains(key))
        {
            Mistake(place, key, $"it belongs in {(_section == Section.Peer ? InterfaceSection : PeerSection)}: move it there");
        }
        else
        {
            ReadOnlySpan<char> after = line[(equals + 1)..];
            int start = indent + equals + 1 + (after.Length - after.TrimStart(WhiteSpace).Length);
            ReadValue(key, after.Trim(WhiteSpace), place, at, start, comment);
        }
    }

    private void UnknownKey(string word, Place place, string[] own, string[] others)
    {
        // What precedes the '=' may be a key of base64, which ends with one.
        bool isWord = word.Length > 0
            && word.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');
        string? nearest = isWord ? Nearest(word, own) ?? Nearest(word, others) : null;
        bool mayShow = isWord && (nearest is not null || !KeyText.MayBeIn(word) || IsOfAProgram(word));
        Mistake(
            place,
            mayShow ? word : "",
            nearest is not null ? $"no such key: did you mean {nearest}?"
            : mayShow ? "no such key: see wireguard-vsock.conf(5) for those there are"
            : "what precedes the '=' is no key: a line is KEY = VALUE");
    }

    /// <summary>Long, but in the letters of words rather than of keys, of which half are capitals.</summary>
    private static bool IsOfAProgram(string word) =>
        word.All(char.IsAsciiLetter) && word.Count(char.IsAsciiLetterUpper) * 8 <= word.Length;

    private void ReadValue(
        string key, ReadOnlySpan<char> value, Place keyPlace, LinePlace at, int start, ReadOnlySpan<char> comment)
    {
        Dictionary<string, Place> said = _section == Section.Peer ? _peers[^1].Said : _said;
        Place place = at.Column(start);
        if (!said.TryAdd(key, keyPlace) && !Repeats(key))
        {
            Mistake(keyPlace, key, $"it is given on line {said[key].Line} already: keep one of the two");
            return;
        }

        if (value.IsEmpty && key != AllowedIps)
        {
            if (Repeats(key))
                Warn(keyPlace, key, "it is empty, and does nothing");
            else
                Mistake(keyPlace, key, "it is empty: give it a value, or delete the line");
            return;
        }

        if (_section == Section.Interface)
            ReadInterfaceValue(key, value, place, comment);
        else
            ReadPeerValue(_peers[^1], key, value, place, at.Offset + start);
    }

    private ConfigResult Result()
    {
        if (_untold > 0)
        {
            Place last = _diagnostics[^1].Place;
            _diagnostics.Add(new Diagnostic(last, "", $"and {_untold} more like these", _mistakes == 0));
        }

        Diagnostic[] sorted = [.. _diagnostics.OrderBy(found => found.Place.Line).ThenBy(found => found.Place.Column)];
        TunnelSettings settings = new(Interface(), [.. _peers.Select(peer => peer.Settings)]);
        if (_mistakes > 0)
            settings.Dispose();
        return new ConfigResult(_mistakes > 0 ? null : settings, sorted, _mentions)
        {
            PublicKeys = [.. _peers
                .Where(peer => peer.PublicKey is not null)
                .Select(peer => (peer.PublicKeyPlace, peer.PublicKey!.Value))],
        };
    }

    private void Mistake(Place place, string key, string message)
    {
        _mistakes++;
        Tell(new Diagnostic(place, key, message));
    }

    private void Warn(Place place, string key, string message) => Tell(new Diagnostic(place, key, message, IsWarning: true));

    private void Tell(Diagnostic diagnostic)
    {
        if (_diagnostics.Count < MaxDiagnostics)
            _diagnostics.Add(diagnostic);
        else
            _untold++;
    }

    private static string? Find(IEnumerable<string> keys, string word) =>
        keys.FirstOrDefault(key => key.Equals(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>A line's number, and where in the text it begins.</summary>
    private readonly record struct LinePlace(int Number, int Offset)
    {
        /// <summary>The place of its character of this index.</summary>
        internal Place Column(int index) => new(Number, index + 1);
    }
}
