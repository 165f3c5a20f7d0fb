using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Sandbox;

/// <summary>What /proc says of the rights of this process's threads, since each has its own.</summary>
internal static class ThreadStates
{
    private const string Tasks = "/proc/self/task";

    /// <summary>The first thread that has other capabilities than these, or may gain some; null if none does.</summary>
    /// <param name="capabilities">In its permitted and its effective set.</param>
    /// <param name="couldLower">Whether capset(2) was let set them: then none is inheritable.</param>
    /// <returns>In words.</returns>
    public static string? FirstOther(ulong capabilities, bool couldLower)
    {
        string[] tasks;
        try
        {
            tasks = Directory.GetDirectories(Tasks);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Tasks} cannot be read, so that its threads cannot be checked: is /proc mounted?";
        }

        foreach (string task in tasks)
        {
            // A thread that has ended since has no rights.
            bool isThere = Sys.ReadFile($"{task}/status", out byte[] content) >= 0;
            if (isThere && !Has(Encoding.UTF8.GetString(content), capabilities, couldLower))
                return $"thread {Path.GetFileName(task)} has kept rights";
        }

        return null;
    }

    /// <summary>Whether a thread's status (proc_pid_status(5)) says that it has these capabilities and gains none.</summary>
    internal static bool Has(string status, ulong capabilities, bool couldLower) =>
        (Value(status, "CapInh:") == 0 || !couldLower) && Value(status, "CapAmb:") is 0 or null
        && Value(status, "CapPrm:") == capabilities && Value(status, "CapEff:") == capabilities
        && Value(status, "NoNewPrivs:") is 1 or null; // before Linux 4.10 it is not told

    private static ulong? Value(string status, string name)
    {
        const NumberStyles Hex = NumberStyles.HexNumber;
        foreach (ReadOnlySpan<char> line in status.AsSpan().EnumerateLines())
        {
            if (!line.StartsWith(name, StringComparison.Ordinal))
                continue;
            bool isNumber = ulong.TryParse(line[name.Length..].Trim(), Hex, CultureInfo.InvariantCulture, out ulong value);
            return isNumber ? value : null;
        }

        return null;
    }
}
