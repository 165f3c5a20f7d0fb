using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// /run/wireguard-vsock: what the program must remember of its tunnels until they are down. For root only, and empty when no
/// tunnel is up. Of a tunnel NAME: <c>NAME</c>, and beside it <c>NAME:lock</c> and <c>NAME:new</c> for as long as it is being
/// changed. Names of tunnels have no ':', so no other file is in their way.
/// </summary>
internal static class RunFolder
{
    private const string Folder = "/run/wireguard-vsock";
    private const uint FolderMode = 0b111_000_000;
    private const uint FileMode = 0b110_000_000;

    /// <summary>The path of a file there. The folder is made if it is missing.</summary>
    /// <exception cref="SetupException">It cannot be made.</exception>
    public static string PathOf(string file)
    {
        _ = Sys.MakeDirectory("/run", 0b111_101_101);
        int result = Sys.MakeDirectory(Folder, FolderMode);
        if (result < 0 && result != -Errno.EEXIST)
            throw new SetupException($"cannot make {Folder}: {Errno.Text(-result)}{Mend(-result)}");
        return $"{Folder}/{file}";
    }

    /// <summary>Replaces a file there by another, so that it is always whole.</summary>
    /// <exception cref="SetupException">It cannot be written.</exception>
    public static void Write(string file, ReadOnlySpan<byte> content)
    {
        string path = PathOf(file), next = PathOf(UnfinishedOf(file));
        _ = Sys.Unlink(next); // of a process that was killed; made anew it is ours, with our mode
        int result = Sys.WriteFile(next, content, FileMode);
        if (result >= 0)
            result = Sys.Rename(next, path);
        if (result < 0)
            throw new SetupException($"cannot write {path}: {Errno.Text(-result)}{Mend(-result)}");
    }

    /// <summary>What is in a file there; null if there is none.</summary>
    /// <exception cref="SetupException">It cannot be read.</exception>
    public static byte[]? Read(string file)
    {
        string path = PathOf(file);
        int result = Sys.ReadFile(path, out byte[] content);
        if (result >= 0)
            return content;
        return result == -Errno.ENOENT
            ? null
            : throw new SetupException($"cannot read {path}: {Errno.Text(-result)}{Mend(-result)}");
    }

    /// <summary>Removes what a process that was killed had not written to the end.</summary>
    public static void RemoveUnfinished(string file) => Remove(UnfinishedOf(file));

    public static void Remove(string file) => _ = Sys.Unlink(PathOf(file));

    /// <summary>Removes the folder if nothing is left in it.</summary>
    public static void RemoveIfEmpty() => _ = Sys.RemoveDirectory(Folder);

    private static string UnfinishedOf(string file) => file + ":new";

    /// <summary>What to add to an error's text.</summary>
    public static string Mend(int errno) => errno is Errno.EACCES or Errno.EPERM ? ": run as root" : "";
}
