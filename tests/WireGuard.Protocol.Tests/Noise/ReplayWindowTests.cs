using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>The truth table of the kernel's selftest/counter.c, then a naive oracle.</summary>
public sealed class ReplayWindowTests
{
    private const ulong Window = ReplayWindow.Size;
    private const ulong Past = Window + 1; // T_LIM in the kernel's table
    private const ulong Limit = Limits.RejectAfterMessages;

    [Fact]
    public void Counter_is_the_newest_if_none_as_high_was_taken_before()
    {
        var window = new ReplayWindow();
        (ulong, bool)[] taken = [(0, true), (3, true), (1, false), (4, true), (2, false), (70_000, true)];
        foreach ((ulong counter, bool isNewest) in taken)
        {
            Assert.True(window.TryAccept(counter, out bool said));
            Assert.Equal(isNewest, said);
        }

        Assert.False(window.TryAccept(70_000, out bool ofReplay));
        Assert.False(ofReplay);
        Assert.False(window.TryAccept(5, out bool ofLate));
        Assert.False(ofLate);
    }

    [Fact]
    public void Window_is_the_kernels()
    {
        Assert.Equal(8_128, ReplayWindow.Size);
        Assert.Equal(131_008, ReplayWindow.LargestSize);
        Assert.Equal(18_446_744_073_709_543_423, Limits.RejectAfterMessages); // 2^64 - 2^13 - 1
    }

    [Fact]
    public void Truth_table_holds()
    {
        (ulong Counter, bool Accepted)[] table =
        [
            (0, true), (1, true), (1, false), (9, true), (8, true), (7, true), (7, false),
            (Past, true), (Past - 1, true), (Past - 1, false), (Past - 2, true), (2, true), (2, false),
            (Past + 16, true), (3, false), (Past + 16, false),
            (Past * 4, true), (Past * 4 - (Past - 1), true), (10, false),
            (Past * 4 - Past, false), (Past * 4 - (Past + 1), false), (Past * 4 - (Past - 2), true), (Past * 4 + 1 - Past, false),
            (0, false),
            (Limit, false), (Limit - 1, true), (Limit, false), (Limit - 1, false), (Limit - 2, true), (Limit + 1, false),
            (Limit + 2, false), (Limit - 2, false), (Limit - 3, true), (0, false),
        ];
        var window = new ReplayWindow();
        for (int row = 0; row < table.Length; row++)
            Assert.True(window.TryAccept(table[row].Counter, out _) == table[row].Accepted, $"row {row + 1}");
    }

    [Fact]
    public void Counter_at_the_edge_of_the_window_is_accepted_once()
    {
        var window = new ReplayWindow();
        AssertAllAccepted(window, Ascending(1, Window));
        Assert.True(window.TryAccept(0, out _));
        Assert.False(window.TryAccept(0, out _));
    }

    [Fact]
    public void Counter_past_the_edge_of_the_window_is_rejected()
    {
        var window = new ReplayWindow();
        AssertAllAccepted(window, Ascending(2, Window + 1));
        Assert.True(window.TryAccept(1, out _));
        Assert.False(window.TryAccept(0, out _));
    }

    [Fact]
    public void Whole_window_backwards_is_accepted() =>
        AssertAllAccepted(new ReplayWindow(), Ascending(0, Window).Reverse());

    [Fact]
    public void One_more_than_the_window_backwards_is_rejected()
    {
        var window = new ReplayWindow();
        AssertAllAccepted(window, Ascending(1, Window + 1).Reverse());
        Assert.False(window.TryAccept(0, out _));
    }

    [Fact]
    public void Next_counter_pushes_the_oldest_out()
    {
        var window = new ReplayWindow();
        AssertAllAccepted(window, Ascending(1, Window).Reverse());
        Assert.True(window.TryAccept(Window + 1, out _));
        Assert.False(window.TryAccept(0, out _));
    }

    [Fact]
    public void Oldest_counter_may_come_before_the_next()
    {
        var window = new ReplayWindow();
        AssertAllAccepted(window, Ascending(1, Window).Reverse());
        Assert.True(window.TryAccept(0, out _));
        Assert.True(window.TryAccept(Window + 1, out _));
    }

    [Fact]
    public void Replayed_counter_is_rejected_wherever_the_window_has_moved()
    {
        for (ulong jump = 1; jump <= Window; jump++)
        {
            var window = new ReplayWindow();
            Assert.True(window.TryAccept(5, out _));
            Assert.True(window.TryAccept(5 + jump, out _));
            Assert.False(window.TryAccept(5, out _));
        }
    }

    [Theory]
    [InlineData(1, 20_000, (int)Window + 100, false)]
    [InlineData(2, 20_000, (int)Window + 100, true)]
    [InlineData(3, 200, (int)Window + 100, false)]
    [InlineData(4, 3, 20_000, false)]
    [InlineData(5, 3, 20_000, true)]
    [InlineData(6, 2_000, 150_000, true)]
    [InlineData(7, 200_000, 150_000, true)]
    public void Random_counters_agree_with_a_naive_window(int seed, int largestJump, int farthestBehind, bool mayGrow)
    {
        var random = new Random(seed);
        var window = new ReplayWindow { MayGrow = mayGrow };
        var seen = new HashSet<ulong>();
        // How far behind is told apart, and the oldest counter that ever was since the window has grown last.
        ulong newest = 0, size = Window, oldest = 0;
        int growths = 0;
        for (int i = 0; i < 200_000; i++)
        {
            ulong counter = random.Next(3) == 0
                ? newest + (ulong)random.Next(largestJump)
                : newest - Math.Min(newest, (ulong)random.Next(farthestBehind + 1));
            bool isTooLate = counter + size < newest;
            bool expected = !isTooLate && counter >= oldest && seen.Add(counter);
            newest = Math.Max(newest, counter);
            Assert.True(window.TryAccept(counter, out _) == expected, $"counter {counter}, newest {newest}, message {i}");
            if (mayGrow && isTooLate && counter + ReplayWindow.LargestSize >= newest)
            {
                // Whole words are told apart: those of the ring as it was.
                ulong firstWord = (newest / 64) - Math.Min(newest / 64, size / 64);
                oldest = Math.Max(oldest, firstWord * 64);
                size = (size * 2) + 64;
                growths++;
            }
        }

        Assert.Equal(!mayGrow ? 0 : farthestBehind < 10_000 ? 1 : farthestBehind < 30_000 ? 2 : 4, growths);
    }

    [Fact]
    public void Window_that_may_grow_does_so_for_messages_that_come_too_late_up_to_its_limit()
    {
        var window = new ReplayWindow { MayGrow = true };
        ulong newest = 1_000_000;
        Assert.True(window.TryAccept(newest, out _));
        // The first of each distance is lost, and what the window did not tell apart is not accepted afterwards.
        for (ulong size = Window; size < ReplayWindow.LargestSize; size = (size * 2) + 64)
        {
            Assert.False(window.TryAccept(newest - size - 1, out _));
            Assert.False(window.TryAccept(newest - size - 1, out _));
        }

        // From now on others may be ahead by as much.
        newest += ReplayWindow.LargestSize;
        Assert.True(window.TryAccept(newest, out _));
        AssertAllAccepted(window, Ascending(1_000_001, newest - 1));
        Assert.False(window.TryAccept(1_000_000, out _));
        Assert.True(window.TryAccept(newest + 1, out _));
        Assert.False(window.TryAccept(newest + 1 - ReplayWindow.LargestSize, out _));
        Assert.False(window.TryAccept(newest - ReplayWindow.LargestSize, out _));
        Assert.All(Ascending(1_000_001, newest), counter => Assert.False(window.TryAccept(counter, out _)));
    }

    [Fact]
    public void Two_threads_never_both_have_one_counter_accepted()
    {
        const int Count = 200_000;
        var window = new ReplayWindow();
        int[] accepted = new int[Count];
        Parallel.For(0, 2, _ =>
        {
            for (int i = 0; i < Count; i++)
            {
                if (window.TryAccept((ulong)i, out bool _))
                    Interlocked.Increment(ref accepted[i]);
            }
        });
        Assert.DoesNotContain(accepted, times => times > 1);
    }

    [Fact]
    public void Accepting_allocates_nothing()
    {
        var window = new ReplayWindow();
        ulong counter = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                window.TryAccept(counter, out _);
                window.TryAccept(counter++, out _);
            }
        }));
    }

    private static IEnumerable<ulong> Ascending(ulong first, ulong last)
    {
        for (ulong counter = first; counter <= last; counter++)
            yield return counter;
    }

    private static void AssertAllAccepted(ReplayWindow window, IEnumerable<ulong> counters)
    {
        foreach (ulong counter in counters)
            Assert.True(window.TryAccept(counter, out _), $"counter {counter}");
    }
}
