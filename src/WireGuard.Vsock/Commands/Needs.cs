using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Processes;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>What the processes of the commands need of the system once they run.</summary>
internal static class Needs
{
    private const int FirstFreePort = 1024;
    private const int MostLinks = 8;
    private const string Everywhere = "/";
    private const string Resolver = "/etc/resolv.conf";

    /// <summary>
    /// Of names: files of the C library's resolver. They are replaced at any time, so nothing less than their folder will do.
    /// Where they lead is looked up once: a process that is confined keeps the folders of its start.
    /// </summary>
    public static string[] NameFiles { get; } =
        ["/etc", "/run/systemd/resolve", .. FoldersOf(Resolver)];

    /// <summary>Why a process is not confined; null if it is. Process 1 of a machine reboots it in the end.</summary>
    public static string? Unconfined(bool isAskedFor) =>
        !isAskedFor ? "as was asked for" : FirstProcess.IsOfMachine ? "this is process 1 of a machine" : null;

    /// <param name="network">Under the tunnel.</param>
    /// <param name="service">Of the daemon.</param>
    /// <param name="lowPorts">Whether its port, or that of its metrics, may be below 1024.</param>
    public static SandboxNeeds OfDaemon(NetworkKind network, ServiceOptions service, bool lowPorts) => new(SandboxRole.Daemon)
    {
        Families = [.. FamiliesOf(network)],
        SetsMark = network.IsIP,
        BindsLowPorts = lowPorts,
        EntersOthersFolders = network == NetworkKind.Unix || IsInOthersFolder(service.Metrics),
        // Guests, and their folders, come at any time.
        SocketFolders = network == NetworkKind.Unix ? [Everywhere] : [UapiListener.Folder, .. FoldersOf(service.Metrics)],
        ReadPaths = network.IsIP ? NameFiles : network == NetworkKind.Vsock ? ["/dev/vsock"] : [],
    };

    /// <summary>Whether a tunnel's file, or `up`'s line before it, has a port below 1024.</summary>
    public static bool LowPortsIn(InterfaceSettings settings, ServiceOptions service) =>
        settings.ListenPort is > 0 and < FirstFreePort
        || IsLow(service.Metrics ?? settings.Service.Metrics);

    /// <param name="settings">What it does; at SIGHUP only what a process that has kept this can do is taken up.</param>
    /// <param name="file">Where they are read again; null for nowhere.</param>
    public static SandboxNeeds OfRelay(RelaySettings settings, string? file)
    {
        List<TransportAddress> all = [];
        List<TransportAddress> listens = [];
        foreach (RelayRule rule in settings.Rules)
        {
            listens.AddRange(rule.Listen);
            all.AddRange(rule.Listen);
            all.AddRange(rule.Peers.Select(peer => peer.To));
            if (rule.To is { } to)
                all.Add(to);
        }

        bool isOfUnix = all.Exists(address => address.Network == NetworkKind.Unix);
        return new SandboxNeeds(SandboxRole.Relay)
        {
            Families = [.. all.SelectMany(address => FamiliesOf(address.Network)).Distinct()],
            ForcesBuffers = all.Exists(address => !address.Network.IsStream),
            BindsLowPorts = IsLow(settings.Metrics)
                || listens.Exists(address => address.Network != NetworkKind.Unix && address.Port < FirstFreePort),
            EntersOthersFolders = isOfUnix || IsInOthersFolder(settings.Metrics),
            // Guests, and their folders, come at any time.
            SocketFolders = isOfUnix ? [Everywhere] : [.. FoldersOf(settings.Metrics)],
            ReadPaths =
            [
                .. all.Exists(address => address.Network.IsIP) ? NameFiles : [],
                .. file is null ? [] : FoldersOf(file),
            ],
        };
    }

    /// <param name="address">Whom it asks; null if it reads a file, which it has open.</param>
    public static SandboxNeeds OfAttest(TransportAddress? address) => new(SandboxRole.Attest)
    {
        Families = address is null ? [] : [.. FamiliesOf(address.Network)],
        EntersOthersFolders = address?.Network == NetworkKind.Unix,
        ReadPaths = address is { Network.IsIP: true } ? NameFiles : [],
    };

    /// <summary>Over IP both: names have addresses, and are asked for at addresses, of either.</summary>
    private static IEnumerable<int> FamiliesOf(NetworkKind network) => network switch
    {
        NetworkKind.Vsock => [AF_VSOCK],
        NetworkKind.Unix => [AF_UNIX],
        _ => [AF_INET, AF_INET6],
    };

    /// <summary>Where a file is, and where what it links to is.</summary>
    private static List<string> FoldersOf(string file)
    {
        List<string> folders = [];
        string? path = Path.GetFullPath(file);
        while (path is not null && folders.Count < MostLinks)
        {
            string folder = Path.GetDirectoryName(path) ?? Everywhere;
            folders.Add(folder);
            path = Sys.ReadLink(path) is { } target ? Path.GetFullPath(target, folder) : null;
        }

        return folders;
    }

    private static bool IsLow(MetricsAddress? metrics) => metrics is { Path: null, Address.Port: < FirstFreePort };

    /// <summary>Whether it is in a folder of another user, where to remove it in the end takes a capability.</summary>
    private static bool IsInOthersFolder(MetricsAddress? metrics) => metrics?.Path is { } path
        && Sys.StatTarget(Path.GetDirectoryName(path)!, out statx_t status) >= 0 && status.stx_uid != geteuid();

    private static IEnumerable<string> FoldersOf(MetricsAddress? metrics) =>
        metrics?.Path is { } path ? [Path.GetDirectoryName(path)!] : [];
}
