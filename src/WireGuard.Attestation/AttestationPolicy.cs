namespace WireGuard.Attestation;

/// <summary>What a document has to say to hold.</summary>
public sealed record AttestationPolicy
{
    /// <summary>What time it is. The document's own time, to verify a saved document as of then.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>
    /// How far the document's time may lie from <see cref="Now"/>, either way: clocks drift. 5 minutes, if not said.
    /// </summary>
    public TimeSpan LargestSkew { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Measurements that are demanded; of several for one PCR, any. One of PCR0, PCR2 and PCR8 has to be among them, and not
    /// as zeros, too (<see cref="PinsCode"/>): the others say nothing of the code that runs.
    /// </summary>
    public required IReadOnlyList<PcrPin> Pins { get; init; }

    /// <summary>Whether an enclave in debug mode passes: its PCR0 is all zero, and its host can read its console.</summary>
    public bool AllowsDebugMode { get; init; }

    /// <summary>
    /// Roots of which a document's has to be one, byte for byte: certificates in DER. Empty: AWS's root G1. Each has to be of a
    /// CA that issues nothing but attestation certificates: whatever a chain of it leads to may sign documents.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Roots { get; init; } = [];

    /// <summary>The nonce that the document has to carry, up to 1,024 bytes; null: none is asked for.</summary>
    public ReadOnlyMemory<byte>? Nonce { get; init; }

    /// <summary>The public key that the document has to carry, 1 to 1,024 bytes; null: none is asked for.</summary>
    public ReadOnlyMemory<byte>? PublicKey { get; init; }

    /// <summary>The user data that the document has to carry, up to 1,024 bytes; null: none is asked for.</summary>
    public ReadOnlyMemory<byte>? UserData { get; init; }

    /// <summary>
    /// Whether pins tell which code runs: PCR0, PCR2 or PCR8 is pinned, and not to zeros, nor to zeros as well. In debug mode
    /// PCR0 and PCR2 are zero, and nothing is told of the code. PCR8 is zero for every image that is not signed.
    /// </summary>
    /// <param name="pins">Several of one PCR: any of them.</param>
    /// <param name="allowsDebugMode">Whether zeros are no objection for PCR0 and PCR2.</param>
    /// <returns>Whether they do.</returns>
    /// <exception cref="ArgumentNullException">There are none, not even an empty list.</exception>
    public static bool PinsCode(IReadOnlyList<PcrPin> pins, bool allowsDebugMode)
    {
        ArgumentNullException.ThrowIfNull(pins);
        return IsCodePinned(pins, allowsDebugMode, allowsDebugMode);
    }

    internal static bool IsCodePinned(IReadOnlyList<PcrPin> pins, bool excusesPcr0, bool excusesPcr2) =>
        IsPinned(pins, 0, excusesPcr0) || IsPinned(pins, 2, excusesPcr2) || IsPinned(pins, 8, false);

    private static bool IsPinned(IReadOnlyList<PcrPin> pins, int index, bool excusesZeros)
    {
        bool isPinned = false;
        foreach (PcrPin pin in pins)
        {
            if (pin.Index != index) continue;
            if (pin.Value.IsEmpty || (!excusesZeros && !pin.Value.Span.ContainsAnyExcept((byte)0))) return false;
            isPinned = true;
        }

        return isPinned;
    }
}
