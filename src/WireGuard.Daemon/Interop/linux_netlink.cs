using System.Runtime.InteropServices;

namespace WireGuard.Daemon.Interop;

/// <summary>linux/netlink.h and linux/rtnetlink.h (include/uapi/linux/netlink.h, rtnetlink.h, if_link.h).</summary>
internal static partial class Libc
{
    public const int NETLINK_ROUTE = 0;
    public const int NETLINK_KOBJECT_UEVENT = 15;

    public const uint RTMGRP_LINK = 1;

    public const int SOL_NETLINK = 270;

    /// <summary>
    /// As an option: hear also the namespaces that have an id in ours; needs CAP_NET_BROADCAST. As a control message: the id (an
    /// int) of the namespace a message comes from, missing if that is ours.
    /// </summary>
    public const int NETLINK_LISTEN_ALL_NSID = 8;

    public const ushort NLM_F_REQUEST = 1;

    public const ushort NLMSG_ERROR = 2;
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_NEW_NETNSID = 45;
    public const ushort IFLA_TARGET_NETNSID = 46;
    public const ushort IFLA_NEW_IFINDEX = 49;
    public const ushort NLA_TYPE_MASK = 0x3fff;

    [StructLayout(LayoutKind.Sequential)]
    public struct sockaddr_nl
    {
        public ushort nl_family;
        private readonly ushort nl_pad;

        /// <summary>Who sent it: 0 is the kernel.</summary>
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

    /// <summary>What RTM_NEWLINK and RTM_DELLINK open with; attributes follow.</summary>
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

    /// <summary>Head of an attribute; each begins at a multiple of 4 (RTA_ALIGN).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct rtattr
    {
        /// <summary>Of head and data, without the padding.</summary>
        public ushort rta_len;
        public ushort rta_type;
    }
}
