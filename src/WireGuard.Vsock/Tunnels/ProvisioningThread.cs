using System.Security.Cryptography;
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
/// The thread of a tunnel that learns peers: it decides on verifiers that want to be taken and on peers that were attested, has
/// sections attested when it is time, and reads the file again when the tunnel was reloaded. It changes the daemon through its
/// control socket, and the tunnel under its lock, as `up` and `reload` do. What faces the network is a process of its own: see
/// <see cref="ProvisionerLink"/>.
/// </summary>
internal sealed class ProvisioningThread : IDisposable
{
    private const int LookMs = 1000;

    /// <summary>Those below need a capability, over IP and over VSOCK.</summary>
    private const uint FirstFreePort = 1024;

    /// <summary>How long its end is waited for: a program of the tunnel's may run at that moment.</summary>
    private const int EndMs = 5_000;

    private readonly string _name;
    private readonly string _instance;
    private readonly ILogger _log;
    private readonly Action _onFailed;
    private readonly Thread _thread;
    private readonly FileDescriptor _stop = new(Sys.Check(Sys.EventFd(), "eventfd"));
    private readonly ManualResetEventSlim _hasBegun = new();

    // The thread's own.
    private readonly EventLoop _loop = new();
    private readonly AttestedSections _sections;
    private readonly OfferedTunnel _offered;
    private readonly Deadline _look;
    private readonly ConfigFile _file;
    private TunnelSettings _settings;
    private readonly ProvisionerLink _provisioner;
    private readonly bool _isConfined;
    private PrivateKey? _key;
    private DeviceNotes _notes = new();
    private uint _mark; // the daemon's, of all its sockets
    private uint _listeningPort;
    private uint _revision;
    private string? _fileProblem; // why the file of the last reload cannot be read
    private bool _isStopping;

    private ProvisioningThread(
        string name, string instance, ConfigFile file, TunnelSettings settings, bool isConfined, ILogger log, Action onFailed)
    {
        (_name, _instance, _file, _settings, _log, _onFailed) = (name, instance, file, settings, log, onFailed);
        _isConfined = isConfined;
        _offered = new OfferedTunnel(name, instance, () => _settings, () => _revision)
        {
            OnTaken = HasTaken.Set,
            OnMarked = TakeMark,
        };
        _provisioner = new ProvisionerLink(_loop, log, _offered.Take, () => ProvisionerChild.Start(name));
        _sections = new AttestedSections(name, instance, file, _loop, log, _provisioner);
        _look = new Deadline(Look);
        _thread = new Thread(Run) { Name = "provisioning", IsBackground = true };
    }

    /// <summary>Set once a verifier was taken.</summary>
    public ManualResetEventSlim HasTaken { get; } = new();

    /// <summary>Starts it, once the tunnel is up, and waits until it listens, or has said why it does not yet.</summary>
    /// <param name="name">The interface's.</param>
    /// <param name="instance">Which tunnel of that name it is.</param>
    /// <param name="file">The tunnel's file.</param>
    /// <param name="settings">What it says; from now on the thread's to dispose of.</param>
    /// <param name="isConfined">Whether what faces the network is sandboxed.</param>
    /// <param name="log">Of the tunnel.</param>
    /// <param name="onFailed">Called on the thread when it ends by itself: by a mistake, or since the provisioner failed.</param>
    /// <param name="stopIfAsked">Throws a <see cref="SetupException"/> once it need not be waited for any more.</param>
    public static ProvisioningThread Start(
        string name,
        string instance,
        ConfigFile file,
        TunnelSettings settings,
        bool isConfined,
        ILogger log,
        Action onFailed,
        Action stopIfAsked)
    {
        ProvisioningThread made = new(name, instance, file, settings, isConfined, log, onFailed);
        made._thread.Start();
        try
        {
            while (!made._hasBegun.Wait(LookMs / 10))
                stopIfAsked();
        }
        catch (SetupException)
        {
            // Its caller is asked too, and ends it.
        }

        return made;
    }

    /// <summary>Ends it, and waits for its end; if that does not come, what is the thread's ends with the process.</summary>
    public void Dispose()
    {
        Sys.EventFdSignal(_stop.Fd);
        if (!_thread.Join(EndMs))
            return;
        _sections.Dispose();
        _provisioner.Dispose();
        _key?.Dispose();
        _settings.Dispose();
        _loop.Dispose();
        _stop.Dispose();
        _hasBegun.Dispose();
        HasTaken.Dispose();
    }

    private void Run()
    {
        try
        {
            _loop.Watch(_stop.Fd, Libc.EPOLLIN, _ => _isStopping = true);
            Try(() => TakeSettings(_settings, _revision));
            _loop.Schedule(_look, _loop.NowMs + LookMs);
            while (!_isStopping && _provisioner.Failure is null)
            {
                if (_provisioner.IsSettled && !_hasBegun.IsSet)
                    _hasBegun.Set();
                _loop.RunOnce(-1);
                Use();
                Try(Tell);
            }

            if (_isStopping)
                return;
            Log.ProvisionerFailed(_log, _provisioner.Failure!);
            _hasBegun.Set();
            _onFailed();
        }
        catch (Exception e)
        {
            Log.ProvisioningFailed(_log, e);
            _hasBegun.Set();
            _onFailed();
        }
    }

    /// <summary>The daemon may be about to end, and what fails now may succeed in the next second.</summary>
    private void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is SetupException or LinuxException)
        {
            Log.ProvisioningWaits(_log, e.Message);
        }
    }

    private void Look()
    {
        _loop.Schedule(_look, _loop.NowMs + LookMs);
        Try(ReadAgain);
        if (_settings.LearnsPeers())
            Try(LookAtDaemon);
    }

    private void LookAtDaemon()
    {
        using UapiClient daemon = RunningTunnel.Connect(_name, _instance, out DeviceStatus status);
        _listeningPort = status.ListenPort;
        TakeMark(status.FirewallMark);
        // `set` and `syncconf` change the key without a reload.
        if (status.PrivateKey is { } key && _key is { } known && !CryptographicOperations.FixedTimeEquals(key.Bytes, known.Bytes))
            TakeSettings(_settings, _revision);
        _sections.Look(daemon, status);
    }

    private void TakeMark(uint mark)
    {
        _mark = mark;
        Use();
    }

    /// <summary>After a reload.</summary>
    private void ReadAgain()
    {
        if (_key is null)
            TakeSettings(_settings, _revision);
        if (TunnelState.Load(_name) is not { } state || state.Instance != _instance || state.Revision == _revision)
            return;
        if (ReadFile() is not { } settings)
            return;
        _offered.First = state.Taken?.By;
        TunnelSettings before = _settings;
        try
        {
            TakeSettings(settings, state.Revision);
        }
        finally
        {
            (_settings == settings ? before : settings).Dispose();
        }
    }

    /// <summary>
    /// The file was right when it was reloaded, but may have been changed since. Until it can be read nothing is taken and
    /// nothing is learned, since what the daemon has is not known here: that is said, once.
    /// </summary>
    private TunnelSettings? ReadFile()
    {
        TunnelSettings? settings = null;
        string? problem = null;
        try
        {
            ConfigResult read = _file.Read();
            settings = read.Settings;
            if (settings is null)
                problem = read.Diagnostics.First(mistake => !mistake.IsWarning).ToText(_file.Path);
        }
        catch (SetupException e)
        {
            problem = e.Message;
        }

        if (problem is not null && problem != _fileProblem)
            Log.ReloadNotFollowed(_log, problem, _name);
        _fileProblem = problem;
        return settings;
    }

    private void TakeSettings(TunnelSettings settings, uint revision)
    {
        PrivateKey? old = TakeKey();
        (_settings, _revision) = (settings, revision);
        Use();
        _sections.Take(settings, _key!.PublicKey, revision);
        old?.Dispose();
        Tell();
    }

    /// <summary>The daemon's key, wherever it is from. Gives the one before, if it is another.</summary>
    private PrivateKey? TakeKey()
    {
        using UapiClient daemon = RunningTunnel.Connect(_name, _instance, out DeviceStatus device);
        PrivateKey key = device.PrivateKey ?? throw new SetupException($"{_name} has no private key");
        (_listeningPort, _mark) = (device.ListenPort, device.FirewallMark);
        if (_key?.PublicKey == key.PublicKey)
            return null;
        PrivateKey? old = _key;
        _key = new PrivateKey(key.Bytes);
        return old;
    }

    /// <summary>Tells the provisioner what has changed of what it has to know, and starts it, if there is none.</summary>
    private void Use()
    {
        if (_key is null || (!_settings.LearnsPeers() && !_provisioner.IsRunning))
            return;
        ProvisionSettings? provision = _settings.Interface.Provision;
        TransportAddress? listen = provision is null ? null : ListenAddressOf(_settings.Interface);
        ProvisionerNeeds needs = _isConfined ? ProvisionerNeeds.None : ProvisionerNeeds.Unconfined;
        needs |= NeedOf(listen);
        bool hasNames = false;
        foreach (PeerSettings section in _settings.Peers)
        {
            needs |= NeedOf(section.Attest?.Address);
            hasNames |= section.Attest?.Address.IsName ?? false;
        }

        if (provision?.Kind == ProvisionKind.Nitro)
            needs |= ProvisionerNeeds.SecureModule;
        if (listen is { Port: < FirstFreePort })
            needs |= ProvisionerNeeds.LowPort;
        string? refusal = provision is null || (provision.TakesFirst && _offered.First is null)
            ? null
            : LearnedSettings.RefusalOf(provision);
        IReadOnlyList<PublicKey> expected = provision is { TakesFirst: true } && _offered.First is { } first ? [first]
            : provision?.From ?? [];
        _provisioner.Use(
            needs,
            _key,
            new ProvisionerSettings(_mark, _listeningPort, provision?.Kind, listen, refusal, expected),
            hasNames && _isConfined ? NameFiles.Identity(NameFiles.All) : 0);
    }

    private static ProvisionerNeeds NeedOf(TransportAddress? address) => address?.Network switch
    {
        null => ProvisionerNeeds.None,
        NetworkKind.Vsock => ProvisionerNeeds.Vsock,
        NetworkKind.Unix => ProvisionerNeeds.Unix,
        _ => ProvisionerNeeds.IP,
    };

    /// <summary>VSOCK's port, or TCP's.</summary>
    internal static TransportAddress ListenAddressOf(InterfaceSettings settings)
    {
        uint port = settings.Provision!.Port ?? settings.ListenPort!.Value + 1u;
        return settings.Network == NetworkKind.Vsock
            ? new TransportAddress(NetworkKind.Vsock, "", Libc.VMADDR_CID_ANY, port)
            : new TransportAddress(NetworkKind.Tcp, "", 0, port);
    }

    /// <summary>Gives the daemon what `show` says, where it has changed.</summary>
    private void Tell()
    {
        ProvisionSettings? provision = _settings.Interface.Provision;
        DeviceNotes notes = new()
        {
            Provision = provision?.Kind.ToString().ToLowerInvariant(),
            ProvisionPort = _provisioner.IsListening ? ListenAddressOf(_settings.Interface).Port : null,
            Awaited = _sections.Awaited,
        };
        bool isSame = notes.Provision == _notes.Provision && notes.ProvisionPort == _notes.ProvisionPort
            && notes.Awaited.SequenceEqual(_notes.Awaited);
        if (isSame)
            return;
        using UapiClient daemon = RunningTunnel.Connect(_name, _instance, out _);
        using DeviceChange change = new() { Notes = notes };
        daemon.Set(change);
        _notes = notes;
    }
}
