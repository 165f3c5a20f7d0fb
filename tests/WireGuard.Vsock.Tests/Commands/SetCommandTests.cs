using System.IO.Pipes;
using System.Text;
using CsCheck;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>The grammar of wg set, and its words for what is wrong.</summary>
public sealed class SetCommandTests : IDisposable
{
    private const string Key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    private const string Other = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("listen-port 51820", "port 51820 mark")]
    [InlineData("listen-port 00000051820", "port 51820 mark")]
    [InlineData("fwmark 0xabc", "port  mark 2748")]
    [InlineData("fwmark OFF", "port  mark 0")]
    [InlineData("fwmark 0x00000000ffffffff", "port  mark 4294967295")]
    [InlineData("fwmark 1 fwmark 010", "port  mark 10")]
    [InlineData($"peer {Key} remove", "remove True")]
    [InlineData($"peer {Key} persistent-keepalive off", "keepalive 0")]
    [InlineData($"peer {Key} persistent-keepalive 065535", "keepalive 65535")]
    [InlineData($"peer {Key} allowed-ips 10.0.0.1/8,fd00::", "replace True +10.0.0.0/8 +fd00::/128")]
    [InlineData($"peer {Key} allowed-ips 10.0.0.0/8 allowed-ips ::/0", "replace True +10.0.0.0/8 +::/0")]
    [InlineData($"peer {Key} allowed-ips ", "keepalive  replace True")]
    [InlineData($"peer {Key} endpoint 1.2.3.4:5 peer {Other} remove", "remove True")]
    [InlineData($"peer {Key} preshared-key /dev/null", "psk " + Zero)]
    public void Each_word_is_taken_as_wg_takes_it(string words, string expected)
    {
        using DeviceChange change = Read(words.Split(' '));
        Assert.Contains(expected, Describe(UapiRequest.Set(change)));
    }

    [Theory]
    [InlineData("fwmark 0x", "Fwmark is neither 0/off nor 0-0xffffffff: `0x'")]
    [InlineData("fwmark -1", "Fwmark is neither 0/off nor 0-0xffffffff: `-1'")]
    [InlineData("fwmark 4294967296", "Fwmark is neither 0/off nor 0-0xffffffff: `4294967296'")]
    [InlineData("peer abc", "Key is not the correct length or format: `abc'")]
    [InlineData($"peer {Key} persistent-keepalive 65536", "Persistent keepalive interval is neither 0/off nor 1-65535: `65536'")]
    [InlineData($"peer {Key} allowed-ips 10.0.0.0/33", "AllowedIP is not in the correct format: `10.0.0.0/33'")]
    [InlineData($"peer {Key} allowed-ips 10.0.0.0/8,", "Unable to parse IP address: `'")]
    [InlineData($"peer {Key} allowed-ips 01.2.3.4/8", "Unable to parse IP address: `01.2.3.4'")]
    [InlineData($"peer {Key} endpoint 1.2.3.4", "Unable to find port of endpoint: `1.2.3.4'")]
    [InlineData($"peer {Key} endpoint [::1", "Unable to find matching brace of endpoint: `[::1'")]
    [InlineData($"peer {Key} endpoint 1.2.3.4:5 to-host", "to-host is for endpoints over vsock: `1.2.3.4:5 to-host'")]
    [InlineData($"peer {Key} endpoint [::1]5", "Unable to find port of endpoint: `[::1]5'")]
    public void What_is_wrong_is_said_in_the_words_of_wg(string words, string expected) =>
        Assert.Equal(expected, Assert.Throws<WgMistake>(() => Read(words.Split(' '))).Message);

    [Theory]
    [InlineData("foo")]
    [InlineData("peer")]
    [InlineData("remove")]
    [InlineData("listen-port")]
    [InlineData("endpoint 1.2.3.4:5")]
    [InlineData($"peer {Key} listen-port 1")]
    [InlineData($"peer {Key} endpoint")]
    public void A_word_in_the_wrong_place_is_an_invalid_argument(string words) =>
        Assert.StartsWith("Invalid argument: ", Assert.Throws<UsageException>(() => Read(words.Split(' '))).Message);

    [Theory]
    [InlineData(null, 15)]
    [InlineData("", 0)]
    [InlineData(" 3", 3)]
    [InlineData("+04", 4)]
    [InlineData("infinity", -1)]
    public void Retries_are_read_as_wg_reads_them(string? text, int expected) =>
        Assert.Equal(expected, EndpointArgument.Retries(text));

    [Theory]
    [InlineData("-1")]
    [InlineData("3 ")]
    [InlineData(" ")]
    [InlineData("2147483648")]
    public void Retries_that_are_no_number_are_a_mistake(string text) =>
        Assert.EndsWith($": `{text}'", Assert.Throws<WgMistake>(() => EndpointArgument.Retries(text)).Message);

    [Fact]
    public void A_key_file_holds_a_key_or_nothing()
    {
        File.WriteAllText(_file, Key + " \n\n");
        using (DeviceChange change = Read(["private-key", _file]))
            Assert.Equal(Convert.FromBase64String(Key)[1..31], change.PrivateKey!.Bytes[1..31].ToArray());
        using (DeviceChange change = Read(["private-key", _file, "private-key", "/dev/null"]))
            Assert.True(change is { PrivateKey: null, RemovesPrivateKey: true });
        using (DeviceChange change = Read(["private-key", "/dev/null", "private-key", _file]))
            Assert.True(change is { PrivateKey: not null, RemovesPrivateKey: false });

        Assert.Equal("Invalid length key in key file", Mistake("short"));
        Assert.Equal("Found trailing character in key file: `x'", Mistake(Key + "\nx"));
        WgMistake missing = Assert.Throws<WgMistake>(() => Read(["private-key", "/nope"]));
        Assert.StartsWith("fopen: No such file or directory", missing.Message);
        WgMistake mistaken = Assert.Throws<WgMistake>(() => Read(["private-key", Key]));
        Assert.Equal("fopen: No such file or directory: (hidden)", mistaken.Message);
    }

    [Theory]
    [InlineData("private-key")]
    [InlineData($"peer {Key} preshared-key")]
    public void An_empty_pipe_is_a_mistake_and_removes_no_key(string words)
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.In);
        pipe.DisposeLocalCopyOfClientHandle(); // nobody writes
        string path = $"/proc/self/fd/{pipe.SafePipeHandle.DangerousGetHandle()}";
        WgMistake mistake = Assert.Throws<WgMistake>(() => Read([.. words.Split(' '), path]));
        Assert.Equal("Invalid length key in key file", mistake.Message);
    }

    [Fact]
    public void A_pipe_may_hold_a_key_once()
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        pipe.Write(Encoding.ASCII.GetBytes(Key + "\n"));
        string path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
        // Opened for reading before the only writer goes.
        using FileStream reader = new(path, FileMode.Open, FileAccess.Read);
        pipe.Dispose();
        string held = $"/proc/self/fd/{reader.SafeFileHandle.DangerousGetHandle()}";
        WgMistake mistake = Assert.Throws<WgMistake>(() => Read(["private-key", held, "peer", Other, "preshared-key", held]));
        Assert.Equal("Invalid length key in key file", mistake.Message);
    }

    [Fact]
    public void A_private_key_is_never_shown()
    {
        foreach (string text in (string[])[Key[..^1] + "!", "!" + Key[1..], Key[..43] + "A", Key + Key])
            Assert.DoesNotContain(Key[5..15], Mistake(text));
    }

    [Fact]
    public void Whatever_is_said_is_a_change_or_one_line()
    {
        File.WriteAllText(_file, Key);
        string[] words =
        [
            "listen-port", "fwmark", "private-key", "peer", "remove", "endpoint", "allowed-ips", "persistent-keepalive",
            "preshared-key", "to-host", "", "0", "off", "65536", Key, Other, _file, "/", "/nope", "1.2.3.4:5", "[::1]:1",
            "10.0.0.0/8", "::/0,::/129", "\0", "\e[31m", "-1",
        ];
        Gen.Int[0, words.Length - 1].Array[0, 10].Sample(choice =>
        {
            try
            {
                Read([.. choice.Select(i => words[i])], (_, _) => null).Dispose();
            }
            catch (Exception e) when (e is WgMistake or UsageException or SetupException)
            {
                Assert.DoesNotContain(e.Message, char.IsControl);
            }
        });
    }

    [Fact]
    public void Syncconf_removes_what_the_file_does_not_say_and_nothing_else()
    {
        using DeviceChange before = Read(["peer", Key, "persistent-keepalive", "5", "peer", Other]);
        DeviceStatus device = new()
        {
            Peers = before.Peers.ConvertAll(peer => new PeerStatus
            {
                PublicKey = peer.PublicKey,
                PresharedKey = new WireGuard.Protocol.Crypto.PresharedKey(new byte[32]),
                PersistentKeepalive = peer.PersistentKeepalive ?? 0,
            }),
        };
        using DeviceChange change = Read(["peer", Key, "allowed-ips", "::/0"]);
        change.ReplacesPeers = true;
        SetConfCommand.Sync(device, change);
        string text = Describe(UapiRequest.Set(change));
        Assert.Contains("replace False", text);
        Assert.Equal(2, change.Peers.Count);
        Assert.True(change.Peers[0].Removes);
        Assert.Equal(Other, Convert.ToBase64String(change.Peers[0].PublicKey.Bytes));
        Assert.Equal((Zero, (ushort)0), (Hex(change.Peers[1].PresharedKey!.Bytes), change.Peers[1].PersistentKeepalive));
        device.WipeKeys();
    }

    [Fact]
    public void Syncconf_keeps_what_one_of_several_sections_of_a_peer_says()
    {
        using DeviceChange change = Read(
            ["peer", Key, "persistent-keepalive", "7", "preshared-key", KeyFile(Other), "peer", Key, "allowed-ips", "::/0"]);
        PeerStatus peer = new()
        {
            PublicKey = change.Peers[0].PublicKey,
            PresharedKey = new WireGuard.Protocol.Crypto.PresharedKey(new byte[32]),
            PersistentKeepalive = 5,
        };
        DeviceStatus device = new() { Peers = [peer, peer] }; // a daemon may list one twice
        SetConfCommand.Sync(device, change);
        Assert.Equal(2, change.Peers.Count);
        Assert.Equal(Convert.FromBase64String(Other), change.Peers[0].PresharedKey!.Bytes.ToArray());
        Assert.Equal((ushort)7, change.Peers[0].PersistentKeepalive);
        Assert.Null(change.Peers[1].PresharedKey);
        Assert.Null(change.Peers[1].PersistentKeepalive);
        device.WipeKeys();
    }

    private string KeyFile(string content)
    {
        File.WriteAllText(_file, content);
        return _file;
    }

    private string Mistake(string content)
    {
        return Assert.Throws<WgMistake>(() => Read(["private-key", KeyFile(content)])).Message;
    }

    private static DeviceChange Read(string[] words) => Read(words, new EndpointArgument("no such interface").Read);

    private static DeviceChange Read(string[] words, WgConfigReader.EndpointReader readEndpoint)
    {
        DeviceChange change = new();
        try
        {
            SetCommand.Read(words, change, readEndpoint);
            return change;
        }
        catch
        {
            change.Dispose();
            throw;
        }
    }
}
