using System.Globalization;
using System.Net.Sockets;
using WireGuard.Attestation.Signing;
using WireGuard.Nsm;

// nsm SOCKET ROOT [INDEX=HEX]...
//
// A secure module for emulated guests, one after the other: listens on SOCKET for QEMU's vhost-user-rng-pci, writes the
// certificate of its root to ROOT (PEM), and answers with documents that have these PCRs and zeros for the others. Without PCR0
// they are those of an enclave in debug mode. Signer and root live as long as the process, and nobody vouches for what it signs:
// it is not Nitro's.
if (args.Length < 2)
{
    Console.Error.WriteLine("usage: nsm SOCKET ROOT [INDEX=HEX]...");
    return 2;
}

SortedDictionary<int, byte[]> pcrs = Signer.Pcrs([.. args[2..].Select(ReadPcr)]);
using Signer signer = Signer.Create(DateTimeOffset.UtcNow);
SecureModule module = new(Sign);
File.WriteAllText(args[1], signer.RootPem);
File.Delete(args[0]);
using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
listener.Bind(new UnixDomainSocketEndPoint(args[0]));
listener.Listen();
while (true)
{
    using Socket socket = listener.Accept();
    using VhostUserConnection connection = new(socket, module.Answer);
    try
    {
        connection.Run();
    }
    catch (Exception e) when (e is InvalidDataException or OverflowException or SocketException)
    {
        Console.Error.WriteLine($"nsm: {e.Message}");
    }
}

byte[] Sign(byte[]? nonce, byte[]? publicKey, byte[]? userData)
{
    byte[] document = signer.Document(pcrs, nonce, publicKey, userData, DateTimeOffset.UtcNow);
    Console.Error.WriteLine($"nsm: a document of {document.Length} bytes");
    return document;
}

static (int Index, byte[] Value) ReadPcr(string text)
{
    int sign = text.IndexOf('=', StringComparison.Ordinal);
    return (int.Parse(text[..sign], CultureInfo.InvariantCulture), Convert.FromHexString(text[(sign + 1)..]));
}
