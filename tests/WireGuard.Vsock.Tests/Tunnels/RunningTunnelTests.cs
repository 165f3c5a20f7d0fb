using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>The lock of a tunnel that is opened to be changed.</summary>
[Collection(Alone.Name)]
public sealed class RunningTunnelTests
{
    private const string Name = "wgnolock";

    [TunFact]
    public void A_tunnel_that_cannot_be_opened_is_not_locked_afterwards()
    {
        // All code has run once before descriptors are short.
        Assert.Throws<SetupException>(() => RunningTunnel.Open(Name));
        using (DescriptorLimit.One())
            Assert.Equal(Errno.EMFILE, Assert.Throws<LinuxException>(() => RunningTunnel.Open(Name)).Errno);
        using TunnelLock? held = TunnelLock.TryTake(Name);
        Assert.NotNull(held);
    }
}
