using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Peers;

/// <summary>What a peer needs of its device, whatever the type of the device's peers.</summary>
internal interface IPeerOwner
{
    /// <summary>Frees a receiver index.</summary>
    void FreeIndex(uint index);

    /// <summary>A keypair is no longer used: frees its index, and has its keys wiped once no thread can be using them.</summary>
    void Retire(Keypair keypair);
}
