using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Commands;

/// <summary>Makes a private key, as <c>wg genkey</c> does.</summary>
internal static class GenKeyCommand
{
    public static CommandPage Page => new("genkey", "Generate a private key and print it", [""], Run)
    {
        Examples =
        [
            new($"(umask 077; {Say.ProgramName} genkey >wg0.key)", "Keep a new key in a file that no other user can read."),
        ],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        using PrivateKey key = PrivateKey.Generate();
        return Print(arguments, key.Bytes);
    }

    /// <summary>Prints a new secret, with a warning if it goes to a file that every user can read.</summary>
    internal static int Print(IReadOnlyList<string> arguments, ReadOnlySpan<byte> secret)
    {
        if (arguments.Count != 0)
            throw new UsageException("there are no arguments");
        const int ForOthers = 0b111;
        bool isFile = Sys.Stat(1, out statx_t output) >= 0 && (output.stx_mode & S_IFMT) == S_IFREG;
        if (isFile && (output.stx_mode & ForOthers) != 0)
            WgCommand.Complain("Warning: writing to world accessible file.\nConsider setting the umask to 077 and trying again.");
        using SecretText text = new();
        Say.Write(1, text.AppendBase64(secret).Append("\n").Bytes);
        return 0;
    }
}
