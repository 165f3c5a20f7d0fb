using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// /etc/resolv.conf where there is no resolvconf(8). It is written in place, since it may be a bind mount, which cannot be
/// replaced by rename. What is to be put back stands in a file of <see cref="RunFolder"/>, which is written first.
/// </summary>
internal static class ResolvConf
{
    private const string Path = "/etc/resolv.conf";
    private const string StackFile = ":resolv.conf";
    private const uint Mode = 0b110_100_100;

    /// <summary>Has the tunnel's text there.</summary>
    /// <param name="tunnel">Its name.</param>
    /// <param name="content">Contains its name.</param>
    /// <exception cref="SetupException">It cannot be written.</exception>
    public static void Set(string tunnel, byte[] content)
    {
        using TunnelLock held = Lock();
        ResolvConfStack stack = ResolvConfStack.Parse(RunFolder.Read(StackFile));
        stack.Push(tunnel, content, Read());
        RunFolder.Write(StackFile, stack.ToFile());
        Write(content);
    }

    /// <summary>Puts back what was there before, if what is there is still the tunnel's.</summary>
    /// <exception cref="SetupException">It cannot be written.</exception>
    public static ResolvConfFate Restore(string tunnel)
    {
        using TunnelLock held = Lock();
        ResolvConfStack stack = ResolvConfStack.Parse(RunFolder.Read(StackFile));
        ResolvConfFate fate = stack.Remove(tunnel, Read(), out byte[]? next);
        if (fate == ResolvConfFate.Replaced)
            Write(next);
        if (stack.IsEmpty)
            RunFolder.Remove(StackFile);
        else
            RunFolder.Write(StackFile, stack.ToFile());
        return fate;
    }

    private static TunnelLock Lock() => TunnelLock.TryTake(StackFile)
        ?? throw new SetupException($"another tunnel has been writing {Path} for seconds");

    private static byte[]? Read()
    {
        int result = Sys.ReadFile(Path, out byte[] content);
        if (result >= 0)
            return content;
        return result == -Errno.ENOENT ? null : throw new SetupException($"cannot read {Path}: {Errno.Text(-result)}");
    }

    /// <summary>What was written through a link that led nowhere is removed, and the link stays.</summary>
    private static string Target()
    {
        try
        {
            return File.ResolveLinkTarget(Path, returnFinalTarget: true)?.FullName ?? Path;
        }
        catch (IOException)
        {
            return Path; // there is none
        }
    }

    private static void Write(byte[]? content)
    {
        _ = Sys.MakeDirectory("/etc", 0b111_101_101);
        // Of a bind mount there was a file before, so one that is to be removed is none.
        int result = content is null ? Sys.Unlink(Target()) : Sys.WriteFile(Path, content, Mode);
        if (result < 0 && !(content is null && result == -Errno.ENOENT))
        {
            throw new SetupException(
                $"cannot write {Path}: {Errno.Text(-result)}; make it writable, or take DNS out of the configuration file");
        }
    }
}
