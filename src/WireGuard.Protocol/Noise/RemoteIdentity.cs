using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// What is known of a peer before any handshake: its static public key, the secret our static keys share (computed once,
/// it costs a Diffie-Hellman), the preshared key if there is one, and the keys for its macs.
/// Owned by one thread.
/// </summary>
internal sealed class RemoteIdentity : IDisposable
{
    private static readonly byte[] NoPresharedKey = new byte[PresharedKey.Size];

    private Secret? _staticStatic; // null while no handshake is possible

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
    public bool CanHandshake => _staticStatic is not null;

    /// <summary>The preshared key that is mixed into handshakes; null for none.</summary>
    public PresharedKey? PresharedKey { get; private set; }

    internal ReadOnlySpan<byte> PresharedKeyBytes => PresharedKey is null ? NoPresharedKey : PresharedKey.Bytes;

    /// <summary>Empty while no handshake is possible.</summary>
    internal ReadOnlySpan<byte> StaticStatic => _staticStatic is null ? default : _staticStatic.Bytes;

    /// <summary>Takes a new static private key of ours, or none.</summary>
    public void SetLocal(PrivateKey? local)
    {
        // If what follows throws, no handshake is possible.
        Forget();
        if (local is null)
            return;
        var secret = new Secret();
        if (X25519.TrySharedSecret(local.Bytes, Static.Bytes, secret.Bytes))
            _staticStatic = secret;
        else
            secret.Dispose();
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
        Forget();
        PresharedKey?.Dispose();
        PresharedKey = null;
    }

    private void Forget()
    {
        _staticStatic?.Dispose();
        _staticStatic = null;
    }
}
