using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// What is known of a peer before any handshake: its static public key, the secret our static keys share (computed once,
/// it costs a Diffie-Hellman), the preshared key if there is one, and the keys for its macs.
/// Owned by one thread.
/// </summary>
internal sealed class RemoteIdentity : IDisposable
{
    private readonly byte[] _staticStatic = GC.AllocateArray<byte>(X25519.KeySize, pinned: true);
    private static readonly byte[] NoPresharedKey = new byte[PresharedKey.Size];

    /// <param name="remoteStatic">The peer's static public key.</param>
    /// <param name="local">Our static private key; null while the device has none.</param>
    public RemoteIdentity(PublicKey remoteStatic, PrivateKey? local)
    {
        Static = remoteStatic;
        MacKeys = new MacKeys(remoteStatic);
        SetLocal(local);
    }

    /// <summary>The peer's static public key.</summary>
    public PublicKey Static { get; }

    /// <summary>The keys by which messages to this peer are given their macs.</summary>
    public MacKeys MacKeys { get; }

    /// <summary>
    /// False while we have no private key, and for a peer whose key is a low-order point: no handshake can succeed.
    /// </summary>
    public bool CanHandshake { get; private set; }

    /// <summary>The preshared key that is mixed into handshakes; null for none.</summary>
    public PresharedKey? PresharedKey { get; private set; }

    internal ReadOnlySpan<byte> PresharedKeyBytes => PresharedKey is null ? NoPresharedKey : PresharedKey.Bytes;

    internal ReadOnlySpan<byte> StaticStatic => _staticStatic;

    /// <summary>Takes a new static private key of ours, or none.</summary>
    public void SetLocal(PrivateKey? local)
    {
        // If what follows throws, no handshake is possible.
        CanHandshake = false;
        CryptographicOperations.ZeroMemory(_staticStatic);
        CanHandshake = local is not null && X25519.TrySharedSecret(local.Bytes, Static.Bytes, _staticStatic);
    }

    /// <summary>Takes a preshared key, which is disposed of with this object; one that is all zero means none.</summary>
    /// <exception cref="ObjectDisposedException">The key was disposed of: nothing has changed.</exception>
    public void SetPresharedKey(PresharedKey key)
    {
        PresharedKey? old = PresharedKey;
        PresharedKey = key.IsZero ? null : key;
        if (!ReferenceEquals(old, key))
            old?.Dispose();
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_staticStatic);
        PresharedKey?.Dispose();
        PresharedKey = null;
        CanHandshake = false;
    }
}
