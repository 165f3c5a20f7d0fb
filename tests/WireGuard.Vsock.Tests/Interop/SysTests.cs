using System.Runtime.InteropServices;
using WireGuard.Protocol.Tests;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Interop;

public sealed unsafe class SysTests
{
    [Fact]
    public void A_failed_call_gives_its_errno_negated() => Assert.Equal(-Errno.EBADF, Sys.Read(-1, new byte[1]));

    [Fact]
    public void An_empty_non_blocking_eventfd_says_EAGAIN()
    {
        int fd = Sys.Check(Sys.EventFd(), "eventfd");
        try
        {
            Assert.Equal(-Errno.EAGAIN, Sys.Read(fd, new byte[8]));
        }
        finally
        {
            Sys.Close(fd);
        }
    }

    [Fact]
    public void Check_throws_with_the_calls_name_and_the_systems_text()
    {
        LinuxException e = Assert.Throws<LinuxException>(() => Sys.Check(-Errno.ENOENT, "open"));
        Assert.Equal("open", e.Call);
        Assert.Equal(Errno.ENOENT, e.Errno);
        Assert.Equal("open: No such file or directory", e.Message);
    }

    [Fact]
    public void A_datagram_with_two_parts_arrives_whole_with_its_senders_address()
    {
        int receiver = BoundUdp(out sockaddr_in to), sender = BoundUdp(out sockaddr_in from);
        try
        {
            Span<byte> payload = stackalloc byte[6] { 1, 2, 3, 4, 5, 6 };
            fixed (byte* p = payload)
            {
                iovec* parts = stackalloc iovec[2];
                parts[0] = new iovec { iov_base = p, iov_len = 2 };
                parts[1] = new iovec { iov_base = p + 2, iov_len = 4 };
                mmsghdr message = new()
                {
                    msg_hdr = new msghdr
                    {
                        msg_name = &to,
                        msg_namelen = (uint)sizeof(sockaddr_in),
                        msg_iov = parts,
                        msg_iovlen = 2,
                    },
                };
                Assert.Equal(1, Sys.SendMMsg(sender, &message, 1, MSG_NOSIGNAL));
                Assert.Equal(6u, message.msg_len);
            }

            Span<byte> buffer = stackalloc byte[64];
            fixed (byte* p = buffer)
            {
                sockaddr_storage source;
                iovec part = new() { iov_base = p, iov_len = 64 };
                mmsghdr* messages = stackalloc mmsghdr[2];
                messages[0] = new mmsghdr
                {
                    msg_hdr = new msghdr
                    {
                        msg_name = &source,
                        msg_namelen = (uint)sizeof(sockaddr_storage),
                        msg_iov = &part,
                        msg_iovlen = 1,
                    },
                };
                Assert.Equal(1, Sys.RecvMMsg(receiver, messages, 1, 0));
                Assert.Equal(6u, messages[0].msg_len);
                Assert.Equal(16u, messages[0].msg_hdr.msg_namelen);
                Assert.Equal(from.sin_port, ((sockaddr_in*)&source)->sin_port);
            }
            Assert.Equal([1, 2, 3, 4, 5, 6], buffer[..6].ToArray());
        }
        finally
        {
            Sys.Close(receiver);
            Sys.Close(sender);
        }
    }

    [Fact]
    public void Boot_time_goes_forward_and_is_never_behind_monotonic_time()
    {
        long monotonic = Sys.MonotonicMs(), boot = Sys.BootMs();
        Assert.True(boot >= monotonic);
        Assert.True(Sys.BootMs() >= boot);
    }

    [Fact]
    public void The_wall_clock_is_the_one_NET_reads()
    {
        Sys.RealTime(out long seconds, out int nanoseconds);
        Assert.InRange(seconds - DateTimeOffset.UtcNow.ToUnixTimeSeconds(), -5, 5);
        Assert.InRange(nanoseconds, 0, 999_999_999);
    }

    [Fact]
    public void A_call_that_succeeds_or_says_EAGAIN_allocates_nothing()
    {
        int fd = Sys.Check(Sys.EventFd(), "eventfd");
        try
        {
            Assert.Equal(0, Allocations.Of(() =>
            {
                byte* buffer = stackalloc byte[8];
                for (int i = 0; i < 100; i++)
                {
                    Sys.EventFdSignal(fd);
                    _ = Sys.Read(fd, buffer, 8);
                    _ = Sys.Read(fd, buffer, 8);
                }
            }));
        }
        finally
        {
            Sys.Close(fd);
        }
    }

    private static int BoundUdp(out sockaddr_in address)
    {
        int fd = Sys.Check(Sys.Socket(AF_INET, SOCK_DGRAM, 0), "socket");
        sockaddr_in any = new() { sin_family = AF_INET, sin_addr = BitConverter.IsLittleEndian ? 0x0100007fu : 0x7f000001u };
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<sockaddr_in>(ref any));
        Sys.Check(Sys.Bind(fd, bytes), "bind");
        Assert.Equal(16, Sys.GetSockName(fd, bytes));
        address = any;
        return fd;
    }
}
