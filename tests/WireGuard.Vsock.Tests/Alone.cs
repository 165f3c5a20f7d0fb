namespace WireGuard.Vsock.Tests;

/// <summary>Tests that change what the whole process shares, such as its limits: they run when no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
