namespace WireGuard.Protocol.Tests;

/// <summary>Tests that look at what the whole process shares, such as its memory: they run when no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
