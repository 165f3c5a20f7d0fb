using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>linux/netlink.h and linux/rtnetlink.h (include/uapi/linux/netlink.h, rtnetlink.h, if_link.h).</summary>
internal static partial class Libc
{
    public const int NETLINK_ROUTE = 0;
    public const int NETLINK_KOBJECT_UEVENT = 15;

    public const uint RTMGRP_LINK = 1;
    public const uint RTMGRP_IPV4_IFADDR = 0x10;
    public const uint RTMGRP_IPV4_ROUTE = 0x40;
    public const uint RTMGRP_IPV4_RULE = 0x80;
    public const uint RTMGRP_IPV6_IFADDR = 0x100;
    public const uint RTMGRP_IPV6_ROUTE = 0x400;

    /// <summary>The bit of the group RTNLGRP_IPV6_RULE (19), which has no name of its own.</summary>
    public const uint RTMGRP_IPV6_RULE = 1u << 18;

    /// <summary>That of RTNLGRP_NEXTHOP (32).</summary>
    public const uint RTMGRP_NEXTHOP = 1u << 31;

    public const int SOL_NETLINK = 270;

    /// <summary>
    /// Option: also receive from namespaces that have an id in ours; needs CAP_NET_BROADCAST. Control message: the id (an int)
    /// of the namespace a message comes from, absent if that is ours.
    /// </summary>
    public const int NETLINK_LISTEN_ALL_NSID = 8;

    /// <summary>Option: messages lost to a full receive buffer are not reported with ENOBUFS.</summary>
    public const int NETLINK_NO_ENOBUFS = 5;

    public const ushort NLM_F_REQUEST = 1;

    public const ushort NLMSG_ERROR = 2;
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_NEWROUTE = 24;
    public const ushort RTM_GETROUTE = 26;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_NEW_NETNSID = 45;
    public const ushort IFLA_TARGET_NETNSID = 46;
    public const ushort IFLA_NEW_IFINDEX = 49;
    public const ushort NLA_TYPE_MASK = 0x3fff;

    public const ushort RTA_DST = 1;
    public const ushort RTA_SRC = 2;
    public const ushort RTA_OIF = 4;
    public const ushort RTA_GATEWAY = 5;
    public const ushort RTA_PREFSRC = 7;
    public const ushort RTA_MARK = 16;
    public const ushort RTA_VIA = 18;
    public const ushort RTA_IP_PROTO = 27;
    public const ushort RTA_SPORT = 28;
    public const ushort RTA_DPORT = 29;

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_nl
    {
        public ushort nl_family;
        private readonly ushort nl_pad;

        /// <summary>The sender: 0 is the kernel.</summary>
        public uint nl_pid;
        public uint nl_groups;
    }

    /// <summary>Head of a netlink message; each begins at a multiple of 4 (NLMSG_ALIGN).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct nlmsghdr
    {
        /// <summary>Of the whole message, this head included.</summary>
        public uint nlmsg_len;
        public ushort nlmsg_type;
        public ushort nlmsg_flags;
        public uint nlmsg_seq;
        public uint nlmsg_pid;
    }

    /// <summary>Follows nlmsghdr in RTM_NEWLINK and RTM_DELLINK; attributes follow it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ifinfomsg
    {
        public byte ifi_family;
        private readonly byte ifi_pad;
        public ushort ifi_type;
        public int ifi_index;
        public uint ifi_flags;
        public uint ifi_change;
    }

    /// <summary>Follows nlmsghdr in RTM_NEWROUTE and RTM_GETROUTE; attributes follow it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct rtmsg
    {
        public byte rtm_family;
        public byte rtm_dst_len;
        public byte rtm_src_len;
        public byte rtm_tos;
        public byte rtm_table;
        public byte rtm_protocol;
        public byte rtm_scope;
        public byte rtm_type;
        public uint rtm_flags;
    }

    /// <summary>Head of an attribute; each begins at a multiple of 4 (RTA_ALIGN).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct rtattr
    {
        /// <summary>Of head and data, without the padding.</summary>
        public ushort rta_len;
        public ushort rta_type;
    }
}
