using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// Landlock (Documentation/userspace-api/landlock.rst): which files this process may open, make and remove from now on. What is
/// open already stays usable. Rules hold for folders rather than files, which are replaced at any time.
/// </summary>
internal sealed class FileRules : IDisposable
{
    /// <summary>
    /// What any process of ours reads: what the collector asks of this machine and the C library of its libraries and of the time
    /// zone. /proc shows of other processes what their users may see.
    /// </summary>
    private static readonly string[] s_everyProcess =
    [
        "/proc", "/sys/fs/cgroup", "/sys/devices/system", "/lib", "/lib64", "/usr/lib", "/usr/lib64",
        "/usr/share/zoneinfo", "/etc/localtime",
    ];

    private const ulong Reads = LANDLOCK_ACCESS_FS_READ_FILE;
    private const ulong ReadsFolders = Reads | LANDLOCK_ACCESS_FS_READ_DIR;
    private const ulong MakesSockets = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;

    private readonly FileDescriptor _ruleset;
    private readonly ulong _handled;

    private FileRules(FileDescriptor ruleset, ulong handled, int version) =>
        (_ruleset, _handled, Version) = (ruleset, handled, version);

    /// <summary>Of Landlock.</summary>
    public int Version { get; }

    /// <summary>Makes them; null where the kernel, or the container around us, has no Landlock.</summary>
    /// <exception cref="LinuxException">They cannot be made, though there is Landlock.</exception>
    public static FileRules? TryMake(SandboxNeeds needs)
    {
        int version = Sys.LandlockVersion();
        if (version <= 0)
            return null;
        ReadOnlySpan<ushort> known = LandlockFiles;
        landlock_ruleset_attr attributes = new()
        {
            handled_access_fs = known[Math.Min(version, known.Length) - 1],
            scoped = version >= 6 ? LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET : 0,
        };
        // The kernel wants no more bytes than it knows, unless they are zero.
        int size = version >= 6 ? 24 : 8;
        FileDescriptor ruleset = new(Sys.Check(Sys.LandlockCreate(attributes, size), "landlock_create_ruleset"));
        FileRules rules = new(ruleset, attributes.handled_access_fs, version);
        try
        {
            foreach (string path in s_everyProcess)
                rules.Allow(path, ReadsFolders);
            foreach (string path in needs.ReadPaths)
                rules.Allow(path, Reads | LANDLOCK_ACCESS_FS_IOCTL_DEV);
            foreach (string path in needs.SocketFolders)
                rules.Allow(path, MakesSockets);
        }
        catch
        {
            rules.Dispose();
            throw;
        }

        return rules;
    }

    /// <summary>Puts them in force for this thread, and those that it starts.</summary>
    /// <returns>0, or a negated errno.</returns>
    public int Enforce() => Sys.LandlockRestrict(_ruleset.Fd);

    public void Dispose() => _ruleset.Dispose();

    /// <summary>What is not there cannot be allowed, and need not be.</summary>
    private void Allow(string path, ulong access)
    {
        using FileDescriptor parent = new(Sys.Open(path, O_PATH));
        if (parent.IsInvalid)
            return;
        bool isFolder = Sys.Stat(parent.Fd, out statx_t status) >= 0 && (status.stx_mode & S_IFMT) == S_IFDIR;
        ulong allowed = access & _handled & (isFolder ? ulong.MaxValue : ~(MakesSockets | LANDLOCK_ACCESS_FS_READ_DIR));
        Sys.Check(
            Sys.LandlockAllow(_ruleset.Fd, new() { allowed_access = allowed, parent_fd = parent.Fd }),
            $"landlock_add_rule {path}");
    }
}
