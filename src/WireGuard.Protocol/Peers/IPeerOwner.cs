using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>What a peer needs of its device, whatever the device's peers are.</summary>
internal interface IPeerOwner
{
    /// <summary>Takes back a receiver index that names nothing any more.</summary>
    void FreeIndex(uint index);

    /// <summary>A keypair has fallen out of use: its index is free, and its keys go when no thread can use them.</summary>
    void Retire(Keypair keypair);
}
