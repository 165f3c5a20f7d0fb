using WireGuard.Daemon.Transport;
using static WireGuard.Daemon.Interop.Libc;

namespace WireGuard.Daemon.Tests.Transport;

public sealed unsafe class ReceivedControlTests
{
    [Theory]
    [InlineData(IPPROTO_IP, IP_PKTINFO, 12)]
    [InlineData(IPPROTO_IPV6, IPV6_PKTINFO, 20)]
    public void Segment_size_and_source_are_read_in_either_order(int level, int type, int length)
    {
        byte* buffer = stackalloc byte[ReceivedControl.MaxSize];
        foreach (bool isSourceFirst in (bool[])[false, true])
        {
            byte* end = buffer;
            if (isSourceFirst)
                end = Append(end, level, type, length);
            end = Append(end, IPPROTO_UDP, UDP_GRO, sizeof(int), 1452);
            if (!isSourceFirst)
                end = Append(end, level, type, length);

            ReceivedControl control = Read(buffer, end);
            Assert.Equal(1452, control.SegmentSize);
            Assert.Equal(length, control.Source.Length);
        }
    }

    [Fact]
    public void Room_is_enough_for_all_that_the_sockets_ask_for() =>
        Assert.True(CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= ReceivedControl.MaxSize);

    [Fact]
    public void Messages_cut_for_want_of_room_are_as_good_as_none()
    {
        byte* buffer = stackalloc byte[ReceivedControl.MaxSize];
        for (int size = 0; size < sizeof(cmsghdr) + sizeof(in6_pktinfo); size++)
        {
            // As the kernel's put_cmsg() does: head and data are cut, and the head says so.
            Append(buffer, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo));
            ((cmsghdr*)buffer)->cmsg_len = (nuint)size;
            Assert.True(Read(buffer, buffer + size).Source.IsEmpty);
            if (size >= sizeof(cmsghdr) + sizeof(int))
                continue;
            Append(buffer, IPPROTO_UDP, UDP_GRO, sizeof(int), 1452);
            ((cmsghdr*)buffer)->cmsg_len = (nuint)size;
            Assert.Equal(0, Read(buffer, buffer + size).SegmentSize);
        }
    }

    [Fact]
    public void Others_are_passed_over()
    {
        byte* buffer = stackalloc byte[ReceivedControl.MaxSize];
        byte* end = Append(buffer, SOL_SOCKET, UDP_GRO, sizeof(int), 7);
        end = Append(end, IPPROTO_UDP, UDP_GRO, sizeof(int), 1452);
        Assert.Equal(1452, Read(buffer, end).SegmentSize);
    }

    private static ReceivedControl Read(byte* buffer, byte* end)
    {
        var header = new msghdr { msg_control = buffer, msg_controllen = (nuint)(end - buffer) };
        return new ReceivedControl(&header);
    }

    private static byte* Append(byte* at, int level, int type, int length, int value = 0)
    {
        var header = (cmsghdr*)at;
        header->cmsg_len = CMSG_LEN(length);
        header->cmsg_level = level;
        header->cmsg_type = type;
        *(int*)CMSG_DATA(header) = value;
        return at + CMSG_SPACE(length);
    }
}
