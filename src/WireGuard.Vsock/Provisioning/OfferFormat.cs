using System.Buffers;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// The settings of a confirm. What is not offered is left out.
/// <code>
/// { 0: [addresses for the prover, "203.0.113.2/24"], 1: [allowed IPs of the verifier], 2: MTU, 3: [DNS servers],
///   4: [search domains] }
/// </code>
/// </summary>
internal static class OfferFormat
{
    public const int MaxAddresses = 16;
    public const int MaxAllowedIps = 64;
    public const int MaxDnsServers = 4;
    public const int MaxSearchDomains = 6;

    public static byte[] Write(Offer offer)
    {
        ArrayBufferWriter<byte> settings = new(256);
        settings.Map(
            (offer.Addresses.Count != 0 ? 1 : 0) + (offer.AllowedIps.Count != 0 ? 1 : 0) + (offer.Mtu is null ? 0 : 1)
            + (offer.DnsServers.Count != 0 ? 1 : 0) + (offer.SearchDomains.Count != 0 ? 1 : 0));
        Begin(0, offer.Addresses.Count);
        foreach (InterfaceAddress address in offer.Addresses)
            settings.Text(address.ToString());
        Begin(1, offer.AllowedIps.Count);
        foreach (IpPrefix prefix in offer.AllowedIps)
            settings.Text(prefix.ToString());
        if (offer.Mtu is { } mtu)
            settings.Number(2).Number((uint)mtu);
        Begin(3, offer.DnsServers.Count);
        foreach (string server in offer.DnsServers)
            settings.Text(server);
        Begin(4, offer.SearchDomains.Count);
        foreach (string domain in offer.SearchDomains)
            settings.Text(domain);
        return settings.WrittenSpan.ToArray();

        void Begin(uint key, int count)
        {
            if (count != 0)
                settings.Number(key).Head(CborKind.Array, (uint)count);
        }
    }

    /// <param name="error">Why it is no offer, without quoting it; empty when it is one.</param>
    public static bool TryRead(ReadOnlySpan<byte> settings, out Offer offer, out string error)
    {
        List<InterfaceAddress> addresses = [];
        List<IpPrefix> allowedIps = [];
        List<string> servers = [], domains = [];
        int? mtu = null;
        CborItems items = new(settings);
        error = items.TryHead(CborKind.Map, out uint pairs) ? "" : "the offer is not a map of settings";
        for (int i = 0, next = 0; i < pairs && error.Length == 0; i++)
        {
            bool hasKey = items.TryHead(CborKind.Number, out uint key) && key >= next;
            next = (int)Math.Min(key, 4) + 1;
            error = !hasKey ? "the keys of the offer are not in order" : key switch
            {
                0 => Each(ref items, MaxAddresses, "addresses", text =>
                    Add(addresses, InterfaceAddress.TryParse(text, out InterfaceAddress address), address)),
                1 => Each(ref items, MaxAllowedIps, "allowed IPs", text =>
                    Add(allowedIps, IpPrefix.TryParse(text, out IpPrefix prefix), prefix)),
                2 => ReadMtu(ref items, out mtu),
                3 => Each(ref items, MaxDnsServers, "DNS servers", text => Add(servers, IsIPAddress(text), text)),
                4 => Each(ref items, MaxSearchDomains, "search domains", text => Add(domains, DomainName.IsValid(text), text)),
                _ => "the offer has a setting that is not known here",
            };
        }

        if (error.Length == 0 && !items.IsAtEnd)
            error = "something follows the offer";
        offer = new Offer
        {
            Addresses = addresses,
            AllowedIps = allowedIps,
            Mtu = mtu,
            DnsServers = servers,
            SearchDomains = domains,
        };
        return error.Length == 0;
    }

    /// <summary>What is wrong with one of the texts of an array; empty when nothing is.</summary>
    private static string Each(ref CborItems items, int most, string what, Func<string, bool> take)
    {
        if (!items.TryHead(CborKind.Array, out uint count))
            return $"the {what} offered are no array";
        if (count > most)
            return $"more than {most} {what} are offered";
        for (uint i = 0; i < count; i++)
        {
            if (!items.TryText(out string? text) || !take(text))
                return $"number {i + 1} of the {what} offered cannot be read";
        }

        return "";
    }

    private static string ReadMtu(ref CborItems items, out int? mtu)
    {
        bool isMtu = items.TryHead(CborKind.Number, out uint value) && value <= ushort.MaxValue;
        mtu = isMtu ? (int)value : null;
        return isMtu ? "" : "the MTU offered is none";
    }

    private static bool IsIPAddress(string text) =>
        IpAddressText.TryParseIPv4(text, out _) || IpAddressText.TryParseIPv6(text, out _);

    private static bool Add<T>(List<T> to, bool isOne, T item)
    {
        if (isOne)
            to.Add(item);
        return isOne;
    }
}
