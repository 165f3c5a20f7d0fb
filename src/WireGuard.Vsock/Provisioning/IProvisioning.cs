using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// What a <see cref="Prover"/> is told of the tunnel, and what it leaves to it. Called on the prover's thread; throws nothing.
/// </summary>
internal interface IProvisioning
{
    /// <summary>The port of the tunnel, which verifiers are told; 0 if it cannot be told now.</summary>
    uint ListeningPort { get; }

    /// <summary>
    /// Whether an exchange with this verifier could be taken now. Nothing has proved yet that the request is its own: when there
    /// are too many exchanges, those of others go first, and that is all.
    /// </summary>
    bool Expects(PublicKey verifier);

    /// <summary>Takes a verifier, which has proved its key, as a peer, and what it offers: as a whole or not at all.</summary>
    /// <param name="verifier">Its key.</param>
    /// <param name="offer">Well-formed.</param>
    /// <param name="from">The far end of the connection, which must still be reached afterwards.</param>
    /// <param name="onDecided">
    /// Called once on the prover's thread, now or later. Null: it is taken. Else why not, in words that the verifier is told.
    /// </param>
    void Take(PublicKey verifier, Offer offer, EndpointAddress from, Action<string?> onDecided);
}
