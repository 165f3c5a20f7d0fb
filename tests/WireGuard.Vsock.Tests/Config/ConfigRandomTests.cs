using System.Globalization;
using System.Text;
using CsCheck;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>Whatever the text, never an exception; and what is written is read back.</summary>
public sealed class ConfigRandomTests
{
    private static readonly string[] Pieces =
    [
        "[Interface]\n", "[Peer]\n", "[", "]", "\n", "\r\n", " = ", "=", ",", "#", " ", "\t", "\0", "\uFFFD", "\uD800", "é", "'",
        "0", "-1", "65536", Private, Peer1, Zero, Preshared, "generate", "off", "udp", "vsock", "10.0.0.1/24",
        "fd00::1/64", "::/0", "vm(6):1", " to-host", "[fe80::1%eth0]:1", "a.example:5", "%i",
        "Attest = vsock:16:1\n", "PCR0 = ", new string('a', 96), "Provision = nitro\n", "ProvisionFrom = ", "first",
        .. ConfigKeys.OfInterface, .. ConfigKeys.OfPeer, .. ConfigKeys.OfInterface.Select(key => $"{key} = "),
    ];

    private static readonly Gen<string> SomeText = Gen.OneOf(
        Gen.Char.Array[0, 300].Select(characters => new string(characters)),
        Gen.Int[0, Pieces.Length - 1].Array[0, 60].Select(choices => string.Concat(choices.Select(i => Pieces[i]))));

    private static readonly Gen<IpPrefix> Prefixes = Gen.OneOf(
        Gen.Select(Gen.UInt, Gen.Int[0, 32]).Select((address, length) => IpPrefix.IPv4(address, length)),
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 128])
            .Select((high, low, length) => IpPrefix.IPv6(new UInt128(high, low), length)));

    [Fact]
    public void Whatever_the_text_never_an_exception() => SomeText.Sample(AssertConsistent, iter: 20_000);

    /// <summary>Also the messages about files that hold keys.</summary>
    [Fact]
    public void Whatever_the_text_no_key_is_shown()
    {
        string folder = Directory.CreateTempSubdirectory("config-").FullName;
        try
        {
            string path = Path.Combine(folder, "f.conf");
            Gen.OneOf(SomeText, SomeText.Select(text => $"[Interface]\nPrivateKeyFile = {Private}{text}")).Sample(
                text =>
                {
                    File.WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
                    using ConfigResult result = ConfigFile.Find(path).Read();
                    AssertNothingShown(result);
                },
                iter: 2_000,
                threads: 1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Whatever_is_changed_in_a_right_file_never_an_exception()
    {
        string right = $"{Head}Address = 10.0.0.1/24\nMTU = 1420\nPostUp = x\nNetwork = udp\n{Peer}Endpoint = a.example:1\n";
        Gen.Select(Gen.Int[0, right.Length - 1], Gen.Int[0, 8], Gen.Char).Array[1, 6].Sample(
            changes =>
            {
                var text = new StringBuilder(right);
                foreach ((int at, int length, char character) in changes)
                {
                    int start = Math.Min(at, text.Length - 1);
                    text.Remove(start, Math.Min(length, text.Length - start)).Insert(start, character);
                }

                AssertConsistent(text.ToString());
            },
            iter: 20_000);
    }

    [Fact]
    public void Whatever_the_text_wgs_files_never_throw() => SomeText.Sample(
        text =>
        {
            using DeviceChange? change = WgConfigReader.Read(text, true, (_, _) => null, out IReadOnlyList<string> messages);
            bool hasFailed = messages.Count > 0 && messages[^1] is "Configuration parsing error" or "Invalid configuration";
            Assert.Equal(change is null, hasFailed);
        },
        iter: 10_000);

    [Fact]
    public void What_is_written_is_read_back() =>
        Gen.Select(
            Gen.Enum<NetworkKind>(),
            Gen.UShort.Nullable(),
            Gen.UInt.Nullable(),
            Gen.Int[1280, 1500].Nullable(),
            Prefixes.Array[0, 5],
            Gen.Select(Gen.Byte.Array[32], Prefixes.Array[0, 5], Gen.UShort.Nullable(), Gen.UInt[0, 0xfffffffe]).Array[0, 5])
        .Sample((network, port, mark, mtu, addresses, peers) =>
        {
            StringBuilder text = new($"[Interface]\nPrivateKey = {Private}\nNetwork = {network.Word}\n");
            Line(text, "ListenPort", port);
            Line(text, "FwMark", mark);
            Line(text, "MTU", mtu);
            InterfaceAddress[] given =
            [
                .. addresses.Select(a => new InterfaceAddress(a.Address, a.Length, a.IsIPv6))
                    .DistinctBy(a => a.IsIPv6 ? a with { PrefixLength = 128 } : a),
            ];
            Line(text, "Address", string.Join(", ", given));
            foreach ((byte[] key, IpPrefix[] allowed, ushort? keepalive, uint place) in peers)
            {
                text.Append(CultureInfo.InvariantCulture, $"[Peer]\nPublicKey = {Convert.ToBase64String(key)}\n");
                text.Append(CultureInfo.InvariantCulture, $"AllowedIPs = {string.Join(", ", allowed)}\n");
                text.Append(CultureInfo.InvariantCulture, $"Endpoint = {EndpointText(network, place)}\n");
                Line(text, "PersistentKeepalive", keepalive);
            }

            using TunnelSettings read = Settings(text.ToString());
            Assert.Equal(network, read.Interface.Network);
            Assert.Equal(port, read.Interface.ListenPort);
            Assert.Equal(mark, read.Interface.FwMark);
            Assert.Equal(mtu, read.Interface.Mtu);
            Assert.Equal(given, read.Interface.Addresses);
            Assert.Equal(peers.Length, read.Peers.Count);
            for (int i = 0; i < peers.Length; i++)
            {
                (byte[] key, IpPrefix[] allowed, ushort? keepalive, uint place) = peers[i];
                PeerSettings peer = read.Peers[i];
                Assert.Equal(key, peer.PublicKey.Bytes.ToArray());
                Assert.Equal(allowed, peer.AllowedIps);
                Assert.Equal(EndpointText(network, place), peer.Endpoint.ToString());
                Assert.Equal(keepalive, peer.PersistentKeepalive);
            }
        });

    private static string EndpointText(NetworkKind network, uint place)
    {
        ushort port = (ushort)(place % ushort.MaxValue + 1);
        EndpointAddress endpoint = network == NetworkKind.Vsock ? EndpointAddress.Vsock(Math.Max(3, place), place)
            : network == NetworkKind.Unix ? EndpointAddress.Unix($"/run/vm{place}/v.sock", port)
            : network.AllowsIPv4 ? EndpointAddress.IPv4(place, port)
            : EndpointAddress.IPv6(((UInt128)0x20010db8 << 96) + place, port);
        return endpoint.ToString();
    }

    private static void Line(StringBuilder text, string key, object? value)
    {
        if (value is not null)
            text.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");
    }

    /// <summary>Mistakes or settings, in order, each within the text, and none with a key in it.</summary>
    private static void AssertConsistent(string text)
    {
        using ConfigResult result = Read(text);
        Assert.Equal(result.Settings is null, result.Diagnostics.Any(found => !found.IsWarning));
        string[] lines = text.Split('\n');
        Place last = default;
        foreach (Diagnostic found in result.Diagnostics)
        {
            Assert.InRange(found.Place.Line, Math.Max(1, last.Line), lines.Length);
            Assert.InRange(found.Place.Column, 1, lines[found.Place.Line - 1].Length + 1);
            Assert.True(found.Place.Line > last.Line || found.Place.Column >= last.Column);
            last = found.Place;
        }

        AssertNothingShown(result);
    }

    private static void AssertNothingShown(ConfigResult result)
    {
        foreach (Diagnostic found in result.Diagnostics)
        {
            string said = found.ToText("f");
            Assert.DoesNotContain(Private[..12], said, StringComparison.Ordinal);
            Assert.DoesNotContain(Preshared[..12], said, StringComparison.Ordinal);
            Assert.DoesNotContain(said, char.IsControl);
        }
    }
}
