using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The sender's side of the macs, one a peer (section 5.4.4): gives handshake messages their mac1 and, while a cookie of
/// that peer is fresh, their mac2. Owned by one thread.
/// </summary>
internal sealed class CookieGenerator
{
    private readonly byte[] _lastMac1 = new byte[MacKeys.MacSize];
    private readonly MacKeys _keys;
    private Secret? _cookie; // null while there is none
    private long _cookieBornMs;
    private bool _sentMac1;

    /// <param name="keys">Of the peer's static public key.</param>
    public CookieGenerator(MacKeys keys) => _keys = keys;

    /// <summary>Writes mac1 and mac2 at the end of an initiation or a response that is complete up to them.</summary>
    public void WriteMacs(Span<byte> message, long nowMs)
    {
        _keys.WriteMac1(message);
        MacKeys.Mac1(message).CopyTo(_lastMac1);
        _sentMac1 = true;

        Span<byte> mac2 = message[^MacKeys.MacSize..];
        if (_cookie is not null && nowMs - _cookieBornMs < Limits.CookieRefreshTimeMs)
            Blake2s.Mac(_cookie.Bytes, message[..^MacKeys.MacSize], mac2);
        else
            mac2.Clear();
    }

    /// <summary>Takes the cookie of a reply to the last message that was given its macs here.</summary>
    /// <returns>False when it is forged, or no message waits for one.</returns>
    public bool TryConsumeReply(CookieReplyMessage reply, long nowMs)
    {
        Span<byte> cookie = stackalloc byte[CookieReplyMessage.CookieSize];
        if (!_sentMac1
            || !XChaCha20Poly1305.TryOpen(_keys.CookieKey, reply.Nonce, _lastMac1, reply.EncryptedCookie, cookie))
            return false;
        cookie.CopyTo((_cookie ??= new Secret(CookieReplyMessage.CookieSize)).Bytes);
        CryptographicOperations.ZeroMemory(cookie);
        _cookieBornMs = nowMs;
        _sentMac1 = false;
        return true;
    }

    /// <summary>Wipes the peer's cookie. Under load the peer will give another.</summary>
    public void Forget()
    {
        _cookie?.Dispose();
        _cookie = null;
        _sentMac1 = false;
    }
}
