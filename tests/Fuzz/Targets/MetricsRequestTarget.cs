using System.Text;
using System.Text.RegularExpressions;
using WireGuard.Vsock.Metrics;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// The head of a request for metrics, beside regular expressions of RFC 9112: both say the same, and what came too early to be
/// judged, or follows the head, changes nothing.
/// </summary>
internal sealed partial class MetricsRequestTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        "GET ", "/metrics", " HTTP/1.1\r\n", "Host: a\r\n", "\r\n\r\n", "Content-Length: 0\r\n", "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n", "?a=b", "POST ", "HTTP/1.0", "host:",
    ];

    public override IEnumerable<byte[]> Seeds() =>
    [
        "GET /metrics HTTP/1.1\r\nHost: localhost:9\r\nUser-Agent: Prometheus/2.4\r\nAccept: */*\r\n\r\n"u8.ToArray(),
        "GET /metrics?a HTTP/1.1\r\nhost:\r\ncontent-length: 0\r\n\r\nmore"u8.ToArray(),
        "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(),
        "GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(),
    ];

    public override void Run(ReadOnlySpan<byte> input)
    {
        MetricsStatus status = MetricsRequest.Read(input);
        Fact.Same(Naive(Encoding.Latin1.GetString(input)), status, "what the request is answered with");
        int end = input.IndexOf("\r\n\r\n"u8);
        if (end >= 0)
            Fact.Same(status, MetricsRequest.Read(input[..(end + 4)]), "what the head alone is answered with");
        int before = Math.Min(end < 0 ? input.Length : end + 3, MetricsRequest.MaxSize - 1);
        Fact.Same(MetricsStatus.Incomplete, MetricsRequest.Read(input[..before]), "what is not whole");
    }

    private static MetricsStatus Naive(string text)
    {
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0 ? text.Length >= MetricsRequest.MaxSize : end + 4 > MetricsRequest.MaxSize)
            return MetricsStatus.BadRequest;
        if (end < 0)
            return MetricsStatus.Incomplete;
        string[] lines = text[..end].Split("\r\n");
        Match first = RequestLine().Match(lines[0]);
        Match[] fields = [.. lines.Skip(1).Select(line => Field().Match(line))];
        string[] Values(string name) => [.. fields
            .Where(field => string.Equals(field.Groups[1].Value, name, StringComparison.OrdinalIgnoreCase))
            .Select(field => field.Groups[2].Value.Trim(' ', '\t'))];
        bool isGood = first.Success && Array.TrueForAll(fields, field => field.Success) && Values("host").Length == 1
            && Values("transfer-encoding").Length == 0 && Array.TrueForAll(Values("content-length"), value => value == "0");
        return !isGood ? MetricsStatus.BadRequest
            : first.Groups[2].Value != "/metrics" ? MetricsStatus.NotFound
            : first.Groups[1].Value != "GET" ? MetricsStatus.MethodNotAllowed
            : MetricsStatus.Ok;
    }

    [GeneratedRegex(@"\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!->@-~]+)(?:\?[!-~]*)? HTTP/1\.1\z", RegexOptions.CultureInvariant)]
    private static partial Regex RequestLine();

    [GeneratedRegex(@"\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Field();
}
