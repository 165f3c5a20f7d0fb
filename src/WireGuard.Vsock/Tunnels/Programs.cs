using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// The programs that are run for a tunnel: its hooks and resolvconf(8), nothing else. Each is said on stderr before it is run, as
/// wg-quick does, and runs as it would there: in the C locale, in the foreground, with our descriptors 0 to 2.
/// </summary>
internal static class Programs
{
    private const string CLocale = "LC_ALL=C";

    /// <summary>Holds a hook's text, for root alone to read.</summary>
    private const string HookVariable = "WG_VSOCK_HOOK";

    /// <summary>The hook, and before it a line that keeps its text from what it runs.</summary>
    private const string EvaluateHook = $"eval \"unset {HookVariable}\n${HookVariable}\"";

    /// <summary>Runs the hooks of one kind, one after another: each as a script of bash, or else of sh.</summary>
    /// <param name="kind">PreUp or its like, for messages.</param>
    /// <param name="hooks">As written; %i stands for the interface's name.</param>
    /// <param name="tunnel">That name.</param>
    /// <exception cref="SetupException">One failed, and the rest was not run.</exception>
    public static void RunHooks(string kind, IReadOnlyList<string> hooks, string tunnel)
    {
        foreach (string hook in hooks)
        {
            string script = hook.Replace("%i", tunnel, StringComparison.Ordinal);
            // wg-quick itself runs so, and a hook is evaluated within it. Its text may hold a key, and anyone may read arguments.
            string[] arguments =
                ProgramPath.TryFind("bash") is { } bash ? [bash, "-e", "-o", "pipefail", "-O", "extglob", "-c", EvaluateHook]
                : ProgramPath.TryFind("sh") is { } sh ? [sh, "-e", "-c", EvaluateHook]
                : throw new SetupException($"{kind} needs a shell, and there is neither bash nor sh in PATH: {script}");
            Say.Write(2, $"[#] {script}\n");
            int code = Run(arguments, [HookVariable + "=" + script], input: null);
            if (code != 0)
                throw new SetupException($"{kind} ended with code {code}: {script}");
        }
    }

    /// <summary>Runs resolvconf(8).</summary>
    /// <param name="path">Of its file.</param>
    /// <param name="arguments">Those behind its name.</param>
    /// <param name="input">A few lines for it to read; null for our standard input.</param>
    /// <returns>Its exit code.</returns>
    public static int RunResolvconf(string path, IReadOnlyList<string> arguments, byte[]? input)
    {
        Say.Write(2, $"[#] {(Say.Note.Length == 0 ? "" : Say.Note + " ")}resolvconf {string.Join(' ', arguments)}\n");
        return Run([path, .. arguments], [], input);
    }

    private static int Run(string[] arguments, IReadOnlyList<string> variables, byte[]? input)
    {
        ChildProcess child = new(arguments[0], arguments)
        {
            Variables = [CLocale, .. variables],
        };
        if (input is null)
            return child.Run();
        Sys.Check(Sys.Pipe(out int read, out int write), "pipe2");
        using FileDescriptor reading = new(read);
        // They fit into the pipe, so nothing waits.
        using (FileDescriptor writing = new(write))
            Sys.Check(Sys.Write(write, input), "write");
        return (child with { Input = read }).Run();
    }
}
