using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// What a prover does with an offer that is confirmed: it is refused, or taken as one: the verifier becomes a peer, and
/// addresses, MTU, DNS and routes are set as `up` sets them. When a step fails, all are undone. Provisioning thread only.
/// </summary>
/// <param name="name">The interface's.</param>
/// <param name="instance">Which tunnel of that name it is.</param>
/// <param name="settings">What its file says, as of the last reload that was noticed.</param>
/// <param name="revision">Of which reload that is.</param>
internal sealed class OfferedTunnel(
    string name, string instance, Func<TunnelSettings> settings, Func<uint> revision)
{
    /// <summary>The first verifier that was taken, as of the last exchange or reload; null for none.</summary>
    public PublicKey? First { get; set; }

    /// <summary>Called when an offer was taken.</summary>
    public Action OnTaken { get; init; } = () => { };

    /// <summary>Called with the mark of the tunnel's sockets, before routes are set that depend on it.</summary>
    public Action<uint> OnMarked { get; init; } = _ => { };

    /// <summary>Takes a verifier, which has proved its key, as a peer, and what it offers: as a whole or not at all.</summary>
    /// <param name="verifier">Its key.</param>
    /// <param name="offer">Well-formed.</param>
    /// <param name="from">The far end of the connection, which must still be reached afterwards.</param>
    /// <returns>Null: it is taken. Else why not, in words that the verifier is told.</returns>
    public string? Take(PublicKey verifier, Offer offer, EndpointAddress from)
    {
        try
        {
            using RunningTunnel tunnel = RunningTunnel.Open(name, instance);
            tunnel.RequireRevision(revision());
            if (Take(tunnel, verifier, offer, from) is { } problem)
                return problem;
            OnTaken();
            return null;
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            return e.Message;
        }
    }

    private string? Take(RunningTunnel tunnel, PublicKey verifier, Offer offer, EndpointAddress from)
    {
        TunnelSettings file = settings();
        TunnelState state = tunnel.State;
        First = state.Taken?.By;
        PublicKey own = tunnel.Status.PrivateKey?.PublicKey ?? default;
        if (OfferCheck.Problem(own, verifier, offer, file, state.Taken, tunnel.Status.Peers) is { } problem)
            return problem;

        TakenOffer? earlier = state.Taken;
        List<TakenOffer> later = [.. state.Later];
        PeerStatus? known = tunnel.Status.Peers.FirstOrDefault(peer => peer.PublicKey == verifier);
        bool isSaid = LearnedSettings.SaysAllowedIps(file, verifier);
        Sys.RealTime(out long nowSeconds, out _);
        PeerStatus wanted = new()
        {
            PublicKey = verifier,
            AllowedIps = isSaid ? known?.AllowedIps ?? [] : offer.AllowedIps,
            Details = new PeerDetails { Note = new PeerNote { ProvisionedAt = nowSeconds } },
        };
        List<EndpointAddress> outside = OutsideOf(tunnel, from);
        try
        {
            Remember(state, file.Interface.Provision!, new TakenOffer(verifier, offer));
            Change(tunnel, file, earlier, wanted, check: mark => RequireOutside(tunnel, outside, mark, from));
            First = state.Taken!.By;
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            TakenOffer? failed = state.Taken;
            state.Taken = earlier;
            state.Later.Clear();
            state.Later.AddRange(later);
            Undo(tunnel, file, failed, known ?? wanted, isAdded: known is null);
            throw;
        }

        return null;
    }

    /// <summary>As the first, or behind those before it, of which the file may name some no more.</summary>
    private static void Remember(TunnelState state, ProvisionSettings provision, TakenOffer offer)
    {
        if (state.Taken is null || state.Taken.By == offer.By)
        {
            state.Taken = offer;
            return;
        }

        TakenOffer kept = offer with { Offer = offer.Offer with { AllowedIps = [] } };
        int known = state.Later.FindIndex(other => other.By == offer.By);
        if (known >= 0)
            state.Later[known] = kept;
        else
            state.Later.Add(kept);
        _ = state.Later.RemoveAll(other => !LearnedSettings.Admits(provision, other.By, other.By));
    }

    /// <summary>The verifier and the other peers, as far as they are reached past the tunnel.</summary>
    private static List<EndpointAddress> OutsideOf(RunningTunnel tunnel, EndpointAddress verifier)
    {
        List<EndpointAddress> all = [verifier, .. tunnel.Status.Peers.Select(peer => peer.Endpoint ?? default)];
        return all.FindAll(to => !tunnel.Carries(to, tunnel.Status.FirewallMark));
    }

    /// <summary>
    /// A route that was offered may cover the path to the verifier that offers it, where that has no route of its own: only the
    /// kernel knows. What is sent there would go into the tunnel, and nothing would mend that but a restart.
    /// </summary>
    private static void RequireOutside(
        RunningTunnel tunnel, List<EndpointAddress> outside, uint mark, EndpointAddress verifier)
    {
        foreach (EndpointAddress to in outside)
        {
            if (!tunnel.Carries(to, mark))
                continue;
            string whose = to == verifier ? "the verifier itself" : to.ToString();
            throw new SetupException($"the offer takes the path to {whose}");
        }
    }

    /// <summary>Gives the tunnel what it is to have with that peer, and with the offer that its state has.</summary>
    /// <param name="tunnel">The tunnel.</param>
    /// <param name="file">What its file says.</param>
    /// <param name="before">The offer that it had.</param>
    /// <param name="peer">As it is to be.</param>
    /// <param name="removes">Whether it is to be none.</param>
    /// <param name="check">Called with the sockets' mark when the routes are there, before any program is run.</param>
    private void Change(
        RunningTunnel tunnel,
        TunnelSettings file,
        TakenOffer? before,
        PeerStatus peer,
        bool removes = false,
        Action<uint>? check = null)
    {
        TunnelState state = tunnel.State;
        IEnumerable<PeerStatus> others = tunnel.Status.Peers.Where(other => other.PublicKey != peer.PublicKey);
        TunnelSettings wanted = LearnedSettings.Add(file, state.Taken, removes ? others : [.. others, peer]);
        TunnelPlan plan = tunnel.PlanOf(wanted);
        IReadOnlyList<string> uplinks = tunnel.UplinksOf(wanted, plan);
        using DeviceChange change = new()
        {
            // One that was set for a default route goes with it.
            FirewallMark = plan.FirewallMark ?? (state.Rules.Count > 0 ? 0 : null),
        };
        PeerChange one = new(peer.PublicKey)
        {
            Removes = removes,
            Note = peer.Details?.Note ?? new PeerNote(), // an empty one takes back what an offer has noted
            ReplacesAllowedIps = true,
        };
        one.AllowedIps.AddRange(peer.AllowedIps.Select(prefix => new AllowedIpChange(prefix, Removes: false)));
        change.Peers.Add(one);
        tunnel.Daemon.Set(change);
        uint mark = change.FirewallMark ?? tunnel.Status.FirewallMark;
        OnMarked(mark);
        if (uplinks.Count > 0)
            SourceChecks.Prepare(uplinks);
        tunnel.Follow(wanted, plan);
        check?.Invoke(mark);
        SourceChecks.Warn(uplinks);
        SetDns(state, LearnedSettings.Add(file, before, []).Interface, wanted.Interface);
        state.Save();
    }

    /// <summary>What the file says of it was set by `up`, and stays.</summary>
    private static void SetDns(TunnelState state, InterfaceSettings before, InterfaceSettings wanted)
    {
        if (TunnelState.DnsOf(before) == TunnelState.DnsOf(wanted) || state.Dns is not "")
            return;
        Dns.TakeBack(state);
        Dns.Set(wanted, state);
    }

    /// <summary>What has failed is told to the verifier; what cannot be undone is said here, and `down` undoes it.</summary>
    private void Undo(RunningTunnel tunnel, TunnelSettings file, TakenOffer? failed, PeerStatus peer, bool isAdded)
    {
        // First of all: who was not taken is not the first, whatever else can be undone.
        Try(tunnel.State.Save);
        Try(() => Change(tunnel, file, failed, peer, isAdded));
        void Try(Action step)
        {
            try
            {
                step();
            }
            catch (Exception e) when (e is SetupException or LinuxException)
            {
                Say.Error($"{tunnel.State.Name}: an offer that was not taken is not wholly undone: {e.Message}");
            }
        }
    }
}
