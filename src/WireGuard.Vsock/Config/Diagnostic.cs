namespace WireGuard.Vsock.Config;

/// <summary>A place in a configuration file, both from 1. A column counts characters.</summary>
internal readonly record struct Place(int Line, int Column);

/// <summary>One thing that is wrong, or likely to be, in a configuration file. No text of it holds a secret.</summary>
/// <param name="Key">Whose value it is about; empty where no key is.</param>
/// <param name="Message">What is wrong, and the mend.</param>
/// <param name="IsWarning">Whether the file can be used all the same.</param>
internal sealed record Diagnostic(Place Place, string Key, string Message, bool IsWarning = false)
{
    /// <summary><c>FILE:LINE:COLUMN: KEY: what is wrong, and the mend</c>.</summary>
    internal string ToText(string fileName) => $"{fileName}:{Place.Line}:{Place.Column}: {ToLine()}";

    /// <summary>Without the place.</summary>
    internal string ToLine()
    {
        string key = Key.Length > 0 ? $"{Key}: " : "";
        string warning = IsWarning ? "warning: " : "";
        return $"{key}{warning}{Message}";
    }
}
