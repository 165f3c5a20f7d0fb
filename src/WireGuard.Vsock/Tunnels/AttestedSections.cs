using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// A verifier's sections with Attest: has each attested when <see cref="AttestedPeers"/> says so, and gives the daemon the peer
/// whose key was learned, in place of the one before. Provisioning thread only.
/// </summary>
internal sealed class AttestedSections : IDisposable
{
    private const string BeingAttested = "being attested";

    private readonly string _name;
    private readonly string _instance;
    private readonly ConfigFile _file;
    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly ProvisionerLink _provisioner;
    private readonly AttestedPeers _schedule = new(Random.Shared.NextDouble);
    private readonly Deadline _start;
    private readonly Dictionary<string, uint> _attempts = []; // the provisioner's numbers of them
    private readonly Dictionary<string, PublicKey> _confirmed = []; // by the attempts that go on
    private readonly Dictionary<string, string> _reasons = []; // why a section has no peer, or not the one it has now
    private readonly HashSet<string> _distrusted = []; // sections whose root is another than their peer's, which is to go
    private List<PeerSettings> _sections = [];
    private Dictionary<string, AttestDemand> _demands = []; // of the sections, by their addresses
    private PublicKey? _key;
    private uint _revision;
    private NetworkKind _network;

    public AttestedSections(
        string name, string instance, ConfigFile file, EventLoop loop, ILogger log, ProvisionerLink provisioner)
    {
        (_name, _instance, _file, _loop, _log, _provisioner) = (name, instance, file, loop, log, provisioner);
        _start = new Deadline(Start);
    }

    public bool IsEmpty => _sections.Count == 0;

    /// <summary>The sections without a peer, or whose peer is not reached and cannot be attested anew, and why.</summary>
    public IReadOnlyList<AwaitedPeer> Awaited
    {
        get
        {
            List<AwaitedPeer> awaited = [];
            foreach (string address in _reasons.Keys)
                awaited.Add(new AwaitedPeer(address, _reasons[address]));
            return awaited;
        }
    }

    /// <summary>The file was read: those sections are attested that are new, or ask for something else than before.</summary>
    /// <param name="settings">What it says; its keys must last until the next call.</param>
    /// <param name="key">The tunnel's, which the provisioner has.</param>
    /// <param name="revision">As of which reload.</param>
    public void Take(TunnelSettings settings, PublicKey key, uint revision)
    {
        bool isSameKey = _key == key;
        Dictionary<string, AttestDemand> before = _demands;
        (_key, _network, _revision) = (key, settings.Interface.Network, revision);
        _sections = LearnedSettings.SectionsOf(settings);
        _demands = _sections.ToDictionary(AddressOf, section => AttestDemand.Of(section.Attest!, _file.ReadRoot));
        List<string> all = [.. _sections.Select(AddressOf)];
        List<string> kept = [.. all.Where(address => isSameKey && before.GetValueOrDefault(address) == _demands[address])];
        _distrusted.UnionWith(all.Where(
            address => before.GetValueOrDefault(address) is { } old && old.Root != _demands[address].Root));
        foreach (string address in _attempts.Keys.Except(kept).ToList())
            End(address);
        foreach (string address in _reasons.Keys.Except(all).ToList())
            _reasons.Remove(address);
        // One that is gone for a moment is a new one.
        _schedule.Set(kept, _loop.NowMs);
        _schedule.Set(all, _loop.NowMs);
        foreach (string address in all.Except(kept))
            _reasons.TryAdd(address, BeingAttested);
        Start();
    }

    /// <summary>Each second: whether the peers that were learned are reached.</summary>
    /// <param name="daemon">The tunnel's.</param>
    /// <param name="status">What it has.</param>
    public void Look(UapiClient daemon, DeviceStatus status)
    {
        RemoveDistrusted(status);
        if (status.Details is not { IsUp: true } details)
            return;
        foreach (PeerSettings section in _sections)
        {
            string address = AddressOf(section);
            PeerStatus? peer = LearnedSettings.PeerOf(section.Attest!, status.Peers);
            PeerReach reach = ReachOf(peer, details.Network.IsStream);
            if (_schedule.Look(address, reach, _loop.NowMs))
                _reasons.Remove(address);
            bool mayBeGone = !details.Network.IsStream && reach is PeerReach.Reached or PeerReach.Idle;
            if (mayBeGone && _schedule.WantsHandshake(address, peer!.RxBytes, _loop.NowMs))
                daemon.BeginHandshake(peer.PublicKey);
        }

        Start();
    }

    public void Dispose()
    {
        foreach (uint attempt in _attempts.Values)
            _provisioner.Cancel(attempt);
        _attempts.Clear();
        _loop.Cancel(_start);
    }

    private static string AddressOf(PeerSettings section) => section.Attest!.Address.ToString();

    /// <param name="peer">The one that a section has learned; null for none.</param>
    /// <param name="isStream">Whether the tunnel's network has connections.</param>
    internal static PeerReach ReachOf(PeerStatus? peer, bool isStream) =>
        peer?.Details is not { } details ? PeerReach.Gone
        : isStream && !details.Connections.Any() ? PeerReach.Unreached
        : details.HandshakeError is null ? details.HasSession ? PeerReach.Reached : PeerReach.Idle
        : details.HasSession ? PeerReach.Rekeying
        : PeerReach.Silent;

    private void RemoveDistrusted(DeviceStatus status)
    {
        if (_distrusted.Count == 0)
            return;
        using DeviceChange change = LearnedPeer.RemovalOf(_distrusted, status.Peers);
        if (change.Peers.Count > 0)
        {
            using UapiClient daemon = UapiClient.Connect(_name);
            daemon.Set(change);
        }

        _distrusted.Clear();
    }

    private void Start()
    {
        while (_schedule.TryStart(_loop.NowMs, out string address))
        {
            PeerSettings section = SectionAt(address);
            ReadOnlyMemory<byte>? root = null;
            try
            {
                if (section.Attest!.RootFile is { } file)
                    root = _file.ReadRoot(file);
            }
            catch (SetupException e)
            {
                NoteEnd(address, $"AttestRoot: {e.Message}");
                continue;
            }

            string at = address;
            string? problem = _provisioner.TryStart(
                section.Attest,
                root,
                peer => Refusal(SectionAt(at), peer),
                (peer, problem) => OnEnded(at, peer, problem),
                out uint attempt);
            if (problem is null)
                _attempts[address] = attempt;
            else
                NoteEnd(address, problem);
        }

        long nextMs = _schedule.NextMs;
        if (nextMs == long.MaxValue)
            _loop.Cancel(_start);
        else
            _loop.Schedule(_start, nextMs);
    }

    /// <summary>
    /// As the file has it now: a reload may have come since an attempt began, which changes the rest of the section and wipes the
    /// keys of what was read before. One that asks for something else ends the attempt.
    /// </summary>
    private PeerSettings SectionAt(string address) => _sections.First(section => AddressOf(section) == address);

    private void OnEnded(string address, ProvenPeer? peer, string? problem)
    {
        End(address);
        NoteEnd(address, peer is null ? problem : Try(() => Learn(SectionAt(address), peer)));
        Start();
    }

    /// <summary>Before the prover takes what it is offered: why what it has shown makes no peer, or null.</summary>
    private string? Refusal(PeerSettings section, ProvenPeer peer) => Try(() =>
    {
        using UapiClient daemon = RunningTunnel.Connect(_name, _instance, out DeviceStatus status);
        if (!TryMake(section, peer, status, out PeerSettings learned, out string problem))
            return problem;
        if (_confirmed.ContainsValue(learned.PublicKey))
            return LearnedPeer.OthersKey(learned.PublicKey);
        _confirmed[AddressOf(section)] = learned.PublicKey;
        return null;
    });

    private static string? Try(Func<string?> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            return e.Message;
        }
    }

    private void End(string address)
    {
        _confirmed.Remove(address);
        if (_attempts.Remove(address, out uint attempt))
            _provisioner.Cancel(attempt);
    }

    private void NoteEnd(string address, string? problem)
    {
        _schedule.End(address, problem is null, _loop.NowMs);
        if (problem is null)
        {
            _reasons.Remove(address);
            _distrusted.Remove(address);
            return;
        }

        if (_reasons.GetValueOrDefault(address) != problem)
            Log.NotAttested(_log, address, problem);
        _reasons[address] = problem;
    }

    /// <summary>Gives the daemon the peer. Gives why not, or null.</summary>
    private string? Learn(PeerSettings section, ProvenPeer peer)
    {
        string address = AddressOf(section);
        using RunningTunnel tunnel = RunningTunnel.Open(_name, _instance);
        tunnel.RequireRevision(_revision);
        // Another may have changed the tunnel since the confirm.
        if (!TryMake(section, peer, tunnel.Status, out PeerSettings learned, out string problem))
            return problem;
        List<PeerStatus> peers = [.. tunnel.Status.Peers];
        PublicKey key = learned.PublicKey;
        Sys.RealTime(out long nowSeconds, out _);
        PeerNote note = LearnedPeer.NoteOf(address, peer, nowSeconds);
        using DeviceChange change = LearnedPeer.ChangeTo(learned, note, peers, _file.ReadPresharedKey);
        tunnel.Daemon.Set(change);
        tunnel.Daemon.BeginHandshakes();
        if (peers.TrueForAll(other => other.PublicKey != key))
            Log.PeerAttested(_log, address, key, note.Module ?? "nothing");
        return null;
    }

    private bool TryMake(
        PeerSettings section, ProvenPeer peer, DeviceStatus status, out PeerSettings learned, out string problem) =>
        LearnedPeer.TryMake(section, peer.Key, peer.Port, _network, out learned, out problem)
        && LearnedPeer.IsFree(learned.PublicKey, AddressOf(section), status, out problem);
}
