using System.Net;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Transport;

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

    [Theory]
    [InlineData("203.0.113.1", 0)]
    [InlineData("2001:db8::1", 0)]
    [InlineData("fe80::1", 7)]
    [InlineData("febf::1", 7)]
    [InlineData("fec0::1", 0)]
    public void Source_names_an_interface_only_where_the_address_needs_one(string address, uint expected)
    {
        byte[] bytes = IPAddress.Parse(address).GetAddressBytes();
        byte* buffer = stackalloc byte[ReceivedControl.MaxSize];
        if (bytes.Length == 4)
        {
            var source = new in_pktinfo { ipi_ifindex = 7, ipi_spec_dst = BitConverter.ToUInt32(bytes), ipi_addr = 1 };
            byte* end = Append(buffer, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo));
            *(in_pktinfo*)CMSG_DATA((cmsghdr*)buffer) = source;
            Assert.Equal([.. new byte[4], .. bytes, .. new byte[4]], Read(buffer, end).Source);
        }
        else
        {
            byte* end = Append(buffer, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo));
            bytes.CopyTo(new Span<byte>(CMSG_DATA((cmsghdr*)buffer), 16));
            ((in6_pktinfo*)CMSG_DATA((cmsghdr*)buffer))->ipi6_ifindex = 7;
            Assert.Equal([.. bytes, .. BitConverter.GetBytes(expected)], Read(buffer, end).Source);
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
    public void Traffic_class_is_read_of_either_family()
    {
        byte* buffer = stackalloc byte[ReceivedControl.MaxSize];
        byte* end = Append(buffer, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(in6_pktinfo));
        end = Append(end, IPPROTO_UDP, UDP_GRO, sizeof(int), 1452);
        end = Append(end, IPPROTO_IPV6, IPV6_TCLASS, sizeof(int), 0x8B);
        Assert.Equal(ReceivedControl.MaxSize, end - buffer);
        Assert.Equal(0x8B, Read(buffer, end).TrafficClass);
        Assert.Equal(0x8B, Read(buffer, Append(buffer, IPPROTO_IP, IP_TOS, sizeof(byte), 0x8B)).TrafficClass);
        Assert.Equal(0, Read(buffer, buffer).TrafficClass);
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
