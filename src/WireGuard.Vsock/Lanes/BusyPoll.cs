using System.Diagnostics;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Lanes;

/// <summary>
/// Waits for a lane's events. Before it sleeps, the lane polls for a little while: an answer is often near, and waking a sleeping
/// processor takes long, above all on a virtual machine. It is the idea of net.core.busy_poll and of KVM's halt polling.
/// <para>
/// It costs at most a tenth of the time slept before, and ends as soon as another thread wants the processor. While data flows
/// there is no polling: short sleeps earn none. Owned by one thread.
/// </para>
/// </summary>
internal sealed class BusyPoll
{
    /// <summary>How long it polls before it sleeps.</summary>
    public const int WindowUs = 200;

    /// <summary>The most polling that sleep earns.</summary>
    public const int MaxCreditUs = 1_000;

    /// <summary>Microseconds of sleep that earn one of polling.</summary>
    public const int SleptPerPolled = 10;

    /// <summary>The shortest sleep that earns any.</summary>
    public const int LongSleepUs = 1_000;

    /// <summary>A poll takes a microsecond or two; after this long, another thread has run meanwhile.</summary>
    public const int InterruptionUs = 20;

    private readonly Func<long> _clockUs;
    private long _creditUs;

    // Written by the lane, read by any thread. While it waits: the time that it was busy, inverted, so below zero. Else what is
    // to be taken from now to have that time.
    private long _busyUs;

    /// <param name="clockUs">Microseconds since any origin; the machine's clock if null.</param>
    public BusyPoll(Func<long>? clockUs = null)
    {
        _clockUs = clockUs ?? MachineClock;
        _busyUs = _clockUs();
    }

    /// <summary>
    /// From any thread: how long the lane has had something to do, in microseconds. It costs the lane no reading of the clock
    /// that it would not do otherwise.
    /// </summary>
    public long BusyUs
    {
        get
        {
            long busyUs = Volatile.Read(ref _busyUs);
            return busyUs < 0 ? ~busyUs : _clockUs() - busyUs;
        }
    }

    /// <summary>How often it has polled in vain.</summary>
    public long Looks { get; private set; }

    /// <summary>As epoll_wait(2).</summary>
    public int Wait(int epoll, EpollEvents events, int timeoutMs)
    {
        long enteredUs = _clockUs(), nowUs = enteredUs;
        long busyUs = enteredUs - _busyUs;
        Volatile.Write(ref _busyUs, ~busyUs);
        int count = _creditUs >= WindowUs ? Poll(epoll, events, ref nowUs) : 0;
        if (count == 0)
        {
            long beganUs = nowUs;
            count = Sys.EpollWait(epoll, events, timeoutMs);
            nowUs = _clockUs();
            if (nowUs - beganUs >= LongSleepUs)
                _creditUs = Math.Min(MaxCreditUs, _creditUs + ((nowUs - beganUs) / SleptPerPolled));
        }

        Volatile.Write(ref _busyUs, nowUs - busyUs);
        return count;
    }

    /// <param name="nowUs">The last reading of the clock.</param>
    private int Poll(int epoll, EpollEvents events, ref long nowUs)
    {
        long beganUs = nowUs;
        do
        {
            int count = Sys.EpollWait(epoll, events, 0);
            if (count != 0)
            {
                _creditUs -= nowUs - beganUs;
                return count;
            }

            Looks++;
            Thread.Yield();
            long lastUs = nowUs;
            nowUs = _clockUs();
            if (nowUs - lastUs >= InterruptionUs)
            {
                _creditUs = 0;
                return 0;
            }
        }
        while (nowUs - beganUs < WindowUs);

        _creditUs -= nowUs - beganUs;
        return 0;
    }

    private static long MachineClock() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);
}
