using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// Whether this machine is still the one that made its keypairs: it was neither suspended nor restored nor cloned since control
/// last looked. Another copy of it may be using the same counters, so nothing is sent before control has ended the sessions.
/// <para>
/// Whoever seals asks between sealing and sending. A snapshot taken before that is seen; one taken after it leaves both copies
/// with the same sealed messages, and what two machines send is then the same bytes, under a nonce used for one plaintext.
/// </para>
/// <para>
/// It is seen at once by the clocks (a suspended machine), by the hypervisor's own word where there is a <see cref="VmClock"/>,
/// and when somebody says so (<see cref="Declare"/>): control, which hears the kernel's uevent, or a person.
/// </para>
/// Any thread may ask; control alone accepts.
/// </summary>
internal sealed class Continuity
{
    private readonly VmClock? _clock;
    private long _declared;

    // The state that control has accepted, each a word of its own: one that is read too early breaks once more.
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

    /// <summary>Says that the machine was cloned. From any thread; control must be woken.</summary>
    public void Declare() => Interlocked.Increment(ref _declared);

    /// <summary>What is so now. To be asked before sessions are ended: what happens meanwhile is not accepted.</summary>
    public State Look() => new(SleepClock.SleptMs(), _clock?.Marker ?? 0, Volatile.Read(ref _declared));

    /// <summary>The sessions of before are at their end: what was so then is so rightly.</summary>
    public void Accept(State state)
    {
        Volatile.Write(ref _sleptMs, state.SleptMs);
        Volatile.Write(ref _marker, state.Marker);
        Volatile.Write(ref _acceptedDeclared, state.Declared);
    }

    internal readonly record struct State(long SleptMs, ulong Marker, long Declared);
}
