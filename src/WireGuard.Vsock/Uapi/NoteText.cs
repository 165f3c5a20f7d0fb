using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Uapi;

/// <summary>What notes are made of: short texts in printable ASCII, and measurements.</summary>
internal static class NoteText
{
    /// <summary>More than an address (of a host's name of 253 letters), a module's name or a reason has.</summary>
    internal const int MaxLength = 512;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    internal static bool IsValid(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= MaxLength && !text.ContainsAnyExceptInRange(' ', '~');

    /// <summary>The text as a note can have it: cut, and with '?' for what is not printable.</summary>
    internal static string Cleaned(string text)
    {
        if (IsValid(text))
            return text;
        string cut = text.Length == 0 ? "?" : text[..Math.Min(text.Length, MaxLength)];
        return string.Concat(cut.Select(letter => letter is >= ' ' and <= '~' ? letter : '?'));
    }

    /// <summary>Reads INDEX:HEX, a SHA-256, SHA-384 or SHA-512 in lower case.</summary>
    internal static bool TryReadPcr(ReadOnlySpan<char> text, [NotNullWhen(true)] out ShownPcr? pcr)
    {
        pcr = null;
        int colon = text.IndexOf(':');
        ReadOnlySpan<char> hex = text[(colon + 1)..];
        if (colon < 0 || !DecimalText.TryParse(text[..colon], 31, out uint index)
            || hex.Length is not (64 or 96 or 128) || hex.ContainsAnyExcept(HexDigits))
            return false;
        pcr = new ShownPcr((int)index, hex.ToString());
        return true;
    }
}
