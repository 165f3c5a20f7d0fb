using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A datagram of rtnetlink: each reader comes to its end; an address, a route or a rule that says no more than ours do is written
/// as a request that is read as the same, and, as text, read as the same.
/// </summary>
internal sealed class NetlinkTarget : FuzzTarget
{
    private const uint Sequence = 7;

    public override IEnumerable<byte[]> Seeds()
    {
        InterfaceAddress address4 = new((UInt128)0x0A000001 << 96, 24, IsIPv6: false);
        InterfaceAddress address6 = new(((UInt128)0xFD << 120) + 1, 64, IsIPv6: true);
        yield return Request(new AddressMessage(address4, 3));
        yield return Request(new AddressMessage(address6, 3));
        yield return Request(RouteMessage.To(address4.Network, 3, 254));
        yield return Request(RouteMessage.To(address6.Network, 3, 51820));
        yield return Request(RuleMessage.Unmarked(isIPv6: false, 51820, 51820));
        yield return Request(RuleMessage.MainWithoutDefault(isIPv6: true));
        yield return Link();
        byte[] error = new byte[40];
        MemoryMarshal.Write(error, new Libc.nlmsghdr
        {
            nlmsg_len = 40,
            nlmsg_type = Libc.NLMSG_ERROR,
            nlmsg_seq = Sequence,
            nlmsg_flags = Libc.NLM_F_CAPPED | Libc.NLM_F_ACK_TLVS,
        });
        MemoryMarshal.Write(error.AsSpan(16), -17);
        yield return error;
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        NetlinkMessages messages = new(input);
        int count = 0;
        while (messages.MoveNext())
        {
            Fact.Holds(++count <= input.Length / NetlinkMessages.HeaderSize, "messages are no more than there is room for");
            Check<AddressMessage>(messages.Body);
            Check<RouteMessage>(messages.Body);
            Check<RuleMessage>(messages.Body);
            if (LinkState.TryRead(messages.Header.nlmsg_type, messages.Body, out LinkState link))
                Fact.Holds(link.Name.Length > 0, "an interface has a name");
        }

        messages = new NetlinkMessages(input);
        while (LinkMessage.TryTake(ref messages, out _))
            Fact.Holds(--count >= 0, "a message is taken once");
        ReadReply(input);
    }

    private static void Check<T>(ReadOnlySpan<byte> body)
        where T : struct, IRouteMessage<T>
    {
        if (!T.TryRead(body, out T message))
            return;
        Span<byte> buffer = stackalloc byte[NetlinkRequest.MaxSize];
        NetlinkRequest request = new(buffer, T.NewType, 0);
        message.Write(ref request);
        NetlinkMessages written = new(request.Complete(Sequence));
        Fact.Holds(written.MoveNext() && written.IsAtEnd, "a request is one message");
        Fact.Holds(T.TryRead(written.Body, out T again), "a request that is written is read");
        if (message is RouteMessage { HasOthers: false, Mtu: 0 } route)
            CheckRoute(route, (RouteMessage)(object)again);
        else if (message is AddressMessage { HasPeer: false })
            Fact.Same(message, again, "an address that is written and read");
        else if (message is RuleMessage { HasOthers: false } rule)
            CheckRule(rule, (RuleMessage)(object)again);
    }

    private static void CheckRoute(RouteMessage route, RouteMessage again)
    {
        Fact.Same(route, again, "a route that is written and read");
        if (route == RouteMessage.To(route.Destination, route.Interface, route.Table))
        {
            Fact.Holds(RouteMessage.TryParse(route.ToString(), route.Interface, out again), $"a route's text is read: {route}");
            Fact.Same(route, again, "the route of its text");
        }
    }

    private static void CheckRule(RuleMessage rule, RuleMessage again)
    {
        Fact.Same(rule, again, "a rule that is written and read");
        Fact.Holds(RuleMessage.TryParse(rule.ToString(), out again), $"a rule's text is read: {rule}");
        Fact.Same(rule, again, "the rule of its text");
    }

    private static void ReadReply(ReadOnlySpan<byte> input)
    {
        int answers = 0;
        NetlinkReply reply = new(Sequence, (type, body) => answers++);
        reply.Read(input);
        Fact.Holds(reply.IsComplete || reply.Result == 0, "what is not complete has no error");
        Fact.Holds(reply.Result <= 0, "an error is a negated errno");
        Fact.Holds(answers <= input.Length / NetlinkMessages.HeaderSize, "answers are no more than there is room for");
        if (!reply.IsComplete)
            reply.Read(input);
    }

    private static byte[] Request<T>(T message)
        where T : struct, IRouteMessage<T>
    {
        NetlinkRequest request = new(new byte[NetlinkRequest.MaxSize], T.NewType, Libc.NLM_F_MULTI);
        message.Write(ref request);
        return request.Complete(Sequence).ToArray();
    }

    private static byte[] Link()
    {
        NetlinkRequest request = new(new byte[NetlinkRequest.MaxSize], Libc.RTM_NEWLINK, 0);
        request.Append(new Libc.ifinfomsg { ifi_index = 3, ifi_flags = Libc.IFF_UP });
        request.Add(Libc.IFLA_IFNAME, "wg0\0"u8);
        request.Add(Libc.IFLA_MTU, 1420);
        request.Add(Libc.IFLA_LINKINFO, [8, 0, 1, 0, (byte)'t', (byte)'u', (byte)'n', 0]);
        return request.Complete(Sequence).ToArray();
    }
}
