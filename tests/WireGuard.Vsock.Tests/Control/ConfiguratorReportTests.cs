using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Control.PeerChanges;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>What `show` is told of the daemon and of its peers.</summary>
public sealed class ConfiguratorReportTests : IDisposable
{
    private readonly NoNetwork _network = new();
    private readonly ControlParts _control;
    private readonly Device _device;
    private readonly Configurator _configurator;

    public ConfiguratorReportTests()
    {
        _control = new ControlParts(_network);
        (_device, _configurator) = (_control.Device, _control.Configurator);
    }

    public void Dispose() => _control.Dispose();

    [Fact]
    public void What_keeps_a_handshake_from_being_completed_is_said_of_each_peer()
    {
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key)));
        Assert.Equal("the interface is down", Error());
        _device.IsUp = true;
        Assert.Equal("no private key is set", Error());
        _device.SetPrivateKey(PrivateKey.Generate());
        _network.Refuses = Errno.EADDRINUSE;
        _device.ListenPort = 1;
        _configurator.Listen();
        Assert.Equal("listening port 1 is taken", Error());
        _network.Refuses = 0;
        Assert.Equal(0, _configurator.TryListen(2));
        Assert.Equal("it has no endpoint, and the peer has not called", Error());
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Endpoint = EndpointAddress.IPv4(1, 0) }));
        Assert.Equal("the endpoint's port is 0, which cannot be called", Error());
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Endpoint = EndpointAddress.IPv4(1, 1) }));
        Assert.Null(Error());
        Peer peer = Assert.Single(_device.Peers.Values);
        peer.Hindrance = new Hindrance();
        peer.Hindrance.NoteInitiation(_control.NowMs - 12_000);
        peer.Hindrance.NoteInitiation(_control.NowMs - 6_000);
        Assert.Equal("no answer to 2 handshake initiations since 12 s", Error());
        peer.Hinder("connect: Connection refused");
        Assert.Equal("connect: Connection refused", Error());
        Handshakes.NoteComplete(peer);
        Assert.Null(Error());

        string? Error() => Assert.Single(_configurator.FullStatus().Peers).Details!.HandshakeError;
    }

    [Fact]
    public void What_keeps_a_peer_from_calling_is_said_beside_what_keeps_us_from_reaching_it()
    {
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Endpoint = EndpointAddress.Unix("/v", 5) }));
        Peer peer = Assert.Single(_device.Peers.Values);
        _network.Problem = "cannot listen at /v_5: its folder is not there";
        Assert.Null(_configurator.FullStatus().Details!.ListenError);
        _device.IsUp = true;
        using var change = new DeviceChange { PrivateKey = PrivateKey.Generate() };
        Assert.Equal(0, _configurator.Apply(change));
        _configurator.Listen();
        DeviceStatus status = _configurator.FullStatus();
        Assert.Equal(_network.Problem, status.Details!.ListenError);
        Assert.Equal(_network.Problem, Assert.Single(status.Peers).Details!.HandshakeError);
        peer.Hinder("there is no /v");
        Assert.Equal(
            $"there is no /v; {_network.Problem}", Assert.Single(_configurator.FullStatus().Peers).Details!.HandshakeError);
    }

    [Fact]
    public void Status_says_what_the_daemon_is()
    {
        DeviceDetails details = _configurator.FullStatus().Details!;
        Assert.Equal((NetworkKind.Tcp, false, "c0ffee"), (details.Network, details.IsUp, details.Instance));
        Assert.Matches(@"^\d+\.\d+\.\d+$", details.Version);
        Assert.Null(details.LocalCid);
        Assert.DoesNotContain(details.Counters, counter => counter.Value == 0);
        Assert.Null(_configurator.Status().Details);
    }

    [Fact]
    public void Notes_are_kept_for_status_alone_until_others_take_their_place()
    {
        var awaited = new AwaitedPeer("vsock:16:51821", "no answer yet");
        using var change = new DeviceChange { Notes = new DeviceNotes { Provision = "nitro", Awaited = [awaited] } };
        change.Peers.Add(new PeerChange(Key) { Note = new PeerNote { ProvisionedAt = 5 } });
        Assert.Equal(0, _configurator.Apply(change));
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { PersistentKeepalive = 25 })); // as by wg
        DeviceStatus status = _configurator.FullStatus();
        Assert.Equal(awaited, Assert.Single(status.Details!.Notes.Awaited));
        Assert.Equal(5, Assert.Single(status.Peers).Details!.Note!.ProvisionedAt);

        using var other = new DeviceChange { Notes = new DeviceNotes() };
        other.Peers.Add(new PeerChange(Key) { Note = new PeerNote { Attest = "vsock:16:51821" } });
        Assert.Equal(0, _configurator.Apply(other));
        status = _configurator.FullStatus();
        Assert.Null(status.Details!.Notes.Provision);
        Assert.Empty(status.Details.Notes.Awaited);
        Assert.Equal(new PeerNote { Attest = "vsock:16:51821" }, Assert.Single(status.Peers).Details!.Note);
    }

    /// <summary>`wg setconf` replaces peers by themselves; what is known of a peer's key is so still.</summary>
    [Fact]
    public void A_peer_keeps_its_note_while_it_is_the_same_peer()
    {
        PeerNote note = new() { Attest = "vsock:16:51821" };
        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Note = note }));
        using var same = new DeviceChange { ReplacesPeers = true };
        same.Peers.Add(new PeerChange(Key));
        Assert.Equal(0, _configurator.Apply(same));
        Assert.Same(note, Assert.Single(_configurator.FullStatus().Peers).Details!.Note);

        Assert.Equal(0, _configurator.Apply(new PeerChange(Key) { Removes = true }, new PeerChange(Key)));
        Assert.Null(Assert.Single(_configurator.FullStatus().Peers).Details!.Note);
    }

    [Fact]
    public void Counters_are_the_sum_over_all_threads()
    {
        _control.Counters[0].Count(DropReason.NotSent, 2);
        _control.Counters[1].Count(DropReason.NotSent, 3);
        _control.Counters[1].Count(DropReason.NotWritten);
        Assert.Equal(5, Value("not_sent"));
        Assert.Equal(1, Value("not_written"));
        Assert.Equal(0, Value("not_a_message"));

        long Value(string name) => Assert.Single(_configurator.Counters(), counter => counter.Name == name).Value;
    }
}
