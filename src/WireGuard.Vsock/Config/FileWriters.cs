using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Who may change a file, or put another in its place, besides root and who runs this program, also by sudo: the owner and mode
/// of all that the path leads through, from the root: folders, links, the file. Access control lists are not looked at.
/// </summary>
internal static class FileWriters
{
    private const int GroupWrites = 0x10; // S_IWGRP
    private const int OthersWrite = 0x02; // S_IWOTH
    private const int Sticky = 0x200; // S_ISVTX
    private const int MostLinks = 40; // path_resolution(7)

    /// <summary>
    /// Whose user and group are not known in this user namespace (/proc/sys/kernel/overflowuid). Where all are known it is the
    /// account nobody.
    /// </summary>
    private const uint Unknown = 65534;

    /// <param name="path">Of a file, from the root.</param>
    /// <returns>The first path found that others may change, and who: "user 1000". Null if there is none.</returns>
    internal static (string Path, string Who)? Find(string path)
    {
        string at = "/";
        Stack<string> names = new(path.Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse());
        int links = 0;
        while (names.TryPop(out string? name))
        {
            string next = Path.GetFullPath(name, at);
            if (Sys.Stat(next, out statx_t file) < 0)
                return null;
            if (Other(file) is { } who)
                return (next, who);
            if ((file.stx_mode & S_IFMT) != S_IFLNK)
            {
                at = next;
                continue;
            }

            if (Sys.ReadLink(next) is not { } target || ++links > MostLinks)
                return null;
            at = target.StartsWith('/') ? "/" : at;
            foreach (string part in target.Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse())
                names.Push(part);
        }

        return null;
    }

    private static string? Other(in statx_t file)
    {
        if (!IsOurs(file.stx_uid, geteuid(), "SUDO_UID", "/proc/self/uid_map"))
            return $"user {file.stx_uid}";
        // The mode of a link says nothing; and in a folder such as /tmp a user changes no other's files.
        bool isSticky = (file.stx_mode & S_IFMT) == S_IFDIR && (file.stx_mode & Sticky) != 0;
        if (isSticky || (file.stx_mode & S_IFMT) == S_IFLNK)
            return null;
        if ((file.stx_mode & OthersWrite) != 0)
            return "everyone";
        bool isOthersGroup = (file.stx_mode & GroupWrites) != 0
            && !IsOurs(file.stx_gid, getegid(), "SUDO_GID", "/proc/self/gid_map");
        return isOthersGroup ? $"group {file.stx_gid}" : null;
    }

    /// <summary>Whether a map of ids leaves some without one, as those of user namespaces do (user_namespaces(7)).</summary>
    internal static bool LeavesSomeOut(string map) =>
        map.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries) is not ["0", "0", "4294967295"];

    private static bool IsOurs(uint id, uint own, string variable, string map) => id == 0 || id == own
        || (id == Unknown && Sys.ReadFile(map, out byte[] ids) >= 0 && LeavesSomeOut(Encoding.ASCII.GetString(ids)))
        || Environment.GetEnvironmentVariable(variable) == id.ToString(CultureInfo.InvariantCulture);
}
