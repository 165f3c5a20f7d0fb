using System.Globalization;
using System.Net;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>
/// Reads the answer to get by the rules of wg(8) (wireguard-tools, ipc-uapi.h): the device's keys before the first public_key,
/// numbers that begin with a digit and stay in range, endpoints that getaddrinfo(3) takes, errno and an empty line at the end.
/// Throws where wg(8) would say "Protocol error", and at unknown keys, which wg(8) passes over.
/// </summary>
internal sealed class WgReader
{
    internal Dictionary<string, string> Device { get; } = [];

    internal List<Dictionary<string, string>> Peers { get; } = [];

    internal List<List<string>> AllowedIps { get; } = [];

    internal static WgReader Read(string text)
    {
        var reader = new WgReader();
        Assert.EndsWith("\nerrno=0\n\n", "\n" + text, StringComparison.Ordinal);
        foreach (string line in text[..^1].Split('\n')[..^1])
        {
            string[] halves = line.Split('=', 2);
            Assert.Equal(2, halves.Length);
            reader.Take(halves[0], halves[1]);
        }

        Assert.Equal("0", reader.Device["errno"]);
        return reader;
    }

    private void Take(string key, string value)
    {
        switch (key)
        {
            case "private_key" or "listen_port" or "fwmark" when Peers.Count == 0:
                CheckValue(key, value);
                Device.Add(key, value);
                break;
            case "errno":
                Device.Add(key, value);
                break;
            case "public_key":
                CheckKey(value);
                Peers.Add(new() { [key] = value });
                AllowedIps.Add([]);
                break;
            case "allowed_ip":
                string[] parts = value.Split('/');
                CheckNumber(parts[1], parts[0].Contains(':') ? 128u : 32u);
                Assert.True(IPAddress.TryParse(parts[0], out _), parts[0]);
                AllowedIps[^1].Add(value);
                break;
            default:
                CheckValue(key, value);
                Peers[^1].Add(key, value);
                break;
        }
    }

    private static void CheckValue(string key, string value)
    {
        switch (key)
        {
            case "private_key" or "preshared_key":
                CheckKey(value);
                break;
            case "listen_port" or "persistent_keepalive_interval":
                CheckNumber(value, ushort.MaxValue);
                break;
            case "fwmark":
                CheckNumber(value, uint.MaxValue);
                break;
            case "last_handshake_time_sec" or "last_handshake_time_nsec":
                CheckNumber(value, long.MaxValue);
                break;
            case "tx_bytes" or "rx_bytes":
                CheckNumber(value, ulong.MaxValue);
                break;
            case "protocol_version":
                Assert.Equal("1", value);
                break;
            case "endpoint":
                CheckEndpoint(value);
                break;
            default:
                Assert.Fail($"unknown key {key}");
                break;
        }
    }

    private static void CheckKey(string value)
    {
        Assert.Equal(64, value.Length);
        Assert.Equal(value, Convert.ToHexStringLower(Convert.FromHexString(value)));
    }

    private static void CheckNumber(string value, ulong max) =>
        Assert.True(ulong.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture) <= max);

    private static void CheckEndpoint(string value)
    {
        int colon = value.LastIndexOf(':');
        CheckNumber(value[(colon + 1)..], ushort.MaxValue);
        string host = value[..colon];
        if (host.StartsWith('['))
            Assert.True(IPAddress.TryParse(host[1..^1], out _), host);
        else
            Assert.True(IPAddress.TryParse(host, out _), host);
    }
}
