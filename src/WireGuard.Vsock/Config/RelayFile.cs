using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Config;

/// <summary>A relay's file.</summary>
internal static class RelayFile
{
    private const int MaxBytes = 1 << 20;

    /// <summary>Reads it whole.</summary>
    /// <exception cref="SetupException">It cannot be read.</exception>
    internal static RelayResult Read(string path)
    {
        using SecretFile text = Open(path);
        return RelayReader.Read(text.Text);
    }

    /// <summary>Whether there is such a file, and it is meant for a relay.</summary>
    internal static bool IsRelays(string path)
    {
        try
        {
            using SecretFile text = Open(path);
            return RelayReader.IsRelays(text.Text);
        }
        catch (SetupException)
        {
            return false;
        }
    }

    private static SecretFile Open(string path)
    {
        try
        {
            return SecretFile.Read(path, MaxBytes);
        }
        catch (LinuxException e)
        {
            throw new SetupException($"{Printable.Quote(path)} cannot be read: {Errno.Text(e.Errno)}");
        }
    }
}
