using System.Text.Json;

namespace WireGuard.Protocol.Tests;

/// <summary>
/// Test vectors too large for the project: they lie in shared/vectors beside its root, or where the environment variable
/// WIREGUARD_TEST_VECTORS says.
/// </summary>
internal static class SharedVectors
{
    internal const string Variable = "WIREGUARD_TEST_VECTORS";

    private static readonly string? Folder = Find();

    /// <summary>Why the file cannot be had; null when it can.</summary>
    internal static string? Missing(string file) => Folder == null
        ? $"Not run: no folder of test vectors at ../shared/vectors from the project's root; {Variable} may name another"
        : File.Exists(Path.Combine(Folder, file)) ? null : $"Not run: {Folder} has no {file}";

    internal static JsonDocument Read(string file) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder!, file)));

    private static string? Find()
    {
        string? named = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(named)) return named;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "WireGuardVsock.slnx"))) continue;
            string vectors = Path.Combine(folder.FullName, "..", "shared", "vectors");
            return Directory.Exists(vectors) ? vectors : null;
        }

        return null;
    }
}

/// <summary>A fact that needs a file of <see cref="SharedVectors"/>, and is skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedVectorsFactAttribute : FactAttribute
{
    public SharedVectorsFactAttribute(string file) => Skip = SharedVectors.Missing(file);
}
