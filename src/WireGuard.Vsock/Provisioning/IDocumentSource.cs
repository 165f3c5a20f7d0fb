namespace WireGuard.Vsock.Provisioning;

/// <summary>What makes attestation documents. It may take up to 120 s (nsm.c), in which its thread does nothing else.</summary>
internal interface IDocumentSource
{
    /// <summary>Asks for a document that binds three values, which are up to 1,024 bytes each.</summary>
    /// <param name="document">Empty if there is none.</param>
    /// <param name="error">Why there is none, in words; empty if there is one.</param>
    bool TryMake(
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> publicKey,
        ReadOnlySpan<byte> userData,
        out byte[] document,
        out string error);
}
