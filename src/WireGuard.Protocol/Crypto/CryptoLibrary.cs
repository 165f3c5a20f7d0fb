namespace WireGuard.Protocol.Crypto;

/// <summary>
/// OpenSSL 3's libcrypto, the source of every primitive here. Ask <see cref="IsAvailable"/> once at start: where it says no,
/// every other call into this namespace throws <see cref="CryptoLibraryException"/>.
/// </summary>
public static class CryptoLibrary
{
    /// <summary>Whether libcrypto.so.3 was found and has every algorithm WireGuard needs.</summary>
    /// <param name="reason">What is wrong and its mend, in one line; empty when nothing is.</param>
    public static bool IsAvailable(out string reason)
    {
        reason = Algorithms.Problem ?? "";
        return Algorithms.Problem == null;
    }
}
