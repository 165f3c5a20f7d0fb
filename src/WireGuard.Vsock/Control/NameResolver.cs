using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Control;

/// <summary>What a name was resolved to.</summary>
/// <param name="Addresses">At least one, unless there is an error.</param>
/// <param name="Error">Why there is none; empty if there is.</param>
internal readonly record struct NameAnswer(IReadOnlyList<EndpointAddress> Addresses, string Error);

/// <summary>
/// Resolves names, without control's waiting: getaddrinfo(3) takes as long as resolv.conf(5) lets it, and cannot be stopped. Each
/// question has a thread, which ends with the answer; <see cref="MaxThreads"/> at once, and the other questions wait in their
/// order. They are background threads, so that one that hangs does not keep the process from ending. Control only, but for what
/// those threads do.
/// </summary>
internal sealed class NameResolver : IDisposable
{
    public const int MaxThreads = 4;

    /// <summary>Of a thread: the C library keeps an answer of 64 KiB on it.</summary>
    private const int StackSize = 512 * 1024;

    private readonly Func<string, ushort, NameAnswer> _resolve;
    private readonly FileDescriptor _wake = new(Sys.Check(Sys.EventFd(), "eventfd"));
    private readonly LinkedList<PeerName> _waiting = new();
    private readonly Dictionary<PeerName, LinkedListNode<PeerName>> _places = [];
    private readonly ConcurrentQueue<(PeerName Name, NameAnswer Answer)> _answers = new();
    private int _running;

    /// <param name="resolve">Called on a thread of its own; never throws.</param>
    public NameResolver(Func<string, ushort, NameAnswer> resolve) => _resolve = resolve;

    /// <summary>Readable when an answer has come.</summary>
    public int Fd => _wake.Fd;

    /// <summary>Asks for the addresses of a name for which nothing is asked already.</summary>
    public void Ask(PeerName name)
    {
        _places[name] = _waiting.AddLast(name);
        StartNext();
    }

    /// <summary>The answer is of no use any more. If the question waits for its turn, it is not put.</summary>
    public void Forget(PeerName name)
    {
        if (_places.Remove(name, out LinkedListNode<PeerName>? place))
            _waiting.Remove(place);
    }

    /// <summary>Called before answers are taken: one that comes from now on wakes again.</summary>
    public void BeginTaking() => Sys.EventFdReset(Fd);

    /// <summary>Takes an answer, also one to a question that was forgotten.</summary>
    public bool TryTake([MaybeNullWhen(false)] out PeerName name, out NameAnswer answer)
    {
        bool hasCome = _answers.TryDequeue(out (PeerName Name, NameAnswer Answer) taken);
        (name, answer) = taken;
        if (!hasCome)
            return false;
        _running--;
        StartNext();
        return true;
    }

    public void Dispose() => _wake.Dispose();

    private void StartNext()
    {
        if (_running == MaxThreads || _waiting.First?.Value is not { } name)
            return;
        Forget(name);
        _running++;
        try
        {
            new Thread(() => Answer(name, _resolve(name.Host, name.Port)), StackSize)
            {
                Name = "resolver",
                IsBackground = true,
            }.Start();
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            Answer(name, new NameAnswer([], "no thread can be started to ask for it"));
        }
    }

    /// <summary>On a question's thread. Control may have ended meanwhile, and the descriptor with it.</summary>
    private void Answer(PeerName name, NameAnswer answer)
    {
        _answers.Enqueue((name, answer));
        bool isHeld = false;
        try
        {
            _wake.DangerousAddRef(ref isHeld);
            Sys.EventFdSignal(_wake.Fd);
        }
        catch (ObjectDisposedException)
        {
            // The answer is no longer wanted.
        }
        finally
        {
            if (isHeld)
                _wake.DangerousRelease();
        }
    }
}
