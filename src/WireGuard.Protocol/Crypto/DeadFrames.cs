using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace WireGuard.Protocol.Crypto;

/// <summary>
/// The part of a thread's stack below the running function, where calls that have returned leave their frames. Our code wipes its
/// secrets before it returns; libcrypto, the compiler and the kernel's signal frames do not: HMAC's last output, a round of
/// ChaCha20 or a spilled register would stay there until another call goes as deep.
/// </summary>
internal static unsafe class DeadFrames
{
    /// <summary>
    /// How far down is wiped. A handshake goes 8 KiB deep, and a signal frame with every register of the largest processors takes
    /// 12 KiB; the rest is reserve.
    /// </summary>
    private const int Size = 64 * 1024;

    /// <summary>
    /// Wipes it, for <see cref="Aead.Forget"/>, which is called no deeper than the calls whose frames are wiped. Takes 2 us.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    public static void Wipe()
    {
        byte* frames = stackalloc byte[Size];
        CryptographicOperations.ZeroMemory(new Span<byte>(frames, Size));
    }
}
