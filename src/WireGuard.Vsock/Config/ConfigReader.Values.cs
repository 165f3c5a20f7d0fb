using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using WireGuard.Protocol.Routing;

namespace WireGuard.Vsock.Config;

/// <summary>What values are made of.</summary>
internal sealed partial class ConfigReader
{
    private const string WhiteSpace = " \t\v\f\r"; // isspace(3), but for the end of the line
    private const string NoKey = "it is not 44 characters of base64 that end with '='";

    /// <summary>What no line of text holds, white space at its ends aside.</summary>
    private static readonly SearchValues<char> NotText = SearchValues.Create(
    [
        .. Enumerable.Range(0, ' ').Select(code => (char)code).Where(code => code == '\r' || !WhiteSpace.Contains(code)),
        '\x7f', '\uFFFD',
    ]);

    private static readonly SearchValues<char> QuadCharacters = SearchValues.Create("0123456789.");

    private delegate void ItemReader(ReadOnlySpan<char> item, Place place);

    /// <summary>Without its white space. Not for secrets: a string cannot be wiped.</summary>
    private static string Squeeze(ReadOnlySpan<char> text) => text.ContainsAny(WhiteSpace)
        ? string.Concat(text.ToString().Where(character => !WhiteSpace.Contains(character)))
        : text.ToString();

    /// <summary>A value as a message may show it.</summary>
    private static string Shown(ReadOnlySpan<char> value) => KeyText.MayBeIn(value) ? "this" : $"'{Printable.Quote(value)}'";

    /// <summary>Reads what may be a secret key, without its white space.</summary>
    private static T? ReadSecret<T>(ReadOnlySpan<char> value, Func<ReadOnlySpan<char>, T?> parse)
    {
        Span<char> squeezed = stackalloc char[KeyText.Length];
        try
        {
            int length = 0;
            foreach (char character in value)
            {
                if (WhiteSpace.Contains(character))
                    continue;
                if (length == squeezed.Length)
                    return default;
                squeezed[length++] = character;
            }

            return parse(squeezed[..length]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(squeezed));
        }
    }

    /// <summary>Calls for each item of a list whose commas may be spaces and may be too many, as in wg-quick.</summary>
    private static void EachItem(ReadOnlySpan<char> value, Place place, ItemReader read)
    {
        foreach (Range range in value.SplitAny("," + WhiteSpace))
        {
            int start = range.Start.GetOffset(value.Length);
            if (!value[range].IsEmpty)
                read(value[range], place with { Column = place.Column + start });
        }
    }

    private uint? ReadNumber(string key, ReadOnlySpan<char> value, Place place, uint max, uint min = 0, string? unless = null)
    {
        if (DecimalText.TryParse(Squeeze(value), max, out uint number) && number >= min)
            return number;
        string other = unless is null ? "" : $", nor {unless}";
        Mistake(place, key, $"{Shown(value)} is no number from {min} to {max}{other}");
        return null;
    }

    private bool? ReadSwitch(string key, ReadOnlySpan<char> value, Place place, string yes, string no)
    {
        if (value.Equals(yes, StringComparison.OrdinalIgnoreCase))
            return true;
        if (!value.Equals(no, StringComparison.OrdinalIgnoreCase))
            Mistake(place, key, $"{Shown(value)} is neither {yes} nor {no}");
        return value.Equals(no, StringComparison.OrdinalIgnoreCase) ? false : null;
    }
}
