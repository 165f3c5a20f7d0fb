using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// What binds an exchange together. The document is asked for with a digest of request and response as its user data; the mac
/// of the confirm shows that the verifier has its private key and accepts this response.
/// <code>
/// user data = SHA-256("wireguard-vsock provisioning v1" || 0x00 || request || response without key 3)
/// K         = HMAC-SHA-256(key = X25519(own private key, the other's public key), "wireguard-vsock provisioning v1")
/// mac       = HMAC-SHA-256(K, request || response || confirm without key 4)
/// </code>
/// </summary>
internal static class ExchangeProof
{
    private static ReadOnlySpan<byte> Label => "wireguard-vsock provisioning v1"u8;

    private static ReadOnlySpan<byte> LabelAndZero => "wireguard-vsock provisioning v1\0"u8;

    /// <param name="bareResponse">Without its document.</param>
    public static byte[] UserData(ReadOnlySpan<byte> request, ReadOnlySpan<byte> bareResponse)
    {
        byte[] digest = new byte[Sha256.HashSize];
        Sha256.Hash(LabelAndZero, [.. request, .. bareResponse], digest);
        return digest;
    }

    /// <summary>Computes the mac, at either end.</summary>
    /// <param name="own">The private key of this end.</param>
    /// <param name="other">The public key of the other end, unauthenticated.</param>
    /// <param name="unsigned">The confirm without its mac.</param>
    /// <param name="mac">Receives 32 bytes.</param>
    /// <returns>False for a public key that gives a shared secret of zeros.</returns>
    public static bool TryMac(
        PrivateKey own,
        PublicKey other,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> response,
        ReadOnlySpan<byte> unsigned,
        Span<byte> mac)
    {
        Span<byte> secret = stackalloc byte[X25519.KeySize];
        try
        {
            if (!X25519.TrySharedSecret(own.Bytes, other.Bytes, secret))
                return false;
            HmacSha256.Compute(secret, Label, [], [], secret);
            HmacSha256.Compute(secret, request, response, unsigned, mac);
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            DeadFrames.Wipe();
        }
    }
}
