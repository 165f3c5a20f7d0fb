using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>Public keys, and changes of the peers that have them.</summary>
internal static class PeerChanges
{
    public static PublicKey Key { get; } = NewKey();

    public static int Apply(this Configurator configurator, params ReadOnlySpan<PeerChange> peers)
    {
        using var change = new DeviceChange();
        change.Peers.AddRange(peers);
        return configurator.Apply(change);
    }

    public static PeerChange PeerOf(uint number, string allowedIp, EndpointAddress? endpoint = null) =>
        PeerOf(KeyOf(number), allowedIp, endpoint);

    public static PeerChange PeerOf(PublicKey key, string allowedIp, EndpointAddress? endpoint = null)
    {
        Assert.True(IpPrefix.TryParse(allowedIp, out IpPrefix prefix));
        return new PeerChange(key) { Endpoint = endpoint, AllowedIps = { new AllowedIpChange(prefix, Removes: false) } };
    }

    public static PublicKey KeyOf(uint number)
    {
        byte[] key = new byte[PublicKey.Size];
        BitConverter.TryWriteBytes(key, number);
        return new PublicKey(key);
    }

    private static PublicKey NewKey()
    {
        using PrivateKey key = PrivateKey.Generate();
        return key.PublicKey;
    }
}
