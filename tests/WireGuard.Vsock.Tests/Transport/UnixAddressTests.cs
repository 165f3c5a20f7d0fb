using System.Text;
using CsCheck;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class UnixAddressTests
{
    private static readonly Gen<string> Paths =
        Gen.Char['!', '~'].Where(letter => letter != '#').Array[1, 95]
            .Select(letters => "/" + new string(letters))
            .Where(path => !path[1..].Split('/').Any(name => name is "" or "." or ".."));

    [Theory]
    [InlineData("unix:/run/vm3/v.sock:51820", "/run/vm3/v.sock", 51820u)]
    [InlineData("unix:/v:0", "/v", 0u)]
    [InlineData("unix:/.run/..v/v..sock.:5", "/.run/..v/v..sock.", 5u)]
    [InlineData("unix:/run/a:b:4294967294", "/run/a:b", 4294967294u)]
    public void The_port_follows_the_last_colon(string text, string path, uint port)
    {
        Assert.True(TryParse(text, out EndpointAddress endpoint, out string error), error);
        Assert.Equal((AddressFamilyKind.Unix, path, port), (endpoint.Kind, endpoint.Path, endpoint.Port));
        Assert.Equal(text, endpoint.ToString());
        Assert.True(endpoint is { IsUnix: true, IsIP: false, IsVsock: false, IsIPv6: false, ScopeId: 0, IsToHost: false });
    }

    [Theory]
    [InlineData("", "not unix:/PATH:PORT")]
    [InlineData("vm(3):51820", "not unix:/PATH:PORT")]
    [InlineData("127.0.0.1:51820", "not unix:/PATH:PORT")]
    [InlineData("/run/v.sock:51820", "not unix:/PATH:PORT")]
    [InlineData("Unix:/run/v.sock:51820", "not unix:/PATH:PORT")]
    [InlineData("unix:", "port is missing")]
    [InlineData("unix:/run/v.sock", "port is missing")]
    [InlineData("unix::5", "not absolute")]
    [InlineData("unix:run/v.sock:5", "not absolute")]
    [InlineData("unix:./v.sock:5", "not absolute")]
    [InlineData("unix:@abstract:5", "not absolute")]
    [InlineData("unix:/:5", "is a folder")]
    [InlineData("unix:/run/vm3/:5", "is a folder")]
    [InlineData("unix:/run//v.sock:5", "write it without")]
    [InlineData("unix://v.sock:5", "write it without")]
    [InlineData("unix:/run/./v.sock:5", "write it without")]
    [InlineData("unix:/run/x/../v.sock:5", "write it without")]
    [InlineData("unix:/..:5", "write it without")]
    [InlineData("unix:/run/.:5", "write it without")]
    [InlineData("unix:/run/v sock:5", "a space")]
    [InlineData("unix:/run/v#sock:5", "a '#'")]
    [InlineData("unix:/run/v\u007fsock:5", "printable")]
    [InlineData("unix:/run/vé:5", "printable")]
    [InlineData("unix:/run/v\0:5", "printable")]
    [InlineData("unix:/run/v.sock:", "the port is not")]
    [InlineData("unix:/run/v.sock:-1", "the port is not")]
    [InlineData("unix:/run/v.sock:05", "the port is not")]
    [InlineData("unix:/run/v.sock:4294967295", "the port is not")]
    public void What_is_no_such_address_is_told_why(string text, string why)
    {
        Assert.False(TryParse(text, out EndpointAddress endpoint, out string error));
        Assert.Equal(default, endpoint);
        Assert.Contains(why, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5, 101)]
    [InlineData(51820, 101)]
    [InlineData(100000, 100)]
    [InlineData(4294967294, 96)]
    public void The_path_fits_a_socket_address_with_a_port_behind_it(uint port, int longest)
    {
        string path = "/" + new string('v', longest - 1);
        Assert.True(TryParse(UnixAddress.Format(path, port), out _, out string error), error);
        Assert.False(TryParse(UnixAddress.Format(path + "v", port), out _, out error));
        Assert.Contains($"has {longest + 1} bytes, at most {longest} are possible", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_reads_back_as_the_address_it_was_written_from() =>
        Gen.Select(Paths, Gen.UInt[0, uint.MaxValue - 1]).Sample((path, port) =>
        {
            var endpoint = EndpointAddress.Unix(path, port);
            Assert.True(TryParse(endpoint.ToString(), out EndpointAddress read, out string error), error);
            Assert.Equal(endpoint, read);
            Assert.Equal(endpoint.GetHashCode(), read.GetHashCode());
            Assert.Equal((path, port), (read.Path, read.Port));
        });

    [Fact]
    public void Addresses_are_equal_by_path_and_port()
    {
        var endpoint = EndpointAddress.Unix("/run/a", 5);
        Assert.Equal(endpoint, EndpointAddress.Unix(new string("/run/a"), 5));
        Assert.NotEqual(endpoint, EndpointAddress.Unix("/run/b", 5));
        Assert.NotEqual(endpoint, EndpointAddress.Unix("/run/a", 6));
        Assert.Equal(EndpointAddress.Unix("/run/a", 0), endpoint.WithPort(0));
        Assert.NotEqual(endpoint, EndpointAddress.Vsock(5, 5));
    }

    [Fact]
    public void Comparing_and_hashing_allocate_nothing()
    {
        var a = EndpointAddress.Unix("/run/vm3/v.sock", 5);
        var b = EndpointAddress.Unix(new string("/run/vm3/v.sock"), 5);
        bool isEqual = a == b && a.GetHashCode() == b.GetHashCode() && a.Source() == b.Source();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            isEqual &= a == b && a.GetHashCode() == b.GetHashCode() && a.Source() == b.Source();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(isEqual);
    }

    [Fact]
    public void Limits_and_cookies_go_by_the_path()
    {
        EndpointAddress one = EndpointAddress.Unix("/run/a", 5), same = EndpointAddress.Unix("/run/a", 0);
        EndpointAddress other = EndpointAddress.Unix("/run/b", 5);
        Assert.Equal(one.Source(), same.Source());
        Assert.NotEqual(one.Source(), other.Source());
        Assert.Equal(CookieSource(one), CookieSource(same));
        Assert.NotEqual(CookieSource(one), CookieSource(other));
        Assert.Equal(16, CookieSource(one).Length);
    }

    /// <summary>It shows nothing of an interface of which getaddrinfo(3) cannot read an endpoint.</summary>
    [Theory]
    [InlineData(51820u, "0.0.0.0:51820")]
    [InlineData(65536u, "0.0.0.0:0")]
    public void Wg_is_told_the_port_alone(uint port, string expected) =>
        Assert.Equal(expected, EndpointAddress.Unix("/run/vm3/v.sock", port).ToUapi());

    [Fact]
    public void The_socket_address_is_the_path_with_a_zero_behind_it()
    {
        Span<byte> sockaddr = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        sockaddr.Fill(0xff);
        string path = "/" + new string('v', UnixAddress.MaxPathLength - 1);
        Assert.Equal(110, UnixAddress.WriteSockaddr(path, sockaddr));
        Assert.Equal(1, BitConverter.ToUInt16(sockaddr));
        Assert.Equal(path, Encoding.UTF8.GetString(sockaddr[2..109]));
        Assert.Equal(0, sockaddr[109]);
        Assert.Equal(5, EndpointAddress.Unix("/v", 5).WriteSockaddr(sockaddr));
    }

    [Fact]
    public void One_listens_behind_an_underscore() =>
        Assert.Equal("/run/v.sock_51820", UnixAddress.ListeningPath("/run/v.sock", 51820));

    private static byte[] CookieSource(EndpointAddress endpoint)
    {
        byte[] source = new byte[EndpointAddress.MaxCookieSourceSize];
        return source[..endpoint.CookieSource(source)];
    }

    private static bool TryParse(string text, out EndpointAddress endpoint, out string error) =>
        EndpointAddress.TryParse(text, NetworkKind.Unix, _ => 0, out endpoint, out error);
}
