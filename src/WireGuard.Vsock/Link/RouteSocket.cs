using System.Numerics;
using System.Text;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>
/// Asks the kernel to read and change links, addresses, routes and rules (man 7 rtnetlink), in the network namespace it was
/// opened in. Results are 0 or a negated errno; <see cref="Explain"/> says it in words. The kernel answers within the call that
/// sends the request, so nothing waits. Owned by one thread.
/// <para>
/// A kernel that lacks a part says so by errno, see <see cref="IsUnsupported"/>; IPv6 switched off for an interface (sysctl
/// disable_ipv6) is -EACCES.
/// </para>
/// </summary>
internal sealed class RouteSocket : IDisposable
{
    /// <summary>How often a list is asked for that changes while it is read; the last one is taken as it is.</summary>
    private const int MaxTries = 8;

    private const int MaxBuffer = 1024 * 1024;

    private readonly NetlinkSocket _netlink = new(NETLINK_ROUTE);
    private byte[] _buffer;
    private uint _lastSequence;
    private NetlinkReply? _last;

    /// <param name="bufferSize">For answers; it grows where one is longer. Lists come in datagrams of up to 32 KiB.</param>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    public RouteSocket(int bufferSize = 32 * 1024)
    {
        _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);
        // Kernels that do not know one of these do without.
        _ = Sys.SetOption(_netlink.Fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
        _ = Sys.SetOption(_netlink.Fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
        _ = Sys.SetOption(_netlink.Fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    }

    /// <summary>The inode of the network namespace it was opened in; null if the kernel does not say.</summary>
    public ulong? Namespace => Sys.NetworkNamespace(_netlink.Fd, SIOCGSKNS);

    /// <summary>
    /// Whether the kernel was built without what was asked for: policy rules, or IPv6 (or it was booted with ipv6.disable).
    /// </summary>
    public static bool IsUnsupported(int result) => result is -Errno.EOPNOTSUPP or -Errno.EAFNOSUPPORT;

    /// <summary>The result of the last request in words: the system's, and the kernel's own where it gives some.</summary>
    public string Explain(int result) =>
        _last?.Explanation is { } words && _last.Result == result ? $"{Errno.Text(-result)}: {words}" : Errno.Text(-result);

    /// <summary>Makes it. -EEXIST if there is such a one; of a rule without a priority there can be several.</summary>
    public int Add<T>(in T made)
        where T : struct, IRouteMessage<T>
    {
        var request = new NetlinkRequest(
            stackalloc byte[NetlinkRequest.MaxSize], T.NewType, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        made.Write(ref request);
        return Exchange(ref request, Ignore);
    }

    /// <summary>Deletes it. -ENOENT, -ESRCH or -EADDRNOTAVAIL if there is no such rule, route or address.</summary>
    public int Delete<T>(in T made)
        where T : struct, IRouteMessage<T>
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], (ushort)(T.NewType + 1), NLM_F_ACK);
        made.Write(ref request);
        return Exchange(ref request, Ignore);
    }

    /// <summary>Lists addresses, routes or rules in the kernel's order.</summary>
    public int List<T>(RouteFilter filter, List<T> found)
        where T : struct, IRouteMessage<T>
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], (ushort)(T.NewType + 2), NLM_F_DUMP);
        T.WriteFilter(filter, ref request);
        int result = 0;
        for (int i = 0; i < MaxTries; i++)
        {
            found.Clear();
            result = Exchange(ref request, (type, body) =>
            {
                // A kernel without IPv6 lists IPv4 when it is asked for IPv6, and an old one does not filter.
                if (type == T.NewType && T.TryRead(body, out T one) && one.IsOf(filter))
                    found.Add(one);
            });
            if (result is not (-Errno.EMSGSIZE or -Errno.ENOBUFS) && !(result == 0 && _last!.IsInterrupted))
                break;
        }

        return result;
    }

    /// <summary>Deletes exactly that rule, which must have a priority. -ENOENT if there is none, or another would go.</summary>
    public int DeleteExactly(in RuleMessage rule)
    {
        RuleMessage ours = rule;
        List<RuleMessage> rules = [];
        int result = List(new RouteFilter(rule.IsIPv6), rules);
        if (result < 0)
            return result;
        // The kernel deletes the first that has all of what the request says, whatever else it has.
        int first = rules.FindIndex(one => one.Has(ours));
        return first >= 0 && rules[first] == ours ? Delete(ours) : -Errno.ENOENT;
    }

    /// <summary>Finds an interface by its name: -ENODEV if there is none.</summary>
    public int Find(string name, out LinkState link)
    {
        Span<byte> bytes = stackalloc byte[IFNAMSIZ];
        bytes.Clear();
        link = default;
        if (!Encoding.UTF8.TryGetBytes(name, bytes[..InterfaceName.MaxBytes], out int length))
            return -Errno.ENODEV;
        return Find(index: 0, bytes[..(length + 1)], out link);
    }

    /// <summary>Finds an interface by its index: -ENODEV if there is none.</summary>
    public int Find(int index, out LinkState link) => Find(index, [], out link);

    /// <summary>Sets an interface up or down.</summary>
    public int SetUp(int index, bool isUp) => ChangeLink(index, isUp ? IFF_UP : 0, IFF_UP, mtu: 0);

    /// <summary>Sets an interface's MTU: -EINVAL if it can have no such MTU.</summary>
    public int SetMtu(int index, int mtu) => ChangeLink(index, 0, 0, mtu);

    /// <summary>Deletes an interface, and with it its addresses and routes.</summary>
    public int DeleteLink(int index)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], RTM_DELLINK, NLM_F_ACK);
        request.Append(new ifinfomsg { ifi_index = index });
        return Exchange(ref request, Ignore);
    }

    /// <summary>Sends a request, and has what answers it read.</summary>
    public int Exchange(ref NetlinkRequest request, NetlinkAnswer each)
    {
        _last = new NetlinkReply(++_lastSequence, each);
        int sent = Sys.Send(_netlink.Fd, request.Complete(_lastSequence), 0);
        if (sent < 0)
            return sent;
        bool isTruncated = false;
        while (!_last.IsComplete)
        {
            int n = _netlink.Receive(_buffer, out _, MSG_TRUNC);
            if (n < 0)
                return n != -Errno.EAGAIN ? n : isTruncated ? -Errno.EMSGSIZE : -Errno.EPROTO;
            if (n <= _buffer.Length)
            {
                _last.Read(_buffer.AsSpan(0, n));
                continue;
            }

            // What did not fit is lost; the next answer fits.
            isTruncated = true;
            _buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)n), MaxBuffer));
        }

        return isTruncated ? -Errno.EMSGSIZE : _last.Result;
    }

    public void Dispose() => _netlink.Dispose();

    private int Find(int index, ReadOnlySpan<byte> name, out LinkState link)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], RTM_GETLINK, 0);
        request.Append(new ifinfomsg { ifi_index = index });
        request.Add(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        if (!name.IsEmpty)
            request.Add(IFLA_IFNAME, name);
        LinkState? found = null;
        int result = -Errno.EMSGSIZE;
        for (int i = 0; i < MaxTries && result == -Errno.EMSGSIZE; i++)
            result = Exchange(ref request, (type, body) => found = LinkState.TryRead(type, body, out LinkState one) ? one : null);

        link = found ?? default;
        return result == 0 && found is null ? -Errno.EPROTO : result;
    }

    private int ChangeLink(int index, uint flags, uint changed, int mtu)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.MaxSize], RTM_NEWLINK, NLM_F_ACK);
        request.Append(new ifinfomsg { ifi_index = index, ifi_flags = flags, ifi_change = changed });
        if (mtu != 0)
            request.Add(IFLA_MTU, mtu);
        return Exchange(ref request, Ignore);
    }

    private static void Ignore(ushort type, ReadOnlySpan<byte> body)
    {
    }
}
