using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Whether this machine is still the one that made its keypairs: it was neither suspended nor restored nor cloned since control
/// last looked. Another copy of it may be using the same counters, so nothing is sent before control has ended the sessions.
/// <para>
/// Senders check it between sealing and sending. A snapshot taken before the check is noticed; one taken after it leaves both
/// copies with the same sealed messages, so that a nonce is still used for one plaintext only.
/// </para>
/// <para>
/// The clocks show a suspended machine at once, and a <see cref="VmClock"/>, where there is one, a restored or cloned machine.
/// Else it is declared (<see cref="Declare"/>): by control on the kernel's uevent, or by a person.
/// </para>
/// Any thread may check; control alone accepts.
/// </summary>
internal sealed class Continuity
{
    private readonly VmClock? _clock;
    private long _declared;

    // The state that control has accepted. Each is one word: a stale read only breaks once more.
    private long _sleptMs;
    private ulong _marker;
    private long _acceptedDeclared;

    public Continuity(VmClock? clock = null)
    {
        _clock = clock;
        Accept(Look());
    }

    /// <summary>Whether nothing may be sent now.</summary>
    public bool IsBroken =>
        HasOtherMarker
        || Volatile.Read(ref _declared) != Volatile.Read(ref _acceptedDeclared)
        || SleepClock.HasSlept(Volatile.Read(ref _sleptMs), Sys.BootMs());

    /// <summary>Whether the machine may be one of several copies; else it was only suspended.</summary>
    public bool IsCloned => HasOtherMarker || Volatile.Read(ref _declared) != Volatile.Read(ref _acceptedDeclared);

    private bool HasOtherMarker => _clock is { } clock && clock.Marker != Volatile.Read(ref _marker);

    /// <summary>Declares that the machine was cloned. From any thread; the caller wakes control.</summary>
    public void Declare() => Interlocked.Increment(ref _declared);

    /// <summary>The current state. Read before sessions are ended, so that what happens meanwhile is not accepted.</summary>
    public State Look() => new(SleepClock.SleptMs(), _clock?.Marker ?? 0, Volatile.Read(ref _declared));

    /// <summary>Accepts a state, once all sessions from before it have ended.</summary>
    public void Accept(State state)
    {
        Volatile.Write(ref _sleptMs, state.SleptMs);
        Volatile.Write(ref _marker, state.Marker);
        Volatile.Write(ref _acceptedDeclared, state.Declared);
    }

    internal readonly record struct State(long SleptMs, ulong Marker, long Declared);
}

/// <summary>
/// How long the machine has been suspended since boot: boot time minus monotonic time.
/// </summary>
internal static class SleepClock
{
    /// <summary>The two clocks are read one after the other, and the thread may be preempted in between.</summary>
    private const long ToleranceMs = 1000;

    public static long SleptMs() => Sys.BootMs() - Sys.MonotonicMs();

    /// <summary>Whether that has grown since it was last noted.</summary>
    /// <param name="notedMs">What was noted then.</param>
    /// <param name="bootMs">Boot time, just read.</param>
    public static bool HasSlept(long notedMs, long bootMs) => bootMs - Sys.MonotonicMs() - notedMs > ToleranceMs;
}
