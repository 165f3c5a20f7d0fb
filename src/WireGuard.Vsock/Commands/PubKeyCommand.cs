using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>Reads a private key from stdin and prints its public key, as <c>wg pubkey</c> does.</summary>
internal static class PubKeyCommand
{
    public static CommandPage Page => new("pubkey", "Read a private key from stdin and print its public key", [""], Run)
    {
        Examples = [new($"{Say.ProgramName} pubkey <wg0.key", "Print what the other end is to know as PublicKey.")],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments.Count != 0)
            throw new UsageException("there are no arguments: the private key comes from stdin");
        byte[] bytes = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
        char[] text = GC.AllocateUninitializedArray<char>(KeyText.Length, pinned: true);
        try
        {
            int length = ReadToEnd(bytes);
            if (length < KeyText.Length)
                throw new SetupException("Key is not the correct length or format");
            if (!bytes.AsSpan(KeyText.Length, length - KeyText.Length).TrimStart(" \t\n\v\f\r\0"u8).IsEmpty)
                throw new SetupException("Trailing characters found after key");
            Encoding.Latin1.GetChars(bytes.AsSpan(0, KeyText.Length), text);
            Print(text);
            return 0;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(text.AsSpan()));
        }
    }

    private static void Print(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        if (!KeyText.TryParse(text, bytes))
            throw new SetupException("Key is not the correct length or format");
        using PrivateKey key = new(bytes); // the key of zeros too, as wg does
        CryptographicOperations.ZeroMemory(bytes);
        using SecretText output = new();
        Say.Write(1, output.AppendBase64(key.PublicKey.Bytes).Append("\n").Bytes);
    }

    /// <summary>Of what does not fit, the rest stays unread: it is too long anyway.</summary>
    private static int ReadToEnd(Span<byte> buffer)
    {
        int length = 0;
        while (length < buffer.Length && Sys.Read(0, buffer[length..]) is > 0 and var count)
            length += count;
        return length;
    }
}
