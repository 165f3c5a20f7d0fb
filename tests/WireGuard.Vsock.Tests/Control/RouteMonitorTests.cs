using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.Control;

public sealed class RouteMonitorTests
{
    [TunTheory]
    [InlineData("ip route add 192.0.2.0/24 dev up1")]
    [InlineData("ip -6 route add 2001:db8:7::/48 dev up1")]
    [InlineData("ip address add 10.0.1.3/24 dev up1")]
    [InlineData("ip -6 address add 2001:db8::3/64 dev up1 nodad")]
    [InlineData("ip rule add from 10.0.1.2 lookup 7")]
    [InlineData("ip -6 rule add from 2001:db8::2 lookup 7")]
    [InlineData("ip link set up1 down")]
    [InlineData("ip nexthop add id 1 dev up1")]
    public void Whatever_may_move_a_route_has_every_peer_looked_at(string change) => Run(600, (loop, looks) =>
    {
        Namespace.Sh(change);
        Turn(loop, () => looks.Distinct().Count() == 600);
    });

    [TunFact]
    public void Flood_of_changes_costs_some_passes_a_second() => Run(1, (loop, looks) =>
    {
        long began = Sys.BootMs();
        for (int i = 0; i < 8; i++)
        {
            Namespace.Sh($"for n in $(seq 250); do echo route add 198.18.{i}.$n dev up1; done | ip -batch -");
            loop.RunOnce(0);
        }

        // All the more where it went slowly. And the last change is seen.
        int seen = looks.Count;
        Namespace.Sh("ip route add 198.51.100.0/24 dev up1");
        Turn(loop, () => looks.Count > seen);
        Assert.InRange(looks.Count, 1, 1 + ((Sys.BootMs() - began) / RouteMonitor.PauseMs));
    });

    private static void Run(int peers, Action<EventLoop, List<Peer>> test) => Namespace.Run(() =>
    {
        Namespace.Sh("""
            ip link add up1 type veth peer name far1
            for link in up1 far1; do ip link set $link addrgenmode none; ip link set $link up; done
            ip address add 10.0.1.2/24 dev up1
            """);
        Peer[] all = [.. Enumerable.Range(0, peers).Select(_ => Tunnel.NewPeer())];
        List<Peer> looks = [];
        using var loop = new EventLoop();
        using var monitor = new RouteMonitor(loop, () => all, looks.Add);
        // Until nothing is heard any more of the interfaces that were made.
        do
        {
            looks.Clear();
            long began = Sys.BootMs();
            while (Sys.BootMs() - began < RouteMonitor.SettleMs + RouteMonitor.PauseMs + 500)
                loop.RunOnce(RouteMonitor.PauseMs);
        }
        while (looks.Count != 0);

        test(loop, looks);
    });

    /// <summary>Runs the loop until it is so.</summary>
    private static void Turn(EventLoop loop, Func<bool> isSo)
    {
        long began = Sys.BootMs();
        while (!isSo())
        {
            loop.RunOnce(1000);
            Assert.InRange(Sys.BootMs() - began, 0, 30_000);
        }
    }
}
