using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Commands;

/// <summary>Makes a preshared key, as <c>wg genpsk</c> does.</summary>
internal static class GenPskCommand
{
    public static CommandPage Page => new("genpsk", "Generate a preshared key and print it", [""], Run);

    private static int Run(IReadOnlyList<string> arguments)
    {
        byte[] key = GC.AllocateUninitializedArray<byte>(PresharedKey.Size, pinned: true);
        SecureRandom.Fill(key);
        try
        {
            return GenKeyCommand.Print(arguments, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
