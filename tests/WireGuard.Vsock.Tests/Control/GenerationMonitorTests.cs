using System.Text;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Control;

public sealed class GenerationMonitorTests
{
    [Theory]
    [InlineData("change@/devices/x\0ACTION=change\0DEVPATH=/devices/x\0SUBSYSTEM=platform\0NEW_VMGENID=1\0SEQNUM=9\0", true)]
    [InlineData("change@/devices/x\0ACTION=change\0NEW_VMGENID=1\0", true)]
    [InlineData("change@/devices/x\0ACTION=change\0SYNTH_ARG_NEW_VMGENID=1\0", false)]
    [InlineData("change@/devices/x\0ACTION=change\0NEW_VMGENID=10\0", false)]
    [InlineData("NEW_VMGENID=1", false)]
    [InlineData("", false)]
    public void Only_the_drivers_own_word_counts(string uevent, bool expected) =>
        Assert.Equal(expected, GenerationMonitor.IsGenerationChange(Encoding.ASCII.GetBytes(uevent)));

    [TunFact]
    public void Other_uevents_are_read_and_do_not_matter() => Namespace.Run(() =>
    {
        using GenerationMonitor monitor = new();
        Assert.True(monitor.Fd >= 0);
        int epoll = Sys.EpollCreate();
        EpollEvents events = new(1);
        Sys.Check(Sys.EpollAdd(epoll, monitor.Fd, Libc.EPOLLIN, 1), "epoll_ctl");
        Namespace.Sh("ip tuntap add mode tun name t0"); // an add@ uevent
        Assert.Equal(1, Sys.EpollWait(epoll, events, 1000));
        Assert.False(monitor.Read());
        Sys.Close(epoll);
    });
}
