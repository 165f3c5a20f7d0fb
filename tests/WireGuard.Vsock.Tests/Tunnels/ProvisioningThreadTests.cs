using WireGuard.Vsock.Config;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>A tunnel whose provisioning has ended by a mistake has failed.</summary>
public sealed class ProvisioningThreadTests
{
    [Fact]
    public void A_thread_that_ends_by_itself_says_that_it_has_failed()
    {
        string path = Path.GetTempFileName(), file = path + ".conf";
        File.Move(path, file);
        LinesLogger log = new();
        // What no step of the thread expects: it waits for a daemon that is not there, and cannot say so.
        log.OnLine = _ =>
        {
            log.OnLine = _ => { };
            throw new InvalidOperationException();
        };
        try
        {
            using ManualResetEventSlim hasEnded = new();
            using ProvisioningThread thread = ProvisioningThread.Start(
                "wgnone",
                "00",
                ConfigFile.Find(file),
                new TunnelSettings(new InterfaceSettings(), []),
                isConfined: true,
                log,
                hasEnded.Set,
                stopIfAsked: () => { });
            Assert.True(hasEnded.Wait(TimeSpan.FromSeconds(60)));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
