namespace WireGuard.Vsock.Interop;

/// <summary>linux/if_tun.h (include/uapi/linux/if_tun.h).</summary>
internal static partial class Libc
{
    public const ushort IFF_TUN = 0x0001;
    public const ushort IFF_MULTI_QUEUE = 0x0100;
    public const ushort IFF_PERSIST = 0x0800;
    public const ushort IFF_NO_PI = 0x1000;

    /// <summary>A virtio_net_hdr (linux_virtio_net.cs) stands before each packet.</summary>
    public const ushort IFF_VNET_HDR = 0x4000;

    /// <summary>With TUNSETIFF: the interface must be a new one.</summary>
    public const ushort IFF_TUN_EXCL = 0x8000;

    public const uint TUNSETIFF = 0x400454ca;
    public const uint TUNGETIFF = 0x800454d2;

    /// <summary>
    /// The argument is the TUN_F_... mask itself, not its address. It belongs to the interface and outlives its queues.
    /// </summary>
    public const uint TUNSETOFFLOAD = 0x400454d0;

    /// <summary>The size of the virtio header, an int. It belongs to the interface and outlives its queues.</summary>
    public const uint TUNSETVNETHDRSZ = 0x400454d8;
    public const uint TUNGETDEVNETNS = 0x54e3;

    /// <summary>"You can hand me unchecksummed packets": all others require it.</summary>
    public const uint TUN_F_CSUM = 0x01;
    public const uint TUN_F_TSO4 = 0x02;
    public const uint TUN_F_TSO6 = 0x04;

    /// <summary>TSO of packets with the CWR flag.</summary>
    public const uint TUN_F_TSO_ECN = 0x08;

    /// <summary>USO: Linux 6.2, both or neither.</summary>
    public const uint TUN_F_USO4 = 0x20;
    public const uint TUN_F_USO6 = 0x40;
}
