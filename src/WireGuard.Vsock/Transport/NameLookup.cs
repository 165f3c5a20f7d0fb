using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// Names of hosts to endpoints, by getaddrinfo(3). It blocks for as long as resolv.conf(5) says: never on a lane or control.
/// </summary>
internal static class NameLookup
{
    /// <summary>Splits HOST:PORT or [ADDRESS]:PORT, as <c>wg(8)</c> does: at the bracket, else at the last colon.</summary>
    /// <param name="error">What is wrong, in wg's words without the text itself; empty when nothing is.</param>
    public static bool TrySplit(string text, out string host, out string port, out string error)
    {
        host = port = "";
        error = "";
        int end, colon;
        if (text.StartsWith('['))
        {
            end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                error = "Unable to find matching brace of endpoint";
                return false;
            }

            colon = end + 1;
        }
        else
        {
            end = colon = text.LastIndexOf(':');
        }

        if (colon < 0 || colon >= text.Length - 1 || text[colon] != ':')
        {
            error = "Unable to find port of endpoint";
            return false;
        }

        host = text.StartsWith('[') ? text[1..end] : text[..end];
        port = text[(colon + 1)..];
        return true;
    }

    /// <summary>The addresses of a host, in the order in which they are to be tried (RFC 6724).</summary>
    /// <param name="error">Why there is none: gai_strerror(3).</param>
    /// <returns>0, or EAI_NONAME and the like.</returns>
    public static int Resolve(string host, string port, int flags, List<EndpointAddress> found, out string error)
    {
        List<byte[]> addresses = [];
        int code = Sys.GetAddressInfo(host, port, flags, addresses, out error);
        foreach (byte[] address in addresses)
        {
            if (EndpointAddress.TryFromSockaddr(address, out EndpointAddress endpoint))
                found.Add(endpoint);
        }

        return code;
    }
}
