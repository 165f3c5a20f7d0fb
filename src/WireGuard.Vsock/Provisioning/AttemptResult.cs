using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Provisioning;

/// <summary>How a verifier's exchange has ended.</summary>
/// <param name="Key">The prover's public key; null unless it was told. Not to be believed where there are problems.</param>
/// <param name="Port">On which its tunnel listens.</param>
/// <param name="Document">Null if there was none, or none was looked at. Not to be believed where there are problems.</param>
/// <param name="IsAttested">Whether a document holds; else the settings allowed that there is none.</param>
/// <param name="Problems">What was wrong, a line each; empty: all holds, and was confirmed where that was asked for.</param>
internal sealed record AttemptResult(
    PublicKey? Key, uint Port, AttestationDocument? Document, bool IsAttested, IReadOnlyList<string> Problems)
{
    /// <summary>Of a line for the log, which a sender could make long: problems, and letters of one.</summary>
    internal const int MaxTold = 5, MaxLetters = 300;

    /// <summary>The first problems in one line; null if there are none.</summary>
    public string? Reason
    {
        get
        {
            if (Problems.Count == 0)
                return null;
            string told = string.Join("; ", Problems.Take(MaxTold).Select(
                problem => problem.Length <= MaxLetters ? problem : $"{problem.AsSpan(0, MaxLetters)}..."));
            return Problems.Count <= MaxTold ? told : $"{told}; and {Problems.Count - MaxTold} more";
        }
    }
}
