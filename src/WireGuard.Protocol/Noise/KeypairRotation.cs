namespace WireGuard.Protocol.Noise;

/// <summary>
/// The three keypairs a peer may have (the kernel's noise_keypairs): the one we send with, the one before it, for messages
/// still under way, and the one that we derived as responder and may not send with before the initiator has confirmed it.
/// <code>
///              begin as initiator               begin as responder      confirm
/// previous     next, else current               none                    current
/// current      the new one                      unchanged               next
/// next         none                             the new one             none
/// </code>
/// What falls out is retired: its index must be freed, and it be disposed once no lane can use it. Written by one thread;
/// <see cref="Current"/> may be read by all.
/// </summary>
public sealed class KeypairRotation
{
    private readonly Action<Keypair> _retire;
    private Keypair? _previous;
    private volatile Keypair? _current;
    private Keypair? _next;

    /// <param name="retire">Called with each keypair that is no longer one of the three.</param>
    public KeypairRotation(Action<Keypair> retire) => _retire = retire;

    /// <summary>
    /// The keypair to send with. The next one as soon as something has come in under it, though its rotation may still be on its
    /// way: the answer to that first message must not leave under a session that a restarted peer no longer has.
    /// </summary>
    public Keypair? Current => Volatile.Read(ref _next) is { HasReceived: true } confirmed ? confirmed : _current;

    /// <summary>Those that there are, oldest first. For the thread that writes them.</summary>
    public IEnumerable<Keypair> All => ((Keypair?[])[_previous, _current, _next]).OfType<Keypair>();

    public void BeginAsInitiator(Keypair keypair)
    {
        (Keypair? current, Keypair? next) = (_current, _next);
        _current = keypair;
        Volatile.Write(ref _next, null);
        Replace(ref _previous, next ?? current);
        if (next is not null)
            Retire(current);
    }

    public void BeginAsResponder(Keypair keypair)
    {
        Replace(ref _next, keypair);
        Replace(ref _previous, null);
    }

    /// <summary>Whether this is the next keypair, which a first message received under it confirms.</summary>
    public bool IsUnconfirmed(Keypair keypair) => ReferenceEquals(Volatile.Read(ref _next), keypair);

    /// <summary>If the initiator has sent with the next keypair, we do too from now on.</summary>
    /// <returns>Whether that is news.</returns>
    public bool TryConfirm()
    {
        if (_next is not { HasReceived: true } keypair)
            return false;
        Keypair? current = _current;
        _current = keypair;
        Volatile.Write(ref _next, null);
        Replace(ref _previous, current);
        return true;
    }

    /// <summary>Retires all three.</summary>
    public void Clear()
    {
        Replace(ref _previous, null);
        Replace(ref _next, null);
        Keypair? current = _current;
        _current = null;
        Retire(current);
    }

    private void Replace(ref Keypair? slot, Keypair? keypair)
    {
        Keypair? old = slot;
        Volatile.Write(ref slot, keypair);
        Retire(old);
    }

    private void Retire(Keypair? keypair)
    {
        if (keypair is not null)
            _retire(keypair);
    }
}
