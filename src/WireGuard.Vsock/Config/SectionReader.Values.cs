using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using WireGuard.Protocol.Routing;

namespace WireGuard.Vsock.Config;

/// <summary>What values are made of.</summary>
internal abstract partial class SectionReader
{
    protected const string WhiteSpace = " \t\v\f\r"; // isspace(3), but for the end of the line
    protected static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    private const int MaxSecret = 64; // of characters: more than a key has, or an address with its length
    protected const string NoKey = "it is not 44 characters of base64 that end with '='";

    /// <summary>What no line of text holds, white space at its ends aside.</summary>
    private static readonly SearchValues<char> NotText = SearchValues.Create(
    [
        .. Enumerable.Range(0, ' ').Select(code => (char)code).Where(code => code == '\r' || !WhiteSpace.Contains(code)),
        '\x7f', '\uFFFD',
    ]);

    protected delegate void ItemReader(ReadOnlySpan<char> item, Place place);

    /// <summary>Without its white space. Not for secrets: a string cannot be wiped.</summary>
    protected static string Squeeze(ReadOnlySpan<char> text) => text.ContainsAny(WhiteSpace)
        ? string.Concat(text.ToString().Where(character => !WhiteSpace.Contains(character)))
        : text.ToString();

    /// <summary>A value as a message may show it.</summary>
    protected static string Shown(ReadOnlySpan<char> value) => KeyText.MayBeIn(value) ? "this" : $"'{Printable.Quote(value)}'";

    /// <summary>A word without its white space; empty if it is longer than any, and could be a key.</summary>
    protected static string Word(ReadOnlySpan<char> text) =>
        ReadSecret(text, word => word.Length <= LongestWord ? word.ToString() : null) ?? "";

    /// <summary>Whether a value is a key, secret or not, that stands in a wrong place.</summary>
    protected static bool IsKey(ReadOnlySpan<char> value) => ReadSecret(value, KeyText.IsKey);

    /// <summary>Reads what may be a secret key, without its white space. Anything longer gives the default.</summary>
    protected static T? ReadSecret<T>(ReadOnlySpan<char> value, Func<ReadOnlySpan<char>, T?> parse)
    {
        Span<char> squeezed = stackalloc char[MaxSecret];
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
    protected static void EachItem(ReadOnlySpan<char> value, Place place, ItemReader read)
    {
        foreach (Range range in value.SplitAny("," + WhiteSpace))
        {
            int start = range.Start.GetOffset(value.Length);
            if (!value[range].IsEmpty)
                read(value[range], place with { Column = place.Column + start });
        }
    }

    protected uint? ReadNumber(string key, ReadOnlySpan<char> value, Place place, uint max, uint min = 0)
    {
        if (DecimalText.TryParse(Word(value), max, out uint number) && number >= min)
            return number;
        Mistake(place, key, $"{Shown(value)} is no number from {min} to {max}");
        return null;
    }

    /// <summary>Those that <c>wg(8)</c> reads, for which a leading zero means nothing. To ip(8) it means octal.</summary>
    protected uint? ReadWgNumber(string key, ReadOnlySpan<char> value, Place place, string? unless = null)
    {
        if (WgNumber.TryParse(Word(value), ushort.MaxValue, out uint number))
            return number;
        string other = unless is null ? "" : $", nor {unless}";
        Mistake(place, key, $"{Shown(value)} is no number from 0 to {ushort.MaxValue}{other}");
        return null;
    }

    protected bool? ReadSwitch(string key, ReadOnlySpan<char> value, Place place, string yes, string no)
    {
        if (value.Equals(yes, StringComparison.OrdinalIgnoreCase))
            return true;
        if (!value.Equals(no, StringComparison.OrdinalIgnoreCase))
            Mistake(place, key, $"{Shown(value)} is neither {yes} nor {no}");
        return value.Equals(no, StringComparison.OrdinalIgnoreCase) ? false : null;
    }
}
