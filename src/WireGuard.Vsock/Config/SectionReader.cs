using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Reads the lines of a file of sections, in the format of wg-quick(8).
/// <code>
/// file    := { [ section | key "=" value ] [ "#" comment ] newline }
/// section := "[" word "]"
/// </code>
/// Case means nothing in sections and keys, nor does white space in and around them. A comment begins at the first '#', wherever
/// it stands. Every mistake is found, not the first alone: one on a line never hides another.
///
/// The text may hold keys, and a string cannot be wiped. So nothing of it becomes one but words that are shorter than a key,
/// values of other keys that are right, and what a message can show.
/// </summary>
internal abstract partial class SectionReader
{
    /// <summary>Of diagnostics; a file that is no configuration would have one a line.</summary>
    internal const int MaxDiagnostics = 1000;

    /// <summary>Some editors begin a file with it.</summary>
    protected const char ByteOrderMark = '\uFEFF';

    private const int LongestWord = 31;

    private readonly FileSection[] _sections;
    private readonly List<Diagnostic> _diagnostics = [];
    private FileSection? _section;
    private bool _isUnknown; // the section: its keys are neither read nor reported
    private int _untold; // diagnostics past the bound

    protected SectionReader(params FileSection[] sections) => _sections = sections;

    protected int MistakeCount { get; private set; }

    /// <summary>Where each key of the section that is being read stands first.</summary>
    protected abstract Dictionary<string, Place> SaidHere { get; }

    private string SectionNames => string.Join(" and ", _sections.Select(section => section.Name));

    /// <summary>A section begins.</summary>
    protected abstract void Begin(FileSection section, Place place);

    /// <summary>Reads a value, which is not empty unless that means something.</summary>
    /// <param name="value">Without white space at its ends; it begins at this offset of the text, and at this place.</param>
    /// <param name="comment">What follows on the line.</param>
    protected abstract void ReadValue(
        FileSection section, string key, ReadOnlySpan<char> value, Place place, int offset, ReadOnlySpan<char> comment);

    /// <summary>What is wrong with a section of another kind of file; null if there is no more to say than that.</summary>
    protected virtual string? WhyNoSection(string name) => null;

    /// <summary>What is wrong with a word that is no key; null if there is no more to say than that.</summary>
    protected virtual string? WhyNoKey(string word) => null;

    protected void ReadLines(ReadOnlySpan<char> text)
    {
        int start = text.StartsWith(ByteOrderMark) ? 1 : 0;
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
        else if (!_isUnknown)
        {
            ReadPair(line, at, indent, comment);
        }
    }

    private void ReadSection(ReadOnlySpan<char> line, Place place)
    {
        int end = line.IndexOf(']') + 1;
        ReadOnlySpan<char> bracketed = end == 0 ? line : line[..end];
        string word = Word(bracketed);
        string[] names = [.. _sections.Select(section => section.Name)];
        string? name = Find(names, word) ?? (WhyNoSection(word) is null ? Nearest(word, names) : null);
        _isUnknown = name is null;
        if (name is null)
        {
            Mistake(place, "", WhyNoSection(word) ?? $"no such section: there are {SectionNames}");
            return;
        }

        if (!name.Equals(word, StringComparison.OrdinalIgnoreCase))
            Mistake(place, "", $"no such section: did you mean {name}?");
        else if (end != line.Length)
            Mistake(place with { Column = place.Column + end }, "", $"only a # comment may follow {name}: begin a new line");
        _section = _sections.First(section => section.Name == name);
        Begin(_section, place);
    }

    private void ReadPair(ReadOnlySpan<char> line, LinePlace at, int indent, ReadOnlySpan<char> comment)
    {
        Place place = at.Column(indent);
        int equals = line.IndexOf('=');
        ReadOnlySpan<char> before = equals < 0 ? line : line[..equals];
        string word = Word(before);
        string[] own = (_section ?? _sections[0]).Keys;
        string[] others = [.. _sections.Where(section => section.Keys != own).SelectMany(section => section.Keys)];
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
        else if (_section is null)
        {
            Mistake(place, key, $"it stands before any section: put {SectionOf(key)} above it");
        }
        else if (!own.Contains(key))
        {
            Mistake(place, key, $"it belongs in {SectionOf(key)}: move it there");
        }
        else
        {
            ReadOnlySpan<char> after = line[(equals + 1)..];
            int start = indent + equals + 1 + (after.Length - after.TrimStart(WhiteSpace).Length);
            ReadAfter(_section, key, after.Trim(WhiteSpace), place, at, start, comment);
        }
    }

    private string SectionOf(string key) => _sections.First(section => section.Keys.Contains(key)).Name;

    private void UnknownKey(string word, Place place, string[] own, string[] others)
    {
        // What precedes the '=' may be a key of base64, which ends with one.
        bool isWord = word.Length > 0
            && word.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');
        string? why = isWord ? WhyNoKey(word) : null;
        string? nearest = isWord ? Nearest(word, own) ?? Nearest(word, others) : null;
        bool isMisspelled = NearestWord.To(word, own.Concat(others)) is not null;
        bool mayShow = isWord && (isMisspelled || !KeyText.MayBeIn(word) || IsOfAProgram(word));
        Mistake(
            place,
            mayShow ? word : "",
            why is not null ? why
            : nearest is not null ? $"no such key: did you mean {nearest}?"
            : mayShow ? "no such key: see wireguard-vsock.conf(5) for those there are"
            : "what precedes the '=' is no key: a line is KEY = VALUE");
    }

    /// <summary>Long, but in the letters of words rather than of keys, of which half are capitals.</summary>
    private static bool IsOfAProgram(string word) =>
        word.All(char.IsAsciiLetter) && word.Count(char.IsAsciiLetterUpper) * 8 <= word.Length;

    private void ReadAfter(
        FileSection section, string key, ReadOnlySpan<char> value, Place keyPlace, LinePlace at, int start,
        ReadOnlySpan<char> comment)
    {
        if (IsToRead(key, value, keyPlace))
            ReadValue(section, key, value, at.Column(start), at.Offset + start, comment);
    }

    /// <summary>Whether a key's value is to be read: it is neither given twice nor empty.</summary>
    protected bool IsToRead(string key, ReadOnlySpan<char> value, Place keyPlace)
    {
        if (!SaidHere.TryAdd(key, keyPlace) && !Repeats(key))
        {
            Mistake(keyPlace, Named(key), $"it is given {Spot(SaidHere[key])} already: keep one of the two");
            return false;
        }

        if (!value.IsEmpty || key == AllowedIps)
            return true;
        if (IsIdleIfEmpty(key))
            Warn(keyPlace, Named(key), "it is empty, and does nothing");
        else
            Mistake(keyPlace, Named(key), $"it is empty: give it a value, or delete {ThisPlace}");
        return false;
    }

    /// <summary>Whether each value of the key adds to those before.</summary>
    protected abstract bool Repeats(string key);

    /// <summary>Whether an empty value of the key is nothing worse than a line too many.</summary>
    protected virtual bool IsIdleIfEmpty(string key) => Repeats(key);

    /// <summary>A key, as a person has written it.</summary>
    protected virtual string Named(string key) => key;

    /// <summary>A place, as a sentence names it.</summary>
    protected virtual string Spot(Place place) => $"on line {place.Line}";

    /// <summary>Where a key and its value stand.</summary>
    protected virtual string ThisPlace => "the line";

    /// <summary>All mistakes and warnings, in the order of their places.</summary>
    protected Diagnostic[] Diagnostics()
    {
        if (_untold > 0)
        {
            Place last = _diagnostics[^1].Place;
            _diagnostics.Add(new Diagnostic(last, "", $"and {_untold} more like these", MistakeCount == 0));
            _untold = 0;
        }

        return [.. _diagnostics.OrderBy(found => found.Place.Line).ThenBy(found => found.Place.Column)];
    }

    protected void Mistake(Place place, string key, string message)
    {
        MistakeCount++;
        Tell(new Diagnostic(place, key, message));
    }

    protected void Warn(Place place, string key, string message) =>
        Tell(new Diagnostic(place, key, message, IsWarning: true));

    private void Tell(Diagnostic diagnostic)
    {
        if (_diagnostics.Count < MaxDiagnostics)
            _diagnostics.Add(diagnostic);
        else
            _untold++;
    }

    protected static string? Find(IEnumerable<string> keys, string word) =>
        keys.FirstOrDefault(key => key.Equals(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>A line's number, and where in the text it begins.</summary>
    private readonly record struct LinePlace(int Number, int Offset)
    {
        /// <summary>The place of its character of this index.</summary>
        internal Place Column(int index) => new(Number, index + 1);
    }
}

/// <summary>A section of a file.</summary>
/// <param name="Name">With its brackets.</param>
/// <param name="Keys">All that may stand in it.</param>
internal sealed record FileSection(string Name, string[] Keys);
