using static WireGuard.Vsock.Config.RelayKeys;

namespace WireGuard.Vsock.Config;

/// <summary>One rule, from arguments: each option is a key of a file. A place is the number of an argument, from 1.</summary>
internal sealed partial class RelayReader
{
    private static readonly string[] Options = [.. OfRelay.Concat(OfGeneral).Select(Option)];

    /// <summary>Reads options: "--to ADDRESS" or "--to=ADDRESS". Never throws.</summary>
    internal static RelayResult ReadArguments(IReadOnlyList<string> words)
    {
        var reader = new RelayReader(isLine: true);
        reader._rules.Add(new RuleDraft(new Place(1, words.Count + 1)));
        for (int i = 0; i < words.Count; i++)
            reader.ReadArgument(words, ref i);
        return reader.Result();
    }

    private void ReadArgument(IReadOnlyList<string> words, ref int i)
    {
        string word = words[i];
        var place = new Place(1, i + 1);
        int equals = word.IndexOf('=');
        string option = equals < 0 ? word : word[..equals];
        string? key = OfRelay.Concat(OfGeneral).FirstOrDefault(key => Option(key) == option);
        if (key is null)
        {
            WrongWord(option, place);
            return;
        }

        bool isBare = key == Raw && equals < 0;
        if (equals < 0 && !isBare && i + 1 == words.Count)
        {
            Mistake(place, option, "a value follows it: see wireguard-vsock help relay");
            SaidOf(key).TryAdd(key, place);
            return;
        }

        string value = isBare ? "on" : equals >= 0 ? word[(equals + 1)..] : words[++i];
        _isGeneral = OfGeneral.Contains(key);
        if (IsToRead(key, value.Trim(), place))
            ReadValue(_isGeneral ? General : Relay, key, value.Trim(), place, 0, []);
    }

    private Dictionary<string, Place> SaidOf(string key) => OfGeneral.Contains(key) ? _said : _rules[0].Said;

    private void WrongWord(string word, Place place)
    {
        bool isOption = word.StartsWith('-');
        string shown = Shown(word);
        string? nearest = isOption ? NearestWord.To(word, Options) : null;
        Mistake(
            place,
            "",
            !isOption ? $"what is {shown}? A file stands alone: relay FILE"
            : $"there is no option {shown}" + (nearest is null ? "" : $": did you mean {nearest}?"));
    }
}
