namespace WireGuard.Vsock.Config;

/// <summary>Text of files and command lines as a message may show it.</summary>
internal static class Printable
{
    private const int MaxLength = 80;

    /// <summary>The text without what moves a terminal's cursor, cut where it is long.</summary>
    internal static string Quote(ReadOnlySpan<char> text)
    {
        bool isLong = text.Length > MaxLength;
        Span<char> shown = stackalloc char[MaxLength];
        int length = 0;
        foreach (char character in isLong ? text[..MaxLength] : text)
            shown[length++] = char.IsControl(character) || char.IsSurrogate(character) ? '?' : character;
        return isLong ? $"{shown}..." : new string(shown[..length]);
    }
}
