namespace WireGuard.Vsock.Tests;

/// <summary>The checkout that these tests were built in, for those that read sources and documents.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "WireGuardVsock.slnx")))
                return folder.FullName;
        }

        throw new InvalidOperationException("no WireGuardVsock.slnx above the tests");
    }
}
