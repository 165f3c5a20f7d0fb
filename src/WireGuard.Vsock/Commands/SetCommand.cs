using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>Changes an interface and its peers, as <c>wg set</c> does.</summary>
internal static class SetCommand
{
    /// <summary>More than a key, to see what is behind it.</summary>
    private const int MaxKeyFile = 4096;

    public static CommandPage Page => new(
        "set",
        "Change an interface, add peers, change them or remove them",
        [
            "INTERFACE [listen-port PORT] [fwmark MARK] [private-key FILE] [peer KEY [remove] [preshared-key FILE] "
            + "[endpoint HOST:PORT] [persistent-keepalive SECONDS] [allowed-ips PREFIX[,PREFIX...]]]...",
        ],
        Run)
    {
        Paragraphs =
        [
            "The arguments are those of wg(8), and any userspace WireGuard is spoken to. Over VSOCK an endpoint is CID:PORT "
            + "with a port of 32 bits, as vm(6):4000000000, 16:51820 or 0.0.0.16:51820; with to-host behind it, it is reached "
            + "through this machine's own host (VMADDR_FLAG_TO_HOST).",
            "A host's name is looked up at once. The daemon of wireguard-vsock keeps it as well, and looks it up again when "
            + "the peer cannot be reached.",
        ],
        Options =
        [
            new("listen-port PORT", "0 takes any that is free."),
            new("fwmark MARK", "Decimal, hexadecimal (0x), 0 or off."),
            new(
                "private-key FILE",
                "A file with the key in base64, or /dev/stdin; an empty file, as /dev/null, removes the key. An empty pipe is a "
                + "mistake."),
            new("peer KEY", "A public key in base64. What follows is of this peer."),
            new("remove", "Remove the peer."),
            new("preshared-key FILE", "As private-key."),
            new("endpoint HOST:PORT", "Where to reach the peer."),
            new("persistent-keepalive SECONDS", "1 to 65535, 0 or off."),
            new("allowed-ips PREFIX,...", "In place of those that the peer has; an empty list removes them."),
        ],
        Environment =
        [
            new(Environs.EndpointRetries, "How often to look up a host's name again, 15 if not set, or infinity."),
        ],
        Examples =
        [
            new($"{Say.ProgramName} set wg0 private-key wg0.key listen-port 51820", "Give wg0 a key and a port."),
            new(
                $"{Say.ProgramName} set wg0 peer KEY endpoint 16:51820 allowed-ips 10.0.0.2/32",
                "Add a peer: the machine with the CID 16."),
        ],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments.Count < 2)
            throw new UsageException("what is to be set? For example: set wg0 listen-port 51820");
        string name = arguments[0];
        return WgCommand.Try("Unable to modify interface", () =>
        {
            using DeviceChange change = new();
            Read([.. arguments.Skip(1)], change, new EndpointArgument(name).Read);
            using UapiClient client = UapiClient.Connect(name);
            client.Set(change);
        });
    }

    /// <summary>Reads the arguments behind the interface into a change.</summary>
    /// <exception cref="UsageException">A word is none of wg's, or stands in the wrong place.</exception>
    /// <exception cref="WgMistake">A value is wrong.</exception>
    internal static void Read(ReadOnlySpan<string> words, DeviceChange change, WgConfigReader.EndpointReader readEndpoint)
    {
        PeerChange? peer = null;
        while (words.Length > 0)
        {
            string? value = words.Length > 1 ? words[1] : null;
            int taken = 2;
            switch (words[0])
            {
                case "listen-port" when value is not null && peer is null:
                    Check(WgValues.ReadPort(value, out ushort port));
                    change.ListenPort = port;
                    break;
                case "fwmark" when value is not null && peer is null:
                    Check(WgValues.ReadFwMark(value, out uint mark));
                    change.FirewallMark = mark;
                    break;
                case "private-key" when value is not null && peer is null:
                    ReadPrivateKey(value, change);
                    break;
                case "peer" when value is not null:
                    // It may be shown: a public key in the wrong form is no secret.
                    if (!KeyText.TryParse(value, out PublicKey key))
                        throw new WgMistake($"Key is not the correct length or format: `{Printable.Quote(value)}'");
                    change.Peers.Add(peer = new PeerChange(key));
                    break;
                case "remove" when peer is not null:
                    peer.Removes = true;
                    taken = 1;
                    break;
                case "endpoint" when value is not null && peer is not null:
                    bool isToHost = words.Length > 2 && words[2] == "to-host";
                    Check(readEndpoint(isToHost ? $"{value} to-host" : value, peer));
                    taken = isToHost ? 3 : 2;
                    break;
                case "allowed-ips" when value is not null && peer is not null:
                    ReadAllowedIps(value, peer);
                    break;
                case "persistent-keepalive" when value is not null && peer is not null:
                    Check(WgValues.ReadKeepalive(value, out ushort seconds));
                    peer.PersistentKeepalive = seconds;
                    break;
                case "preshared-key" when value is not null && peer is not null:
                    peer.PresharedKey?.Dispose();
                    peer.PresharedKey = ReadKeyFile(value, bytes => new PresharedKey(bytes));
                    break;
                default:
                    throw new UsageException($"Invalid argument: {Printable.Quote(words[0])}");
            }

            words = words[taken..];
        }
    }

    private static void ReadPrivateKey(string path, DeviceChange change)
    {
        change.PrivateKey?.Dispose();
        change.PrivateKey = ReadKeyFile(path, bytes => bytes.ContainsAnyExcept((byte)0) ? new PrivateKey(bytes) : null);
        change.RemovesPrivateKey = change.PrivateKey is null;
    }

    private static void ReadAllowedIps(string value, PeerChange peer)
    {
        peer.ReplacesAllowedIps = true;
        string squeezed = string.Concat(value.Where(letter => letter is not (' ' or '\t' or '\n' or '\v' or '\f' or '\r')));
        Check(WgValues.ReadAllowedIps(squeezed, peer.AllowedIps, WgCommand.Complain));
    }

    /// <summary>Reads a key's file; an empty one means the key of zeros. A mistake is told without the file's text.</summary>
    private static T ReadKeyFile<T>(string path, Func<ReadOnlySpan<byte>, T> make)
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        try
        {
            using SecretFile file = SecretFile.Read(path, MaxKeyFile, takesPipes: true);
            ReadOnlySpan<char> text = file.Text;
            bytes.Clear();
            // As in wg(8), a pipe that ends without a word is a program that has failed, not a key to be removed.
            if (text.Length < KeyText.Length && !(text.Length == 0 && file.IsSeekable))
                throw new WgMistake("Invalid length key in key file");
            ReadOnlySpan<char> rest = text.Length == 0 ? [] : text[KeyText.Length..].TrimStart(" \t\n\v\f\r");
            if (rest.Length > 0)
                throw new WgMistake($"Found trailing character in key file: `{Printable.Quote(rest[..1])}'");
            if (text.Length > 0 && !KeyText.TryParse(text[..KeyText.Length], bytes))
                throw new WgMistake($"Key is not the correct length or format: `{KeyText.Hidden}'");
            return make(bytes);
        }
        catch (LinuxException e)
        {
            string shown = KeyText.IsKey(path) ? KeyText.Hidden : Printable.Quote(path);
            throw new WgMistake($"fopen: {Errno.Text(e.Errno)}: {shown}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static void Check(string? mistake)
    {
        if (mistake is not null)
            throw new WgMistake(mistake);
    }
}
