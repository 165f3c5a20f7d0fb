using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// What a tunnel that learns peers has beside what its file says: the keys of sections with Attest, the verifiers that it has
/// taken as a prover, and what the first of these has offered. The daemon's notes of its peers tell the former, the tunnel's
/// state the latter.
/// </summary>
internal static class LearnedSettings
{
    /// <summary>Whether the file makes a tunnel that learns peers.</summary>
    public static bool LearnsPeers(this TunnelSettings settings) =>
        settings.Interface.Provision is not null || settings.Peers.Any(peer => peer.Attest is not null);

    /// <summary>
    /// The file's settings with what is learned and still allowed by it. A section whose key is learned becomes one of that key;
    /// the others with Attest stay as they are, and the daemon gets none of them.
    /// </summary>
    /// <param name="settings">Of the file.</param>
    /// <param name="taken">What a prover has taken; null for nothing.</param>
    /// <param name="peers">The daemon's.</param>
    /// <returns>It shares the keys of <paramref name="settings"/>.</returns>
    public static TunnelSettings Add(TunnelSettings settings, TakenOffer? taken, IEnumerable<PeerStatus> peers)
    {
        List<PeerStatus> known = [.. peers];
        List<PeerSettings> all = [.. Enumerable.Range(0, settings.Peers.Count).Select(
            i => WithKey(WithoutLater(settings.Peers, i), known))];
        // A prefix that several name is the last one's: what the file says goes first.
        if (settings.Interface.Provision is { } provision)
        {
            bool IsTaken(PeerStatus peer) =>
                peer.Details?.Note is { ProvisionedAt: > 0 } && Admits(provision, peer.PublicKey, taken?.By);
            known.RemoveAll(peer => !IsTaken(peer));
            all = all.ConvertAll(section => section.AllowedIps.Count == 0
                && known.Find(peer => peer.PublicKey == section.PublicKey) is { } verifier
                    ? section with { AllowedIps = [.. verifier.AllowedIps] }
                    : section);
            all.InsertRange(0, known
                .Where(peer => !all.Exists(section => section.Attest is null && section.PublicKey == peer.PublicKey))
                .Select(peer => new PeerSettings { PublicKey = peer.PublicKey, AllowedIps = [.. peer.AllowedIps] }));
        }

        return new TunnelSettings(AddOffer(settings.Interface, taken), all);
    }

    /// <summary>
    /// The sections with Attest. A prefix that several peers name is the last one's, also where the key of an earlier one is
    /// learned after that one was set.
    /// </summary>
    /// <returns>They share the keys of <paramref name="settings"/>.</returns>
    public static List<PeerSettings> SectionsOf(TunnelSettings settings)
    {
        List<PeerSettings> sections = [];
        for (int i = 0; i < settings.Peers.Count; i++)
        {
            if (settings.Peers[i].Attest is not null)
                sections.Add(WithoutLater(settings.Peers, i));
        }

        return sections;
    }

    /// <summary>Whether a prover takes that verifier.</summary>
    /// <param name="provision">What its file says.</param>
    /// <param name="verifier">The verifier's key.</param>
    /// <param name="first">The first that was taken; null for none yet.</param>
    public static bool Admits(ProvisionSettings provision, PublicKey verifier, PublicKey? first) =>
        provision.TakesFirst ? first is null || first == verifier : provision.From.Contains(verifier);

    /// <summary>What a verifier is told that is not admitted.</summary>
    public static string RefusalOf(ProvisionSettings provision) => provision.TakesFirst
        ? "another verifier was first (ProvisionFrom = first): name the keys of all in ProvisionFrom"
        : "ProvisionFrom does not name this verifier's key";

    /// <summary>Whether the file itself says a verifier's allowed IPs; else they are the offered ones.</summary>
    public static bool SaysAllowedIps(TunnelSettings file, PublicKey verifier) => file.Peers.Any(
        section => section.Attest is null && section.PublicKey == verifier && section.AllowedIps.Count > 0);

    /// <summary>Whether what a peer has shown is what its section asks for now.</summary>
    public static bool Accepts(AttestSettings asked, PeerNote shown)
    {
        if (shown.AttestedAt == 0)
            return asked.AllowsUnattested;
        string?[] hex = new string?[AttestationDocument.PcrCount];
        foreach ((int index, string value) in shown.Pcrs)
            hex[index] = value;
        uint wanted = 0, right = 0;
        foreach (PcrPin pin in asked.Pins)
        {
            wanted |= 1u << pin.Index;
            // The note has none that are zero.
            bool isRight = hex[pin.Index] is { } known
                ? known == Convert.ToHexStringLower(pin.Value.Span)
                : !pin.Value.Span.ContainsAnyExcept((byte)0);
            if (isRight)
                right |= 1u << pin.Index;
        }

        return right == wanted && (asked.AllowsDebug || hex[0] is not null);
    }

    /// <summary>The peer that a section has learned; null for none.</summary>
    public static PeerStatus? PeerOf(AttestSettings asked, IEnumerable<PeerStatus> peers)
    {
        string address = asked.Address.ToString();
        return peers.FirstOrDefault(peer => peer.Details?.Note is { } note && note.Attest == address && Accepts(asked, note));
    }

    /// <summary>A section with Attest without the prefixes that a later peer of the file has; another as it is.</summary>
    private static PeerSettings WithoutLater(IReadOnlyList<PeerSettings> peers, int index)
    {
        PeerSettings section = peers[index];
        if (section.Attest is null)
            return section;
        List<IpPrefix> own = [.. section.AllowedIps];
        for (int i = index + 1; i < peers.Count && own.Count > 0; i++)
        {
            foreach (IpPrefix prefix in peers[i].AllowedIps)
                own.RemoveAll(one => one == prefix);
        }

        return own.Count == section.AllowedIps.Count ? section : section with { AllowedIps = own };
    }

    private static PeerSettings WithKey(PeerSettings section, List<PeerStatus> known)
    {
        if (section.Attest is not { } asked || PeerOf(asked, known) is not { } peer)
            return section;
        bool isSaid = section.Endpoint is not null || section.EndpointName is not null;
        return section with
        {
            Attest = null,
            PublicKey = peer.PublicKey,
            Endpoint = isSaid ? section.Endpoint : peer.Endpoint,
            EndpointName = isSaid ? section.EndpointName : peer.Details!.EndpointName,
        };
    }

    /// <summary>What the file says wins, of each of the three.</summary>
    private static InterfaceSettings AddOffer(InterfaceSettings device, TakenOffer? taken)
    {
        if (taken is null || device.Provision is not { } provision || !Admits(provision, taken.By, taken.By))
            return device;
        bool hasDns = device.DnsServers.Count + device.SearchDomains.Count > 0;
        return device with
        {
            Addresses = device.Addresses.Count > 0 ? device.Addresses : taken.Offer.Addresses,
            Mtu = device.Mtu ?? taken.Offer.Mtu,
            DnsServers = hasDns ? device.DnsServers : taken.Offer.DnsServers,
            SearchDomains = hasDns ? device.SearchDomains : taken.Offer.SearchDomains,
        };
    }
}

/// <summary>What the first verifier has offered a prover, which was taken.</summary>
internal sealed record TakenOffer(PublicKey By, Offer Offer);
