using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Swarm;

/// <summary>
/// Who the peers are: everything about one follows from its number, so that what writes the configuration and what plays the
/// peers need nothing from each other. The keys are no secrets.
/// <code>
/// peer i:  source address 10.128.0.0 + i,  allowed IPs: every 2^16th of 11.0.0.0 + i
/// </code>
/// </summary>
internal static class Population
{
    /// <summary>The most there can be: addresses of 10.128.0.0/16.</summary>
    public const int Max = 1 << 16;

    /// <summary>The most allowed IPs of one.</summary>
    public const int MaxAllowedIps = 64;

    private const uint FirstSource = 0x0A80_0000;
    private const uint FirstAllowedIp = 0x0B00_0000;

    public static PrivateKey KeyOf(int peer)
    {
        Span<byte> key = stackalloc byte[PrivateKey.Size];
        SHA256.HashData(Encoding.UTF8.GetBytes($"wireguard-vsock swarm {peer}"), key);
        return new PrivateKey(key);
    }

    public static IPAddress SourceOf(int peer) => Address(FirstSource + (uint)peer);

    /// <summary>Writes a section for each peer, as <c>wg addconf</c> takes it.</summary>
    public static void WriteConfiguration(TextWriter output, int peers, int allowedIps)
    {
        for (int peer = 0; peer < peers; peer++)
        {
            using PrivateKey key = KeyOf(peer);
            string owned = string.Join(", ", Enumerable.Range(0, allowedIps).Select(i => $"{AllowedIp(peer, i)}/32"));
            output.WriteLine("[Peer]");
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"PublicKey = {Convert.ToBase64String(key.PublicKey.Bytes)}"));
            output.WriteLine($"AllowedIPs = {owned}");
        }
    }

    private static IPAddress AllowedIp(int peer, int i) => Address(FirstAllowedIp + ((uint)i << 16) + (uint)peer);

    private static IPAddress Address(uint address)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, address);
        return new IPAddress(bytes);
    }
}
