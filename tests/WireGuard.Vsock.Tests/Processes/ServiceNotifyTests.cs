using System.Globalization;
using System.Text;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Processes;

public sealed class ServiceNotifyTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"notify-{Guid.NewGuid():N}");
    private readonly int _socket = Sys.Check(Sys.Socket(AF_UNIX, SOCK_DGRAM, 0), "socket");

    public void Dispose()
    {
        Sys.Close(_socket);
        File.Delete(_path);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_message_is_one_datagram_to_a_path_or_an_abstract_name(bool isAbstract)
    {
        string name = isAbstract ? $"@wireguard-vsock-{Guid.NewGuid():N}" : _path;
        byte[] address = Assert.IsType<byte[]>(ServiceNotify.AddressOf(name));
        Sys.Check(Sys.Bind(_socket, address), "bind");
        Assert.Equal(7, ServiceNotify.Send(address, "READY=1"u8, 0));
        Assert.Equal("READY=1", Received());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("@")]
    [InlineData("run/notify")]
    [InlineData("vsock:2:1234")]
    public void Anything_else_is_no_socket(string? name) => Assert.Null(ServiceNotify.AddressOf(name));

    [Fact]
    public void A_path_that_is_too_long_is_no_socket()
    {
        Assert.NotNull(ServiceNotify.AddressOf("/" + new string('x', 106)));
        Assert.Null(ServiceNotify.AddressOf("/" + new string('x', 107)));
    }

    [Fact]
    public void A_manager_that_has_gone_is_no_failure() =>
        Assert.Equal(-Errno.ENOENT, ServiceNotify.Send(ServiceNotify.AddressOf(_path)!, "READY=1"u8, 1000));

    /// <summary>The kernel keeps a few datagrams, and the rest would wait: control must not.</summary>
    [Fact]
    public void A_manager_that_does_not_read_stops_nobody()
    {
        byte[] address = ServiceNotify.AddressOf(_path)!;
        Sys.Check(Sys.Bind(_socket, address), "bind");
        int result = 0;
        for (int i = 0; i < 100_000 && result >= 0; i++) result = ServiceNotify.Send(address, "WATCHDOG=1"u8, 0);
        Assert.Equal(-Errno.EAGAIN, result);
    }

    [Theory]
    [InlineData("30000000", 15_000L)]
    [InlineData("3000000", 1_500L)]
    [InlineData("1", 1L)]
    [InlineData("0", null)]
    [InlineData("-5", null)]
    [InlineData("soon", null)]
    [InlineData(null, null)]
    public void The_watchdog_is_fed_twice_as_often_as_it_must_be(string? microseconds, long? ms)
    {
        Assert.Equal(ms, ServiceNotify.WatchdogMsOf(null, microseconds));
        string here = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(ms, ServiceNotify.WatchdogMsOf(here, microseconds));
    }

    [Fact]
    public void The_watchdog_of_another_process_is_not_ours() => Assert.Null(ServiceNotify.WatchdogMsOf("1", "30000000"));

    [Theory]
    [InlineData("WATCHDOG=1", true)]
    [InlineData("STATUS=2 of 3 peers have a session, newest handshake 7 s ago", true)]
    [InlineData("STATUS=", true)]
    [InlineData("STATUS=caf\u00e9", true)]
    [InlineData("", false)]
    [InlineData("WATCHDOG=trigger", false)]
    [InlineData("WATCHDOG=1\nMAINPID=1", false)]
    [InlineData("STATUS=fine\nREADY=1", false)]
    [InlineData("STATUS=fine\0", false)]
    [InlineData("READY=1", false)]
    [InlineData("STOPPING=1", false)]
    [InlineData("MAINPID=1", false)]
    [InlineData("FDSTORE=1", false)]
    [InlineData("WATCHDOG_USEC=1", false)]
    public void A_supervisor_passes_on_that_its_daemon_is_alive_and_how_it_is(string message, bool isPassedOn) =>
        Assert.Equal(isPassedOn, ServiceNotify.MayPass(Encoding.UTF8.GetBytes(message)));

    [Fact]
    public void A_status_that_is_passed_on_is_of_bounded_length()
    {
        byte[] longest = [.. "STATUS="u8, .. Enumerable.Repeat((byte)'x', ServiceNotify.LongestPassedOn - 7)];
        Assert.True(ServiceNotify.MayPass(longest));
        Assert.False(ServiceNotify.MayPass([.. longest, (byte)'x']));
    }

    [Fact]
    public void Without_a_manager_nothing_is_sent()
    {
        Assert.False(ServiceNotify.IsHeard);
        Assert.Null(ServiceNotify.WatchdogMs);
        ServiceNotify.Ready();
        ServiceNotify.Reloading();
        ServiceNotify.Stopping();
        ServiceNotify.Status("text");
        ServiceNotify.Watchdog();
    }

    private string Received()
    {
        byte[] buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, Sys.Check(Sys.Recv(_socket, buffer, 0), "recv"));
    }
}
