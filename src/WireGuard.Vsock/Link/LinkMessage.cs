using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// One RTM_NEWLINK or RTM_DELLINK of a route netlink socket (man 7 rtnetlink).
/// <code>nlmsghdr (16) | ifinfomsg (16) | attributes: rtattr (4) | value | padding to 4</code>
/// </summary>
/// <param name="IsDelete">
/// The interface was deleted, or has left the namespace for another (then with a <paramref name="NewNamespace"/>).
/// </param>
/// <param name="Index">The interface's index.</param>
/// <param name="Flags">IFF_UP and its like.</param>
/// <param name="Mtu">The MTU; 0 if not said.</param>
/// <param name="Namespace">The id of the namespace an answer is about; -1 if not said.</param>
/// <param name="NewNamespace">The id of the namespace it moved to, relative to the namespace it left; -1 if not said.</param>
/// <param name="NewIndex">The index it has there; 0 if not said.</param>
/// <param name="TunFlags">Of a TUN interface, those of <see cref="ToldFlags"/> that it has; -1 if not said.</param>
internal readonly record struct LinkMessage(
    bool IsDelete,
    int Index,
    uint Flags,
    int Mtu = 0,
    int Namespace = -1,
    int NewNamespace = -1,
    int NewIndex = 0,
    int TunFlags = -1)
{
    /// <summary>What is told of how a TUN interface was made (tun_fill_info of drivers/net/tun.c, Linux 4.17).</summary>
    public const int ToldFlags = IFF_VNET_HDR | IFF_PERSIST | IFF_MULTI_QUEUE;

    public bool IsUp => (Flags & IFF_UP) != 0;

    /// <summary>
    /// Takes the next message about an interface from a datagram, skipping others. False when there is none left or the rest is
    /// malformed.
    /// </summary>
    public static bool TryTake(ref NetlinkMessages datagram, out LinkMessage message)
    {
        while (datagram.MoveNext())
        {
            ushort type = datagram.Header.nlmsg_type;
            if (type is not (RTM_NEWLINK or RTM_DELLINK) || !MemoryMarshal.TryRead(datagram.Body, out ifinfomsg info)) continue;
            // Messages of other families (bridge ports, IPv6 settings) have other contents.
            if (info.ifi_family != AF_UNSPEC) continue;
            message = new LinkMessage(type == RTM_DELLINK, info.ifi_index, info.ifi_flags)
                .WithAttributes(datagram.Body[Unsafe.SizeOf<ifinfomsg>()..]);
            return true;
        }
        message = default;
        return false;
    }

    private LinkMessage WithAttributes(ReadOnlySpan<byte> attributes)
    {
        LinkMessage message = this;
        var attribute = new NetlinkAttributes(attributes);
        while (attribute.MoveNext())
        {
            if (attribute.Value.Length < sizeof(int)) continue;
            int value = BinaryPrimitives.ReadInt32LittleEndian(attribute.Value);
            message = attribute.Type switch
            {
                IFLA_MTU => message with { Mtu = value },
                IFLA_TARGET_NETNSID => message with { Namespace = value },
                IFLA_NEW_NETNSID => message with { NewNamespace = value },
                IFLA_NEW_IFINDEX => message with { NewIndex = value },
                IFLA_LINKINFO => message with { TunFlags = TunFlagsIn(attribute.Value) },
                _ => message,
            };
        }
        return message;
    }

    private static int TunFlagsIn(ReadOnlySpan<byte> attributes)
    {
        bool isTun = false;
        int flags = -1;
        var attribute = new NetlinkAttributes(attributes);
        while (attribute.MoveNext())
        {
            if (attribute.Type == IFLA_INFO_KIND)
                isTun = NetlinkReply.Text(attribute.Value) == "tun";
            else if (attribute.Type == IFLA_INFO_DATA)
                flags = FlagsIn(attribute.Value);
        }
        return isTun ? flags : -1;
    }

    private static int FlagsIn(ReadOnlySpan<byte> attributes)
    {
        int flags = 0;
        var attribute = new NetlinkAttributes(attributes);
        while (attribute.MoveNext())
        {
            if (attribute.Value is not [not 0, ..]) continue;
            flags |= attribute.Type switch
            {
                IFLA_TUN_VNET_HDR => IFF_VNET_HDR,
                IFLA_TUN_PERSIST => IFF_PERSIST,
                IFLA_TUN_MULTI_QUEUE => IFF_MULTI_QUEUE,
                _ => 0,
            };
        }
        return flags;
    }
}
