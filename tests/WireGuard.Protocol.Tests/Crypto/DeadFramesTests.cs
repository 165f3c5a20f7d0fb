using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>What calls that have returned leave on the stack.</summary>
public unsafe class DeadFramesTests
{
    private const int Depth = 16 * 1024;
    private const ulong Mark = 0x6b65_7973_6b65_7973;

    [Fact]
    public void What_a_call_left_on_the_stack_is_wiped()
    {
        LeaveMarks();
        Assert.NotEqual(0, MarksBelow());
        LeaveMarks();
        DeadFrames.Wipe();
        Assert.Equal(0, MarksBelow());
    }

    [Fact]
    public void Aead_that_forgets_wipes_them_too()
    {
        using var aead = new Aead();
        LeaveMarks();
        aead.Forget();
        Assert.Equal(0, MarksBelow());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void LeaveMarks() =>
        new Span<ulong>(UseStack(stackalloc ulong[Depth / sizeof(ulong)]), Depth / sizeof(ulong)).Fill(Mark);

    /// <summary>Counts them in a frame of its own, at the same place, which nobody has written to yet.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static int MarksBelow()
    {
        Span<ulong> words = stackalloc ulong[Depth / sizeof(ulong)];
        int marks = 0;
        foreach (ulong word in words)
            marks += word == Mark ? 1 : 0;
        return marks;
    }

    private static void* UseStack(Span<ulong> words) => Unsafe.AsPointer(ref MemoryMarshal.GetReference(words));
}
