using System.Globalization;
using WireGuard.Protocol.Routing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// VSOCK addresses as text, the forms of wireguard-go-vsock (vsock(7) names the CIDs) and the plain number:
/// <code>
/// address := cid ":" port
/// cid     := "hypervisor(0)" | "local(1)" | "host(2)" | "vm(" N ")" | N | dotted quad     vm's N from 3; 0.0.0.6 means CID 6
/// port    := 0..4294967294
/// </code>
/// Neither number may be 4294967295: that means "any" (VMADDR_CID_ANY, VMADDR_PORT_ANY), which is no address. The dotted quad
/// is for <c>wg(8)</c>, which accepts nothing else. Everything malformed is refused, including a number with a sign, a space or a
/// leading zero.
/// </summary>
internal static class VsockAddress
{
    private const uint FirstVmCid = 3;

    /// <param name="error">What is wrong, without the text itself; empty when nothing is.</param>
    internal static bool TryParse(ReadOnlySpan<char> text, out uint cid, out uint port, out string error)
    {
        cid = 0;
        port = 0;
        int colon = text.IndexOf(':');
        if (colon < 0)
        {
            error = "not CID:PORT";
            return false;
        }

        if (!TryParseCid(text[..colon], out cid))
        {
            error = "the CID is not hypervisor(0), local(1), host(2), vm(N) with N from 3 to 4294967294, N, or a dotted quad";
            return false;
        }

        if (!DecimalText.TryParse(text[(colon + 1)..], VMADDR_PORT_ANY - 1, out port))
        {
            error = "the port is not a number from 0 to 4294967294";
            return false;
        }

        error = "";
        return true;
    }

    /// <summary>With the CID's name: host(2):8172, vm(6):51820.</summary>
    internal static string Format(uint cid, uint port)
    {
        string name = cid switch
        {
            VMADDR_CID_HYPERVISOR => "hypervisor",
            VMADDR_CID_LOCAL => "local",
            VMADDR_CID_HOST => "host",
            _ => "vm",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{name}({cid}):{port}");
    }

    private static bool TryParseCid(ReadOnlySpan<char> text, out uint cid)
    {
        switch (text)
        {
            case "hypervisor(0)":
                cid = VMADDR_CID_HYPERVISOR;
                return true;
            case "local(1)":
                cid = VMADDR_CID_LOCAL;
                return true;
            case "host(2)":
                cid = VMADDR_CID_HOST;
                return true;
            case ['v', 'm', '(', .. var number, ')']:
                return DecimalText.TryParse(number, VMADDR_CID_ANY - 1, out cid) && cid >= FirstVmCid;
            default:
                return DecimalText.TryParse(text, VMADDR_CID_ANY - 1, out cid)
                    || (IpAddressText.TryParseIPv4(text, out cid) && cid != VMADDR_CID_ANY);
        }
    }
}
