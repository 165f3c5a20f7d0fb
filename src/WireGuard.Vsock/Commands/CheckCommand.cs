using WireGuard.Vsock.Config;

namespace WireGuard.Vsock.Commands;

/// <summary>Shows every mistake in configuration files. Nothing is changed, and no right is needed but to read them.</summary>
internal static class CheckCommand
{
    public static CommandPage Page => new("check", "Show every mistake in a configuration file", ["FILE|NAME..."], Run)
    {
        Paragraphs =
        [
            "Each mistake and each warning is one line, FILE:LINE:COLUMN: KEY: what is wrong, and the mend. The exit code is 0 "
            + "if there are no mistakes, with or without warnings, else 1. No key is ever shown.",
            "NAME means /etc/wireguard/NAME.conf, or else /etc/wireguard-vsock/NAME.conf. The files that PrivateKeyFile, "
            + "PresharedKeyFile and AttestRoot name are read too. A relay's file is told by its sections.",
        ],
        Examples = [new("wireguard-vsock check ./wg0.conf", "Check a file before it is brought up.")],
    };

    private static int Run(IReadOnlyList<string> arguments) => Check(arguments, Say.Output, Say.Error);

    /// <summary>Checks the files named. Gives the exit code.</summary>
    internal static int Check(IReadOnlyList<string> arguments, Action<string> output, Action<string> error)
    {
        bool isEscaped = arguments is ["--", ..];
        IReadOnlyList<string> files = isEscaped ? [.. arguments.Skip(1)] : arguments;
        if (!isEscaped && files.FirstOrDefault(file => file.StartsWith('-')) is { } option)
            throw new UsageException($"there is no option '{option}'");
        if (files.Count == 0)
            throw new UsageException("which file? For example: wireguard-vsock check ./wg0.conf");
        int code = 0;
        foreach (string file in files)
        {
            try
            {
                code |= RelayFile.IsRelays(file) ? CheckRelay(file, output) : Check(ConfigFile.Find(file), output);
            }
            catch (SetupException e)
            {
                error(e.Message);
                code = 1;
            }
        }

        return code;
    }

    private static int Check(ConfigFile file, Action<string> output)
    {
        using ConfigResult result = file.Read();
        return Tell(file.Shown, result.Diagnostics, result.HasMistakes, output);
    }

    private static int CheckRelay(string path, Action<string> output)
    {
        RelayResult result = RelayFile.Read(path);
        return Tell(path, result.Diagnostics, result.Settings is null, output);
    }

    private static int Tell(string file, IReadOnlyList<Diagnostic> diagnostics, bool hasMistakes, Action<string> output)
    {
        foreach (Diagnostic diagnostic in diagnostics)
            output(diagnostic.ToText(file));
        if (!hasMistakes)
            output($"{file}: no mistakes");
        return hasMistakes ? 1 : 0;
    }
}
