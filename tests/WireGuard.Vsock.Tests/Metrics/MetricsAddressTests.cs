using WireGuard.Vsock.Metrics;

namespace WireGuard.Vsock.Tests.Metrics;

public sealed class MetricsAddressTests
{
    [Theory]
    [InlineData("unix:/run/wireguard-vsock/metrics")]
    [InlineData("unix:/a:51820")]
    [InlineData("127.0.0.1:9586")]
    [InlineData("127.1.2.3:1")]
    [InlineData("[::1]:65535")]
    [InlineData("vsock:9586")]
    [InlineData("vsock:4294967294")]
    public void An_address_reads_as_it_is_written(string text)
    {
        Assert.True(MetricsAddress.TryParse(text, out MetricsAddress address, out string error), error);
        Assert.Equal(text, address.ToString());
        Assert.Empty(error);
    }

    [Theory]
    [InlineData("", "no address")]
    [InlineData("9586", "no address")]
    [InlineData("localhost:9586", "no address")]
    [InlineData("127.0.0.1", "no address")]
    [InlineData("127.0.0.1:0", "no address")]
    [InlineData("127.0.0.1:65536", "no address")]
    [InlineData("::1:9586", "no address")]
    [InlineData("vsock:", "no address")]
    [InlineData("vsock:0", "no address")]
    [InlineData("vsock:4294967295", "no address")]
    [InlineData("vsock:3:9586", "no address")]
    [InlineData("unix:", "absolute path")]
    [InlineData("unix:metrics", "absolute path")]
    [InlineData("unix:/", "absolute path")]
    [InlineData("unix:/run/", "absolute path")]
    public void Anything_else_is_refused(string text, string why)
    {
        Assert.False(MetricsAddress.TryParse(text, out _, out string error));
        Assert.Contains(why, error, StringComparison.Ordinal);
    }

    /// <summary>Metrics say who the peers are, and nobody is asked who he is.</summary>
    [Theory]
    [InlineData("0.0.0.0:9586")]
    [InlineData("192.0.2.1:9586")]
    [InlineData("[::]:9586")]
    [InlineData("[2001:db8::1]:9586")]
    [InlineData("[::ffff:192.0.2.1]:9586")]
    [InlineData("128.0.0.1:9586")]
    public void Other_machines_are_not_served(string text)
    {
        Assert.False(MetricsAddress.TryParse(text, out _, out string error));
        Assert.Contains("loopback", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_fits_a_socket()
    {
        Assert.True(MetricsAddress.TryParse("unix:/" + new string('x', 106), out _, out _));
        Assert.False(MetricsAddress.TryParse("unix:/" + new string('x', 107), out _, out string error));
        Assert.Contains("107", error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_that_is_taken_is_said()
    {
        string file = Path.GetTempFileName();
        try
        {
            Assert.True(MetricsAddress.TryParse($"unix:{file}", out MetricsAddress address, out _));
            SetupException e = Assert.Throws<SetupException>(() => address.Listen());
            Assert.Equal($"metrics cannot be served at unix:{file}: what is there is no socket: remove it", e.Message);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
