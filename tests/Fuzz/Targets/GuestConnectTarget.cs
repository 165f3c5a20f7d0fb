using WireGuard.Vsock.Transport;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// What a guest's socket answers to CONNECT, byte by byte: it is connected at the newline of "OK ", a number of 32 bits and a
/// newline, and malformed at the first byte that is none of that; never later than 14 bytes.
/// </summary>
internal sealed class GuestConnectTarget : FuzzTarget
{
    private const int Longest = 14;

    public override IEnumerable<string> Words => ["OK ", "4294967295\n", "4294967296\n"];

    public override IEnumerable<byte[]> Seeds() =>
        ["OK 1024\n"u8.ToArray(), "OK 4294967295\nmore"u8.ToArray(), "OK \n"u8.ToArray(), "OK 0000000000\n"u8.ToArray()];

    public override void Run(ReadOnlySpan<byte> input)
    {
        GuestConnect connect = default;
        GuestConnectStatus status = GuestConnectStatus.Pending;
        int taken = 0;
        while (taken < input.Length && status == GuestConnectStatus.Pending)
            status = connect.Take(input[taken++]);
        ReadOnlySpan<byte> answer = input[..taken];
        Fact.Holds(taken <= Longest, "an answer is bounded");
        Fact.Same(status == GuestConnectStatus.Connected, IsAnswer(answer), "whether that is an answer");
        Fact.Holds(status != GuestConnectStatus.Malformed || !CanBecomeOne(answer), "what is malformed cannot become an answer");
        Fact.Holds(status != GuestConnectStatus.Pending || CanBecomeOne(answer), "what is pending can become an answer");
        Fact.Same(taken == 0 ? GuestConnectStatus.Refused : GuestConnectStatus.Malformed, connect.End(), "what an end means");
    }

    private static bool IsAnswer(ReadOnlySpan<byte> answer) =>
        answer.EndsWith("\n"u8) && answer.Length > 4 && CanBecomeOne(answer[..^1]);

    /// <summary>Whether it is the beginning of an answer, its newline missing.</summary>
    private static bool CanBecomeOne(ReadOnlySpan<byte> answer)
    {
        if (answer.Length <= 3)
            return "OK "u8.StartsWith(answer);
        ReadOnlySpan<byte> digits = answer[3..];
        return answer.StartsWith("OK "u8) && digits.Length <= 10 && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && ulong.Parse(digits, System.Globalization.CultureInfo.InvariantCulture) <= uint.MaxValue;
    }
}
