using System.Buffers;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Config;

/// <summary>Keys as text: 44 characters of base64, as <c>wg(8)</c> reads and writes them.</summary>
internal static class KeyText
{
    /// <summary>32 bytes are 43 characters and the padding.</summary>
    internal const int Length = 44;

    /// <summary>As <c>wg(8)</c> shows a key that is not to be seen.</summary>
    internal const string Hidden = "(hidden)";

    /// <summary>A text with as many characters of base64 in a row could be a part of a key.</summary>
    private const int LikelyRun = 20;

    // Two bits of the last digit have no byte to go to, and must be zero.
    private const string LastDigits = "AEIMQUYcgkosw048";

    private static readonly SearchValues<char> Digits =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    /// <summary>Reads a key; false for anything else, whose bytes are then zero.</summary>
    /// <param name="text">Without white space.</param>
    /// <param name="key">32 bytes, the caller's to wipe.</param>
    internal static bool TryParse(ReadOnlySpan<char> text, Span<byte> key)
    {
        bool isKey = text.Length == Length
            && text.IndexOf('=') == Length - 1
            && LastDigits.Contains(text[Length - 2])
            && !text.ContainsAnyExcept(Digits)
            && Convert.TryFromBase64Chars(text, key, out int written)
            && written == PublicKey.Size;
        if (!isKey)
            CryptographicOperations.ZeroMemory(key);
        return isKey;
    }

    internal static bool TryParse(ReadOnlySpan<char> text, out PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[PublicKey.Size];
        try
        {
            bool isKey = TryParse(text, bytes);
            key = isKey ? new PublicKey(bytes) : default;
            return isKey;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes); // it may be a private key in the wrong place
        }
    }

    /// <summary>Null if the text is no key.</summary>
    internal static PrivateKey? ParsePrivate(ReadOnlySpan<char> text) => Parse(text, bytes => new PrivateKey(bytes));

    /// <summary>Null if the text is no key.</summary>
    internal static PresharedKey? ParsePreshared(ReadOnlySpan<char> text) => Parse(text, bytes => new PresharedKey(bytes));

    /// <summary>Whether the text is a key, secret or not.</summary>
    internal static bool IsKey(ReadOnlySpan<char> text) => TryParse(text, out PublicKey _);

    /// <summary>Whether the text is the key of 32 zero bytes, which means none.</summary>
    internal static bool IsZero(ReadOnlySpan<char> text) =>
        text.Length == Length && text[^1] == '=' && !text[..^1].ContainsAnyExcept('A');

    /// <summary>Whether the text may hold a key or a part of one, and so must not be shown.</summary>
    internal static bool MayBeIn(ReadOnlySpan<char> text)
    {
        int run = 0;
        foreach (char character in text)
        {
            run = Digits.Contains(character) ? run + 1 : 0;
            if (run == LikelyRun)
                return true;
        }

        return false;
    }

    private static TKey? Parse<TKey>(ReadOnlySpan<char> text, Func<ReadOnlySpan<byte>, TKey> make)
        where TKey : class
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        try
        {
            return TryParse(text, bytes) ? make(bytes) : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
