using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

public sealed class ConfigReaderTests
{
    [Fact]
    public void Every_key_of_an_interface_is_read()
    {
        using TunnelSettings settings = Settings($"""
            [Interface]
            Network = tcp4
            Streams = 3
            Superpackets = off
            PrivateKey = {Private}
            ListenPort = 51820
            FwMark = 0xca6c
            Address = 10.0.0.1/24, 10.1.0.1
            Address = 2001:db8::1/64
            DNS = 10.0.0.53, example.com
            DNS = 2001:db8::53 corp.example
            MTU = 1380
            Table = 1234
            PreUp = echo before
            PostUp = echo one; echo "two"
            PostUp = ip rule add  table %i
            PreDown = echo down
            PostDown = echo after
            SaveConfig = false
            SocketGroup = wireguard
            SocketMode = 660
            Metrics = [::1]:9586
            MetricsAllowedIPs = on
            Sandbox = off
            """);
        InterfaceSettings read = settings.Interface;
        Assert.Equal(NetworkKind.Tcp4, read.Network);
        Assert.Equal(3, read.Streams);
        Assert.False(read.Superpackets);
        Assert.Equal(Private, Convert.ToBase64String(read.PrivateKey.Given!.Bytes));
        Assert.Equal((ushort)51820, read.ListenPort);
        Assert.Equal(0xca6cu, read.FwMark);
        Assert.Equal(["10.0.0.1/24", "10.1.0.1/32", "2001:db8::1/64"], read.Addresses.Select(address => address.ToString()));
        Assert.Equal("10.0.0.0/24", read.Addresses[0].Network.ToString());
        Assert.Equal(["10.0.0.53", "2001:db8::53"], read.DnsServers);
        Assert.Equal(["example.com", "corp.example"], read.SearchDomains);
        Assert.Equal(1380, read.Mtu);
        Assert.Equal("1234", read.Table.ToString());
        Assert.Equal(["echo before"], read.PreUp);
        Assert.Equal(["echo one; echo \"two\"", "ip rule add  table %i"], read.PostUp);
        Assert.Equal(["echo down"], read.PreDown);
        Assert.Equal(["echo after"], read.PostDown);
        Assert.False(read.SaveConfig);
        Assert.Equal(
            "--socket-group=wireguard --socket-mode=660 --metrics=[::1]:9586 --metrics-allowed-ips=on --sandbox=off",
            string.Join(' ', read.Service.ToArguments()));
    }

    [Fact]
    public void Every_key_of_a_peer_is_read()
    {
        using TunnelSettings settings = Settings($"""
            {Head}Network = udp
            [Peer]
            PublicKey = {Peer1}
            PresharedKey = {Preshared}
            AllowedIPs = 10.0.0.2, 10.9.0.0/16
            AllowedIPs = 2001:db8::/32
            Endpoint = [2001:db8::5]:51820
            PersistentKeepalive = 25
            [Peer]
            PublicKey = {Peer2}
            AllowedIPs =
            PresharedKeyFile = keys/psk
            Endpoint = demo.example.com:51820
            PersistentKeepalive = off
            """);
        PeerSettings first = settings.Peers[0];
        Assert.Equal(Peer1, Convert.ToBase64String(first.PublicKey.Bytes));
        Assert.Equal(Preshared, Convert.ToBase64String(first.PresharedKey.Given!.Bytes));
        Assert.Equal(["10.0.0.2/32", "10.9.0.0/16", "2001:db8::/32"], first.AllowedIps.Select(prefix => prefix.ToString()));
        Assert.Equal("[2001:db8::5]:51820", first.Endpoint.ToString());
        Assert.Equal((ushort)25, first.PersistentKeepalive);
        PeerSettings second = settings.Peers[1];
        Assert.Equal("keys/psk", second.PresharedKey.File);
        Assert.Empty(second.AllowedIps);
        Assert.Null(second.Endpoint);
        Assert.Equal("demo.example.com:51820", second.EndpointName);
        Assert.Equal((ushort)0, second.PersistentKeepalive);
    }

    [Fact]
    public void Leading_zeros_mean_nothing_where_wg_reads_the_number()
    {
        using TunnelSettings settings = Settings(
            $"{Head}ListenPort = 051820\n{Peer}AllowedIPs = 10.0.0.0/08\nPersistentKeepalive = 025\n");
        Assert.Equal((ushort)51820, settings.Interface.ListenPort);
        Assert.Equal((ushort)25, settings.Peers[0].PersistentKeepalive);
        Assert.Equal("10.0.0.0/8", settings.Peers[0].AllowedIps[1].ToString());
    }

    [Fact]
    public void Addresses_differ_as_they_do_to_the_kernel()
    {
        using TunnelSettings settings = Settings($"{Head}Address = 10.0.0.1/24, 10.0.0.1/32, fd00::1/64, fd00::2/64\n");
        Assert.Equal(4, settings.Interface.Addresses.Count);
    }

    [Fact]
    public void Servers_may_have_a_scope_and_domains_may_be_routed()
    {
        using TunnelSettings settings = Settings($"{Head}DNS = fe80::1%eth0.5, ~., ~corp.example, example.com\n");
        Assert.Equal(["fe80::1%eth0.5"], settings.Interface.DnsServers);
        Assert.Equal(["~.", "~corp.example", "example.com"], settings.Interface.SearchDomains);
    }

    [Fact]
    public void What_is_not_said_is_left_to_defaults()
    {
        using TunnelSettings settings = Settings("[Interface]\nPostUp = wg set %i private-key <(pass key)\n");
        InterfaceSettings read = settings.Interface;
        Assert.Equal(NetworkKind.Vsock, read.Network);
        Assert.True(read.PrivateKey.IsNone);
        Assert.Equal(RouteTable.Auto, read.Table);
        Assert.Null(read.Streams);
        Assert.Null(read.Superpackets);
        Assert.Null(read.ListenPort);
        Assert.Null(read.FwMark);
        Assert.Null(read.Mtu);
        Assert.Empty(settings.Peers);
    }

    [Theory]
    [InlineData("[interface]\r\nprivatekey=" + Private + "\r\nmtu=1400\r\n")]
    [InlineData("\uFEFF  [ Interface ]  # here\n\n\tPRIVATEKEY\t=\t" + Private + " # mine\n#MTU = 5\nM T U = 14 00")]
    [InlineData("# a comment\n; = x\n[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIg JBgB3fBmk=\nMTU = 1400")]
    public void Case_white_space_comments_and_line_ends_mean_nothing(string text)
    {
        text = text.Replace("; = x\n", "", StringComparison.Ordinal);
        using TunnelSettings settings = Settings(text);
        Assert.Equal(1400, settings.Interface.Mtu);
        Assert.Equal(Private, Convert.ToBase64String(settings.Interface.PrivateKey.Given!.Bytes));
    }

    [Theory]
    [InlineData("generate", null, true)]
    [InlineData("Generate", null, true)]
    [InlineData(null, "/run/keys/wg0", false)]
    public void A_private_key_may_come_from_elsewhere(string? key, string? file, bool generates)
    {
        string line = key is null ? $"PrivateKeyFile = {file}" : $"PrivateKey = {key}";
        using TunnelSettings settings = Settings($"[Interface]\n{line}\n");
        Assert.Null(settings.Interface.PrivateKey.Given);
        Assert.Equal(file, settings.Interface.PrivateKey.File);
        Assert.Equal(generates, settings.Interface.PrivateKey.Generates);
    }

    [Theory]
    [InlineData("vm(6):4000000000", "vm(6):4000000000")]
    [InlineData("vm( 6 ) : 51820", "vm(6):51820")]
    [InlineData("0.0.0.6:51820", "vm(6):51820")]
    [InlineData("host(2):51820", "host(2):51820")]
    [InlineData("16:51820", "vm(16):51820")]
    [InlineData("3:51820   To-Host", "vm(3):51820 to-host")]
    public void Endpoints_over_vsock_have_its_forms(string endpoint, string expected)
    {
        using TunnelSettings settings = Settings($"{Head}{Peer}Endpoint = {endpoint}\n");
        Assert.Equal(expected, settings.Peers[0].Endpoint.ToString());
        Assert.Empty(Said($"{Head}{Peer}Endpoint = {endpoint}\n"));
    }

    [Fact]
    public void A_dotted_quad_is_no_surprise_where_vsock_is_said() =>
        Assert.Empty(Said($"{Head}Network = vsock\n{Peer}Endpoint = 192.0.2.1:51820\n"));

    [Theory]
    [InlineData("auto", "auto")]
    [InlineData("OFF", "off")]
    [InlineData("1", "1")]
    [InlineData("0x10", "16")]
    [InlineData("4294967295", "4294967295")]
    [InlineData("main", "254")]
    [InlineData("default", "253")]
    [InlineData("local", "255")]
    public void A_table_is_a_word_a_number_or_one_that_is_always_there(string text, string expected)
    {
        Assert.True(RouteTable.TryParse(text, out RouteTable table));
        Assert.Equal(expected, table.ToString());
    }

    [Theory]
    [InlineData("off", 0u)]
    [InlineData("0", 0u)]
    [InlineData("51820", 51820u)]
    [InlineData("0xFFFFFFFF", 0xffffffffu)]
    [InlineData("0X1", 1u)]
    public void A_mark_is_decimal_hexadecimal_or_off(string text, uint expected)
    {
        using TunnelSettings settings = Settings($"{Head}FwMark = {text}\n");
        Assert.Equal(expected, settings.Interface.FwMark);
    }

    [Fact]
    public void The_network_may_be_said_below_the_peers()
    {
        using TunnelSettings settings = Settings($"{Peer}Endpoint = 192.0.2.1:51820\n{Head}Network = udp\n");
        Assert.Equal("192.0.2.1:51820", settings.Peers[0].Endpoint.ToString());
    }

    [Fact]
    public void A_hook_ends_at_a_comment_as_in_wg_quick()
    {
        using TunnelSettings settings = Settings($"{Head}PostUp = echo %i # why\n");
        Assert.Equal(["echo %i"], settings.Interface.PostUp);
    }

    [Fact]
    public void Where_keys_stand_is_told()
    {
        using ConfigResult result = Read($"{Head}{Peer}PresharedKeyFile = psk\n");
        Assert.Equal(
            [new KeyMention(new Place(2, 14), "PrivateKey", null), new KeyMention(new Place(6, 20), "PresharedKeyFile", "psk")],
            result.Keys);
    }

    [Fact]
    public void Settings_are_one_change_of_the_device()
    {
        using TunnelSettings settings = Settings(
            $"{Head}ListenPort = 1\nFwMark = 7\n{Peer}PresharedKey = {Preshared}\nEndpoint = vm(6):9\nPersistentKeepalive = 5\n");
        using DeviceChange change = settings.ToDeviceChange(null, _ => throw new InvalidOperationException());
        Assert.Equal(Private, Convert.ToBase64String(change.PrivateKey!.Bytes));
        Assert.Equal((ushort)1, change.ListenPort);
        Assert.Equal(7u, change.FirewallMark);
        Assert.True(change.ReplacesPeers);
        PeerChange peer = Assert.Single(change.Peers);
        Assert.Equal(Peer1, Convert.ToBase64String(peer.PublicKey.Bytes));
        Assert.Equal(Preshared, Convert.ToBase64String(peer.PresharedKey!.Bytes));
        Assert.Equal("vm(6):9", peer.Endpoint.ToString());
        Assert.Equal((ushort)5, peer.PersistentKeepalive);
        Assert.True(peer.ReplacesAllowedIps);
        Assert.Equal("10.0.0.2/32", Assert.Single(peer.AllowedIps).Prefix.ToString());
    }

    [Fact]
    public void Keys_of_elsewhere_go_into_the_change()
    {
        using TunnelSettings settings = Settings($"[Interface]\nPrivateKey = generate\n{Peer}PresharedKeyFile = psk\n");
        using var key = KeyText.ParsePrivate(Private)!;
        using DeviceChange change = settings.ToDeviceChange(key, file => KeyText.ParsePreshared(file == "psk" ? Preshared : "")!);
        Assert.Equal(Private, Convert.ToBase64String(change.PrivateKey!.Bytes));
        Assert.Equal(Preshared, Convert.ToBase64String(change.Peers[0].PresharedKey!.Bytes));
    }

    [Fact]
    public void Keys_are_wiped_with_the_settings()
    {
        TunnelSettings settings = Settings($"{Head}{Peer}PresharedKey = {Preshared}\n");
        settings.Dispose();
        Assert.Throws<ObjectDisposedException>(() => settings.Interface.PrivateKey.Given!.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => settings.Peers[0].PresharedKey.Given!.Bytes.Length);
    }
}
