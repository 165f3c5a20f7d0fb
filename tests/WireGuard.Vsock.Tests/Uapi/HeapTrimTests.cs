using WireGuard.Vsock.Events;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

public sealed class HeapTrimTests : IDisposable
{
    private readonly EventLoop _loop;
    private readonly HeapTrim _trim;
    private long _nowMs = 1_000_000;

    public HeapTrimTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _trim = new HeapTrim(_loop);
    }

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void Heap_is_trimmed_at_the_end_of_the_turn_in_which_it_is_asked_for()
    {
        int before = GC.CollectionCount(GC.MaxGeneration);
        _trim.Ask();
        _loop.RunOnce(0);
        Assert.True(GC.CollectionCount(GC.MaxGeneration) > before);
        Assert.Equal(0, _loop.DeadlineCount);
    }

    [Fact]
    public void Heap_is_trimmed_once_in_10_s_however_often_it_is_asked_for()
    {
        _trim.Ask();
        _loop.RunOnce(0);
        for (int i = 0; i < 3; i++)
        {
            _trim.Ask();
            _trim.Ask();
            Assert.Equal(1, _loop.DeadlineCount);
            _nowMs += 9_999;
            _loop.RunOnce(0);
            Assert.Equal(1, _loop.DeadlineCount);
            _nowMs++;
            _loop.RunOnce(0);
            Assert.Equal(0, _loop.DeadlineCount);
        }
    }
}
