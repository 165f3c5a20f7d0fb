namespace WireGuard.Attestation;

/// <summary>A value that a PCR (Platform Configuration Register, a measurement) has to have. Equal if their bytes are.</summary>
/// <param name="Index">0 to 31. PCR0 measures the whole image, PCR2 its application, PCR8 the certificate that signed it.</param>
/// <param name="Value">48 bytes for SHA-384; 32 and 64 are possible.</param>
public sealed record PcrPin(int Index, ReadOnlyMemory<byte> Value)
{
    /// <inheritdoc/>
    public bool Equals(PcrPin? other) => other is not null && Index == other.Index && Value.Span.SequenceEqual(other.Value.Span);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Index);
        hash.AddBytes(Value.Span);
        return hash.ToHashCode();
    }
}
