using System.Text;
using WireGuard.Attestation;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tunnels;

/// <summary>What a section asks of its peer: a peer is attested anew when it changes.</summary>
/// <param name="Asked">All but the root, and what is offered.</param>
/// <param name="Root">The root's bytes in hexadecimal digits; empty for AWS's. A peer attested under another is to go.</param>
internal sealed record AttestDemand(string Asked, string Root)
{
    /// <param name="section">What it says.</param>
    /// <param name="readRoot">Reads a file that AttestRoot names.</param>
    public static AttestDemand Of(AttestSettings section, Func<string, ReadOnlyMemory<byte>> readRoot)
    {
        Offer offer = section.Offer;
        StringBuilder text = new($"{section.AllowsDebug} {section.AllowsUnattested} {offer.Mtu}");
        foreach (PcrPin pin in section.Pins)
            text.Append(' ').Append(pin.Index).Append(':').Append(Convert.ToHexString(pin.Value.Span));
        foreach (InterfaceAddress address in offer.Addresses)
            text.Append(" address ").Append(address.ToString());
        foreach (IpPrefix prefix in offer.AllowedIps)
            text.Append(" for ").Append(prefix.ToString());
        text.Append(" DNS ").AppendJoin(' ', offer.DnsServers.Concat(offer.SearchDomains));
        return new AttestDemand(text.ToString(), section.RootFile is { } file ? TextOf(file, readRoot) : "");
    }

    /// <summary>A root that cannot be read is another than one that can.</summary>
    private static string TextOf(string file, Func<string, ReadOnlyMemory<byte>> readRoot)
    {
        try
        {
            return Convert.ToHexString(readRoot(file).Span);
        }
        catch (SetupException)
        {
            return "unreadable";
        }
    }
}
