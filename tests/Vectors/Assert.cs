using System.Diagnostics.CodeAnalysis;

namespace Xunit;

/// <summary>What the tests compiled here use of xunit, which itself does not compile ahead of time.</summary>
internal static class Assert
{
    public static void True([DoesNotReturnIf(false)] bool condition)
    {
        if (!condition) throw new InvalidOperationException("expected true");
    }

    public static void Equal<T>(T expected, T actual) =>
        Check(EqualityComparer<T>.Default.Equals(expected, actual), $"expected {expected}, got {actual}");

    public static void Equal<T>(IEnumerable<T> expected, IEnumerable<T> actual) =>
        Check(expected.SequenceEqual(actual), $"expected [{string.Join(' ', expected)}], got [{string.Join(' ', actual)}]");

    public static void NotEqual<T>(T expected, T actual) =>
        Check(!EqualityComparer<T>.Default.Equals(expected, actual), $"did not expect {actual}");

    public static void Equal(byte[] expected, byte[] actual) =>
        Equal(Convert.ToHexString(expected), Convert.ToHexString(actual));

    public static void Equal<T>(byte[] expected, byte[] actual)
        where T : class => Equal(expected, actual);

    public static void All<T>(IEnumerable<T> values, Action<T> check)
    {
        foreach (T value in values) check(value);
    }

    public static void Empty<T>(IEnumerable<T> values) => Check(!values.Any(), $"expected none, got {string.Join(' ', values)}");

    public static T Single<T>(IEnumerable<T> values) => values.Single();

    public static void Throws<TException>(Action action)
        where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException e) when (e.GetType() == typeof(TException))
        {
            return;
        }

        throw new InvalidOperationException($"expected {typeof(TException)}");
    }

    private static void Check(bool condition, string otherwise)
    {
        if (!condition) throw new InvalidOperationException(otherwise);
    }
}

[AttributeUsage(AttributeTargets.Method)]
internal class FactAttribute : Attribute;

[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryAttribute : FactAttribute;

[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class InlineDataAttribute(params object?[] data) : Attribute
{
    public object?[] Data { get; } = data;
}
