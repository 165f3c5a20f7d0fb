using System.Globalization;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Commands;

/// <summary>What `up` was asked.</summary>
/// <param name="Tunnel">FILE or NAME.</param>
/// <param name="IsForeground">Whether -f was given.</param>
/// <param name="WaitSeconds">Of --wait; null without it.</param>
/// <param name="Command">What stands behind "--"; empty for none.</param>
internal sealed record TunnelArguments(string Tunnel, bool IsForeground, int? WaitSeconds, IReadOnlyList<string> Command)
{
    private const int UsualWait = 30;
    private const int LongestWait = 1_000_000;
    private const string Wait = "--wait";

    /// <summary>Who may look into the daemon: what is said here goes before the file.</summary>
    public ServiceOptions Service { get; init; } = new();

    /// <exception cref="UsageException">They are not as they must be.</exception>
    public static TunnelArguments Parse(IReadOnlyList<string> arguments)
    {
        string? tunnel = null;
        bool isForeground = false;
        int? wait = null;
        ServiceOptions service = new();
        int i = 0;
        for (; i < arguments.Count && arguments[i] != "--"; i++)
        {
            string word = arguments[i];
            if (word is "-f" or "--foreground")
                isForeground = true;
            else if (word == Wait)
                wait = UsualWait;
            else if (word.StartsWith(Wait + "=", StringComparison.Ordinal))
                wait = Seconds(word[(Wait.Length + 1)..]);
            else if (ServiceArguments.NameIn(word) is { } name)
                service = Add(service, name, word.Length > name.Length ? word[(name.Length + 1)..] : Next(arguments, ref i));
            else if (word.StartsWith('-'))
                throw new UsageException($"there is no option '{word}'");
            else if (tunnel is not null && i > 1 && arguments[i - 2] == Wait && tunnel.All(char.IsAsciiDigit))
                throw new UsageException($"did you mean {Wait}={tunnel}?");
            else if (tunnel is not null)
                throw new UsageException($"what is '{word}'? A command to run stands behind --");
            else
                tunnel = word;
        }

        bool hasCommand = i < arguments.Count;
        if (hasCommand && i + 1 == arguments.Count)
            throw new UsageException("which command? It stands behind --");
        return new TunnelArguments(
            tunnel ?? throw new UsageException("which tunnel? For example: up ./wg0.conf"),
            isForeground,
            wait,
            [.. arguments.Skip(i + 1)])
        {
            Service = service,
        };
    }

    /// <summary>The one FILE or NAME of a command that takes nothing else.</summary>
    /// <exception cref="UsageException">There is none, or more.</exception>
    public static string One(IReadOnlyList<string> arguments) => arguments switch
    {
        [{ } word] when word.StartsWith('-') => throw new UsageException($"there is no option '{word}'"),
        [{ } word] => word,
        [] => throw new UsageException("which tunnel? For example: wg0"),
        _ => throw new UsageException("one tunnel at a time"),
    };

    private static string Next(IReadOnlyList<string> arguments, ref int i) => i + 1 < arguments.Count && arguments[i + 1] != "--"
        ? arguments[++i]
        : throw new UsageException($"{arguments[i]} needs a value");

    private static ServiceOptions Add(ServiceOptions others, string name, string value) =>
        ServiceArguments.TryAdd(others, name, value, out ServiceOptions all, out string error)
            ? all
            : throw new UsageException($"{name}: {error}");

    private static int Seconds(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is > 0 and <= LongestWait
            ? seconds
            : throw new UsageException($"'{text}' is no number of seconds");
}

/// <summary>What is said of a tunnel's configuration file.</summary>
internal static class TunnelFile
{
    /// <summary>Reads it, and says its mistakes and warnings.</summary>
    /// <exception cref="SetupException">It has mistakes.</exception>
    public static TunnelSettings Read(ConfigFile file) => Read(file, saysWarnings: true);

    /// <inheritdoc cref="Read(ConfigFile)"/>
    public static TunnelSettings Read(ConfigFile file, bool saysWarnings)
    {
        ConfigResult result = file.Read();
        foreach (Diagnostic diagnostic in result.Diagnostics.Where(diagnostic => saysWarnings || !diagnostic.IsWarning))
            Say.Write(2, diagnostic.ToText(file.Shown) + "\n");
        return result.Settings ?? throw new SetupException($"{file.Shown} has mistakes, so nothing was changed");
    }

    /// <summary>Says the public half of a key that is written nowhere.</summary>
    /// <param name="key">The public key.</param>
    /// <param name="output">1 or 2: a command behind the tunnel has stdout to itself.</param>
    public static void SayGenerated(PublicKey key, int output) =>
        Say.Write(output, $"public key: {Convert.ToBase64String(key.Bytes)}\n");
}
