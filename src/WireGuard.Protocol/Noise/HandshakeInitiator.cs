using System.Runtime.InteropServices;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Noise;

/// <summary>
/// Our side of a handshake that we began (sections 5.4.2 and 5.4.3): at most one initiation a peer waits for its response.
/// <code>
/// Idle --TryCreate--> Waiting --TryConsumeResponse--> Idle, with a keypair
///   ^                    |  `--TryCreate--> Waiting (for the newer one)
///   `-------Reset--------'
/// </code>
/// DEVIATION: the paper keeps one handshake state a peer, so that two initiations that cross in flight destroy each other and
/// both sides wait out REKEY_TIMEOUT. A responder needs no state between messages, hence we keep ours: when both ends dial
/// at once, both handshakes complete (test: Crossing_initiations_both_complete).
/// Owned by one thread.
/// </summary>
internal sealed class HandshakeInitiator
{
    // The ephemeral private key, then the state; null while no initiation waits.
    private Secret? _secrets;

    /// <summary>Whether an initiation waits for its response.</summary>
    public bool IsWaiting => _secrets is not null;

    /// <summary>The index by which a response, or a cookie reply, names the initiation that waits.</summary>
    public uint LocalIndex { get; private set; }

    private Span<byte> EphemeralPrivate => _secrets!.Bytes[..X25519.KeySize];

    private ref SymmetricState State => ref MemoryMarshal.AsRef<SymmetricState>(_secrets!.Bytes[X25519.KeySize..]);

    /// <summary>Writes an initiation without its macs. It replaces one that still waits.</summary>
    /// <returns>False when no handshake is possible with this peer (see <see cref="RemoteIdentity.CanHandshake"/>).</returns>
    public bool TryCreate(
        PrivateKey local, RemoteIdentity remote, uint localIndex, Tai64n timestamp, Aead aead, InitiationMessage message)
    {
        using var ephemeral = PrivateKey.Generate();
        return TryCreate(local, remote, localIndex, timestamp, aead, message, ephemeral);
    }

    /// <summary>With the ephemeral key given, for test vectors.</summary>
    internal bool TryCreate(
        PrivateKey local,
        RemoteIdentity remote,
        uint localIndex,
        Tai64n timestamp,
        Aead aead,
        InitiationMessage message,
        PrivateKey ephemeral)
    {
        if (!remote.CanHandshake)
            return false;
        Span<byte> payload = stackalloc byte[Tai64n.Size];
        timestamp.CopyTo(payload);
        PublicKey localStatic = local.PublicKey, ephemeralPublic = ephemeral.PublicKey;

        var state = SymmetricState.Create(SymmetricState.Identifier, remote.Static.Bytes);
        if (!IKpsk2.TryWriteInitiation(
                ref state, aead, ephemeral.Bytes, ephemeralPublic.Bytes, localStatic.Bytes, remote.Static.Bytes,
                remote.StaticStatic, payload, message.EncryptedStatic, message.EncryptedTimestamp))
        {
            state.Wipe();
            return false;
        }

        message.Type = MessageType.Initiation;
        message.SenderIndex = localIndex;
        ephemeralPublic.CopyTo(message.Ephemeral);

        _secrets ??= new Secret(X25519.KeySize + SymmetricState.Size);
        State = state;
        ephemeral.Bytes.CopyTo(EphemeralPrivate);
        LocalIndex = localIndex;
        state.Wipe();
        return true;
    }

    /// <summary>
    /// Takes the response to the initiation that waits. A forged or stray one changes nothing.
    /// </summary>
    /// <returns>The new keypair, to be begun as the initiator; null when the response is not authentic.</returns>
    public Keypair? TryConsumeResponse(
        PrivateKey local, RemoteIdentity remote, Aead aead, ResponseMessage message, long nowMs)
    {
        if (!IsWaiting || message.ReceiverIndex != LocalIndex)
            return null;
        SymmetricState state = State;
        bool authentic = IKpsk2.TryReadResponse(
            ref state, aead, EphemeralPrivate, local.Bytes, message.Ephemeral, remote.PresharedKeyBytes,
            message.EncryptedNothing, default);
        Keypair? keypair = authentic
            ? Keypair.Derive(ref state, isInitiator: true, LocalIndex, message.SenderIndex, nowMs)
            : null;
        state.Wipe();
        if (authentic)
            Reset();
        return keypair;
    }

    /// <summary>Forgets the initiation that waits, if any, and wipes its secrets.</summary>
    public void Reset()
    {
        LocalIndex = 0;
        _secrets?.Dispose();
        _secrets = null;
    }
}
