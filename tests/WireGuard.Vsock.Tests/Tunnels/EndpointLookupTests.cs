using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>Names of endpoints are resolved before the tunnel takes name servers and routes over.</summary>
public sealed class EndpointLookupTests
{
    private readonly List<string> _said = [];
    private readonly List<int> _pauses = [];
    private readonly Queue<int> _codes = [];
    private readonly List<string> _asked = [];

    [Theory]
    [InlineData("tcp", "192.0.2.7:51820")]
    [InlineData("udp4", "192.0.2.7:51820")]
    [InlineData("udp6", "[2001:db8::7]:51820")]
    public void A_peer_with_a_name_gets_an_address_of_the_networks_family(string network, string expected)
    {
        PeerSettings peer = Assert.Single(Run(network, "0.0.0.0/0").Peers);
        Assert.Equal(("vpn.example:51820", expected), (peer.EndpointName, peer.Endpoint.ToString()));
        Assert.Equal(["vpn.example 51820"], _asked);
        Assert.Empty(_said);
    }

    [Fact]
    public void Without_names_nothing_is_asked()
    {
        TunnelSettings settings = Settings("tcp", "0.0.0.0/0", [], name: null);
        Assert.Same(settings, Run(settings, null));
        Assert.Empty(_asked);
    }

    [Theory]
    [InlineData("0.0.0.0/0", false)]
    [InlineData("::/0", false)]
    [InlineData("128.0.0.0/1", false)]
    [InlineData("10.0.0.0/8", true)]
    public void A_name_that_could_not_be_resolved_later_is_tried_again_and_then_ends_it(string allowedIps, bool hasDns)
    {
        Answer(Libc.EAI_AGAIN, 4);
        string why = Assert.Throws<SetupException>(
            () => Run(Settings("tcp", allowedIps, hasDns ? ["10.0.0.1"] : []), "3")).Message;
        Assert.StartsWith("the name vpn.example cannot be resolved: code -3.", why, StringComparison.Ordinal);
        Assert.Equal([1000, 1200, 1440], _pauses.Where(pause => pause > 0));
        Assert.Equal(3, _said.Count);
        Assert.Equal("the name vpn.example cannot be resolved: code -3. Trying again in 1.20 seconds...", _said[1]);
    }

    [Fact]
    public void A_name_that_is_resolved_at_last_is_used()
    {
        Answer(Libc.EAI_AGAIN, 3);
        Assert.NotNull(Assert.Single(Run("tcp", "0.0.0.0/0").Peers).Endpoint);
        Assert.Equal(4, _asked.Count);
    }

    [Fact]
    public void A_name_that_does_not_exist_is_asked_for_once()
    {
        Answer(Libc.EAI_NONAME, 2);
        Assert.Throws<SetupException>(() => Run("tcp", "0.0.0.0/0"));
        Assert.Single(_asked);
    }

    [Fact]
    public void A_name_that_can_be_resolved_later_is_warned_of()
    {
        Answer(Libc.EAI_AGAIN, 2);
        PeerSettings peer = Assert.Single(Run("tcp", "10.0.0.0/8").Peers);
        Assert.Null(peer.Endpoint);
        Assert.Equal("vpn.example:51820", peer.EndpointName);
        Assert.Equal(
            "warning: the name vpn.example cannot be resolved yet: code -3; the daemon keeps trying", Assert.Single(_said));
        Assert.Single(_asked);
    }

    [Fact]
    public void Routes_that_are_not_made_take_nothing_over()
    {
        Answer(Libc.EAI_AGAIN, 2);
        TunnelSettings settings = Settings("tcp", "0.0.0.0/0", []);
        _ = Run(settings with { Interface = settings.Interface with { Table = RouteTable.Off } }, "0");
        Assert.Single(_said);
    }

    [Fact]
    public void It_stops_between_tries_when_it_is_asked_to()
    {
        Answer(Libc.EAI_AGAIN, 2);
        var lookup = new EndpointLookup(
            Settings("tcp", "0.0.0.0/0", []), LookUp, _ => throw new SetupException("SIGTERM was received"), _said.Add);
        Assert.Equal("SIGTERM was received", Assert.Throws<SetupException>(() => lookup.Run(null)).Message);
        Assert.Single(_asked);
    }

    [Fact]
    public void What_the_environment_says_of_retries_is_checked() =>
        Assert.Contains("RETRIES", Assert.Throws<SetupException>(
            () => Run(Settings("tcp", "0.0.0.0/0", []), "many")).Message, StringComparison.Ordinal);

    private TunnelSettings Run(string network, string allowedIps) => Run(Settings(network, allowedIps, []), null);

    private TunnelSettings Run(TunnelSettings settings, string? retries) =>
        new EndpointLookup(settings, LookUp, _pauses.Add, _said.Add).Run(retries);

    private int LookUp(string host, string port, List<EndpointAddress> found, out string error)
    {
        _asked.Add($"{host} {port}");
        int code = _codes.Count > 0 ? _codes.Dequeue() : 0;
        error = code == 0 ? "" : $"code {code}";
        if (code == 0)
            found.AddRange(Address("192.0.2.7:51820"), Address("[2001:db8::7]:51820"));
        return code;
    }

    private void Answer(int code, int count)
    {
        for (int i = 0; i < count; i++)
            _codes.Enqueue(code);
    }

    private static EndpointAddress Address(string text)
    {
        Assert.True(EndpointAddress.TryParse(text, NetworkKind.Udp, _ => 0, out EndpointAddress address, out _));
        return address;
    }

    private static TunnelSettings Settings(
        string network, string allowedIps, IReadOnlyList<string> dns, string? name = "vpn.example:51820")
    {
        Assert.True(NetworkKind.TryFromWord(network, out NetworkKind kind));
        Assert.True(IpPrefix.TryParse(allowedIps, out IpPrefix prefix));
        byte[] key = new byte[PublicKey.Size];
        key[0] = 9;
        return new TunnelSettings(
            new InterfaceSettings { Network = kind, DnsServers = dns },
            [new PeerSettings { PublicKey = new PublicKey(key), AllowedIps = [prefix], EndpointName = name }]);
    }
}
