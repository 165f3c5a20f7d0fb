using System.Buffers;
using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Config;

/// <summary>
/// A configuration file and the interface it is for. What is wrong with the file as such is a <see cref="SetupException"/>;
/// what is wrong in it is in the result of <see cref="Read"/>.
/// </summary>
internal sealed class ConfigFile
{
    /// <summary>Enough for the most peers that are likely in one file.</summary>
    private const int MaxBytes = 1 << 20;

    private const int MaxKeyFileBytes = 4096;
    private const int MaxRootBytes = 64 * 1024;
    private const string Extension = ".conf";
    private const int ForOthers = 7; // rwx of everyone but the owner and the group

    private static readonly SearchValues<char> NameLetters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-");

    /// <summary>Where a NAME is looked for: wg-quick's folder, then our own.</summary>
    private static readonly string[] Folders = ["/etc/wireguard", "/etc/wireguard-vsock"];

    private ConfigFile(string shown, string interfaceName)
    {
        Shown = shown;
        Path = System.IO.Path.GetFullPath(shown);
        InterfaceName = interfaceName;
    }

    /// <summary>The file as messages name it: as it was asked for.</summary>
    internal string Shown { get; }

    /// <summary>From the root.</summary>
    internal string Path { get; }

    /// <summary>The file's name without .conf.</summary>
    internal string InterfaceName { get; }

    /// <summary>
    /// Finds what a command line means: a path if it has a '/' or ends in .conf, else the name of an interface, whose file is
    /// looked for in the two folders.
    /// </summary>
    internal static ConfigFile Find(string nameOrPath) => Find(nameOrPath, Folders);

    internal static ConfigFile Find(string nameOrPath, IReadOnlyList<string> folders)
    {
        if (nameOrPath is "." or ".." || (IsPath(nameOrPath) && IsFolder(nameOrPath)))
            throw new SetupException($"{Printable.Quote(nameOrPath)} is a directory, not a file: name a file");
        string shown = IsPath(nameOrPath) ? nameOrPath : FindNamed(nameOrPath, folders);
        string name = NameOf(shown);
        if (!Exists(shown))
            throw new SetupException($"{Printable.Quote(shown)} does not exist");
        return new ConfigFile(shown, name);
    }

    /// <summary>The name of the interface that such a word means, whether or not there is a file.</summary>
    internal static string NameOf(string nameOrPath)
    {
        bool isPath = IsPath(nameOrPath);
        string name = isPath ? System.IO.Path.GetFileName(nameOrPath) : nameOrPath;
        bool hasExtension = name.EndsWith(Extension, StringComparison.Ordinal);
        name = isPath && hasExtension ? name[..^Extension.Length] : name;
        if (isPath != hasExtension || !IsName(name))
        {
            throw new SetupException($"'{Printable.Quote(nameOrPath)}' must be named INTERFACE.conf, "
                + "INTERFACE of 1 to 15 of a-z, A-Z, 0-9, _ = + . and -");
        }

        return Tun.InterfaceName.Check(name) is { } problem ? throw new SetupException(problem) : name;
    }

    /// <summary>A path in the configuration file as one from the root: it is relative to the file's folder.</summary>
    internal string PathOf(string file) => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, file);

    /// <summary>
    /// Reads the file whole, and looks at the key files and roots that it names: one that cannot be read is a mistake, or a
    /// warning where a PreUp may yet make it.
    /// </summary>
    internal ConfigResult Read()
    {
        ConfigResult result = ReadAlone();
        var found = new List<Diagnostic>(result.Diagnostics);
        if (FileWriters.Find(Path) is { } other)
        {
            found.Add(new Diagnostic(
                new Place(1, 1),
                "",
                $"{other.Who} can change {Printable.Quote(other.Path)}, and so run any program as who brings the tunnel up",
                IsWarning: true));
        }

        bool mayAppear = result.Settings?.Interface.PreUp.Count > 0;
        foreach (KeyMention mention in result.Keys.DistinctBy(mention => mention.File))
        {
            if (CheckKey(mention, mayAppear) is { } diagnostic)
                found.Add(diagnostic);
            if (mention is { Key: ConfigKeys.PrivateKeyFile, File: { } file })
                found.AddRange(OwnKeysIn(result.PublicKeys, file));
        }

        foreach (RootMention root in result.RootFiles)
        {
            if (WhyNoRoot(root.File) is { } problem)
                found.Add(new Diagnostic(root.Place, ConfigKeys.AttestRoot, problem, mayAppear));
        }

        if (!result.HasMistakes && found.Exists(diagnostic => !diagnostic.IsWarning))
        {
            result.Dispose();
            result = result with { Settings = null };
        }

        return result with { Diagnostics = [.. found.OrderBy(diagnostic => diagnostic.Place.Line).ThenBy(d => d.Place.Column)] };
    }

    /// <summary>Reads the file whole and nothing else: for what needs no key, as taking a tunnel down.</summary>
    internal ConfigResult ReadAlone()
    {
        using SecretFile text = Open(Path, Printable.Quote(Shown), MaxBytes);
        return ConfigReader.Read(text.Text, Sys.InterfaceIndex);
    }

    /// <summary>Reads the key file that PrivateKeyFile names.</summary>
    internal PrivateKey ReadPrivateKey(string file)
    {
        using SecretFile text = Open(PathOf(file), ShownKeyFile(file), MaxKeyFileBytes);
        ReadOnlySpan<char> key = text.Text.Trim();
        return (KeyText.IsZero(key) ? null : KeyText.ParsePrivate(key)) ?? throw NoKey(file);
    }

    /// <summary>Reads the key file that PresharedKeyFile names.</summary>
    internal PresharedKey ReadPresharedKey(string file)
    {
        using SecretFile text = Open(PathOf(file), ShownKeyFile(file), MaxKeyFileBytes);
        return KeyText.ParsePreshared(text.Text.Trim()) ?? throw NoKey(file);
    }

    /// <summary>Reads the certificate that AttestRoot names, in DER.</summary>
    internal ReadOnlyMemory<byte> ReadRoot(string file)
    {
        string shown = ShownKeyFile(file);
        byte[] bytes = Opened(PathOf(file), shown, path => SecretFile.ReadBytes(path, MaxRootBytes));
        return AttestationVerifier.TryReadRoot(bytes, out ReadOnlyMemory<byte> der, out AttestationProblem problem)
            ? der
            : throw new SetupException($"{shown}: {problem.Text}");
    }

    private static bool IsPath(string nameOrPath) =>
        nameOrPath.Contains('/') || nameOrPath.EndsWith(Extension, StringComparison.Ordinal);

    private static SetupException NoKey(string file) =>
        new($"{Printable.Quote(file)} holds no key: 44 characters of base64, as wireguard-vsock genkey prints");

    private static string FindNamed(string name, IReadOnlyList<string> folders)
    {
        if (!IsName(name))
        {
            throw new SetupException(
                $"'{Printable.Quote(name)}' is neither a file INTERFACE.conf nor an interface's name");
        }

        string[] candidates = [.. folders.Select(folder => System.IO.Path.Combine(folder, name + Extension))];
        return candidates.FirstOrDefault(Exists)
            ?? throw new SetupException($"there is neither {string.Join(" nor ", candidates)}{Beside(name)}");
    }

    /// <summary>A file of that name in the current folder is meant by its path only.</summary>
    private static string Beside(string name)
    {
        string path = $"./{name}{Extension}";
        return Exists(path) ? $"; did you mean {path}?" : "";
    }

    private static bool IsFolder(string path) =>
        Sys.StatTarget(path, out statx_t file) >= 0 && (file.stx_mode & S_IFMT) == S_IFDIR;

    /// <summary>Also of what may not be read, so that reading it says why.</summary>
    private static bool Exists(string path) => Sys.Stat(path, out _) is >= 0 or -Errno.EACCES;

    private static SecretFile Open(string path, string shown, int maxBytes) =>
        Opened(path, shown, one => SecretFile.Read(one, maxBytes));

    private static T Opened<T>(string path, string shown, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (LinuxException e)
        {
            string mend = e.Errno == Errno.EACCES ? ": run as root" : "";
            throw new SetupException($"{shown} cannot be read: {Errno.Text(e.Errno)}{mend}");
        }
    }

    /// <summary>How a message names a key file that may not exist: its name may be a mistyped key.</summary>
    private static string ShownKeyFile(string file) => KeyText.MayBeIn(file) ? "the key file" : Printable.Quote(file);

    private Diagnostic? CheckKey(KeyMention mention, bool mayAppear)
    {
        string path = mention.File is { } file ? PathOf(file) : Path;
        if (mention.File is not null && WhyNoKey(mention) is { } problem)
            return new Diagnostic(mention.Place, mention.Key, problem, mayAppear);
        if (!IsForEveryone(path))
            return null;
        string shown = Printable.Quote(mention.File ?? Shown);
        return new Diagnostic(
            mention.Place, mention.Key, $"everyone can read or write the key in {shown}: chmod 600 {shown}", IsWarning: true);
    }

    /// <summary>Peers that have the public half of the key in a file.</summary>
    private IEnumerable<Diagnostic> OwnKeysIn(IReadOnlyList<PeerKeyMention> peers, string file)
    {
        try
        {
            using PrivateKey key = ReadPrivateKey(file);
            PublicKey own = key.PublicKey;
            return [.. peers
                .Where(peer => peer.Key == own)
                .Select(peer => new Diagnostic(peer.Place, ConfigKeys.PublicKey, ConfigReader.OwnPublicKey))];
        }
        catch (SetupException)
        {
            return []; // said already
        }
    }

    private string? WhyNoRoot(string file)
    {
        try
        {
            ReadRoot(file);
            return null;
        }
        catch (SetupException e)
        {
            return e.Message;
        }
    }

    private string? WhyNoKey(KeyMention mention)
    {
        try
        {
            using IDisposable key = mention.Key == ConfigKeys.PrivateKeyFile
                ? ReadPrivateKey(mention.File!)
                : ReadPresharedKey(mention.File!);
            return null;
        }
        catch (SetupException e)
        {
            return e.Message;
        }
    }

    /// <summary>wg-quick's test: what everyone may do with the file and with its folder.</summary>
    private static bool IsForEveryone(string path)
    {
        string real = path;
        try
        {
            real = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // gone since it was read; the mode says no more
        }

        return (ModeOf(real) & ModeOf(System.IO.Path.GetDirectoryName(real)!) & ForOthers) != 0;
    }

    private static int ModeOf(string path) => Sys.StatTarget(path, out statx_t status) < 0 ? 0 : status.stx_mode;

    /// <summary>wg-quick's test: <c>[a-zA-Z0-9_=+.-]{1,15}</c>.</summary>
    internal static bool IsName(ReadOnlySpan<char> name) =>
        name.Length is > 0 and <= Tun.InterfaceName.MaxBytes && !name.ContainsAnyExcept(NameLetters);
}
