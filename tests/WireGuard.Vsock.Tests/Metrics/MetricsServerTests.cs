using System.Collections;
using System.Globalization;
using System.Text;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Metrics;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Metrics;

public sealed class MetricsServerTests : IDisposable
{
    private const string Scrape = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"metrics-{Guid.NewGuid():N}");
    private readonly EventLoop _loop;
    private readonly MetricsServer _server;
    private readonly List<int> _clients = [];
    private long _nowMs = 1_000;
    private int _samples = 3;
    private int _moves;

    public MetricsServerTests()
    {
        _loop = new EventLoop(() => _nowMs);
        Assert.True(MetricsAddress.TryParse($"unix:{_path}", out MetricsAddress address, out _));
        _server = new MetricsServer(_loop, address, Write);
    }

    public void Dispose()
    {
        _clients.ForEach(Sys.Close);
        _server.Dispose();
        _loop.Dispose();
        Assert.False(File.Exists(_path));
    }

    [Fact]
    public void A_scrape_is_answered_and_the_connection_ends()
    {
        string answer = Ask(Scrape);
        Assert.StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4", answer, StringComparison.Ordinal);
        Assert.Equal("# HELP a A.\n# TYPE a gauge\na{n=\"0\"} 0\na{n=\"1\"} 1\na{n=\"2\"} 2\n", Body(answer));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404")]
    [InlineData("PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "405")]
    [InlineData("garbage\r\n\r\n", "400")]
    public void Anything_else_is_refused(string request, string status) =>
        Assert.StartsWith($"HTTP/1.1 {status} ", Ask(request), StringComparison.Ordinal);

    /// <summary>Control has a tunnel to look after: what is long is written while it is read, and no faster.</summary>
    [Fact]
    public void A_long_answer_is_written_in_pieces()
    {
        _samples = 200_000;
        int client = Connect();
        Send(client, Scrape);
        Turn();
        Assert.InRange(_moves, 1, 20_000);
        int turns = 1;
        StringBuilder answer = new();
        while (Receive(client, answer))
        {
            Turn();
            turns++;
        }

        Assert.Equal(200_002, Body(answer.ToString()).Count(letter => letter == '\n'));
        Assert.InRange(turns, 10, 10_000);
    }

    [Fact]
    public void Who_does_not_read_is_left_after_30_s()
    {
        _samples = 200_000;
        int client = Connect();
        Send(client, Scrape);
        Turn();
        Turn();
        int written = _moves;
        _nowMs += 29_000;
        Turn();
        Assert.Equal(written, _moves);
        Assert.Equal("answer", Ask(Scrape, "answer"));
        _nowMs += 2_000;
        Turn();
        StringBuilder answer = new();
        while (Receive(client, answer))
            Turn();
        Assert.DoesNotContain("\r\n0\r\n\r\n", answer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Who_says_nothing_is_left_after_5_s()
    {
        int client = Connect();
        Send(client, Scrape[..^1]);
        Turn();
        _nowMs += 4_999;
        Turn();
        StringBuilder answer = new();
        Assert.True(Receive(client, answer));
        _nowMs++;
        Turn();
        Assert.False(Receive(client, answer));
        Assert.Equal(0, answer.Length);
    }

    [Fact]
    public void One_connection_too_many_takes_the_place_of_the_oldest()
    {
        int[] idle = [.. Enumerable.Range(0, MetricsServer.MaxConnections).Select(_ => Connect())];
        Assert.True(Receive(idle[0], new StringBuilder()));
        Assert.StartsWith("HTTP/1.1 200", Ask(Scrape), StringComparison.Ordinal);
        Assert.False(Receive(idle[0], new StringBuilder()));
        Assert.True(Receive(idle[1], new StringBuilder()));
    }

    [Fact]
    public void Nobody_is_waited_for_who_goes_on_sending()
    {
        int client = Connect();
        Send(client, "garbage\r\n\r\n" + new string('x', 100_000));
        for (int i = 0; i < 10; i++)
            Turn();
        Send(client, "more");
        Turn();
        _nowMs += 1_001;
        Turn();
        StringBuilder answer = new();
        while (Receive(client, answer))
            Turn();
        Assert.StartsWith("HTTP/1.1 400", answer.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_connection_that_breaks_is_forgotten()
    {
        _samples = 200_000;
        for (int i = 0; i < 3 * MetricsServer.MaxConnections; i++)
        {
            int client = Connect();
            Send(client, Scrape);
            Turn();
            Sys.Close(client);
            _clients.Remove(client);
            Turn();
        }

        Assert.Equal(0, _loop.DeadlineCount);
    }

    private IEnumerator Write(MetricsText text)
    {
        text.Begin("a"u8, MetricsType.Gauge, "A."u8);
        for (int i = 0; i < _samples; i++)
        {
            text.Label("n"u8, i).Value(i);
            _moves++;
            yield return null;
        }
    }

    private void Turn() => _loop.RunOnce(0);

    private int Connect()
    {
        int client = Sys.Check(Sys.Socket(AF_UNIX, SOCK_STREAM, 0), "socket");
        Span<byte> address = stackalloc byte[EndpointAddress.MaxUnixSockaddrSize];
        Sys.Check(Sys.Connect(client, address[..UnixAddress.WriteSockaddr(_path, address)]), "connect");
        _clients.Add(client);
        Turn();
        return client;
    }

    private static void Send(int client, string text)
    {
        int sent = Sys.Check(Sys.Send(client, Encoding.Latin1.GetBytes(text), MSG_NOSIGNAL), "send");
        Assert.True(sent > 0);
    }

    /// <summary>False at the end.</summary>
    private static bool Receive(int client, StringBuilder into)
    {
        byte[] buffer = new byte[256 * 1024];
        int n = Sys.Recv(client, buffer, 0);
        if (n > 0)
            into.Append(Encoding.UTF8.GetString(buffer, 0, n));
        return n > 0 || n == -Errno.EAGAIN;
    }

    private string Ask(string request, string? instead = null)
    {
        int client = Connect();
        Send(client, request);
        StringBuilder answer = new();
        for (int i = 0; i < 100_000; i++)
        {
            Turn();
            if (!Receive(client, answer))
                return instead ?? answer.ToString();
        }

        throw new InvalidOperationException("it has no end");
    }

    /// <summary>The chunks, put together.</summary>
    private static string Body(string answer)
    {
        int at = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        StringBuilder body = new();
        while (true)
        {
            int end = answer.IndexOf("\r\n", at, StringComparison.Ordinal);
            int size = int.Parse(answer.AsSpan(at, end - at), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            body.Append(answer, end + 2, size);
            Assert.Equal("\r\n", answer.Substring(end + 2 + size, 2));
            at = end + 4 + size;
            if (size == 0)
                break;
        }

        Assert.Equal(answer.Length, at);
        return body.ToString();
    }
}
