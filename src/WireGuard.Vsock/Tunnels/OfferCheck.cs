using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// Whether a prover takes what a verifier offers: all of it, or nothing. It fills what the prover's own file leaves open, and
/// takes no address from the file, and no allowed IP from the file or another peer. Pure.
/// </summary>
internal static class OfferCheck
{
    private const int LeastMtu = 68, LeastMtuOfIPv6 = 1280;

    /// <summary>Why the offer is refused, in words for both ends; null if it is taken.</summary>
    /// <param name="own">The prover's key.</param>
    /// <param name="verifier">The verifier's.</param>
    /// <param name="offer">Each part of it is one of its kind, and there are not too many: <see cref="OfferFormat"/>.</param>
    /// <param name="file">What the prover's file says.</param>
    /// <param name="taken">What was taken from the first verifier; null if this may be the first.</param>
    /// <param name="peers">The daemon's.</param>
    public static string? Problem(
        PublicKey own, PublicKey verifier, Offer offer, TunnelSettings file, TakenOffer? taken, IEnumerable<PeerStatus> peers)
    {
        ProvisionSettings provision = file.Interface.Provision!;
        if (!LearnedSettings.Admits(provision, verifier, taken?.By))
        {
            return provision.TakesFirst
                ? "another verifier was first (ProvisionFrom = first): name the keys of all in ProvisionFrom"
                : "ProvisionFrom does not name this verifier's key";
        }

        if (verifier == own)
            return "the verifier has the prover's own key";
        bool isFirst = taken is null || taken.By == verifier;
        InterfaceSettings device = LearnedSettings.Add(
            file, isFirst ? new TakenOffer(verifier, offer) : taken, peers).Interface;
        List<PeerStatus> others = [.. peers.Where(peer => peer.PublicKey != verifier)];
        List<IpPrefix> theirs = [.. others.SelectMany(peer => peer.AllowedIps), .. PrefixesOf(file, verifier)];
        return (LearnedSettings.SaysAllowedIps(file, verifier) ? null : ProblemOfAllowedIps(offer, device, theirs))
            ?? (isFirst && file.Interface.Addresses.Count == 0 ? ProblemOfAddresses(offer, theirs) : null)
            ?? (isFirst && file.Interface.Mtu is null ? ProblemOfMtu(offer, device) : null);
    }

    /// <summary>Also of peers whose keys are not learned yet.</summary>
    private static IEnumerable<IpPrefix> PrefixesOf(TunnelSettings file, PublicKey verifier) => file.Peers
        .Where(peer => peer.Attest is not null || peer.PublicKey != verifier)
        .SelectMany(peer => peer.AllowedIps);

    private static string? ProblemOfAllowedIps(Offer offer, InterfaceSettings device, List<IpPrefix> theirs)
    {
        foreach (IpPrefix prefix in offer.AllowedIps)
        {
            if (theirs.Exists(other => other == prefix || Takes(prefix, other)))
                return $"the allowed IP {prefix} is another peer's";
            foreach (InterfaceAddress address in device.Addresses)
            {
                if (IsAlone(prefix) && prefix == Alone(address))
                    return $"the allowed IP {prefix} is the prover's own address";
            }
        }

        return null;
    }

    private static string? ProblemOfAddresses(Offer offer, List<IpPrefix> theirs)
    {
        foreach (InterfaceAddress address in offer.Addresses)
        {
            if (!IsOfAnInterface(Alone(address)))
                return $"{address} is no address for an interface";
            if (theirs.Exists(other => Takes(Alone(address), other)))
                return $"the address {address} is in another peer's allowed IPs";
        }

        return null;
    }

    private static string? ProblemOfMtu(Offer offer, InterfaceSettings device)
    {
        int least = LeastMtu;
        foreach (InterfaceAddress address in device.Addresses)
            least = address.IsIPv6 ? LeastMtuOfIPv6 : least;
        int most = device.Network.LargestPacket;
        return offer.Mtu is { } mtu && (mtu < least || mtu > most)
            ? $"the MTU {mtu} is not within {least} and {most}"
            : null;
    }

    /// <summary>Whether a prefix takes something from another peer's, which is no default route.</summary>
    private static bool Takes(IpPrefix prefix, IpPrefix other) => other.Length > 0 && other.Length <= prefix.Length
        && other.IsIPv6 == prefix.IsIPv6 && Cut(prefix, other.Length) == other;

    private static IpPrefix Cut(IpPrefix prefix, int length) => prefix.IsIPv6
        ? IpPrefix.IPv6(prefix.Address, length)
        : IpPrefix.IPv4((uint)(prefix.Address >> 96), length);

    private static bool IsAlone(IpPrefix prefix) => prefix.Length == (prefix.IsIPv6 ? 128 : 32);

    private static IpPrefix Alone(InterfaceAddress address) => address.IsIPv6
        ? IpPrefix.IPv6(address.Address, 128)
        : IpPrefix.IPv4((uint)(address.Address >> 96), 32);

    /// <summary>Neither unspecified (RFC 1122 section 3.2.1.3), nor loopback, nor multicast (RFC 4291 section 2.4).</summary>
    private static bool IsOfAnInterface(IpPrefix host)
    {
        if (host.IsIPv6)
            return host.Address > 1 && host.Address >> 120 != 0xff;
        uint first = (uint)(host.Address >> 120);
        return first is not (0 or 127) and < 224;
    }
}
