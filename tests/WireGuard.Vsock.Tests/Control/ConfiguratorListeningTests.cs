using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>The listening port, and a port that is taken.</summary>
public sealed class ConfiguratorListeningTests : IDisposable
{
    private readonly NoNetwork _network = new();
    private readonly ControlParts _control;
    private readonly Device _device;
    private readonly Configurator _configurator;

    public ConfiguratorListeningTests()
    {
        _control = new ControlParts(_network);
        (_device, _configurator) = (_control.Device, _control.Configurator);
    }

    public void Dispose() => _control.Dispose();

    [Fact]
    public void Listening_is_said_of_a_port_that_is_open_and_of_no_other()
    {
        _device.IsUp = true;
        _network.Refuses = Errno.EADDRINUSE;
        Assert.Equal(Errno.EADDRINUSE, _configurator.TryListen(1));
        Assert.DoesNotContain(_control.Log.Lines, line => line.Contains("istening", StringComparison.Ordinal));
        _network.Refuses = 0;
        Assert.Equal(0, _configurator.TryListen(1));
        Assert.Contains("Listening on port 1", _control.Log.Lines);
    }

    [Fact]
    public void A_port_that_is_taken_when_the_link_comes_up_is_tried_again_until_it_is_free()
    {
        _device.ListenPort = 1;
        _device.IsUp = true;
        _network.Refuses = Errno.EADDRINUSE;
        _configurator.Listen();
        for (int i = 0; i < 3; i++)
        {
            _control.NowMs += 1_000;
            _control.Loop.RunOnce(0);
        }

        Assert.Equal(0, _network.Port);
        Assert.Equal("listening port 1 is taken", _configurator.FullStatus().Details!.ListenError);
        // Said once, however often it is tried.
        Assert.Single(_control.Log.Lines);
        _network.Refuses = 0;
        _control.NowMs += 1_000;
        _control.Loop.RunOnce(0);
        Assert.Equal(1, _network.Port);
        Assert.Null(_configurator.FullStatus().Details!.ListenError);
        Assert.Equal("Listening on port 1", _control.Log.Lines[^1]);
    }

    [Fact]
    public void A_port_is_not_tried_again_while_the_link_is_down()
    {
        _device.ListenPort = 1;
        _device.IsUp = true;
        _network.Refuses = Errno.EADDRINUSE;
        _configurator.Listen();
        _device.IsUp = false;
        _network.Refuses = 0;
        _control.NowMs += 10_000;
        _control.Loop.RunOnce(0);
        Assert.False(_network.IsOpen);
    }
}
