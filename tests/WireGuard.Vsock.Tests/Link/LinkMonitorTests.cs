using System.Globalization;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.Tun;

namespace WireGuard.Vsock.Tests.Link;

public sealed class LinkMonitorTests
{
    [TunFact]
    public void Up_and_down_and_the_MTU_are_told_once() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Assert.False(link.IsUp);
        Assert.False(link.IsOutOfSight);
        Assert.Equal(1420, link.Mtu);
        Assert.Equal(LinkEvents.None, link.Read());

        Namespace.Sh("ip link set wg0 mtu 1300");
        Assert.Equal(LinkEvents.MtuChanged, link.Read());
        Assert.Equal(1300, link.Mtu);
        Namespace.Sh("ip link set wg0 up");
        Assert.Equal(LinkEvents.Up, link.Read());
        Assert.True(link.IsUp);
        Assert.Equal(LinkEvents.None, link.Read());
        Namespace.Sh("ip link set wg0 down");
        Assert.Equal(LinkEvents.Down, link.Read());
        Assert.False(link.IsUp);
    });

    [TunFact]
    public void A_moment_of_being_down_is_told_as_down_then_up() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh("ip link set wg0 up");
        link.Read();
        Namespace.Sh("ip link set wg0 down; ip link set wg0 up");
        Assert.Equal(LinkEvents.Down | LinkEvents.Up, link.Read());
        Namespace.Sh("ip link set wg0 down; ip link set wg0 up; ip link set wg0 down");
        Assert.Equal(LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void The_state_at_the_beginning_is_known() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Namespace.Sh("ip link set wg0 mtu 1280 up");
        using LinkMonitor link = new(tun);
        Assert.True(link.IsUp);
        Assert.Equal(1280, link.Mtu);
        Assert.Equal(LinkEvents.None, link.Read());
    });

    [TunFact]
    public void Other_interfaces_do_not_matter_and_a_new_name_neither() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1), other = TunOpening.Create("wg1", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh("ip link set wg1 up mtu 1000; ip link del wg1; ip link set wg0 name new0");
        Assert.Equal(LinkEvents.None, link.Read());
        Namespace.Sh("ip link set new0 up");
        Assert.Equal(LinkEvents.Up, link.Read());
    });

    [TunFact]
    public void A_deleted_interface_is_told() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 2);
        using LinkMonitor link = new(tun);
        Namespace.Sh("ip link set wg0 up; ip link del wg0");
        Assert.Equal(LinkEvents.Deleted | LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void The_interface_is_followed_into_another_namespace_and_back() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 up; ip link set wg0 netns {other}");
        Assert.Equal(LinkEvents.Down, link.Read());
        Assert.False(link.IsOutOfSight);
        Namespace.Sh($"ip -n {other} link set wg0 name in0; ip -n {other} link set in0 up mtu 1234");
        Assert.Equal(LinkEvents.Up | LinkEvents.MtuChanged, link.Read());
        Assert.Equal(1234, link.Mtu);
        Namespace.Sh($"ip -n {other} link set in0 down");
        Assert.Equal(LinkEvents.Down, link.Read());

        Namespace.Sh($"ip -n {other} link set in0 name wg9; ip -n {other} link set wg9 netns $$; ip link set wg9 up");
        Assert.Equal(LinkEvents.Up, link.Read() & ~(LinkEvents.Down | LinkEvents.OutOfSight));
        Assert.False(link.IsOutOfSight);
        Namespace.Sh("ip link set wg9 down");
        Assert.Equal(LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void An_interface_deleted_in_another_namespace_is_told() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 netns {other}; ip -n {other} link set wg0 up");
        Assert.Equal(LinkEvents.Up, link.Read());
        Namespace.Sh($"ip -n {other} link del wg0");
        Assert.Equal(LinkEvents.Deleted | LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void A_namespace_we_follow_into_can_still_end_and_the_interface_with_it() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 netns {other}; ip -n {other} link set wg0 up");
        link.Read();
        Namespace.Sh($"ip netns del {other}");
        // A worker of the kernel takes the namespace down. A queue whose interface is gone has an error, asked for or not.
        Assert.Equal(Libc.POLLERR, Sys.Poll(tun.QueueFd(0), events: 0, timeoutMs: 60_000));
        Assert.False(tun.Exists);
    });

    [TunFact]
    public void A_second_move_puts_it_out_of_sight_until_it_returns() =>
        Namespace.RunWithOther(first => Namespace.RunWithOther(second =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 netns {first}; ip -n {first} link set wg0 netns {second}");
        Assert.Equal(LinkEvents.OutOfSight | LinkEvents.Up, link.Read());
        Assert.True(link.IsUp);
        Namespace.Sh($"ip -n {second} link set wg0 up");
        Namespace.Sh($"ip -n {second} link set wg0 netns $$");
        Assert.Equal(LinkEvents.Down, link.Read());
        Assert.False(link.IsOutOfSight);
        Namespace.Sh("ip link set wg0 up");
        Assert.Equal(LinkEvents.Up, link.Read());
    }));

    [TunFact]
    public void An_interface_of_its_name_is_not_taken_for_one_that_has_left() =>
        Namespace.RunWithOther(first => Namespace.RunWithOther(second =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 netns {first}; ip -n {first} link set wg0 netns {second}");
        Namespace.Sh("ip tuntap add wg0 mode tun; ip link set wg0 up mtu 1300; ip link set wg0 down");
        link.Read();
        Assert.True(link.IsOutOfSight);
        Assert.True(link.IsUp);
        Assert.Equal(1420, link.Mtu);
    }));

    [TunFact]
    public void An_interface_of_its_name_is_not_taken_for_one_that_was_made_elsewhere() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Namespace.Sh($"ip link set wg0 netns {other}; ip tuntap add wg0 mode tun; ip link set wg0 up mtu 1300");
        using LinkMonitor link = new(tun);
        Assert.True(link.IsOutOfSight);
        Assert.Equal(0UL, link.Namespace);
        Namespace.Sh("ip link set wg0 down");
        link.Read();
        Assert.True(link.IsOutOfSight);
        Assert.True(link.IsUp);
        Assert.Equal(1420, link.Mtu);
    });

    [TunFact]
    public void One_that_was_made_elsewhere_is_followed_once_it_comes() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1, wantsOffloads: true);
        Namespace.Sh($"ip link set wg0 netns {other}; ip tuntap add wg0 mode tun");
        using LinkMonitor link = new(tun);
        Assert.True(link.IsOutOfSight);
        // Not even when another of its name comes later.
        Namespace.Sh("ip link del wg0; ip tuntap add wg0 mode tun; ip link set wg0 up mtu 1300; ip link set wg0 down");
        link.Read();
        Assert.True(link.IsOutOfSight);
        Assert.True(link.IsUp);
        Namespace.Sh($"ip link del wg0; ip -n {other} link set wg0 netns $$");
        Assert.Equal(LinkEvents.Down, link.Read());
        Assert.False(link.IsOutOfSight);
        Assert.NotEqual(0UL, link.Namespace);
        Namespace.Sh("ip link set wg0 up mtu 1234");
        Assert.Equal(LinkEvents.Up | LinkEvents.MtuChanged, link.Read());
        Assert.Equal(1234, link.Mtu);
        Namespace.Sh("ip link del wg0");
        Assert.Equal(LinkEvents.Deleted | LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void One_that_was_made_elsewhere_is_found_where_messages_were_lost() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        Namespace.Sh($"ip link set wg0 netns {other}");
        using LinkMonitor link = new(tun);
        Namespace.Sh("ip tuntap add other0 mode tun");
        Namespace.Sh("for i in $(seq 300); do echo link set other0 mtu $((1000 + i)); done | ip -b -");
        Namespace.Sh($"ip -n {other} link set wg0 netns $$; ip link set wg0 up");
        link.Read();
        Assert.False(link.IsOutOfSight);
        Assert.True(link.IsUp);
        Namespace.Sh("ip link set wg0 down");
        Assert.Equal(LinkEvents.Down, link.Read());
    });

    [TunFact]
    public void One_that_moves_is_out_of_sight_where_other_namespaces_are_not_heard() => Namespace.RunWithOther(other =>
    {
        const int CapNetBroadcast = 11;
        Assert.Equal(0, Capabilities.Keep(Sys.Capabilities() & ~(1UL << CapNetBroadcast)));
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh($"ip link set wg0 up; ip link set wg0 netns {other}");
        Assert.Equal(LinkEvents.OutOfSight, link.Read() & LinkEvents.OutOfSight);
        Assert.True(link.IsUp);
        Namespace.Sh($"ip -n {other} link set wg0 netns $$");
        Assert.Equal(LinkEvents.Down, link.Read());
        Assert.False(link.IsOutOfSight);
        Namespace.Sh("ip link set wg0 up");
        Assert.Equal(LinkEvents.Up, link.Read());
    });

    [TunFact]
    public void Its_namespace_is_told_while_it_is_at_home() => Namespace.RunWithOther(other =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        ulong home = ulong.Parse(Namespace.Sh("stat -Lc %i /proc/self/ns/net"), CultureInfo.InvariantCulture);
        Assert.Equal(home, link.Namespace);
        Namespace.Sh($"ip link set wg0 netns {other}");
        link.Read();
        Assert.Equal(0UL, link.Namespace);
        Namespace.Sh($"ip -n {other} link set wg0 netns $$");
        link.Read();
        Assert.Equal(home, link.Namespace);
    });

    [TunFact]
    public void Lost_messages_lead_to_the_state_as_it_is() => Namespace.Run(() =>
    {
        using TunDevice tun = TunOpening.Create("wg0", 1);
        using LinkMonitor link = new(tun);
        Namespace.Sh("for i in $(seq 300); do echo link set wg0 mtu $((1000 + i)); done | ip -b -; ip link set wg0 mtu 1400 up");
        Assert.Equal(LinkEvents.MtuChanged | LinkEvents.Up, link.Read());
        Assert.Equal(1400, link.Mtu);
        Assert.Equal(LinkEvents.None, link.Read());
    });
}
