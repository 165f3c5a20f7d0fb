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
/// <code>
/// an offered prefix, and one that          is broad        is the file's, or a learned key's       is another verifier's
/// broad                                    no overlap      the other may lie within                the other may lie within
/// not broad                                may lie within  may hold it; neither equal nor within   no overlap
/// </code>
/// A broad prefix, such as a default route, is a peer's way of last resort: longer ones win. What verifiers have is told apart
/// either way round, so that it does not depend on which of them is taken first, or started anew.
/// </summary>
internal static class OfferCheck
{
    private const int LeastMtu = 68, LeastMtuOfIPv6 = 1280;

    /// <summary>The shortest prefixes that are not broad.</summary>
    private const int NarrowLength = 8, NarrowLengthOfIPv6 = 16;

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
            return LearnedSettings.RefusalOf(provision);
        if (verifier == own)
            return "the verifier has the prover's own key";
        // It would lose its note, by which it is attested again, and the allowed IPs of its section.
        if (peers.Any(peer => peer.PublicKey == verifier && peer.Details?.Note?.Attest is not null))
            return "the verifier's key is that of a peer that this file attests: of two ends only one attests the other";
        bool isFirst = taken is null || taken.By == verifier;
        InterfaceSettings device = LearnedSettings.Add(
            file, isFirst ? new TakenOffer(verifier, offer) : taken, peers).Interface;
        List<OthersPrefix> theirs = [.. PrefixesOf(peers, file, verifier), .. PrefixesOf(file, verifier)];
        return (LearnedSettings.SaysAllowedIps(file, verifier) ? null : ProblemOfAllowedIps(offer, device, theirs))
            ?? (isFirst && file.Interface.Addresses.Count == 0 ? ProblemOfAddresses(offer, theirs) : null)
            ?? (isFirst && file.Interface.Mtu is null ? ProblemOfMtu(offer, device) : null);
    }

    /// <summary>What the daemon's other peers have.</summary>
    private static IEnumerable<OthersPrefix> PrefixesOf(IEnumerable<PeerStatus> peers, TunnelSettings file, PublicKey verifier)
    {
        foreach (PeerStatus peer in peers.Where(peer => peer.PublicKey != verifier))
        {
            bool isOffered = peer.Details?.Note is { ProvisionedAt: > 0 }
                && !LearnedSettings.SaysAllowedIps(file, peer.PublicKey);
            foreach (IpPrefix prefix in peer.AllowedIps)
                yield return new OthersPrefix(prefix, isOffered);
        }
    }

    /// <summary>Also of peers whose keys are not learned yet.</summary>
    private static IEnumerable<OthersPrefix> PrefixesOf(TunnelSettings file, PublicKey verifier) => file.Peers
        .Where(peer => peer.Attest is not null || peer.PublicKey != verifier)
        .SelectMany(peer => peer.AllowedIps)
        .Select(prefix => new OthersPrefix(prefix, IsOffered: false));

    private static string? ProblemOfAllowedIps(Offer offer, InterfaceSettings device, List<OthersPrefix> theirs)
    {
        foreach (IpPrefix prefix in offer.AllowedIps)
        {
            foreach (OthersPrefix other in theirs)
            {
                if (Takes(prefix, other))
                    return $"the allowed IP {prefix} {(Holds(other.Prefix, prefix) ? "is" : "covers")} another peer's";
            }

            foreach (InterfaceAddress address in device.Addresses)
            {
                if (IsAlone(prefix) && prefix == Alone(address))
                    return $"the allowed IP {prefix} is the prover's own address";
            }
        }

        return null;
    }

    private static string? ProblemOfAddresses(Offer offer, List<OthersPrefix> theirs)
    {
        foreach (InterfaceAddress address in offer.Addresses)
        {
            if (!IsOfAnInterface(Alone(address)))
                return $"{address} is no address for an interface";
            if (theirs.Exists(other => !IsBroad(other.Prefix) && Holds(other.Prefix, Alone(address))))
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

    /// <summary>Whether a prefix takes something from another peer's: see the table above.</summary>
    private static bool Takes(IpPrefix prefix, OthersPrefix other)
    {
        if (IsBroad(prefix) != IsBroad(other.Prefix))
            return false;
        return Holds(other.Prefix, prefix) || ((IsBroad(prefix) || other.IsOffered) && Holds(prefix, other.Prefix));
    }

    /// <summary>Whether one lies within another, or is the same.</summary>
    private static bool Holds(IpPrefix outer, IpPrefix inner) => outer.Length <= inner.Length
        && outer.IsIPv6 == inner.IsIPv6 && Cut(inner, outer.Length) == outer;

    private static bool IsBroad(IpPrefix prefix) => prefix.Length < (prefix.IsIPv6 ? NarrowLengthOfIPv6 : NarrowLength);

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

    /// <param name="Prefix">It.</param>
    /// <param name="IsOffered">Whether a verifier has offered it; else the file says it.</param>
    private readonly record struct OthersPrefix(IpPrefix Prefix, bool IsOffered);
}
