using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Steps through the messages of a netlink datagram, up to the first malformed one:
/// <code>nlmsghdr (16) | body | padding to 4</code>
/// </summary>
internal ref struct NetlinkMessages(ReadOnlySpan<byte> datagram)
{
    public const int HeaderSize = 16;

    private ReadOnlySpan<byte> _rest = datagram;

    /// <summary>Of the current one.</summary>
    public nlmsghdr Header { get; private set; }

    /// <summary>Of the current one, without header and padding.</summary>
    public ReadOnlySpan<byte> Body { get; private set; }

    /// <summary>Whether nothing is left; else, after the last, the rest is malformed.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    public bool MoveNext()
    {
        if (!MemoryMarshal.TryRead(_rest, out nlmsghdr header)
            || header.nlmsg_len < HeaderSize || header.nlmsg_len > (uint)_rest.Length)
        {
            return false;
        }

        Header = header;
        Body = _rest[HeaderSize..(int)header.nlmsg_len];
        _rest = _rest[Math.Min(NetlinkAttributes.Align((int)header.nlmsg_len), _rest.Length)..];
        return true;
    }
}
