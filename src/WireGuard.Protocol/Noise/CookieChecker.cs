using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The responder's side of the cookies (sections 5.3 and 5.4.7): under load a handshake message is answered with a cookie, and
/// only one that proves, by mac2, that it owns its source address goes on. Keeps no state a source: a cookie is a mac of the
/// source address under a secret that changes every two minutes. One thread at a time changes the secret, which giving a cookie
/// out does if it is not fresh; any may check cookies.
/// </summary>
internal sealed class CookieChecker : IDisposable
{
    private readonly MacKeys _keys;
    private TimedSecret? _secret;

    /// <param name="keys">Of our own static public key.</param>
    public CookieChecker(MacKeys keys) => _keys = keys;

    /// <summary>Whether mac2 is made with a cookie that we gave to this source in the last two minutes.</summary>
    /// <param name="message">An initiation or a response, whole.</param>
    /// <param name="source">The bytes that stand for where it came from.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    public bool IsMac2Valid(ReadOnlySpan<byte> message, ReadOnlySpan<byte> source, long nowMs)
    {
        if (Volatile.Read(ref _secret) is not { } secret || !secret.IsFresh(nowMs))
            return false;
        Span<byte> cookie = stackalloc byte[CookieReplyMessage.CookieSize];
        Span<byte> expected = stackalloc byte[MacKeys.MacSize];
        Blake2s.Mac(secret.Bytes, source, cookie);
        Blake2s.Mac(cookie, message[..^MacKeys.MacSize], expected);
        CryptographicOperations.ZeroMemory(cookie);
        bool isValid = CryptographicOperations.FixedTimeEquals(expected, MacKeys.Mac2(message));
        Interleaving.Point();
        // If the secret was wiped meanwhile, the mac may be one under a key of zeros, which any sender can compute. A secret is
        // out of reach before it is wiped.
        Interlocked.MemoryBarrier();
        return isValid && ReferenceEquals(secret, _secret);
    }

    /// <summary>Writes the cookie reply to a handshake message.</summary>
    /// <param name="message">An initiation or a response, whole; its mac1 was checked.</param>
    /// <param name="senderIndex">That message's sender index.</param>
    /// <param name="source">The bytes that stand for where it came from.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <param name="reply">Written.</param>
    public void WriteReply(
        ReadOnlySpan<byte> message, uint senderIndex, ReadOnlySpan<byte> source, long nowMs, CookieReplyMessage reply)
    {
        TimedSecret secret = Refresh(nowMs);
        Span<byte> cookie = stackalloc byte[CookieReplyMessage.CookieSize];
        Blake2s.Mac(secret.Bytes, source, cookie);
        reply.Type = MessageType.CookieReply;
        reply.ReceiverIndex = senderIndex;
        SecureRandom.Fill(reply.Nonce);
        XChaCha20Poly1305.Seal(_keys.CookieKey, reply.Nonce, MacKeys.Mac1(message), cookie, reply.EncryptedCookie);
        CryptographicOperations.ZeroMemory(cookie);
    }

    /// <summary>Whether the secret is one to give cookies out with.</summary>
    public bool IsFresh(long nowMs) => Volatile.Read(ref _secret)?.IsFresh(nowMs) == true;

    /// <summary>Changes the secret if it is not.</summary>
    /// <returns>The one to use.</returns>
    internal TimedSecret Refresh(long nowMs)
    {
        if (Volatile.Read(ref _secret) is { } secret && secret.IsFresh(nowMs))
            return secret;
        Replace(secret = new TimedSecret(nowMs));
        return secret;
    }

    public void Dispose() => Replace(null);

    private void Replace(TimedSecret? secret) => Interlocked.Exchange(ref _secret, secret)?.Dispose();

    internal sealed class TimedSecret : IDisposable
    {
        private readonly Secret _secret = new(Blake2s.HashSize);
        private readonly long _bornMs;

        public TimedSecret(long nowMs)
        {
            _bornMs = nowMs;
            SecureRandom.Fill(Bytes);
        }

        public Span<byte> Bytes => _secret.Bytes;

        public bool IsFresh(long nowMs) => nowMs - _bornMs < Limits.CookieRefreshTimeMs;

        /// <summary>Wipes it. Other threads may be using it: the collector gives its place back.</summary>
        public void Dispose() => _secret.Wipe();
    }
}
