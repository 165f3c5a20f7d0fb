namespace WireGuard.Protocol.Noise;

/// <summary>
/// The three keypairs a peer may have (the kernel's noise_keypairs): the one we send with, the one before it, for messages
/// still under way, and the one that we derived as responder and may not send with before the initiator has confirmed it.
/// <code>
///              begin as initiator               begin as responder      confirm
/// previous     next, else last heard            unchanged               last heard
/// current      the new one                      unchanged               next
/// next         none                             the new one             none
///
/// last heard: of current and previous the one that something came in under last; current if nothing did
/// </code>
/// <para>
/// DEVIATION: the kernel has "current" for "last heard", and drops the previous one when it begins as responder. When handshakes
/// have crossed, which over streams they often do, each end sends with its own keypair, which is the other's previous one: the
/// kernel's rule then loses what is in flight at the next handshake. Test: KeypairRotationTests.
/// </para>
/// <para>
/// A keypair that is dropped is retired: its index is freed, and it is disposed of once no lane can use it. Written by one
/// thread; any thread may read <see cref="Current"/>.
/// </para>
/// </summary>
internal sealed class KeypairRotation
{
    private readonly Action<Keypair> _retire;
    private Keypair? _previous;
    private volatile Keypair? _current;
    private Keypair? _next;

    /// <param name="retire">Called with each keypair that is no longer one of the three.</param>
    public KeypairRotation(Action<Keypair> retire) => _retire = retire;

    /// <summary>
    /// The keypair to send with: the next one as soon as a message was received under it, even before <see cref="TryConfirm"/>.
    /// The answer to that message must not go out under a session that a restarted peer no longer has.
    /// </summary>
    public Keypair? Current => Volatile.Read(ref _next) is { HasReceived: true } confirmed ? confirmed : _current;

    /// <summary>The keypairs that exist, oldest first. Owner thread only.</summary>
    public IEnumerable<Keypair> All => ((Keypair?[])[_previous, _current, _next]).OfType<Keypair>();

    public void BeginAsInitiator(Keypair keypair)
    {
        (Keypair? previous, Keypair? current, Keypair? next) = (_previous, _current, _next);
        _previous = next ?? LastHeard;
        _current = keypair;
        Interleaving.Point();
        Volatile.Write(ref _next, null);
        RetireAllBut(_previous, previous, current);
    }

    public void BeginAsResponder(Keypair keypair)
    {
        Keypair? old = _next;
        Volatile.Write(ref _next, keypair);
        RetireAllBut(keypair, old);
    }

    /// <summary>Whether this is the next keypair, which a first message received under it confirms.</summary>
    public bool IsUnconfirmed(Keypair keypair) => ReferenceEquals(Volatile.Read(ref _next), keypair);

    /// <summary>Whether the peer has begun a session that it has not confirmed yet. Owner thread only.</summary>
    public bool AwaitsConfirmation => _next is { HasReceived: false };

    /// <summary>
    /// Whether the peer may still be sending with this keypair, under which something has come in: it sends with the newest that
    /// both have, so once something has come in under a newer one, what comes under this one was late. A newer one under which
    /// nothing has come in proves nothing: an attacker on the path may have kept it from the peer. Nor does one of a handshake
    /// that has crossed this one's: the peer may send with either. Any thread may ask.
    /// </summary>
    public bool IsSentWith(Keypair keypair)
    {
        Keypair? next = Volatile.Read(ref _next), current = _current;
        return ReferenceEquals(keypair, next)
            || (!IsOutdatedBy(next, keypair) && (ReferenceEquals(keypair, current) || !IsOutdatedBy(current, keypair)));
    }

    /// <summary>If the initiator has sent with the next keypair, we do too from now on.</summary>
    /// <returns>Whether that is news.</returns>
    public bool TryConfirm()
    {
        if (_next is not { HasReceived: true } keypair)
            return false;
        (Keypair? previous, Keypair? current) = (_previous, _current);
        _previous = LastHeard;
        _current = keypair;
        Interleaving.Point();
        Volatile.Write(ref _next, null);
        RetireAllBut(_previous, previous, current);
        return true;
    }

    /// <summary>Retires all three.</summary>
    public void Clear()
    {
        (Keypair? previous, Keypair? current, Keypair? next) = (_previous, _current, _next);
        _previous = _current = null;
        Interleaving.Point();
        Volatile.Write(ref _next, null);
        RetireAllBut(null, previous, current, next);
    }

    private static bool IsOutdatedBy(Keypair? newer, Keypair keypair) =>
        newer is { HasReceived: true } && !newer.HasCrossed(keypair);

    private Keypair? LastHeard => _previous?.HeardMs > (_current?.HeardMs ?? long.MinValue) ? _previous : _current;

    private void RetireAllBut(Keypair? kept, params ReadOnlySpan<Keypair?> keypairs)
    {
        foreach (Keypair? keypair in keypairs)
        {
            if (keypair is not null && keypair != kept)
                _retire(keypair);
        }
    }
}
