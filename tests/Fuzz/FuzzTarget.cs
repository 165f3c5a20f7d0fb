namespace WireGuard.Fuzz;

/// <summary>One reader of bytes that others choose, with what must hold whatever they are. An exception is a crash.</summary>
internal abstract class FuzzTarget
{
    /// <summary>What the fuzzer may put in whole: keywords of the format.</summary>
    public virtual IEnumerable<string> Words => [];

    /// <summary>Inputs to begin with, beside the corpus: messages as our own writers make them.</summary>
    public abstract IEnumerable<byte[]> Seeds();

    /// <summary>Runs one input. What is left behind may not change the next run.</summary>
    public abstract void Run(ReadOnlySpan<byte> input);
}

/// <summary>A fact that did not hold.</summary>
internal sealed class BrokenFactException(string fact) : Exception(fact);

/// <summary>What must hold.</summary>
internal static class Fact
{
    /// <exception cref="BrokenFactException">It does not hold.</exception>
    public static void Holds([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool holds, string fact)
    {
        if (!holds)
            throw new BrokenFactException(fact);
    }

    /// <exception cref="BrokenFactException">They differ.</exception>
    public static void Same<T>(T expected, T actual, string fact)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new BrokenFactException($"{fact}: expected {expected}, got {actual}");
    }

    /// <exception cref="BrokenFactException">They differ.</exception>
    public static void SameBytes(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string fact)
    {
        if (!expected.SequenceEqual(actual))
            throw new BrokenFactException($"{fact}: expected {Hex(expected)}, got {Hex(actual)}");
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes[..Math.Min(bytes.Length, 2048)]);
}
