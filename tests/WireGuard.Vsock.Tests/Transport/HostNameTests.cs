using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class HostNameTests
{
    private const string Name63 = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
    private const string Name252 = $"{Name63}.{Name63}.{Name63}.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh";

    [Theory]
    [InlineData("vpn.example.com:51820", "vpn.example.com", 51820)]
    [InlineData("localhost:1", "localhost", 1)]
    [InlineData("a_b-c.D.:65535", "a_b-c.D.", 65535)]
    [InlineData("10.0.0.1:5", "10.0.0.1", 5)]
    [InlineData(Name252 + "x:5", Name252 + "x", 5)]
    public void A_name_and_a_port_are_read(string text, string host, int port)
    {
        Assert.True(HostName.TryParse(text, out string readHost, out ushort readPort, out string error));
        Assert.Equal((host, port, ""), (readHost, readPort, error));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("vpn.example.com")]
    [InlineData("vpn.example.com:")]
    [InlineData(":51820")]
    [InlineData("vpn.example.com:0")]
    [InlineData("vpn.example.com:65536")]
    [InlineData("vpn.example.com:05")]
    [InlineData("vpn.example.com:https")]
    [InlineData("vpn example.com:5")]
    [InlineData("vpn.example.com :5")]
    [InlineData("-vpn.example.com:5")]
    [InlineData(".example.com:5")]
    [InlineData("[::1]:5")]
    [InlineData("fe80::1:5")]
    [InlineData("v\u00e4pn.example.com:5")]
    [InlineData("vm(3):5")]
    [InlineData("a/b:5")]
    [InlineData("a\n:5")]
    [InlineData("a\0:5")]
    [InlineData(Name252 + "xy:5")]
    public void All_else_is_refused_with_a_reason(string text)
    {
        Assert.False(HostName.TryParse(text, out string host, out ushort port, out string error));
        Assert.Equal(("", 0), (host, port));
        Assert.NotEqual("", error);
    }
}
