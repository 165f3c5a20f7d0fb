using System.Runtime.InteropServices;
using static WireGuard.Protocol.Crypto.Interop.Libc;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// Random bytes for keys, nonces and indices, straight from the kernel (getrandom(2)).
/// </summary>
/// <remarks>
/// Not .NET's RandomNumberGenerator: it draws from a generator inside OpenSSL, whose state two clones of one virtual machine
/// share, so that both would choose the same ephemeral keys; the kernel reseeds its own when a machine was cloned. It also ends
/// the process where libssl is not installed.
/// </remarks>
internal static unsafe class SecureRandom
{
    /// <summary>Fills <paramref name="destination"/>. Safe to call from any thread.</summary>
    public static void Fill(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            nint count;
            fixed (byte* bytes = destination)
                count = getrandom(bytes, (nuint)destination.Length, 0);
            if (count >= 0) destination = destination[(int)count..];
            else if (Marshal.GetLastPInvokeError() != EINTR) throw new CryptoLibraryException(nameof(getrandom));
        }
    }
}
