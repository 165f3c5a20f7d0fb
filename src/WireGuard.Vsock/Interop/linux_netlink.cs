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

    /// <summary>Option: an error's acknowledgement does not repeat the request.</summary>
    public const int NETLINK_CAP_ACK = 10;

    /// <summary>Option: an acknowledgement says in words what was wrong. Linux 4.12.</summary>
    public const int NETLINK_EXT_ACK = 11;

    /// <summary>Option: requests are checked strictly, and dumps filtered by their attributes. Linux 4.20.</summary>
    public const int NETLINK_GET_STRICT_CHK = 12;

    public const ushort NLM_F_REQUEST = 0x1;

    /// <summary>Of an answer: others of the same request follow, up to NLMSG_DONE.</summary>
    public const ushort NLM_F_MULTI = 0x2;

    /// <summary>Of a request: answer with NLMSG_ERROR, 0 for success.</summary>
    public const ushort NLM_F_ACK = 0x4;

    /// <summary>Of an answer: what is dumped has changed meanwhile.</summary>
    public const ushort NLM_F_DUMP_INTR = 0x10;

    /// <summary>Of a request for something new: fail if it exists.</summary>
    public const ushort NLM_F_EXCL = 0x200;

    /// <summary>Of a request to read: everything (NLM_F_ROOT and NLM_F_MATCH).</summary>
    public const ushort NLM_F_DUMP = 0x300;

    /// <summary>Of a request for something new: make it if it does not exist.</summary>
    public const ushort NLM_F_CREATE = 0x400;

    /// <summary>Of NLMSG_ERROR: it does not repeat the request's body.</summary>
    public const ushort NLM_F_CAPPED = 0x100;

    /// <summary>Of NLMSG_ERROR: attributes follow, NLMSGERR_ATTR_....</summary>
    public const ushort NLM_F_ACK_TLVS = 0x200;

    public const ushort NLMSG_ERROR = 2;
    public const ushort NLMSG_DONE = 3;

    /// <summary>What was wrong, in words.</summary>
    public const ushort NLMSGERR_ATTR_MSG = 1;

    /// <summary>Of each kind of object NEW, DEL and GET follow each other.</summary>
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_NEWADDR = 20;
    public const ushort RTM_NEWROUTE = 24;
    public const ushort RTM_GETROUTE = 26;
    public const ushort RTM_NEWRULE = 32;

    public const ushort IFLA_IFNAME = 3;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_LINKINFO = 18;
    public const ushort IFLA_EXT_MASK = 29;
    public const ushort IFLA_NEW_NETNSID = 45;
    public const ushort IFLA_TARGET_NETNSID = 46;
    public const ushort IFLA_NEW_IFINDEX = 49;
    public const ushort NLA_TYPE_MASK = 0x3fff;

    /// <summary>In IFLA_LINKINFO: "tun", "wireguard", "veth".</summary>
    public const ushort IFLA_INFO_KIND = 1;

    public const ushort IFLA_INFO_DATA = 2;

    /// <summary>In IFLA_INFO_DATA of a "tun": a byte each, 0 or 1.</summary>
    public const ushort IFLA_TUN_VNET_HDR = 5, IFLA_TUN_PERSIST = 6, IFLA_TUN_MULTI_QUEUE = 7;

    /// <summary>In IFLA_EXT_MASK: leave the statistics out of the answer.</summary>
    public const uint RTEXT_FILTER_SKIP_STATS = 0x8;

    public const uint RT_TABLE_MAIN = 254;
    public const byte RTPROT_BOOT = 3;
    public const byte RT_SCOPE_UNIVERSE = 0;
    public const byte RT_SCOPE_LINK = 253;
    public const byte RT_SCOPE_HOST = 254;
    public const byte RTN_UNICAST = 1;

    /// <summary>Of a route: learned for one destination, not configured.</summary>
    public const uint RTM_F_CLONED = 0x200;

    public const ushort RTA_DST = 1;
    public const ushort RTA_SRC = 2;
    public const ushort RTA_OIF = 4;
    public const ushort RTA_GATEWAY = 5;
    public const ushort RTA_PRIORITY = 6;
    public const ushort RTA_PREFSRC = 7;

    /// <summary>Holds attributes, RTAX_....</summary>
    public const ushort RTA_METRICS = 8;
    public const ushort RTA_CACHEINFO = 12;
    public const ushort RTA_TABLE = 15;
    public const ushort RTA_MARK = 16;
    public const ushort RTA_VIA = 18;
    public const ushort RTA_PREF = 20;
    public const ushort RTA_IP_PROTO = 27;
    public const ushort RTA_SPORT = 28;
    public const ushort RTA_DPORT = 29;
    public const ushort RTAX_MTU = 2;

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
