using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The two keys that are computed from a party's public key alone (section 5.4.4): one for mac1 of the handshake
/// messages sent to it, one for the cookies it gives out. Immutable; all lanes may use it.
/// <code>
/// handshake message: ... | mac1 16 | mac2 16
/// </code>
/// </summary>
internal sealed class MacKeys
{
    public const int MacSize = 16;

    private readonly byte[] _mac1Key = new byte[Blake2s.HashSize];
    private readonly byte[] _cookieKey = new byte[Blake2s.HashSize];

    /// <param name="receiver">The static public key of the party that checks the macs.</param>
    public MacKeys(PublicKey receiver)
    {
        Blake2s.Hash("mac1----"u8, receiver.Bytes, _mac1Key);
        Blake2s.Hash("cookie--"u8, receiver.Bytes, _cookieKey);
    }

    internal ReadOnlySpan<byte> Mac1Key => _mac1Key;

    internal ReadOnlySpan<byte> CookieKey => _cookieKey;

    /// <summary>Whether a handshake message's mac1 was made with the receiver's public key.</summary>
    /// <param name="message">An initiation or a response, whole.</param>
    public bool IsMac1Valid(ReadOnlySpan<byte> message)
    {
        Span<byte> expected = stackalloc byte[MacSize];
        Blake2s.Mac(_mac1Key, message[..^(2 * MacSize)], expected);
        return CryptographicOperations.FixedTimeEquals(expected, Mac1(message));
    }

    internal void WriteMac1(Span<byte> message) =>
        Blake2s.Mac(_mac1Key, message[..^(2 * MacSize)], message.Slice(message.Length - (2 * MacSize), MacSize));

    internal static ReadOnlySpan<byte> Mac1(ReadOnlySpan<byte> message) => message.Slice(message.Length - (2 * MacSize), MacSize);

    internal static ReadOnlySpan<byte> Mac2(ReadOnlySpan<byte> message) => message[^MacSize..];
}
