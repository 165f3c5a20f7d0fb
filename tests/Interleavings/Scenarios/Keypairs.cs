using WireGuard.Protocol.Noise;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>Keypairs without a handshake.</summary>
internal static class Keypairs
{
    private static int s_number;

    /// <summary>The time of this round: so that the record of nonces forgets those of rounds before.</summary>
    public static long NowMs { get; private set; } = 1;

    /// <summary>To be called in each round.</summary>
    public static void BeginRound() => NowMs += 100_000;

    /// <summary>One that nobody had before.</summary>
    public static int NextNumber() => ++s_number;

    /// <summary>One that seals and opens with keys that follow from the number alone.</summary>
    public static Keypair Make(int number, bool isInitiator, uint local, uint remote)
    {
        var state = default(SymmetricState);
        BitConverter.TryWriteBytes(state.ChainingKey, number);
        return Keypair.Derive(ref state, isInitiator, local, remote, NowMs);
    }
}
