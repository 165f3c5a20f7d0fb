using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// A native call failed that fails for no input: memory ran out, or the library is broken or lacks an algorithm.
/// Bytes from the network never cause it; they make a <c>Try</c> method answer false.
/// </summary>
public sealed class CryptoLibraryException : CryptographicException
{
    /// <param name="call">The native function's name, for example <c>EVP_MAC_init</c>.</param>
    internal CryptoLibraryException(string call)
        : base($"{call} failed") => Call = call;

    /// <summary>The native function that failed.</summary>
    public string Call { get; }
}
