using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>What a name was resolved to.</summary>
/// <param name="Addresses">At least one, unless there is an error.</param>
/// <param name="Error">Why there is none; empty if there is.</param>
internal readonly record struct NameAnswer(IReadOnlyList<EndpointAddress> Addresses, string Error);

/// <summary>
/// Resolves names, without control's waiting: getaddrinfo(3) takes as long as resolv.conf(5) lets it, and cannot be stopped. Each
/// question has a thread, which ends with the answer; <see cref="NameResolver.MaxThreads"/> at once, and the other questions
/// wait in their order. They are background threads, so that one that hangs does not keep the process from ending. Control only,
/// but for what those threads do.
/// </summary>
/// <typeparam name="TName">What holds a name; compared by reference.</typeparam>
internal sealed class NameResolver<TName> : IDisposable where TName : class
{
    private readonly Func<TName, NameAnswer> _resolve;
    private readonly FileDescriptor _wake = new(Sys.Check(Sys.EventFd(), "eventfd"));
    private readonly LinkedList<TName> _waiting = new();
    private readonly Dictionary<TName, LinkedListNode<TName>> _places = [];
    private readonly ConcurrentQueue<(TName Name, NameAnswer Answer)> _answers = new();
    private int _running;

    /// <param name="resolve">Called on a thread of its own; never throws.</param>
    public NameResolver(Func<TName, NameAnswer> resolve) => _resolve = resolve;

    /// <summary>Readable when an answer has come.</summary>
    public int Fd => _wake.Fd;

    /// <summary>Asks for the addresses of a name for which nothing is asked already.</summary>
    public void Ask(TName name)
    {
        _places[name] = _waiting.AddLast(name);
        StartNext();
    }

    /// <summary>The answer is of no use any more. If the question waits for its turn, it is not put.</summary>
    public void Forget(TName name)
    {
        if (_places.Remove(name, out LinkedListNode<TName>? place))
            _waiting.Remove(place);
    }

    /// <summary>Called before answers are taken: one that comes from now on wakes again.</summary>
    public void BeginTaking() => Sys.EventFdReset(Fd);

    /// <summary>Takes an answer, also one to a question that was forgotten.</summary>
    public bool TryTake([MaybeNullWhen(false)] out TName name, out NameAnswer answer)
    {
        bool hasCome = _answers.TryDequeue(out (TName Name, NameAnswer Answer) taken);
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
        if (_running == NameResolver.MaxThreads || _waiting.First?.Value is not { } name)
            return;
        Forget(name);
        _running++;
        try
        {
            new Thread(() => Answer(name, _resolve(name)), NameResolver.StackSize)
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
    private void Answer(TName name, NameAnswer answer)
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

/// <summary>What holds for resolvers of all names.</summary>
internal static class NameResolver
{
    public const int MaxThreads = 4;

    /// <summary>Of a thread: the C library keeps an answer of 64 KiB on it.</summary>
    internal const int StackSize = 512 * 1024;

    /// <summary>
    /// The addresses of a network's family that a host has, by getaddrinfo(3), in the order in which to try them.
    /// </summary>
    public static NameAnswer Resolve(NetworkKind network, string host, ushort port)
    {
        List<EndpointAddress> found = [];
        string service = port.ToString(CultureInfo.InvariantCulture);
        if (NameLookup.Resolve(host, service, AI_NUMERICSERV, found, out string error) != 0)
            return new NameAnswer([], error + NameFiles.WhyUnread());
        EndpointAddress[] allowed =
            [.. found.Where(address => address.IsIPv6 ? network.AllowsIPv6 : network.AllowsIPv4)];
        return new NameAnswer(allowed, allowed.Length != 0 ? "" : $"it has no address for the network {network.Word}");
    }
}
