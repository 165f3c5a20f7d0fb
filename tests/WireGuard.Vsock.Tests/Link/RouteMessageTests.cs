using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Link;

public sealed class RouteMessageTests
{
    private static readonly Gen<UInt128> Bits = Gen.Select(Gen.ULong, Gen.ULong, (high, low) => new UInt128(high, low));

    private static readonly Gen<IpPrefix> Prefixes = Gen.Select(Bits, Gen.Int[0, 128], Gen.Bool, (bits, length, isIPv6) =>
        isIPv6 ? IpPrefix.IPv6(bits, length) : IpPrefix.IPv4((uint)bits, length % 33));

    private static readonly Gen<RuleMessage> Rules = Gen.Select(
        Gen.Bool, Gen.UInt, Gen.UInt.Nullable(), Gen.OneOf(Gen.Const(0u), Gen.UInt), Gen.Bool, Gen.Int[-1, 128],
        (isIPv6, table, priority, mark, isInverted, length) => new RuleMessage(
            isIPv6, table, priority, mark, isInverted, length));

    [Fact]
    public void An_address_is_sent_as_ip_sends_it()
    {
        // strace of `ip -4 address add 10.1.2.3/24 dev INTERFACE` (iproute2 6.1), the interface's index being 5.
        Assert.True(InterfaceAddress.TryParse("10.1.2.3/24", out InterfaceAddress address));
        Assert.Equal(
            "02 18 00 00 05000000 08000200 0A010203 08000100 0A010203".Replace(" ", ""),
            Convert.ToHexString(Body(new AddressMessage(address, 5))));
    }

    [Fact]
    public void A_route_is_sent_as_ip_sends_it()
    {
        // strace of `ip -4 route add 10.50.0.0/16 dev INTERFACE`, and of the same with `table 51820`.
        Assert.Equal(
            "02 10 00 00 FE 03 FD 01 00000000 08000100 0A320000 08000400 05000000".Replace(" ", ""),
            Convert.ToHexString(Body(RouteMessage.To(IpPrefix.IPv4(0x0A320000, 16), 5))));
        Assert.Equal(
            "02 10 00 00 00 03 FD 01 00000000 08000100 0A320000 08000F00 6CCA0000 08000400 05000000".Replace(" ", ""),
            Convert.ToHexString(Body(RouteMessage.To(IpPrefix.IPv4(0x0A320000, 16), 5, 51820))));
    }

    [Fact]
    public void A_rule_is_sent_as_ip_sends_it()
    {
        // strace of `ip -4 rule add not fwmark 51820 table 51820`, and of `ip -6 rule add table main suppress_prefixlength 0`.
        Assert.Equal(
            "02 00 00 00 00 00 00 01 02000000 08000A00 6CCA0000 08000F00 6CCA0000".Replace(" ", ""),
            Convert.ToHexString(Body(RuleMessage.Unmarked(false, 51820, 51820))));
        Assert.Equal(
            "0A 00 00 00 FE 00 00 01 00000000 08000E00 00000000".Replace(" ", ""),
            Convert.ToHexString(Body(RuleMessage.MainWithoutDefault(true))));
    }

    /// <summary>-1 is said for nothing at all; the kernel keeps, and tells of, whatever else it was given.</summary>
    [Fact]
    public void A_rule_with_a_length_that_no_prefix_has_is_none_of_ours()
    {
        RuleMessage odd = RuleMessage.MainWithoutDefault(true);
        byte[] body = Body(odd);
        MemoryMarshal.Write(body.AsSpan(body.Length - sizeof(int)), -2);
        Assert.True(RuleMessage.TryRead(body, out RuleMessage read));
        Assert.True(read.HasOthers);
        MemoryMarshal.Write(body.AsSpan(body.Length - sizeof(int)), -1);
        Assert.True(RuleMessage.TryRead(body, out read));
        Assert.Equal(odd with { Priority = 0, SuppressPrefixLength = -1 }, read);
    }

    [Fact]
    public void Texts_of_addresses_are_read_back() => Prefixes.Select(Bits).Sample((prefix, bits) =>
    {
        string text = $"{prefix}";
        Assert.True(InterfaceAddress.TryParse(text, out InterfaceAddress address));
        Assert.Equal(text, address.ToString());
        Assert.Equal(prefix, address.Network);
    });

    [Fact]
    public void Host_bits_of_addresses_stay()
    {
        foreach (string text in (string[])["10.1.2.3/24", "10.1.2.3/32", "fd00::5/64", "255.255.255.255/0"])
        {
            Assert.True(InterfaceAddress.TryParse(text, out InterfaceAddress address));
            Assert.Equal(text, address.ToString());
        }

        Assert.True(InterfaceAddress.TryParse("10.1.2.3", out InterfaceAddress alone));
        Assert.Equal("10.1.2.3/32", alone.ToString());
        Assert.True(InterfaceAddress.TryParse("fd00::5", out alone));
        Assert.Equal("fd00::5/128", alone.ToString());
        string[] others =
            ["", "/", "10.1.2.3/", "10.1.2.3/33", "10.1.2/24", "fd00::5/129", "10.1.2.3/08", "fd00::5%wg0", " 10.0.0.1"];
        foreach (string text in others)
            Assert.False(InterfaceAddress.TryParse(text, out _));
    }

    [Fact]
    public void Texts_of_routes_are_read_back() => Prefixes.Select(Gen.UInt).Sample((prefix, table) =>
    {
        RouteMessage route = RouteMessage.To(prefix, 7, table);
        Assert.True(RouteMessage.TryParse(route.ToString(), 7, out RouteMessage same));
        Assert.Equal(route, same);
    });

    [Fact]
    public void Texts_of_rules_are_read_back() => Rules.Sample(rule =>
    {
        Assert.True(RuleMessage.TryParse(rule.ToString(), out RuleMessage same));
        Assert.Equal(rule, same);
    });

    [Fact]
    public void Other_texts_are_refused_without_an_exception() => Gen.OneOf(
        Gen.String,
        Rules.Select(Gen.Int[0, 60], Gen.Char, (rule, at, c) => rule.ToString() is var t && at < t.Length ? t[..at] + c : t + c),
        Prefixes.Select(Gen.Char, (prefix, c) => $"{prefix} tabl{c} 5"))
        .Sample(text =>
        {
            if (RuleMessage.TryParse(text, out RuleMessage rule)) Assert.True(RuleMessage.TryParse(rule.ToString(), out _));
            if (RouteMessage.TryParse(text, 1, out RouteMessage route))
                Assert.True(RouteMessage.TryParse($"{route}", 1, out _));
            if (InterfaceAddress.TryParse(text, out InterfaceAddress one))
                Assert.True(InterfaceAddress.TryParse($"{one}", out _));
        });

    [Fact]
    public void What_is_written_is_read_as_it_was()
    {
        Prefixes.Select(Gen.UInt[1, uint.MaxValue]).Sample((prefix, table) =>
        {
            RouteMessage route = RouteMessage.To(prefix, 7, table);
            Assert.True(RouteMessage.TryRead(Body(route), out RouteMessage same));
            Assert.Equal(route, same);
            Assert.True(InterfaceAddress.TryParse($"{prefix}", out InterfaceAddress address));
            Assert.True(AddressMessage.TryRead(Body(new AddressMessage(address, 7)), out AddressMessage message));
            Assert.Equal(new AddressMessage(address, 7), message);
        });
        Rules.Sample(rule =>
        {
            Assert.True(RuleMessage.TryRead(Body(rule), out RuleMessage same));
            Assert.Equal(rule with { Priority = rule.Priority ?? 0 }, same);
        });
    }

    [Theory]
    [InlineData("0.0.0.0/0", "10.0.0.0/8", true)]
    [InlineData("10.0.0.0/8", "10.0.0.0/8", true)]
    [InlineData("10.0.0.0/8", "10.1.0.0/16", true)]
    [InlineData("10.1.0.0/16", "10.0.0.0/8", false)]
    [InlineData("10.1.0.0/16", "10.2.0.0/16", false)]
    [InlineData("::/0", "10.2.0.0/16", false)]
    [InlineData("fd00::/8", "fd12::1/128", true)]
    [InlineData("fd12::1/128", "fd12::1/128", true)]
    [InlineData("fd12::1/128", "fd12::2/128", false)]
    public void A_route_covers_what_is_in_its_prefix(string route, string prefix, bool covers)
    {
        Assert.True(IpPrefix.TryParse(route, out IpPrefix one) & IpPrefix.TryParse(prefix, out IpPrefix other));
        Assert.Equal(covers, RouteMessage.To(one, 1).Covers(other));
    }

    [Fact]
    public void Answers_of_other_requests_are_skipped_and_the_end_is_seen()
    {
        List<int> seen = [];
        NetlinkReply reply = new(7, (_, body) => seen.Add(body[0]));
        reply.Read((byte[])
            [.. Message(RTM_NEWROUTE, NLM_F_MULTI, 6, [1]), .. Message(RTM_NEWROUTE, NLM_F_MULTI, 7, [2, 0, 0, 0])]);
        Assert.False(reply.IsComplete);
        reply.Read((byte[])
        [
            .. Message(RTM_NEWROUTE, NLM_F_MULTI | NLM_F_DUMP_INTR, 7, [3]),
            .. Message(NLMSG_DONE, NLM_F_MULTI, 7, Int(0)),
        ]);
        Assert.True(reply.IsComplete);
        Assert.True(reply.IsInterrupted);
        Assert.Equal(0, reply.Result);
        Assert.Equal([2, 3], seen);
    }

    [Fact]
    public void An_error_of_a_list_is_in_its_end()
    {
        NetlinkReply reply = new(7, (_, _) => { });
        reply.Read(Message(NLMSG_DONE, NLM_F_MULTI, 7, Int(-Errno.ENOMEM)));
        Assert.Equal(-Errno.ENOMEM, reply.Result);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_words_of_an_error_are_read(bool isCapped)
    {
        byte[] request = Message(RTM_NEWROUTE, NLM_F_REQUEST, 7, isCapped ? [] : [1, 2, 3, 4, 5, 6, 7, 8]);
        if (isCapped) request[0] = 200; // the request's length, though it is not repeated
        byte[] words = Encoding.UTF8.GetBytes("No such table\0");
        byte[] attribute = [(byte)(4 + words.Length), 0, (byte)NLMSGERR_ATTR_MSG, 0, .. words, 0, 0];
        NetlinkReply reply = new(7, (_, _) => { });
        int flags = NLM_F_ACK_TLVS | (isCapped ? NLM_F_CAPPED : 0);
        reply.Read(Message(NLMSG_ERROR, flags, 7, [.. Int(-Errno.ENOENT), .. request, .. attribute]));
        Assert.True(reply.IsComplete);
        Assert.Equal(-Errno.ENOENT, reply.Result);
        Assert.Equal("No such table", reply.Explanation);
    }

    [Fact]
    public void A_malformed_answer_is_an_error_and_never_an_exception()
    {
        NetlinkReply broken = new(7, (_, _) => { });
        broken.Read([1, 2, 3]);
        Assert.Equal((true, -Errno.EPROTO), (broken.IsComplete, broken.Result));

        Assert.True(InterfaceAddress.TryParse("fd00::5/64", out InterfaceAddress address));
        byte[][] bodies =
        [
            Body(RouteMessage.To(IpPrefix.IPv6(1, 128), 5, 51820)), Body(RuleMessage.Unmarked(false, 51820, 51820)),
            Body(new AddressMessage(address, 5)),
            [.. new byte[16], 8, 0, 3, 0, .. "wg0\0"u8, 12, 0, 18, 0, 8, 0, 1, 0, .. "tun\0"u8],
        ];
        Random random = new(9);
        byte[] error = [.. Int(-5), .. Message(RTM_NEWRULE, 1, 7, []), 8, 0, 1, 0, 65, 66, 67, 0];
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes =
            [
                .. Message(RTM_NEWROUTE, NLM_F_MULTI, 7, bodies[i % bodies.Length]),
                .. Message(NLMSG_ERROR, NLM_F_ACK_TLVS, 7, error),
            ];
            for (int flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            NetlinkReply reply = new(7, (type, body) =>
            {
                if (RouteMessage.TryRead(body, out RouteMessage route)) _ = route.ToString();
                if (RuleMessage.TryRead(body, out RuleMessage rule)) _ = rule.ToString();
                if (AddressMessage.TryRead(body, out AddressMessage one)) _ = one.Address.ToString();
                _ = LinkState.TryRead(RTM_NEWLINK, body, out LinkState _);
            });
            reply.Read(bytes.AsSpan(0, random.Next(8) == 0 ? random.Next(bytes.Length) : bytes.Length));
            Assert.True(reply.Result <= 0);
        }
    }

    private static byte[] Body<T>(T message)
        where T : struct, IRouteMessage<T>
    {
        var request = new NetlinkRequest(new byte[NetlinkRequest.MaxSize], T.NewType, 0);
        message.Write(ref request);
        return request.Complete(1)[NetlinkMessages.HeaderSize..].ToArray();
    }

    private static byte[] Int(int value) => BitConverter.GetBytes(value);

    private static byte[] Message(int type, int flags, uint sequence, byte[] body)
    {
        nlmsghdr header = new()
        {
            nlmsg_len = (uint)(NetlinkMessages.HeaderSize + body.Length),
            nlmsg_type = (ushort)type,
            nlmsg_flags = (ushort)flags,
            nlmsg_seq = sequence,
        };
        byte[] padding = new byte[NetlinkAttributes.Align(body.Length) - body.Length];
        return [.. MemoryMarshal.AsBytes(new ReadOnlySpan<nlmsghdr>(ref header)), .. body, .. padding];
    }
}
