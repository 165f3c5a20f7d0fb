using WireGuard.Vsock.Commands;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class ServiceReportTests
{
    [Theory]
    [InlineData(true, 0, 0, 0, "No peers")]
    [InlineData(true, 1, 0, 0, "1 peer, no handshake yet")]
    [InlineData(true, 4, 0, 0, "4 peers, no handshake yet")]
    [InlineData(true, 4, 3, 988, "3 of 4 peers have a session, newest handshake 12 s ago")]
    [InlineData(true, 4, 1, 1000, "1 of 4 peers has a session, newest handshake 0 s ago")]
    [InlineData(true, 1, 0, 1001, "0 of 1 peer have a session, newest handshake 0 s ago")]
    [InlineData(false, 0, 0, 0, "Interface is down; No peers")]
    public void The_status_counts_peers_and_sessions(bool isUp, int peers, int withSession, long newest, string text) =>
        Assert.Equal(text, ServiceReport.TextOf(isUp, (peers, withSession, newest), nowSeconds: 1000));

    [Theory]
    [InlineData(0, 51821, 0, "Waiting for a verifier on port 51821")]
    [InlineData(1, 51821, 0, "1 peer, no handshake yet")]
    [InlineData(0, 0, 2, "No peers; 2 more to be attested")]
    [InlineData(1, 0, 1, "1 peer, no handshake yet; 1 more to be attested")]
    public void The_status_says_what_provisioning_waits_for(int peers, int port, int awaited, string text)
    {
        DeviceNotes notes = new()
        {
            ProvisionPort = port == 0 ? null : (uint)port,
            Awaited = [.. Enumerable.Repeat(new AwaitedPeer("vsock:16:51821", "no answer yet"), awaited)],
        };
        Assert.Equal(text, ServiceReport.TextOf(isUp: true, (peers, 0, 0), nowSeconds: 1000, notes));
    }
}
