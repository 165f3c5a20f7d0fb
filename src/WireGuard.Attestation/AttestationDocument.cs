using System.Diagnostics.CodeAnalysis;

namespace WireGuard.Attestation;

/// <summary>
/// An attestation document of the Nitro Security Module, as it was read: well formed, and no more than that. What it says is
/// worth nothing before <see cref="AttestationVerifier"/> has found that it holds. Reference: "Verifying the root of trust", AWS.
/// </summary>
public sealed class AttestationDocument
{
    /// <summary>No document is larger, in bytes: the module's own answers have at most 12,288.</summary>
    public const int MaxSize = 16_384;

    /// <summary>How many PCRs there can be.</summary>
    public const int PcrCount = 32;

    internal AttestationDocument()
    {
    }

    /// <summary>The name of the module that made it: the EC2 instance's and the enclave's.</summary>
    public string ModuleId { get; internal init; } = "";

    /// <summary>When it was made, by the module's clock; to the millisecond.</summary>
    public DateTimeOffset Timestamp { get; internal init; }

    /// <summary>The digest that PCRs are made with: SHA384.</summary>
    public string Digest { get; internal init; } = "";

    /// <summary>The leaf certificate, whose key signed the document; DER.</summary>
    public ReadOnlyMemory<byte> Certificate { get; internal init; }

    /// <summary>The certificates that lead to it, the root first; DER.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> CaBundle { get; internal init; } = [];

    /// <summary>A key that the enclave put in, 1 to 1,024 bytes; null: none.</summary>
    public ReadOnlyMemory<byte>? PublicKey { get; internal init; }

    /// <summary>Bytes that the enclave put in, up to 1,024; null: none.</summary>
    public ReadOnlyMemory<byte>? UserData { get; internal init; }

    /// <summary>Bytes that the enclave put in, up to 1,024; null: none.</summary>
    public ReadOnlyMemory<byte>? Nonce { get; internal init; }

    /// <summary>By index; empty where the document has none.</summary>
    internal ReadOnlyMemory<byte>[] Pcrs { get; init; } = [];

    /// <summary>What was signed: the payload, as it came.</summary>
    internal ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>r and s, 48 bytes each.</summary>
    internal ReadOnlyMemory<byte> Signature { get; init; }

    /// <summary>A measurement: 32, 48 or 64 bytes, or none if the document does not have it.</summary>
    /// <param name="index">0 to 31.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such PCR.</exception>
    public ReadOnlyMemory<byte> Pcr(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, PcrCount);
        return Pcrs[index];
    }

    /// <summary>Reads a document and verifies nothing. The result shares the memory of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">A COSE_Sign1, as the module made it.</param>
    /// <param name="document">What it says; null if it is not a document.</param>
    /// <param name="problem">Why it is not one.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out AttestationDocument? document, out AttestationProblem problem) =>
        DocumentReader.TryRead(bytes, out document, out problem);
}
