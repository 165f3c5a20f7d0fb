using System.Diagnostics;

namespace WireGuard.Protocol;

/// <summary>
/// Points between two steps of what threads share, at which tests/Interleavings has a thread wait, so that others come in
/// between.
/// The ordinary build has none of them (`make doors`, `make interleavings`).
/// </summary>
internal static class Interleaving
{
#if DOORS
    /// <summary>What a thread does at each point. Set before threads are started; null for nothing.</summary>
    internal static Action? Disturbance { get; set; }
#endif

    [Conditional("DOORS")]
    internal static void Point()
    {
#if DOORS
        Disturbance?.Invoke();
#endif
    }
}
