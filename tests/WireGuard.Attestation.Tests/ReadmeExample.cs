namespace WireGuard.Attestation.Tests;

/// <summary>The example in the library's README, word for word: see <see cref="ReadmeTests"/>.</summary>
public static class ReadmeExample
{
    public static void Run(byte[] document, byte[] nonce, byte[] pcr0, DateTimeOffset now, Action<string> show)
    {
        ArgumentNullException.ThrowIfNull(show);
        // README begins
        AttestationVerdict verdict = AttestationVerifier.Verify(document, new AttestationPolicy
        {
            Now = now, // DateTimeOffset.UtcNow
            Pins = [new PcrPin(0, pcr0)], // the image's, as its build said
            Nonce = nonce, // what was sent to the enclave, 32 random bytes: no document is older
        });
        foreach (AttestationProblem problem in verdict.Problems)
            show($"refused: {problem.Text}");
        if (verdict.Holds) // only then is what it says worth anything
            show($"{verdict.Document!.ModuleId} runs it, and its key has {verdict.Document.PublicKey?.Length ?? 0} bytes");
        // README ends
    }
}
