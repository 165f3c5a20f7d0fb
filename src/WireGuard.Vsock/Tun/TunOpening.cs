using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// Opens the interface: makes one, attaches to a persistent one that is not in use, or takes over a descriptor (WG_TUN_FD). Each
/// failure says how to mend it.
/// <para>
/// 1. Attach the first queue with IFF_TUN_EXCL: without it, the kernel would silently attach us as one more queue of
///    another daemon's IFF_MULTI_QUEUE interface. 2. If the name is there already, it may be a persistent interface made for us
///    (ip tuntap add): attach as its only queue; the kernel refuses if it is in use. 3. Attach the other queues. 4. Set up header
///    and offloads. 5. Set MTU and queue length.
/// </para>
/// <para>
/// Header size and offloads belong to the interface, not the queue, and a persistent interface keeps those of its previous user:
/// so both are always set. The first queue decides whether there is a header, even if the persistent interface was made without.
/// </para>
/// </summary>
internal static class TunOpening
{
    private const string Path = "/dev/net/tun";
    private const string AskForPrivilege = "run as root or with CAP_NET_ADMIN";

    /// <summary>The offloads to try, the best first.</summary>
    private static readonly (uint Bits, TunOffloads Offloads)[] Choices =
    [
        (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6, TunOffloads.Tcp | TunOffloads.Udp),
        (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, TunOffloads.Tcp),
        (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, TunOffloads.Tcp),
    ];

    /// <summary>Makes the interface with that many queues (one only, if it was there before).</summary>
    /// <param name="name">Its name, or a pattern such as wg%d.</param>
    /// <param name="queues">1 to <see cref="TunDevice.MaxQueues"/>.</param>
    /// <param name="wantsOffloads">Whether to ask for header and offloads. The device works without those that the kernel
    /// refuses.</param>
    /// <exception cref="SetupException">It cannot be made; the message says why and how to mend it.</exception>
    public static TunDevice Create(string name, int queues, bool wantsOffloads = false)
    {
        queues = Math.Clamp(queues, 1, TunDevice.MaxQueues);
        int flags = IFF_TUN | IFF_NO_PI | (queues > 1 ? IFF_MULTI_QUEUE : 0);
        int header = wantsOffloads ? IFF_VNET_HDR : 0;
        List<FileDescriptor> attached = [];
        try
        {
            attached.Add(OpenQueue(name));
            int result = Attach(attached[0].Fd, ref name, flags | IFF_TUN_EXCL, header);
            if (result == -Errno.EBUSY)
            {
                queues = 1;
                result = Attach(attached[0].Fd, ref name, IFF_TUN | IFF_NO_PI, header);
            }
            if (result < 0) throw CannotAttach(name, -result);
            while (attached.Count < queues)
            {
                attached.Add(OpenQueue(name));
                result = Attach(attached[^1].Fd, ref name, flags, header);
                if (result < 0) throw CannotAttach(name, -result);
            }
            return SetUp([.. attached], wantsOffloads);
        }
        catch
        {
            foreach (FileDescriptor queue in attached) queue.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes over a descriptor that is attached to a TUN interface already: one queue, with a header if it was attached so.
    /// </summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="wantsOffloads">Whether to ask for offloads, if there is a header.</param>
    /// <exception cref="SetupException">It is not such a descriptor.</exception>
    public static TunDevice FromDescriptor(int fd, bool wantsOffloads = false)
    {
        int result = LinkQuery.TunFlags(fd, out string name, out ushort flags);
        if (result < 0) throw new SetupException($"WG_TUN_FD: descriptor {fd} is not a TUN interface's: {Errno.Text(-result)}");
        // IFF_NO_PI cannot be verified: the kernel reports it for interfaces without it too.
        if ((flags & (IFF_TUN | IFF_NO_PI)) != (IFF_TUN | IFF_NO_PI))
        {
            throw new SetupException($"WG_TUN_FD: {name} must be attached with IFF_TUN | IFF_NO_PI");
        }
        Sys.Check(Sys.SetNonBlocking(fd), "fcntl");
        Sys.Check(Sys.SetCloseOnExec(fd, true), "fcntl");
        return SetUp([new FileDescriptor(fd)], wantsOffloads);
    }

    /// <summary>TUNSETIFF, with the header, or without it on a kernel that does not know it.</summary>
    private static int Attach(int fd, ref string name, int flags, int header)
    {
        int result = LinkQuery.TunAttach(fd, ref name, (ushort)(flags | header));
        return result == -Errno.EINVAL && header != 0 ? LinkQuery.TunAttach(fd, ref name, (ushort)flags) : result;
    }

    private static TunDevice SetUp(FileDescriptor[] queues, bool wantsOffloads)
    {
        int fd = queues[0].Fd;
        Sys.Check(LinkQuery.TunFlags(fd, out string name, out ushort flags), "TUNGETIFF");
        bool hasHeader = (flags & IFF_VNET_HDR) != 0;
        if (hasHeader) Sys.Check(LinkQuery.SetHeaderSize(fd, VirtioHeader.Size), "TUNSETVNETHDRSZ");
        TunOffloads offloads = SetOffloads(fd, hasHeader && wantsOffloads);
        SetDefaults(name);
        return new TunDevice(name, queues, hasHeader, offloads);
    }

    private static TunOffloads SetOffloads(int fd, bool wantsOffloads)
    {
        if (wantsOffloads)
        {
            foreach ((uint bits, TunOffloads offloads) in Choices)
            {
                if (LinkQuery.SetOffloads(fd, bits) >= 0) return offloads;
            }
        }
        _ = LinkQuery.SetOffloads(fd, 0);
        return TunOffloads.None;
    }

    private static FileDescriptor OpenQueue(string name)
    {
        int fd = Sys.Open(Path, O_RDWR | O_NONBLOCK);
        if (fd >= 0) return new FileDescriptor(fd);
        throw new SetupException($"cannot create {name}: {Path}: " + -fd switch
        {
            Errno.ENOENT =>
                "there is no such device: load the driver (modprobe tun) or give it to the container (--device /dev/net/tun)",
            Errno.ENODEV or Errno.ENXIO => "this kernel has no TUN driver loaded: modprobe tun",
            Errno.EACCES or Errno.EPERM => $"{Errno.Text(-fd)}: {AskForPrivilege}",
            int errno => Errno.Text(errno),
        });
    }

    private static SetupException CannotAttach(string name, int errno) => new($"cannot create {name}: " + errno switch
    {
        Errno.EPERM or Errno.EACCES => $"{Errno.Text(errno)}: {AskForPrivilege}",
        // Of another kind than TUN, or with several queues: either way the name is taken.
        Errno.EBUSY or Errno.EEXIST or Errno.EINVAL => $"an interface of that name is there already: ip link show {name}",
        _ => Errno.Text(errno),
    });

    private static void SetDefaults(string name)
    {
        using FileDescriptor socket = new(Sys.Check(Sys.Socket(AF_INET, SOCK_DGRAM, 0), "socket"));
        int result = LinkQuery.SetMtu(socket.Fd, name, TunDevice.DefaultMtu);
        if (result < 0)
        {
            string mend = result == -Errno.EPERM ? $": {AskForPrivilege}" : "";
            throw new SetupException($"cannot set the MTU of {name}: {Errno.Text(-result)}{mend}");
        }
        // Optional: any queue length works.
        _ = LinkQuery.SetQueueLength(socket.Fd, name, TunDevice.DefaultQueueLength);
    }
}
