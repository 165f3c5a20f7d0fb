using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

/// <summary>What wg of wireguard-tools 1.0.20210914 does with each file, as seen from its setconf.</summary>
public sealed class WgConfigReaderTests
{
    [Fact]
    public void A_file_is_one_change()
    {
        string text = $"""
            [interface]
            private key = {Private}   # ours
            LISTENPORT = 051820
            FwMark = 0xca6c
            [Peer]
            AllowedIPs = 10.0.0.2 / 32
            AllowedIPs = fd00::1,10.1.0.0/016
            PublicKey = {Peer2}
            PublicKey = {Peer1}
            PresharedKey = {Preshared}
            Endpoint = vm(6) : 9
            PersistentKeepalive = 25
            """;
        using DeviceChange change = Read(text, replaces: true, out _)!;
        Assert.Equal(Private, Convert.ToBase64String(change.PrivateKey!.Bytes));
        Assert.False(change.RemovesPrivateKey);
        Assert.Equal((ushort)51820, change.ListenPort);
        Assert.Equal(0xca6cu, change.FirewallMark);
        Assert.True(change.ReplacesPeers);
        PeerChange peer = Assert.Single(change.Peers);
        Assert.Equal(Peer1, Convert.ToBase64String(peer.PublicKey.Bytes));
        Assert.Equal(Preshared, Convert.ToBase64String(peer.PresharedKey!.Bytes));
        Assert.True(peer.ReplacesAllowedIps);
        Assert.Equal(["10.0.0.2/32", "fd00::1/128", "10.1.0.0/16"], peer.AllowedIps.Select(allowed => allowed.Prefix.ToString()));
        Assert.Equal((ushort)25, peer.PersistentKeepalive);
    }

    [Fact]
    public void What_setconf_is_not_told_is_removed()
    {
        using DeviceChange change = Read("", replaces: true, out IReadOnlyList<string> messages)!;
        Assert.True(change.RemovesPrivateKey);
        Assert.Equal((ushort)0, change.ListenPort);
        Assert.Equal(0u, change.FirewallMark);
        Assert.True(change.ReplacesPeers);
        Assert.Empty(messages);
    }

    [Fact]
    public void What_addconf_is_not_told_stays()
    {
        using DeviceChange change = Read($"[Peer]\nPublicKey={Peer1}\n", replaces: false, out _)!;
        Assert.False(change.RemovesPrivateKey);
        Assert.Null(change.ListenPort);
        Assert.Null(change.FirewallMark);
        Assert.False(change.ReplacesPeers);
        Assert.True(change.Peers[0].ReplacesAllowedIps);
    }

    [Theory]
    [InlineData("[Interface]\nAddress = 10.0.0.1/24", "Line unrecognized: `Address=10.0.0.1/24'")]
    [InlineData("MTU = 1420", "Line unrecognized: `MTU=1420'")]
    [InlineData("[Interface]\nListenPort", "Line unrecognized: `ListenPort'")]
    [InlineData("[Interface]\nListenPort =", "Line unrecognized: `ListenPort='")]
    [InlineData("[Peer]\nAllowedIPs =", "Line unrecognized: `AllowedIPs='")]
    [InlineData("[Peer]\nListenPort = 1", "Line unrecognized: `ListenPort=1'")]
    [InlineData("[Interface]\nListenPort = x", "Servname not supported for ai_socktype: `x'")]
    [InlineData("[Interface]\nFwMark = -1", "Fwmark is neither 0/off nor 0-0xffffffff: `-1'")]
    [InlineData("[Peer]\nPersistentKeepalive = 65536", "Persistent keepalive interval is neither 0/off nor 1-65535: `65536'")]
    [InlineData("[Peer]\nAllowedIPs = 10.0.0.300/8", "Unable to parse IP address: `10.0.0.300'")]
    [InlineData("[Peer]\nAllowedIPs = 10.0.0.3/33", "AllowedIP is not in the correct format: `10.0.0.3/33'")]
    [InlineData("[Peer]\nAllowedIPs = ::,", "Unable to parse IP address: `'")]
    [InlineData("[Peer]\nEndpoint = x", "no endpoint: x")]
    // Where a key could be seen, it is hidden.
    [InlineData("[Interface]\nPrivateKey = abc", "Key is not the correct length or format: `(hidden)'")]
    [InlineData("[Peer]\nPublicKey = abc", "Key is not the correct length or format: `(hidden)'")]
    [InlineData("[Peer]\nPresharedKey = abc", "Key is not the correct length or format: `(hidden)'")]
    [InlineData("[Interface]\nPrivateKy = abc", "Line unrecognized: `PrivateKy=(hidden)', line 2")]
    [InlineData(Private, "Line unrecognized: `=(hidden)', line 1")]
    public void The_first_mistake_ends_it_in_the_words_of_wg(string text, string expected)
    {
        Assert.Null(Read(text + "\nMore\n", replaces: true, out IReadOnlyList<string> messages));
        Assert.Equal([expected, "Configuration parsing error"], messages);
    }

    [Fact]
    public void A_peer_without_a_public_key_is_a_mistake_of_the_whole()
    {
        string text = $"[Peer]\nAllowedIPs=::/0\n[Peer]\nPublicKey={Peer1}";
        Assert.Null(Read(text, replaces: true, out IReadOnlyList<string> messages));
        Assert.Equal(["A peer is missing a public key", "Invalid configuration"], messages);
    }

    [Fact]
    public void Bits_behind_the_length_are_a_warning()
    {
        string text = $"[Peer]\nPublicKey={Peer1}\nAllowedIPs=10.1.2.3/16";
        using DeviceChange? change = Read(text, replaces: true, out IReadOnlyList<string> messages);
        Assert.NotNull(change);
        Assert.Equal(["Warning: AllowedIP has nonzero host part: 10.1.2.3/16"], messages);
    }

    [Fact]
    public void The_key_of_zeros_removes_the_key()
    {
        using DeviceChange change = Read($"[Interface]\nPrivateKey={Zero}\n", replaces: false, out _)!;
        Assert.True(change.RemovesPrivateKey);
        Assert.Null(change.PrivateKey);
    }

    private static DeviceChange? Read(string text, bool replaces, out IReadOnlyList<string> messages) =>
        WgConfigReader.Read(text, replaces, (endpoint, _) => endpoint == "x" ? "no endpoint: x" : null, out messages);
}
