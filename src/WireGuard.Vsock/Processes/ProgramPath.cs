using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// Finds a program as execvp(3) does: a name without '/' in the folders of PATH, where an empty one is this folder.
/// </summary>
internal static class ProgramPath
{
    /// <summary>Exit codes as shells give them.</summary>
    public const int NotExecutable = 126, NotFound = 127;

    private const string Default = "/bin:/usr/bin"; // the C library's, without PATH

    /// <exception cref="SetupException">There is none (127), or it cannot be executed (126).</exception>
    public static string Find(string name)
    {
        if (name.Contains('/', StringComparison.Ordinal)) return Check(name, Look(name));
        Found worst = Found.Nothing;
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? Default).Split(':'))
        {
            string path = folder.Length > 0 ? $"{folder}/{name}" : $"./{name}";
            Found found = name.Length > 0 ? Look(path) : Found.Nothing;
            if (found == Found.Program) return path;
            if (found == Found.Other) worst = found;
        }
        return Check(name, worst);
    }

    /// <summary>The same; null if there is none.</summary>
    public static string? TryFind(string name)
    {
        try
        {
            return Find(name);
        }
        catch (SetupException)
        {
            return null;
        }
    }

    private enum Found
    {
        Nothing,
        Other,
        Program,
    }

    private static Found Look(string path)
    {
        int result = Sys.StatTarget(path, out statx_t status);
        if (result < 0) return result == -Errno.EACCES ? Found.Other : Found.Nothing;
        return (status.stx_mode & S_IFMT) == S_IFREG && (status.stx_mode & S_IXALL) != 0 ? Found.Program : Found.Other;
    }

    private static string Check(string name, Found found) => found switch
    {
        Found.Program => name,
        Found.Other => throw new SetupException($"cannot run '{name}': it is no file that may be executed", NotExecutable),
        _ => throw new SetupException(
            $"cannot run '{name}': there is no such file" + (name.Contains('/', StringComparison.Ordinal) ? "" : " in PATH"),
            NotFound),
    };
}
