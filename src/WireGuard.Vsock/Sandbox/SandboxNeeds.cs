using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Sandbox;

/// <summary>Which of our processes it is: each has rules of its own.</summary>
internal enum SandboxRole
{
    /// <summary>Has the keys, the interface and the network.</summary>
    Daemon,

    /// <summary>Carries messages, without keys.</summary>
    Relay,

    /// <summary>Asks one question of an enclave.</summary>
    Attest,

    /// <summary>Exchanges keys and documents for a daemon, and decides nothing.</summary>
    Provisioner,
}

/// <summary>What a process does once it is confined; it may do nothing else.</summary>
/// <param name="Role">Its rules.</param>
internal sealed record SandboxNeeds(SandboxRole Role)
{
    /// <summary>The families of sockets that it makes: AF_INET, AF_VSOCK and so on.</summary>
    public IReadOnlyList<int> Families { get; init; } = [];

    /// <summary>Whether it sets SO_MARK.</summary>
    public bool SetsMark { get; init; }

    /// <summary>
    /// Whether it gives sockets of datagrams larger buffers than the system's limit while it runs. The daemon does before that.
    /// </summary>
    public bool ForcesBuffers { get; init; }

    /// <summary>Whether it binds ports below 1024.</summary>
    public bool BindsLowPorts { get; init; }

    /// <summary>Whether it uses sockets below folders of other users.</summary>
    public bool EntersOthersFolders { get; init; }

    /// <summary>Folders in which it makes and removes sockets.</summary>
    public IReadOnlyList<string> SocketFolders { get; init; } = [];

    /// <summary>Files, and folders with all that is below, that it reads besides those that every process of ours does.</summary>
    public IReadOnlyList<string> ReadPaths { get; init; } = [];

    /// <summary>Requests of ioctl(2) besides those of the role.</summary>
    public IReadOnlyList<uint> Ioctls { get; init; } = [];

    /// <summary>
    /// What of this a process of the same role cannot do that has kept something else: the first of it, in words, or null. The
    /// size of buffers is no matter: without the capability they are as large as the system lets them be.
    /// </summary>
    public string? Beyond(SandboxNeeds kept)
    {
        if (Families.Except(kept.Families).ToArray() is [int family, ..])
            return $"{NameOf(family)} sockets";
        if (BindsLowPorts && !kept.BindsLowPorts)
            return "a port below 1024";
        if (SetsMark && !kept.SetsMark)
            return "the mark of sockets";
        if (EntersOthersFolders && !kept.EntersOthersFolders)
            return "folders of other users";
        if (SocketFolders.FirstOrDefault(path => !IsBelowAny(path, kept.SocketFolders)) is { } folder)
            return $"sockets in {folder}";
        if (ReadPaths.FirstOrDefault(path => !IsBelowAny(path, kept.ReadPaths)) is { } file)
            return $"to read {file}";
        return Ioctls.Except(kept.Ioctls).Any() ? "another ioctl(2)" : null;
    }

    /// <summary>Whether it is one of the folders, or below one. All are absolute, without "..".</summary>
    private static bool IsBelowAny(string path, IReadOnlyList<string> folders) => folders.Any(
        folder => path == folder || path.StartsWith(folder.EndsWith('/') ? folder : folder + "/", StringComparison.Ordinal));

    private static string NameOf(int family) => family switch
    {
        AF_VSOCK => "vsock",
        AF_UNIX => "Unix",
        AF_INET => "IPv4",
        AF_INET6 => "IPv6",
        _ => "other",
    };
}
