using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Steps through the attributes of a netlink message, up to the first malformed one:
/// <code>rtattr (4) | value | padding to 4</code>
/// </summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> attributes)
{
    private const int HeadSize = 4;

    private ReadOnlySpan<byte> _rest = attributes;

    /// <summary>Of the current one, without flags.</summary>
    public int Type { get; private set; }

    /// <summary>Of the current one, without padding.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    public bool MoveNext()
    {
        if (!MemoryMarshal.TryRead(_rest, out rtattr head) || head.rta_len < HeadSize || head.rta_len > _rest.Length)
            return false;
        Type = head.rta_type & NLA_TYPE_MASK;
        Value = _rest[HeadSize..head.rta_len];
        _rest = _rest[Math.Min(Align(head.rta_len), _rest.Length)..];
        return true;
    }

    /// <summary>RTA_ALIGN and NLMSG_ALIGN.</summary>
    public static int Align(int length) => (length + 3) & ~3;
}
