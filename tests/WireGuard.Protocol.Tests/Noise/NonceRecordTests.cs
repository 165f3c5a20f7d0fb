using CsCheck;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>The record that builds for tests keep of every sealed counter.</summary>
public sealed class NonceRecordTests
{
    private readonly NonceRecord _record = new();
    private readonly UInt128 _key = NameOf(1);

    [Fact]
    public void Counter_used_twice_is_found()
    {
        Assert.True(_record.TryNote(_key, 0, 1));
        Assert.True(_record.TryNote(_key, 1, 1));
        Assert.False(_record.TryNote(_key, 1, 1));
        Assert.False(_record.TryNote(_key, 0, 1));
    }

    [Fact]
    public void Key_in_another_place_is_the_same_key()
    {
        Assert.True(_record.TryNote(_key, 7, 1));
        Assert.False(_record.TryNote(NameOf(1), 7, 1));
        Assert.True(_record.TryNote(NameOf(2), 7, 1));
    }

    [Fact]
    public void Threads_may_note_in_another_order_than_they_took_counters() =>
        Gen.ULong[0, 40].Array[1, 60].Sample(counters =>
        {
            var record = new NonceRecord();
            HashSet<ulong> naive = [];
            Assert.All(counters, counter => Assert.Equal(naive.Add(counter), record.TryNote(_key, counter, 1)));
        });

    [Fact]
    public void Key_is_remembered_as_long_as_it_may_seal_and_then_forgotten()
    {
        Assert.True(_record.TryNote(_key, 0, 1));
        Assert.False(_record.TryNote(_key, 0, Limits.RejectAfterTimeMs));
        for (byte other = 2; other < 10; other++)
            _record.TryNote(NameOf(other), 0, other * 2 * Limits.RejectAfterTimeMs);
        Assert.InRange(_record.Count, 1, 3);
    }

    private static UInt128 NameOf(byte key) => NonceRecord.NameOf([key, .. new byte[31]]);
}
