using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using WireGuard.Vsock.Metrics;

namespace WireGuard.Vsock.Tests.Metrics;

/// <summary>RFC 9112, sections 2 and 3.</summary>
public sealed partial class MetricsRequestTests
{
    private const string Prometheus =
        "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9586\r\nUser-Agent: Prometheus/2.42.0\r\n"
        + "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
        + "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";

    [Theory]
    [InlineData(Prometheus)]
    [InlineData("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n")]
    [InlineData("GET /metrics?name=x HTTP/1.1\r\nhOST: a\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\nX-Text: \té~ \r\n\r\nmore")]
    public void A_scrape_gets_the_metrics(string request) => Assert.Equal("Ok", Read(request));

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /Metrics HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET http://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /other HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")]
    public void Nothing_else_is_found(string request) => Assert.Equal("NotFound", Read(request));

    [Theory]
    [InlineData("HEAD")]
    [InlineData("POST")]
    [InlineData("get")]
    public void There_is_no_other_method(string method) =>
        Assert.Equal("MethodNotAllowed", Read($"{method} /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));

    [Theory]
    [InlineData("\r\n\r\n")]
    [InlineData("GET /metrics\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\n\r\n")]
    [InlineData("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.0\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n")]
    [InlineData("GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics  HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData(" GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /met\trics HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\0b\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\rb\r\n\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")]
    [InlineData("GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\r\n\r\n")]
    public void What_is_malformed_is_refused(string request) => Assert.Equal("BadRequest", Read(request));

    [Fact]
    public void A_request_may_come_in_pieces()
    {
        for (int i = 0; i < Prometheus.Length; i++)
            Assert.Equal("Incomplete", Read(Prometheus[..i]));
    }

    [Fact]
    public void A_head_has_at_most_8192_bytes()
    {
        string begin = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ";
        string Head(int size) => begin + new string('x', size - begin.Length - 4) + "\r\n\r\n";
        Assert.Equal("Ok", Read(Head(MetricsRequest.MaxSize)));
        Assert.Equal("BadRequest", Read(Head(MetricsRequest.MaxSize + 1)));
        Assert.Equal("Incomplete", Read(new string('x', MetricsRequest.MaxSize - 1)));
        Assert.Equal("BadRequest", Read(new string('x', MetricsRequest.MaxSize)));
    }

    /// <summary>Beside a grammar written as one regular expression.</summary>
    [Fact]
    public void Damaged_requests_are_judged_as_by_the_grammar() => Gen.Select(
        Gen.Int[0, Prometheus.Length - 1], Gen.Char["\r\n :\0x/\t\x7f?"], Gen.Bool, Gen.Int[0, 3])
        .Sample((at, letter, inserts, cut) =>
        {
            string request = Prometheus[..at] + letter + Prometheus[(inserts ? at : Math.Min(at + cut, Prometheus.Length))..];
            int end = request.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            string expected = "Incomplete";
            if (end >= 0)
            {
                Match match = Grammar().Match(request[..(end + 2)]);
                IEnumerable<string> names = match.Groups["name"].Captures.Select(name => name.Value);
                bool isGood = match.Success && names.Count(name => name.Equals("Host", StringComparison.OrdinalIgnoreCase)) == 1;
                expected = !isGood ? "BadRequest"
                    : match.Groups["path"].Value != "/metrics" ? "NotFound"
                    : match.Groups["method"].Value != "GET" ? "MethodNotAllowed"
                    : "Ok";
            }

            Assert.Equal(expected, Read(request));
        });

    private static string Read(string request) => MetricsRequest.Read(Encoding.Latin1.GetBytes(request)).ToString();

    [GeneratedRegex(
        @"\A(?<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) (?<path>[!->@-~]+)(\?[!-~]*)? HTTP/1\.1\r\n"
        + @"((?<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t -~\x80-\xff]*\r\n)+\z")]
    private static partial Regex Grammar();
}
