using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>An interface as the kernel reports it.</summary>
/// <param name="Index">Names it for all other requests.</param>
/// <param name="Name">Its name.</param>
/// <param name="Flags">IFF_UP and its like.</param>
/// <param name="Mtu">Its MTU.</param>
/// <param name="Kind">"tun", "wireguard", "veth"; null for hardware and the loopback interface.</param>
internal readonly record struct LinkState(int Index, string Name, uint Flags, int Mtu, string? Kind)
{
    public bool IsUp => (Flags & IFF_UP) != 0;

    /// <param name="type">RTM_NEWLINK, else it is not one.</param>
    /// <param name="body">What follows the header.</param>
    /// <param name="link">The interface.</param>
    public static bool TryRead(ushort type, ReadOnlySpan<byte> body, out LinkState link)
    {
        link = default;
        if (type != RTM_NEWLINK || !MemoryMarshal.TryRead(body, out ifinfomsg info))
            return false;
        link = new LinkState(info.ifi_index, "", info.ifi_flags, Mtu: 0, Kind: null);
        var attribute = new NetlinkAttributes(body[Unsafe.SizeOf<ifinfomsg>()..]);
        while (attribute.MoveNext())
        {
            link = attribute.Type switch
            {
                IFLA_IFNAME => link with { Name = NetlinkReply.Text(attribute.Value) },
                IFLA_MTU when MemoryMarshal.TryRead(attribute.Value, out int mtu) => link with { Mtu = mtu },
                IFLA_LINKINFO => link with { Kind = KindOf(attribute.Value) },
                _ => link,
            };
        }

        return link.Name.Length > 0;
    }

    private static string? KindOf(ReadOnlySpan<byte> attributes)
    {
        var attribute = new NetlinkAttributes(attributes);
        while (attribute.MoveNext())
        {
            if (attribute.Type == IFLA_INFO_KIND)
                return NetlinkReply.Text(attribute.Value);
        }

        return null;
    }
}
