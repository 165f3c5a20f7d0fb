using WireGuard.Vsock.Commands;

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
}
