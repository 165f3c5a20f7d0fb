using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// The Noise pattern IKpsk2, token by token, beside the paper's sections 5.4.2 and 5.4.3:
/// <code>
/// &lt;- s
/// -> e, es, s, ss, payload      the initiation
/// &lt;- e, ee, se, psk, payload    the response
/// </code>
/// The steps change only the <see cref="SymmetricState"/> they are given; each returns false when a key exchange gives
/// zero or a tag is wrong, and then that state is of no more use.
/// </summary>
internal static class IKpsk2
{
    /// <summary>The initiator: <c>e, es, s, ss, payload</c>.</summary>
    public static bool TryWriteInitiation(
        ref SymmetricState state,
        Aead aead,
        ReadOnlySpan<byte> ephemeralPrivate,
        ReadOnlySpan<byte> ephemeral,
        ReadOnlySpan<byte> localStatic,
        ReadOnlySpan<byte> remoteStatic,
        ReadOnlySpan<byte> staticStatic,
        ReadOnlySpan<byte> payload,
        Span<byte> encryptedStatic,
        Span<byte> encryptedPayload)
    {
        Span<byte> shared = stackalloc byte[X25519.KeySize];
        Span<byte> key = stackalloc byte[Aead.KeySize];
        try
        {
            // e
            state.MixHash(ephemeral);
            state.MixKey(ephemeral);
            // es
            if (!X25519.TrySharedSecret(ephemeralPrivate, remoteStatic, shared))
                return false;
            state.MixKey(shared, key);
            // s
            state.EncryptAndHash(aead, key, localStatic, encryptedStatic);
            // ss
            state.MixKey(staticStatic, key);
            // payload
            state.EncryptAndHash(aead, key, payload, encryptedPayload);
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The responder, as far as it goes without knowing who initiates: <c>e, es, s</c>.</summary>
    public static bool TryReadInitiationStatic(
        ref SymmetricState state,
        Aead aead,
        ReadOnlySpan<byte> localPrivate,
        ReadOnlySpan<byte> remoteEphemeral,
        ReadOnlySpan<byte> encryptedStatic,
        Span<byte> remoteStatic)
    {
        Span<byte> shared = stackalloc byte[X25519.KeySize];
        Span<byte> key = stackalloc byte[Aead.KeySize];
        try
        {
            // e
            state.MixHash(remoteEphemeral);
            state.MixKey(remoteEphemeral);
            // es
            if (!X25519.TrySharedSecret(localPrivate, remoteEphemeral, shared))
                return false;
            state.MixKey(shared, key);
            // s
            return state.TryDecryptAndHash(aead, key, encryptedStatic, remoteStatic);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The responder, once it knows the initiator: <c>ss, payload</c>.</summary>
    public static bool TryReadInitiationPayload(
        ref SymmetricState state,
        Aead aead,
        ReadOnlySpan<byte> staticStatic,
        ReadOnlySpan<byte> encryptedPayload,
        Span<byte> payload)
    {
        Span<byte> key = stackalloc byte[Aead.KeySize];
        try
        {
            // ss
            state.MixKey(staticStatic, key);
            // payload
            return state.TryDecryptAndHash(aead, key, encryptedPayload, payload);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The responder: <c>e, ee, se, psk, payload</c>.</summary>
    public static bool TryWriteResponse(
        ref SymmetricState state,
        Aead aead,
        ReadOnlySpan<byte> ephemeralPrivate,
        ReadOnlySpan<byte> ephemeral,
        ReadOnlySpan<byte> remoteStatic,
        ReadOnlySpan<byte> remoteEphemeral,
        ReadOnlySpan<byte> presharedKey,
        ReadOnlySpan<byte> payload,
        Span<byte> encryptedPayload)
    {
        Span<byte> shared = stackalloc byte[X25519.KeySize];
        Span<byte> key = stackalloc byte[Aead.KeySize];
        try
        {
            // e
            state.MixHash(ephemeral);
            state.MixKey(ephemeral);
            // ee
            if (!X25519.TrySharedSecret(ephemeralPrivate, remoteEphemeral, shared))
                return false;
            state.MixKey(shared);
            // se
            if (!X25519.TrySharedSecret(ephemeralPrivate, remoteStatic, shared))
                return false;
            state.MixKey(shared);
            // psk
            state.MixKeyAndHash(presharedKey, key);
            // payload
            state.EncryptAndHash(aead, key, payload, encryptedPayload);
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The initiator: <c>e, ee, se, psk, payload</c>.</summary>
    public static bool TryReadResponse(
        ref SymmetricState state,
        Aead aead,
        ReadOnlySpan<byte> ephemeralPrivate,
        ReadOnlySpan<byte> localPrivate,
        ReadOnlySpan<byte> remoteEphemeral,
        ReadOnlySpan<byte> presharedKey,
        ReadOnlySpan<byte> encryptedPayload,
        Span<byte> payload)
    {
        Span<byte> shared = stackalloc byte[X25519.KeySize];
        Span<byte> key = stackalloc byte[Aead.KeySize];
        try
        {
            // e
            state.MixHash(remoteEphemeral);
            state.MixKey(remoteEphemeral);
            // ee
            if (!X25519.TrySharedSecret(ephemeralPrivate, remoteEphemeral, shared))
                return false;
            state.MixKey(shared);
            // se
            if (!X25519.TrySharedSecret(localPrivate, remoteEphemeral, shared))
                return false;
            state.MixKey(shared);
            // psk
            state.MixKeyAndHash(presharedKey, key);
            // payload
            return state.TryDecryptAndHash(aead, key, encryptedPayload, payload);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
