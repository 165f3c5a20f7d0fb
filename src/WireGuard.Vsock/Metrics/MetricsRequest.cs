using System.Buffers;

namespace WireGuard.Vsock.Metrics;

/// <summary>What a request is answered with: the status of HTTP.</summary>
internal enum MetricsStatus
{
    /// <summary>Its end has not come.</summary>
    Incomplete,

    /// <summary>200: the metrics.</summary>
    Ok,

    /// <summary>400: it is malformed, has a body, or is not HTTP/1.1.</summary>
    BadRequest,

    /// <summary>404: for anything but /metrics.</summary>
    NotFound,

    /// <summary>405: not GET.</summary>
    MethodNotAllowed,
}

/// <summary>
/// Reads the head of an HTTP/1.1 request (RFC 9112), strictly: each line ends with CR LF, no line is folded, there is one Host,
/// and no body. Of a target only the path counts.
/// </summary>
internal static class MetricsRequest
{
    /// <summary>The longest head; Prometheus's has some 400 bytes.</summary>
    public const int MaxSize = 8192;

    private static readonly SearchValues<byte> TokenBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <param name="received">All that was received.</param>
    public static MetricsStatus Read(ReadOnlySpan<byte> received)
    {
        int end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return received.Length < MaxSize ? MetricsStatus.Incomplete : MetricsStatus.BadRequest;
        if (end + 4 > MaxSize)
            return MetricsStatus.BadRequest;
        ReadOnlySpan<byte> head = received[..end];
        int lineEnd = head.IndexOf("\r\n"u8);
        ReadOnlySpan<byte> first = lineEnd < 0 ? head : head[..lineEnd];
        if (!TryReadLine(first, out ReadOnlySpan<byte> method, out ReadOnlySpan<byte> path)
            || lineEnd < 0 || !AreFieldsGood(head[(lineEnd + 2)..]))
            return MetricsStatus.BadRequest;
        if (!path.SequenceEqual("/metrics"u8))
            return MetricsStatus.NotFound;
        return method.SequenceEqual("GET"u8) ? MetricsStatus.Ok : MetricsStatus.MethodNotAllowed;
    }

    /// <summary>method SP request-target SP HTTP-version.</summary>
    private static bool TryReadLine(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> method, out ReadOnlySpan<byte> path)
    {
        method = path = [];
        int first = line.IndexOf((byte)' '), last = line.LastIndexOf((byte)' ');
        if (first <= 0 || last == first || !line[(last + 1)..].SequenceEqual("HTTP/1.1"u8))
            return false;
        method = line[..first];
        path = line[(first + 1)..last];
        if (method.ContainsAnyExcept(TokenBytes) || path.IsEmpty || path.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
            return false;
        int query = path.IndexOf((byte)'?');
        if (query >= 0)
            path = path[..query];
        return !path.IsEmpty;
    }

    /// <summary>Each "name: value"; one Host, and nothing that says that a body follows.</summary>
    private static bool AreFieldsGood(ReadOnlySpan<byte> fields)
    {
        int hosts = 0;
        while (true)
        {
            int end = fields.IndexOf("\r\n"u8);
            ReadOnlySpan<byte> field = end < 0 ? fields : fields[..end];
            int colon = field.IndexOf((byte)':');
            if (colon <= 0 || field[..colon].ContainsAnyExcept(TokenBytes) || !IsValue(field[(colon + 1)..]))
                return false;
            ReadOnlySpan<byte> value = field[(colon + 1)..].Trim(" \t"u8);
            if (Is(field[..colon], "host"u8))
                hosts++;
            bool hasBody = Is(field[..colon], "transfer-encoding"u8)
                || (Is(field[..colon], "content-length"u8) && !value.SequenceEqual("0"u8));
            if (hasBody)
                return false;
            if (end < 0)
                return hosts == 1;
            fields = fields[(end + 2)..];
        }
    }

    private static bool IsValue(ReadOnlySpan<byte> value)
    {
        foreach (byte letter in value)
        {
            if (letter is < (byte)' ' and not (byte)'\t' or 0x7f)
                return false;
        }

        return true;
    }

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lowerCase) =>
        System.Text.Ascii.EqualsIgnoreCase(name, lowerCase);
}
