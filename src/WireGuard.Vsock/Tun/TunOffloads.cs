namespace WireGuard.Vsock.Tun;

/// <summary>Which packets a TUN device delivers and accepts unsegmented.</summary>
[Flags]
internal enum TunOffloads
{
    None = 0,

    /// <summary>TCP segments, over IPv4 and IPv6 (TSO). Also packets whose checksum is still to be computed.</summary>
    Tcp = 1,

    /// <summary>UDP datagrams, over IPv4 and IPv6 (USO). Linux 6.2.</summary>
    Udp = 2,
}
