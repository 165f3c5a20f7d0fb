using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using WireGuard.Protocol.Crypto;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// Where a peer is: an IPv4 or IPv6 address and a port, a VSOCK CID and a 32-bit port, or the Unix socket that stands for a
/// guest's VSOCK on its host and a 32-bit port. A value of 48 bytes that compares and hashes without allocation; its text is in
/// EndpointAddress.Text.cs, its struct sockaddr in EndpointAddress.Sockaddr.cs.
/// Each address has one value: an IPv4-mapped IPv6 address (::ffff:192.0.2.1, as dual-stack sockets report it) is the IPv4
/// address, and only a link-local address keeps its scope, as in the kernel. Else a peer would seem to roam between the two.
/// </summary>
internal readonly partial struct EndpointAddress : IEquatable<EndpointAddress>
{
    /// <summary>The most bytes <see cref="CookieSource"/> writes.</summary>
    internal const int MaxCookieSourceSize = 18;

    private readonly UInt128 _host; // IPv6 address, IPv4 address or CID, right-aligned, as a host integer; a hash of the path
    private readonly uint _port;
    private readonly uint _scopeOrFlags; // the interface of a link-local IPv6 address; svm_flags of a VSOCK address

    private EndpointAddress(AddressFamilyKind kind, UInt128 host, uint port, uint scopeOrFlags, string? path = null)
    {
        Kind = kind;
        _host = host;
        _port = port;
        _scopeOrFlags = scopeOrFlags;
        Path = path;
    }

    /// <summary>What the address is; <see cref="AddressFamilyKind.None"/> in the default value.</summary>
    internal AddressFamilyKind Kind { get; }

    /// <summary>0..65535 for IP, all 32 bits for VSOCK, also behind a Unix socket.</summary>
    internal uint Port => _port;

    /// <summary>The IPv4 address as a host integer: 10.0.0.1 is 0x0A000001.</summary>
    internal uint IPv4Address
    {
        get
        {
            Debug.Assert(Kind == AddressFamilyKind.IPv4, "not an IPv4 address");
            return (uint)_host;
        }
    }

    /// <summary>The IPv6 address as a host integer: ::1 is 1.</summary>
    internal UInt128 IPv6Address
    {
        get
        {
            Debug.Assert(Kind == AddressFamilyKind.IPv6, "not an IPv6 address");
            return _host;
        }
    }

    /// <summary>The VSOCK context ID: which machine.</summary>
    internal uint Cid
    {
        get
        {
            Debug.Assert(Kind == AddressFamilyKind.Vsock, "not a VSOCK address");
            return (uint)_host;
        }
    }

    /// <summary>The Unix socket's path; null for other addresses.</summary>
    internal string? Path { get; }

    /// <summary>The index of the interface a link-local IPv6 address is on; 0 for none.</summary>
    internal uint ScopeId => Kind == AddressFamilyKind.IPv6 ? _scopeOrFlags : 0;

    /// <summary>
    /// Whether connecting there leaves by the transport to this machine's host (VMADDR_FLAG_TO_HOST), where by its CID it would
    /// go to a guest of this machine. It is part of a configured endpoint, so a change of it is a change of endpoint; the address
    /// that a peer connects from never has it. VSOCK only.
    /// </summary>
    internal bool IsToHost => Kind == AddressFamilyKind.Vsock && _scopeOrFlags == VMADDR_FLAG_TO_HOST;

    public static bool operator ==(EndpointAddress left, EndpointAddress right) => left.Equals(right);

    public static bool operator !=(EndpointAddress left, EndpointAddress right) => !left.Equals(right);

    /// <param name="address">As a host integer: 10.0.0.1 is 0x0A000001.</param>
    internal static EndpointAddress IPv4(uint address, ushort port) => new(AddressFamilyKind.IPv4, address, port, 0);

    /// <param name="address">As a host integer: ::1 is 1. An IPv4-mapped address gives an IPv4 endpoint.</param>
    /// <param name="scopeId">Index of the interface; ignored unless the address is link-local.</param>
    internal static EndpointAddress IPv6(UInt128 address, ushort port, uint scopeId = 0)
    {
        bool isMapped = address >> 32 == 0xFFFF; // ::ffff:0:0/96, RFC 4291 section 2.5.5.2
        if (isMapped)
            return IPv4((uint)address, port);
        bool isLinkLocal = (uint)(address >> 118) == 0xFE80 >> 6; // fe80::/10, RFC 4291 section 2.5.6
        return new(AddressFamilyKind.IPv6, address, port, isLinkLocal ? scopeId : 0);
    }

    internal static EndpointAddress Vsock(uint cid, uint port, bool isToHost = false) =>
        new(AddressFamilyKind.Vsock, cid, port, isToHost ? VMADDR_FLAG_TO_HOST : 0u);

    /// <param name="path">As <see cref="UnixAddress"/> takes it.</param>
    /// <param name="port">Of the guest; 0 for an accepted connection, which does not say from which port it comes.</param>
    internal static EndpointAddress Unix(string path, uint port)
    {
        Span<byte> digest = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(Encoding.UTF8.GetBytes(path), [], digest);
        return new(AddressFamilyKind.Unix, BinaryPrimitives.ReadUInt128BigEndian(digest), port, 0, path);
    }

    /// <summary>
    /// Writes what a cookie binds (the WireGuard paper, section 5.4.7): the IP address and port in network order, but of a VSOCK
    /// address the CID alone, since a sender that can use one port of a machine can use any other; likewise a hash of the path of
    /// a Unix socket.
    /// </summary>
    /// <param name="destination">At least <see cref="MaxCookieSourceSize"/> bytes.</param>
    /// <returns>How many bytes were written: 6, 18, 4 or 16.</returns>
    internal int CookieSource(Span<byte> destination)
    {
        switch (Kind)
        {
            case AddressFamilyKind.IPv4:
                BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)_host);
                BinaryPrimitives.WriteUInt16BigEndian(destination[4..], (ushort)_port);
                return 6;
            case AddressFamilyKind.IPv6:
                BinaryPrimitives.WriteUInt128BigEndian(destination, _host);
                BinaryPrimitives.WriteUInt16BigEndian(destination[16..], (ushort)_port);
                return MaxCookieSourceSize;
            case AddressFamilyKind.Vsock:
                BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)_host);
                return 4;
            case AddressFamilyKind.Unix:
                BinaryPrimitives.WriteUInt128BigEndian(destination, _host);
                return 16;
            default:
                throw NoAddress();
        }
    }

    public bool Equals(EndpointAddress other) =>
        _host == other._host && _port == other._port && _scopeOrFlags == other._scopeOrFlags && Kind == other.Kind
        && string.Equals(Path, other.Path, StringComparison.Ordinal);

    public override bool Equals(object? obj) => obj is EndpointAddress other && Equals(other);

    // HashCode is seeded per process, so addresses cannot be chosen to collide.
    public override int GetHashCode() => HashCode.Combine((ulong)(_host >> 64), (ulong)_host, _port, _scopeOrFlags, Kind);

    private static InvalidOperationException NoAddress() => new("The default value is no address.");
}

/// <summary>The families an <see cref="EndpointAddress"/> can be of. Its default value is of none: no address.</summary>
internal enum AddressFamilyKind : byte
{
    None,
    IPv4,
    IPv6,
    Vsock,
    Unix,
}
