using WireGuard.Protocol.Noise;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Counters as authentic messages have them, beside a set of those taken: none is taken twice, or past the last; what is new, or
/// no further behind than the window, is taken; and the newest is known.
/// <code>u8 may grow, and the first counter's kind | steps: u8 kind | its number</code>
/// </summary>
internal sealed class ReplayWindowTarget : FuzzTarget
{
    private const int MostSteps = 2_000;

    public override IEnumerable<byte[]> Seeds()
    {
        yield return new Chosen().Byte(0).Byte(0).Byte(1).Byte(0).Byte(1).Byte(1).Byte(3).Byte(1).Byte(1).ToArray();
        Chosen late = new Chosen().Byte(1).Byte(2).UInt16(9000).Byte(3).UInt16(8127);
        yield return late.Byte(3).UInt16(8129).Byte(3).UInt16(8129).ToArray();
        Chosen last = new Chosen().Byte(1).Byte(4).UInt64(Limits.RejectAfterMessages - 1);
        yield return last.Byte(0).Byte(1).Byte(3).UInt16(60_000).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        ReplayWindow window = new() { MayGrow = choices.Bool() };
        HashSet<ulong> taken = [];
        ulong newest = 0;
        for (int step = 0; step < MostSteps && !choices.IsAtEnd; step++)
        {
            ulong counter = (choices.Byte() % 5) switch
            {
                0 => newest + choices.Byte(),
                1 => newest - choices.Byte(),
                2 => newest + choices.UInt16(),
                3 => newest - choices.UInt16(),
                _ => choices.UInt64(),
            };
            bool isTaken = window.TryAccept(counter, out bool isNewest);
            bool isNew = taken.Count == 0 || counter > newest;
            bool isLate = !isNew && newest - counter > ReplayWindow.Size;
            Fact.Holds(!isTaken || counter < Limits.RejectAfterMessages, "no counter past the last is taken");
            Fact.Holds(!isTaken || !taken.Contains(counter), "no counter is taken twice");
            Fact.Holds(isTaken || isLate || counter >= Limits.RejectAfterMessages || taken.Contains(counter),
                "a counter in the window that was not seen is taken");
            Fact.Holds(!isTaken || !isLate || window.MayGrow, "a window that may not grow takes none behind it");
            Fact.Same(isTaken && (taken.Count == 0 ? counter >= newest : counter > newest), isNewest, "whether it is the newest");
            if (!isTaken)
                continue;
            taken.Add(counter);
            newest = Math.Max(newest, counter);
        }
    }
}
