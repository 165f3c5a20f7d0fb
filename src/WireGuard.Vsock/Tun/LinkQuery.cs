using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// The ioctls that query and set up an interface by name (man 7 netdevice, include/uapi/linux/if_tun.h). Those on a socket
/// apply to the namespace it was made in. Results are 0 or a negated errno.
/// </summary>
internal static unsafe class LinkQuery
{
    /// <summary>
    /// TUNSETIFF: makes the interface or attaches to it; a pattern in <paramref name="name"/> is replaced by the real name.
    /// </summary>
    public static int TunAttach(int tun, ref string name, ushort flags)
    {
        ifreq request = Named(name);
        request.ifr_flags = flags;
        int result = Sys.Ioctl(tun, TUNSETIFF, &request);
        if (result >= 0) name = NameOf(&request);
        return result;
    }

    /// <summary>TUNGETIFF: the name and flags of the interface behind a TUN descriptor, in whatever namespace it is.</summary>
    public static int TunFlags(int tun, out string name, out ushort flags)
    {
        ifreq request = default;
        int result = Sys.Ioctl(tun, TUNGETIFF, &request);
        name = NameOf(&request);
        flags = request.ifr_flags;
        return result;
    }

    /// <summary>The index of an interface in the socket's namespace; 0 if there is none of that name.</summary>
    public static int IndexOf(int socket, string name)
    {
        ifreq request = Named(name);
        return Sys.Ioctl(socket, SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;
    }

    public static int SetMtu(int socket, string name, int mtu)
    {
        ifreq request = Named(name);
        request.ifr_mtu = mtu;
        return Sys.Ioctl(socket, SIOCSIFMTU, &request);
    }

    /// <summary>How many packets each queue holds before the kernel drops.</summary>
    public static int SetQueueLength(int socket, string name, int packets)
    {
        ifreq request = Named(name);
        request.ifr_qlen = packets;
        return Sys.Ioctl(socket, SIOCSIFTXQLEN, &request);
    }

    /// <summary>TUNSETOFFLOAD: which offloads the kernel may leave to us, TUN_F_... bits. -EINVAL if one is unknown.</summary>
    public static int SetOffloads(int tun, uint offloads) => Sys.Ioctl(tun, TUNSETOFFLOAD, (void*)offloads);

    /// <summary>TUNSETVNETHDRSZ: the size of the header before each packet.</summary>
    public static int SetHeaderSize(int tun, int bytes) => Sys.Ioctl(tun, TUNSETVNETHDRSZ, &bytes);

    private static ifreq Named(string name)
    {
        ifreq request = default;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.ifr_name, IFNAMSIZ - 1));
        return request;
    }

    private static string NameOf(ifreq* request)
    {
        ReadOnlySpan<byte> name = new(request->ifr_name, IFNAMSIZ);
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }
}
