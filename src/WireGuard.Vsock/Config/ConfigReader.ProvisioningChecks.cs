using WireGuard.Attestation;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.ConfigKeys;

namespace WireGuard.Vsock.Config;

/// <summary>What must hold between the lines of provisioning, and what is offered where nothing is said.</summary>
internal sealed partial class ConfigReader
{
    /// <summary>The PCRs that tell what runs: the image, the application, who has signed it.</summary>
    private static readonly int[] TellingPcrs = [0, 2, 8];

    /// <summary>Seconds, over UDP, where nothing is said.</summary>
    private const int AttestedKeepalive = 25;

    private void CheckProvision()
    {
        if (!_said.TryGetValue(ConfigKeys.Provision, out Place place))
        {
            foreach (string key in (string[])[ProvisionFrom, ProvisionPort])
            {
                if (_said.TryGetValue(key, out Place alone))
                    Mistake(alone, key, $"it goes with {ConfigKeys.Provision}: add that, or delete the line");
            }

            return;
        }

        if (!_said.TryGetValue(ProvisionFrom, out Place from))
            Mistake(place, ConfigKeys.Provision, $"from whom? Add {ProvisionFrom} = the verifier's public key, or first");
        else if (_takesFirst && _provisionFrom.Count > 0)
            Mistake(from, ProvisionFrom, "first takes anyone: keep either it or the keys");
        else if (_takesFirst)
            Warn(from, ProvisionFrom, "it may be anyone, this machine's host too: put the verifier's public key if it is known");
        else if (OwnKey.Given is { } own && _provisionFrom.Contains(own.PublicKey))
            Mistake(from, ProvisionFrom, OwnPublicKey);
        CheckProvisionPort(place);
        if (!OwnKey.Generates)
            Warn(place, ConfigKeys.Provision, "the key is not made at each start: write PrivateKey = generate");
        if (_provision == ProvisionKind.Unattested)
            Warn(place, ConfigKeys.Provision, "unattested proves nothing of what runs here: it is for trying out");
    }

    private void CheckProvisionPort(Place place)
    {
        bool isOwn = _said.TryGetValue(ProvisionPort, out Place port);
        if (_network == NetworkKind.Unix)
            Mistake(place, ConfigKeys.Provision, "unix is for the host of guests: in a guest the network is vsock");
        else if (!isOwn && (_listenPort == 0 || !_said.ContainsKey(ListenPort)))
            Mistake(place, ConfigKeys.Provision, $"at which port? Add {ListenPort}, for the one behind that, or {ProvisionPort}");
        else if (isOwn && _network is { IsStream: true } && _provisionPort is { } own && own == _listenPort)
            Mistake(port, ProvisionPort, $"{ListenPort} has {own} too: take another, or delete the line for the one behind it");
        else if (_network is { IsIP: true } && (isOwn ? _provisionPort : _listenPort + 1) is > ushort.MaxValue and { } large)
            Mistake(isOwn ? port : place, ProvisionPort, $"{large} is no port: from 1 to {ushort.MaxValue}");
    }

    private void CheckAttest(PeerDraft peer, Dictionary<TransportAddress, Place> others)
    {
        if (!peer.Said.TryGetValue(ConfigKeys.Attest, out Place line))
        {
            foreach ((string key, Place at) in peer.Said.Where(said => IsOfAttest(said.Key)))
                Mistake(at, key, $"it goes with {ConfigKeys.Attest}: add where the peer is attested, or delete the line");
            return;
        }

        if (peer.Said.TryGetValue(ConfigKeys.PublicKey, out Place given))
            Mistake(given, ConfigKeys.PublicKey, $"there is Attest on line {line.Line}, which learns it: keep one of the two");
        if (peer.Attest is not { } address)
            return;
        if (!others.TryAdd(address, line))
            Mistake(line, ConfigKeys.Attest, $"line {others[address].Line} attests the same: make one {PeerSection} of the two");
        bool isReached = address.Network == NetworkKind.Tcp ? _network is { IsIP: true } : _network == address.Network;
        if (_network is { } network && !isReached && !peer.Said.ContainsKey(ConfigKeys.Endpoint))
        {
            string where = $"{address.Network.Word} tells no endpoint over {network.Word}, and the peer waits to be called";
            Warn(line, ConfigKeys.Attest, $"{where}: add {ConfigKeys.Endpoint}");
        }

        if (_network is { IsStream: false })
            CheckKeepalive(peer);
        CheckPins(peer, line);
        OfferDefaults(peer, line);
        CheckOffer(peer);
    }

    /// <summary>Over UDP nothing but a message that is not answered tells that a peer was started anew.</summary>
    private void CheckKeepalive(PeerDraft peer)
    {
        if (!peer.Said.TryGetValue(PersistentKeepalive, out Place place))
            peer.Keepalive = AttestedKeepalive;
        else if (peer.Keepalive == 0)
            Warn(place, PersistentKeepalive, "a peer that is started anew is attested anew only once something is sent to it: "
                + $"delete the line, for {AttestedKeepalive} seconds");
    }

    private void CheckPins(PeerDraft peer, Place line)
    {
        for (int i = 0; i < peer.Pins.Count; i++)
        {
            if (peer.Pins[i].Index == 0 && IsZero(peer.Pins[i]) && !peer.AllowsDebug)
                Mistake(peer.PinPlaces[i], Pcrs[0], "it is all zero, which is debug mode: put another, or add AttestDebug = yes");
        }

        // A PCR0 of zeros, and one that is misread, has its mistake already.
        bool tells = AttestationPolicy.PinsCode(peer.Pins, peer.AllowsDebug);
        bool isSaid = !peer.AllowsDebug && peer.Pins.Exists(pin => pin.Index == 0 && IsZero(pin));
        bool isMisread = Array.Exists(TellingPcrs, index =>
            peer.Said.ContainsKey(Pcrs[index]) && !peer.Pins.Exists(pin => pin.Index == index));
        bool isZero = peer.Pins.Exists(pin => pin.Index is 2 or 8 && IsZero(pin));
        string zero = isZero ? "; zeros, even as one of several, tell nothing" : "";
        if (!tells && !isSaid && !isMisread && !peer.AllowsUnattested)
            Mistake(line, ConfigKeys.Attest, $"what is to run there? Add PCR0, PCR2 or PCR8, as nitro-cli prints it{zero}");
        if (peer.AllowsUnattested)
            Warn(peer.Said[AttestUnattested], AttestUnattested, "it takes an answer that proves nothing: it is for trying out");
        if (peer.AllowsDebug)
            Warn(peer.Said[AttestDebug], AttestDebug, "debug mode proves nothing of what runs there: it is for trying out");
    }

    private static bool IsZero(in PcrPin pin) => !pin.Value.Span.ContainsAnyExcept((byte)0);

    /// <summary>The peer's hosts as its addresses, our addresses as its allowed IPs: of each one more than can be.</summary>
    private void OfferDefaults(PeerDraft peer, Place line)
    {
        if (!peer.Said.ContainsKey(OfferAddress))
        {
            foreach (IpPrefix prefix in peer.AllowedIps)
            {
                if (!IsHost(prefix) || peer.OfferedAddresses.Count > OfferFormat.MaxAddresses)
                    continue;
                InterfaceAddress address = InOwnNetwork(prefix);
                if (!peer.OfferedAddresses.Contains(address))
                    peer.Offer(address, line);
            }

            if (peer.OfferedAddresses.Count == 0)
                Warn(line, ConfigKeys.Attest, "the peer is offered no address: add OfferAddress, unless its own file has one");
        }

        foreach (InterfaceAddress own in _addresses)
        {
            bool isFull = peer.Said.ContainsKey(OfferAllowedIps) || peer.OfferedIps.Count > OfferFormat.MaxAllowedIps;
            if (!isFull && !peer.OfferedIps.Contains(HostOf(own)))
                peer.OfferedIps.Add(HostOf(own));
        }

        if (peer.OfferedIps.Count == 0 && !peer.Said.ContainsKey(OfferAllowedIps))
            Warn(line, ConfigKeys.Attest, "the peer gets no allowed IPs: add Address to [Interface], or OfferAllowedIPs here");
    }

    /// <summary>With the prefix's length of the own address whose network holds it; the longest, if there are several.</summary>
    private InterfaceAddress InOwnNetwork(IpPrefix host)
    {
        var alone = new InterfaceAddress(host.Address, host.Length, host.IsIPv6);
        InterfaceAddress found = alone with { PrefixLength = 0 };
        foreach (InterfaceAddress own in _addresses)
        {
            if (Holds(own.Network, alone) && own.PrefixLength > found.PrefixLength)
                found = alone with { PrefixLength = own.PrefixLength };
        }

        return found.PrefixLength == 0 ? alone : found;
    }

    private static bool IsHost(IpPrefix prefix) => prefix.Length == (prefix.IsIPv6 ? 128 : 32);

    private static IpPrefix HostOf(InterfaceAddress address) =>
        (address with { PrefixLength = (byte)(address.IsIPv6 ? 128 : 32) }).Network;

    private static bool Holds(IpPrefix network, InterfaceAddress address) =>
        network.IsIPv6 == address.IsIPv6 && (address with { PrefixLength = network.Length }).Network == network;

    private void CheckOffer(PeerDraft peer)
    {
        for (int i = 0; i < Math.Min(peer.OfferedAddresses.Count, OfferFormat.MaxAddresses); i++)
        {
            (InterfaceAddress address, Place place) = (peer.OfferedAddresses[i], peer.OfferedPlaces[i]);
            string key = peer.Said.ContainsKey(OfferAddress) ? OfferAddress : AllowedIps;
            if (_addresses.Exists(own => HostOf(own) == HostOf(address)))
                Mistake(place, key, $"{address.AddressText} is this interface's own: offer another");
            else if (!peer.AllowedIps.Exists(prefix => Holds(prefix, address)))
                Warn(place, key, $"{address.AddressText} is not in {AllowedIps}: what the peer sends from it is dropped");
        }

        AtMost(OfferFormat.MaxAddresses, peer.OfferedAddresses.Count, OfferAddress, "addresses");
        AtMost(OfferFormat.MaxAllowedIps, peer.OfferedIps.Count, OfferAllowedIps, "allowed IPs");
        AtMost(OfferFormat.MaxDnsServers, peer.OfferedServers.Count, OfferDns, "servers");
        AtMost(OfferFormat.MaxSearchDomains, peer.OfferedDomains.Count, OfferDns, "search domains");
        bool hasIPv6 = peer.OfferedAddresses.Exists(address => address.IsIPv6);
        CheckMtu(OfferMtu, peer.OfferedMtu, peer.OfferedMtuPlace, hasIPv6);

        void AtMost(int most, int count, string key, string what)
        {
            string name = peer.Said.ContainsKey(key) ? key : ConfigKeys.Attest;
            if (count > most)
                Mistake(peer.Said[name], name, $"more than {most} {what} would be offered: name with {key} those that matter");
        }
    }
}
