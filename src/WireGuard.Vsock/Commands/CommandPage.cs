using System.Text.RegularExpressions;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// A command: what its help, the man page and the completion say of it, and what it does. Texts are plain sentences without line
/// breaks; they are wrapped where they are shown.
/// </summary>
/// <param name="Name">The first argument that means it.</param>
/// <param name="Summary">What it does, in a line without a full stop: "Bring a tunnel up".</param>
/// <param name="Usage">What follows the name, once for each form: "[-f] FILE|NAME [-- COMMAND [ARGUMENT...]]".</param>
/// <param name="Run">
/// Does it, with the arguments after the name. Gives the exit code: 0, or 1 when it has said itself what failed. It may throw
/// <see cref="UsageException"/> (code 2), <see cref="SetupException"/> and <see cref="LinuxException"/> (code 1).
/// </param>
internal sealed partial record CommandPage(
    string Name, string Summary, IReadOnlyList<string> Usage, Func<IReadOnlyList<string>, int> Run)
{
    public const int UsageMistake = 2;

    public IReadOnlyList<string> Paragraphs { get; init; } = [];

    /// <summary>As typed: "-f, --foreground", "--wait[=SECONDS]"; or an argument: "FIELD".</summary>
    public IReadOnlyList<HelpItem> Options { get; init; } = [];

    /// <summary>The options alone, for completion: "-f", "--foreground".</summary>
    public IEnumerable<string> OptionWords =>
        Options.SelectMany(item => OptionWord().Matches(item.Term)).Select(match => match.Value);

    public IReadOnlyList<HelpItem> Files { get; init; } = [];

    public IReadOnlyList<HelpItem> Environment { get; init; } = [];

    /// <summary>Whole lines to type, and what they do.</summary>
    public IReadOnlyList<HelpItem> Examples { get; init; } = [];

    /// <summary>Runs it, or shows its help if that is asked for before a "--". Gives the exit code.</summary>
    public int Invoke(IReadOnlyList<string> arguments, Action<string> output, Action<string> error)
    {
        if (arguments.TakeWhile(argument => argument != "--").Any(argument => argument is "-h" or "--help"))
        {
            output(HelpText.Of(this));
            return 0;
        }
        try
        {
            return Run(arguments);
        }
        catch (UsageException e)
        {
            error($"{Name}: {e.Message} (see {Say.ProgramName} help {Name})");
            return UsageMistake;
        }
        catch (SetupException e)
        {
            error(e.Message);
            return e.ExitCode;
        }
        catch (LinuxException e)
        {
            error(e.Message);
        }
        catch (Exception e)
        {
            error($"{Name} failed, which is a mistake of this program: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
        }
        return 1;
    }

    [GeneratedRegex("(?<![\\w-])--?[a-z][a-z0-9-]*(?![\\w-])")]
    private static partial Regex OptionWord();
}

/// <summary>A word, option, file or line of help, and what it means.</summary>
internal sealed record HelpItem(string Term, string Meaning);
