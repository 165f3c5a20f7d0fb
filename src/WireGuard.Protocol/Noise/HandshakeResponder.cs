using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// Our side of a handshake that a peer began (sections 5.4.2 and 5.4.3), for one initiation on the stack:
/// <code>
/// TryOpen: who is it?  ->  TryAuthenticate: its timestamp  ->  TryRespond: the response and the keypair
/// </code>
/// Nothing outlives it: a responder derives its keypair as it responds.
/// </summary>
internal ref struct HandshakeResponder
{
    private readonly PrivateKey _local;
    private readonly Aead _aead;
    private readonly InitiationMessage _initiation;
    private SymmetricState _state;

    /// <param name="local">Our static private key.</param>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="initiation">A message whose macs were checked.</param>
    public HandshakeResponder(PrivateKey local, Aead aead, InitiationMessage initiation)
    {
        _local = local;
        _aead = aead;
        _initiation = initiation;
    }

    /// <summary>Opens the initiator's static key, which says which peer it claims to be.</summary>
    public bool TryOpen(out PublicKey initiator)
    {
        PublicKey localStatic = _local.PublicKey;
        Span<byte> remoteStatic = stackalloc byte[PublicKey.Size];
        _state = SymmetricState.Create(SymmetricState.Identifier, localStatic.Bytes);
        bool opened = IKpsk2.TryReadInitiationStatic(
            ref _state, _aead, _local.Bytes, _initiation.Ephemeral, _initiation.EncryptedStatic, remoteStatic);
        initiator = opened ? new PublicKey(remoteStatic) : default;
        return opened;
    }

    /// <summary>Authenticates the initiation as <paramref name="remote"/>'s and gives the timestamp that tells replays.</summary>
    public bool TryAuthenticate(RemoteIdentity remote, out Tai64n timestamp)
    {
        Span<byte> payload = stackalloc byte[Tai64n.Size];
        timestamp = default;
        if (!remote.CanHandshake
            || !IKpsk2.TryReadInitiationPayload(
                ref _state, _aead, remote.StaticStatic, _initiation.EncryptedTimestamp, payload))
            return false;
        timestamp = new Tai64n(payload);
        return true;
    }

    /// <summary>Writes the response without its macs.</summary>
    /// <returns>
    /// The new keypair, to be begun as the responder; null when the initiator's ephemeral is a low-order point.
    /// </returns>
    public Keypair? TryRespond(RemoteIdentity remote, uint localIndex, long nowMs, ResponseMessage response)
    {
        using var ephemeral = PrivateKey.Generate();
        return TryRespond(remote, localIndex, nowMs, response, ephemeral);
    }

    /// <summary>With the ephemeral key given, for test vectors.</summary>
    internal Keypair? TryRespond(
        RemoteIdentity remote, uint localIndex, long nowMs, ResponseMessage response, PrivateKey ephemeral)
    {
        PublicKey ephemeralPublic = ephemeral.PublicKey;
        if (!IKpsk2.TryWriteResponse(
                ref _state, _aead, ephemeral.Bytes, ephemeralPublic.Bytes, remote.Static.Bytes, _initiation.Ephemeral,
                remote.PresharedKeyBytes, default, response.EncryptedNothing))
            return null;

        response.Type = MessageType.Response;
        response.SenderIndex = localIndex;
        response.ReceiverIndex = _initiation.SenderIndex;
        ephemeralPublic.CopyTo(response.Ephemeral);
        return Keypair.Derive(ref _state, isInitiator: false, localIndex, _initiation.SenderIndex, nowMs);
    }

    /// <summary>Wipes the handshake's secrets.</summary>
    public void Dispose() => _state.Wipe();
}
