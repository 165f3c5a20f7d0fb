using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Config.RelayKeys;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Config;

/// <summary>What must hold between the lines, and between the arguments.</summary>
internal sealed partial class RelayReader
{
    private const string LocalHost = "localhost";

    private void CheckWhole()
    {
        if (_rules.Count == 0)
            Mistake(new Place(1, 1), "", $"there is no {RelaySection}: begin the file with that line");
        else if (_rules.Count > RelayLimits.MaxRules)
            Mistake(_rules[RelayLimits.MaxRules].Place, "", $"more than {RelayLimits.MaxRules} of {RelaySection}: delete some");
        foreach (RuleDraft rule in _rules)
        {
            CheckEnds(rule);
            CheckRaw(rule);
            CheckKeys(rule);
        }

        CheckListeners();
        CheckLoops();
    }

    private void CheckEnds(RuleDraft rule)
    {
        if (!rule.Said.ContainsKey(Listen))
            Mistake(rule.Place, Named(Listen), $"where to listen? Add {Written(Listen, "udp:51820")}");
        bool hasTo = rule.Said.TryGetValue(To, out Place to);
        bool hasPeers = rule.Said.TryGetValue(Peer, out Place peer);
        if (hasTo && hasPeers)
        {
            bool isToFirst = (to.Line, to.Column).CompareTo((peer.Line, peer.Column)) < 0;
            (string later, string earlier) = isToFirst ? (Peer, To) : (To, Peer);
            Mistake(
                isToFirst ? peer : to,
                Named(later),
                $"there is {Named(earlier)} {Spot(isToFirst ? to : peer)} too: either all goes to one address, or to peers");
        }
        else if (!hasTo && !hasPeers)
        {
            Mistake(rule.Place, Named(To), $"where to? Add {Written(To, "ADDRESS")}, or {Written(Peer, "KEY=ADDRESS")}");
        }
    }

    private void CheckRaw(RuleDraft rule)
    {
        if (!rule.IsRaw)
            return;
        Place place = rule.Said[Raw];
        if (rule.Said.TryGetValue(Peer, out Place peer))
        {
            string mend = $"with {Named(Raw)} write {Written(To, "ADDRESS")}";
            Mistake(peer, Named(Peer), $"only WireGuard names its peer by a key: {mend}");
        }

        foreach (Located end in (List<Located>)[.. rule.Listen, .. rule.Targets])
        {
            if (end.Address.Network == NetworkKind.Udp)
                Mistake(place, Named(Raw), $"it is for streams, and {end.Address} is none: delete it, or use another network");
        }
    }

    private void CheckKeys(RuleDraft rule)
    {
        Dictionary<PublicKey, Place> keys = [];
        foreach (Located peer in rule.Peers)
        {
            if (!keys.TryAdd(peer.Key, peer.Place))
                Mistake(peer.Place, Named(Peer), $"{Spot(keys[peer.Key])} is the same key: delete one of the two");
        }

        if (rule.Peers.Count > RelayLimits.MaxPeers)
        {
            Mistake(
                rule.Peers[RelayLimits.MaxPeers].Place,
                Named(Peer),
                $"more than {RelayLimits.MaxPeers}: listen on one more port for the others");
        }
    }

    private void CheckListeners()
    {
        Dictionary<TransportAddress, Located> listeners = [];
        foreach (Located one in _rules.SelectMany(rule => rule.Listen))
        {
            if (!listeners.TryAdd(one.Address, one))
            {
                string other = Spot(listeners[one.Address].Place);
                Mistake(one.Place, Named(Listen), $"{one.Address} is taken {other} already: delete one of the two");
            }
            else if (listeners.Count == RelayLimits.MaxListeners + 1)
            {
                Mistake(one.Place, Named(Listen), $"more than {RelayLimits.MaxListeners}: start one more relay for the others");
            }
        }
    }

    /// <summary>Rules that lead to each other in a circle would carry one message for ever.</summary>
    private void CheckLoops()
    {
        foreach (RuleDraft rule in _rules)
        {
            foreach (Located target in rule.Targets)
            {
                if (Leads(target.Address, rule, []) is not { } listener)
                    continue;
                string way = $"{target.Address} comes back to {listener.Address}, {Spot(listener.Place)}";
                Mistake(target.Place, Named(target.Key.IsZero ? To : Peer), $"{way}: messages would go round for ever");
            }
        }
    }

    /// <summary>Where the rule listens, if what is sent to the target comes back there; null if it does not.</summary>
    private Located? Leads(TransportAddress target, RuleDraft to, HashSet<RuleDraft> seen)
    {
        foreach (RuleDraft rule in _rules)
        {
            foreach (Located listener in rule.Listen)
            {
                if (!IsHeard(target, listener.Address) || !seen.Add(rule))
                    continue;
                if (rule == to)
                    return listener;
                foreach (Located next in rule.Targets)
                {
                    if (Leads(next.Address, to, seen) is { } found)
                        return found;
                }
            }
        }

        return null;
    }

    /// <summary>Whether what is sent to the one comes to the other, as far as their texts tell.</summary>
    private static bool IsHeard(TransportAddress target, TransportAddress listener)
    {
        if (target.Network != listener.Network || target.Port != listener.Port)
            return false;
        return target.Network switch
        {
            NetworkKind.Vsock => target.Cid == VMADDR_CID_LOCAL,
            NetworkKind.Unix => false, // the one speaks to the guest behind PATH, the other hears it
            _ => target.Host == listener.Host
                || (IsLoopback(target.Host) && (listener.Host.Length == 0 || IsAny(listener.Host)))
                || (target.Host == LocalHost && IsLoopback(listener.Host)),
        };
    }

    private static bool IsAny(string host) => host is "0.0.0.0" or "::";

    private static bool IsLoopback(string host) =>
        host is LocalHost or "::1" || (IpAddressText.TryParseIPv4(host, out uint address) && address >> 24 == 127);

    /// <summary>A key and a value, as they are to be written here.</summary>
    private string Written(string key, string value) => _isLine ? $"{Option(key)} {value}" : $"{key} = {value}";
}
