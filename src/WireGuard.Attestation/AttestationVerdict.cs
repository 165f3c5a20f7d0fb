namespace WireGuard.Attestation;

/// <summary>What <see cref="AttestationVerifier"/> found.</summary>
/// <param name="Document">What the document says, if it could be read: not to be believed unless <see cref="Holds"/>.</param>
/// <param name="Problems">Everything that is wrong; empty: nothing.</param>
public sealed record AttestationVerdict(AttestationDocument? Document, IReadOnlyList<AttestationProblem> Problems)
{
    /// <summary>Whether the document is what the policy demands.</summary>
    public bool Holds => Document != null && Problems.Count == 0;
}
