using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Interop;

/// <summary>
/// Sizes and offsets as the kernel and the C library have them on 64-bit Linux (x86-64 and arm64 agree, save epoll_event).
/// </summary>
public sealed unsafe class LayoutTests
{
    [Fact]
    public void Sizes_are_those_of_the_headers()
    {
        Assert.Equal(16, sizeof(iovec));
        Assert.Equal(56, sizeof(msghdr));
        Assert.Equal(64, sizeof(mmsghdr));
        Assert.Equal(16, sizeof(cmsghdr));
        Assert.Equal(128, sizeof(sockaddr_storage));
        Assert.Equal(16, sizeof(sockaddr_in));
        Assert.Equal(28, sizeof(sockaddr_in6));
        Assert.Equal(16, sizeof(sockaddr_vm));
        Assert.Equal(110, sizeof(sockaddr_un));
        Assert.Equal(12, sizeof(sockaddr_nl));
        Assert.Equal(12, sizeof(in_pktinfo));
        Assert.Equal(20, sizeof(in6_pktinfo));
        Assert.Equal(40, sizeof(ifreq));
        Assert.Equal(16, sizeof(timespec));
        Assert.Equal(56, sizeof(tm));
        Assert.Equal(16, sizeof(rlimit));
        Assert.Equal(256, sizeof(statx_t));
        Assert.Equal(16, sizeof(nlmsghdr));
        Assert.Equal(16, sizeof(ifinfomsg));
        Assert.Equal(8, sizeof(ifaddrmsg));
        Assert.Equal(12, sizeof(rtmsg));
        Assert.Equal(12, sizeof(fib_rule_hdr));
        Assert.Equal(4, sizeof(rtattr));
    }

    [Fact]
    public void Offsets_in_msghdr_are_those_of_the_header()
    {
        mmsghdr m;
        byte* start = (byte*)&m;
        Assert.Equal(0, (byte*)&m.msg_hdr.msg_name - start);
        Assert.Equal(8, (byte*)&m.msg_hdr.msg_namelen - start);
        Assert.Equal(16, (byte*)&m.msg_hdr.msg_iov - start);
        Assert.Equal(24, (byte*)&m.msg_hdr.msg_iovlen - start);
        Assert.Equal(32, (byte*)&m.msg_hdr.msg_control - start);
        Assert.Equal(40, (byte*)&m.msg_hdr.msg_controllen - start);
        Assert.Equal(48, (byte*)&m.msg_hdr.msg_flags - start);
        Assert.Equal(56, (byte*)&m.msg_len - start);
    }

    [Fact]
    public void Offsets_in_addresses_are_those_of_the_headers()
    {
        sockaddr_in6 in6;
        Assert.Equal(2, (byte*)&in6.sin6_port - (byte*)&in6);
        Assert.Equal(4, (byte*)&in6.sin6_flowinfo - (byte*)&in6);
        Assert.Equal(8, in6.sin6_addr - (byte*)&in6);
        Assert.Equal(24, (byte*)&in6.sin6_scope_id - (byte*)&in6);

        sockaddr_vm vm;
        Assert.Equal(4, (byte*)&vm.svm_port - (byte*)&vm);
        Assert.Equal(8, (byte*)&vm.svm_cid - (byte*)&vm);
        Assert.Equal(12, &vm.svm_flags - (byte*)&vm);

        sockaddr_nl nl;
        Assert.Equal(4, (byte*)&nl.nl_pid - (byte*)&nl);
        Assert.Equal(8, (byte*)&nl.nl_groups - (byte*)&nl);
    }

    [Fact]
    public void An_epoll_event_comes_back_as_it_was_registered()
    {
        int epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
        int one = Sys.Check(Sys.EventFd(), "eventfd"), two = Sys.Check(Sys.EventFd(), "eventfd");
        try
        {
            Sys.Check(Sys.EpollAdd(epoll, one, EPOLLIN, 0x0123_4567_89ab_cdef), "epoll_ctl");
            Sys.Check(Sys.EpollAdd(epoll, two, EPOLLIN, 0xfedc_ba98_7654_3210), "epoll_ctl");
            EpollEvents events = new(8);
            Assert.Equal(0, Sys.EpollWait(epoll, events, 0));

            Sys.EventFdSignal(one);
            Sys.EventFdSignal(two);
            Assert.Equal(2, Sys.EpollWait(epoll, events, 0));
            Assert.Equal([0x0123_4567_89ab_cdeful, 0xfedc_ba98_7654_3210ul], new[] { events.Data(0), events.Data(1) }.Order());
            Assert.Equal(EPOLLIN, events.Events(0));
            Assert.Equal(EPOLLIN, events.Events(1));

            Sys.EventFdReset(one);
            Sys.Check(Sys.EpollDelete(epoll, two), "epoll_ctl");
            Assert.Equal(0, Sys.EpollWait(epoll, events, 0));
        }
        finally
        {
            Sys.Close(one);
            Sys.Close(two);
            Sys.Close(epoll);
        }
    }

    [Fact]
    public void Control_messages_are_walked_as_the_macros_walk_them()
    {
        byte* control = stackalloc byte[CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(1)];
        nuint length = (nuint)(CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(1));
        msghdr message = new() { msg_control = control, msg_controllen = length };
        cmsghdr* first = CMSG_FIRSTHDR(&message);
        *first = new cmsghdr { cmsg_len = CMSG_LEN(sizeof(in_pktinfo)), cmsg_level = IPPROTO_IP, cmsg_type = IP_PKTINFO };
        cmsghdr* second = CMSG_NXTHDR(&message, first);
        Assert.Equal(32, (byte*)second - control);
        *second = new cmsghdr { cmsg_len = CMSG_LEN(1), cmsg_level = IPPROTO_IP, cmsg_type = IP_TOS };
        Assert.True(CMSG_NXTHDR(&message, second) == null);
        Assert.Equal(16, CMSG_DATA(first) - control);

        message.msg_controllen = 15;
        Assert.True(CMSG_FIRSTHDR(&message) == null);
    }
}
