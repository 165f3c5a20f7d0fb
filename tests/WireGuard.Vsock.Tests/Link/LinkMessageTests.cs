using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;

namespace WireGuard.Vsock.Tests.Link;

public sealed class LinkMessageTests
{
    [Fact]
    public void A_message_is_read_with_its_attributes()
    {
        NetlinkMessages datagram = new(Message(
            Libc.RTM_DELLINK, 7, Libc.IFF_UP, (Libc.IFLA_MTU, 1420), (Libc.IFLA_NEW_NETNSID, 3), (Libc.IFLA_NEW_IFINDEX, 9)));
        Assert.True(LinkMessage.TryTake(ref datagram, out LinkMessage message));
        Assert.Equal(new LinkMessage(true, 7, Libc.IFF_UP, 1420, -1, 3, 9), message);
        Assert.True(message.IsUp);
        Assert.True(datagram.IsAtEnd);
        Assert.False(LinkMessage.TryTake(ref datagram, out _));
    }

    [Fact]
    public void Several_messages_are_read_in_order_and_others_are_skipped()
    {
        byte[] bridge = Message(Libc.RTM_NEWLINK, 5, 0);
        bridge[16] = 7; // AF_BRIDGE
        NetlinkMessages datagram = new((byte[])
        [
            .. Message(Libc.RTM_NEWLINK, 1, 0),
            .. Message(Libc.NLMSG_ERROR, 2, 0),
            .. bridge,
            .. Message(Libc.RTM_NEWLINK, 3, 0),
        ]);
        Assert.True(LinkMessage.TryTake(ref datagram, out LinkMessage first));
        Assert.True(LinkMessage.TryTake(ref datagram, out LinkMessage second));
        Assert.False(LinkMessage.TryTake(ref datagram, out _));
        Assert.Equal((1, 3), (first.Index, second.Index));
    }

    [Fact]
    public void Cut_or_random_bytes_end_the_reading_and_nothing_else()
    {
        byte[] whole = Message(Libc.RTM_NEWLINK, 7, 0, (Libc.IFLA_MTU, 1420));
        for (int length = 0; length < whole.Length; length++)
        {
            NetlinkMessages cut = new(whole.AsSpan(0, length));
            Assert.False(LinkMessage.TryTake(ref cut, out _));
        }
        Random random = new(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. whole];
            for (int flips = random.Next(1, 4); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            NetlinkMessages datagram = new(bytes);
            while (LinkMessage.TryTake(ref datagram, out _)) { }
        }
    }

    private static byte[] Message(int type, int index, uint flags, params (int Type, int Value)[] attributes)
    {
        MemoryStream stream = new();
        Libc.nlmsghdr header = new() { nlmsg_type = (ushort)type, nlmsg_len = (uint)(32 + 8 * attributes.Length) };
        stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Libc.nlmsghdr>(ref header)));
        Libc.ifinfomsg info = new() { ifi_index = index, ifi_flags = flags };
        stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Libc.ifinfomsg>(ref info)));
        foreach ((int attribute, int value) in attributes)
        {
            stream.Write([8, 0, (byte)attribute, 0]);
            stream.Write(BitConverter.GetBytes(value));
        }
        return stream.ToArray();
    }
}
