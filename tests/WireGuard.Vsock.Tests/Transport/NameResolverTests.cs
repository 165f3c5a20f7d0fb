using System.Diagnostics;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class NameResolverTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _mayAnswer = new(0);
    private readonly SemaphoreSlim _hasBegun = new(0);
    private readonly NameResolver<PeerName> _resolver;
    private readonly Lock _gate = new();
    private int _atOnce;
    private int _most;

    public NameResolverTests() => _resolver = new NameResolver<PeerName>(name => Resolve(name.Host, name.Port));

    public void Dispose()
    {
        _resolver.Dispose();
        _mayAnswer.Release(100);
    }

    [Fact]
    public void Answers_come_through_the_descriptor()
    {
        var name = new PeerName("a.example:1");
        _resolver.Ask(name);
        Assert.False(_resolver.TryTake(out _, out _));
        _mayAnswer.Release();
        (PeerName taken, NameAnswer answer) = Take();
        Assert.Same(name, taken);
        Assert.Equal("not a.example", answer.Error);
        Assert.False(_resolver.TryTake(out _, out _));
    }

    [Fact]
    public void Few_questions_are_under_way_at_once_and_the_others_wait_in_their_order()
    {
        PeerName[] names = [.. Enumerable.Range(0, 10).Select(i => new PeerName($"n{i}.example:1"))];
        foreach (PeerName name in names)
            _resolver.Ask(name);
        for (int i = 0; i < NameResolver.MaxThreads; i++)
            Assert.True(_hasBegun.Wait(s_patience));
        _resolver.Forget(names[8]);
        _mayAnswer.Release(names.Length);
        HashSet<PeerName> answered = [.. Enumerable.Range(0, names.Length - 1).Select(_ => Take().Name)];
        Assert.Equal(names.Except([names[8]]).ToHashSet(), answered);
        Assert.Equal(NameResolver.MaxThreads, _most);
    }

    [Fact]
    public void An_answer_that_comes_after_the_end_is_nobodys()
    {
        _resolver.Ask(new PeerName("a.example:1"));
        Assert.True(_hasBegun.Wait(s_patience));
        _resolver.Dispose();
        _mayAnswer.Release();
    }

    [Fact]
    public void The_C_library_resolves_to_the_networks_family()
    {
        NameAnswer v4 = NameResolver.Resolve(NetworkKind.Tcp4, "127.0.0.1", 5);
        Assert.Equal([EndpointAddress.IPv4(0x7F000001, 5)], v4.Addresses);
        Assert.Equal("", v4.Error);
        Assert.Equal(
            "it has no address for the network udp6", NameResolver.Resolve(NetworkKind.Udp6, "127.0.0.1", 5).Error);
    }

    private (PeerName Name, NameAnswer Answer) Take()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (Sys.Poll(_resolver.Fd, Libc.POLLIN, 100) > 0)
                _resolver.BeginTaking();
            if (_resolver.TryTake(out PeerName? name, out NameAnswer answer))
                return (name, answer);
            Assert.True(watch.Elapsed < s_patience, "no answer has come");
        }
    }

    private NameAnswer Resolve(string host, ushort port)
    {
        int atOnce = Interlocked.Increment(ref _atOnce);
        lock (_gate)
            _most = Math.Max(_most, atOnce);
        _hasBegun.Release();
        _mayAnswer.Wait();
        Interlocked.Decrement(ref _atOnce);
        return new NameAnswer([], $"not {host}");
    }
}
