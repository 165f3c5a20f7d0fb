using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Tunnels;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Tunnels;

/// <summary>A supervisor's end and a provisioner, joined by a socket as the two processes are, on one loop.</summary>
public sealed class ProvisionerLinkTests : IDisposable
{
    private readonly PrivateKey _key = PrivateKey.Generate();
    private readonly LinesLogger _log = new();
    private readonly List<IDisposable> _parts = [];
    private readonly EventLoop _loop;
    private readonly ProvisionerLink _link;
    private readonly List<(PublicKey Verifier, Offer Offer)> _offered = [];
    private long _nowMs = 1_000_000;
    private int _starts;
    private int _far = -1; // a provisioner's end, where a test is the provisioner

    public ProvisionerLinkTests()
    {
        _loop = new EventLoop(() => _nowMs);
        _link = LinkTo(StartFar);
    }

    public void Dispose()
    {
        _link.Dispose();
        Enumerable.Reverse(_parts).ToList().ForEach(part => part.Dispose());
        _loop.Dispose();
        _key.Dispose();
        CloseFar();
    }

    [Fact]
    public void A_prover_and_a_verifier_of_two_provisioners_find_each_other()
    {
        TransportAddress at = FreePort();
        using ProvisionerLink prover = LinkTo(StartProvisioner), verifier = LinkTo(StartProvisioner);
        using PrivateKey other = PrivateKey.Generate();
        prover.Use(ProvisionerNeeds.IP, _key, Serving(at));
        verifier.Use(ProvisionerNeeds.IP, other, Idle);
        Until(() => prover.IsListening && verifier.IsSettled);
        ProvenPeer? asked = null;
        (ProvenPeer? Peer, string? Problem)? ended = null;
        string? Accept(ProvenPeer peer)
        {
            asked = peer;
            return null;
        }

        Assert.Null(verifier.TryStart(Asking(at), null, Accept, (p, q) => ended = (p, q), out _));
        Until(() => ended is not null);
        Assert.Equal((asked, null), ended);
        Assert.Equal((_key.PublicKey, 51_820u, false), (asked!.Key, asked.Port, asked.IsAttested));
        (PublicKey taken, Offer offer) = Assert.Single(_offered);
        Assert.Equal((other.PublicKey, 1_380), (taken, offer.Mtu));
        Assert.Contains(_log.Lines, line => line.StartsWith("Provisioned by", StringComparison.Ordinal));
        // Refused before the confirm: nothing more is offered.
        ended = null;
        Assert.Null(verifier.TryStart(Asking(at), null, _ => "it is another peer's", (p, q) => ended = (p, q), out _));
        Until(() => ended is not null);
        Assert.Equal((null, "it is another peer's"), ended);
        Assert.Single(_offered);
        // No more is answered.
        prover.Use(ProvisionerNeeds.IP, _key, Idle);
        Until(() => prover.IsSettled);
        Assert.False(prover.IsListening);
    }

    /// <summary>Anyone can make a key and prove it: the supervisor, which would take the tunnel's lock, is not asked.</summary>
    [Fact]
    public void A_verifier_that_is_not_expected_is_refused_without_the_supervisor()
    {
        TransportAddress at = FreePort();
        using ProvisionerLink prover = LinkTo(StartProvisioner), verifier = LinkTo(StartProvisioner);
        using PrivateKey expected = PrivateKey.Generate(), other = PrivateKey.Generate();
        prover.Use(ProvisionerNeeds.IP, _key, Serving(at) with { Refusal = "it is another", Expected = [expected.PublicKey] });
        verifier.Use(ProvisionerNeeds.IP, other, Idle);
        Until(() => prover.IsListening && verifier.IsSettled);
        (ProvenPeer? Peer, string? Problem)? ended = null;
        Assert.Null(verifier.TryStart(Asking(at), null, _ => null, (p, q) => ended = (p, q), out _));
        Until(() => ended is not null);
        Assert.Contains("\"it is another\"", ended!.Value.Problem, StringComparison.Ordinal);
        Assert.Empty(_offered);
        verifier.Use(ProvisionerNeeds.IP, expected, Idle);
        ended = null;
        Assert.Null(verifier.TryStart(Asking(at), null, _ => null, (p, q) => ended = (p, q), out _));
        Until(() => ended is not null);
        Assert.Equal(expected.PublicKey, Assert.Single(_offered).Verifier);
    }

    [Fact]
    public void A_port_that_is_taken_is_told_and_tried_again()
    {
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        TransportAddress at = new(NetworkKind.Tcp, "", 0, (uint)((IPEndPoint)listener.LocalEndpoint).Port);
        using ProvisionerLink prover = LinkTo(StartProvisioner);
        prover.Use(ProvisionerNeeds.IP, _key, Serving(at));
        Until(() => prover.IsSettled);
        Assert.False(prover.IsListening);
        Assert.Contains("Address already in use", prover.ListenProblem, StringComparison.Ordinal);
        listener.Stop();
        // One try may come before the kernel has let go of the port.
        Until(() =>
        {
            _nowMs += 50;
            return prover.IsListening;
        });
        Assert.Equal("", prover.ListenProblem);
    }

    /// <summary>With another key nothing goes on that was begun with the one before.</summary>
    [Fact]
    public void Another_key_ends_attempts()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        TransportAddress at = new(NetworkKind.Tcp, "127.0.0.1", 0, (uint)((IPEndPoint)listener.LocalEndpoint).Port);
        using ProvisionerLink verifier = LinkTo(StartProvisioner);
        using PrivateKey other = PrivateKey.Generate();
        string? problem = null;
        verifier.Use(ProvisionerNeeds.IP, _key, Idle);
        Assert.Null(verifier.TryStart(Asking(at), null, _ => null, (_, said) => problem = said, out _));
        Until(listener.Pending);
        verifier.Use(ProvisionerNeeds.IP, other, Idle);
        Until(() => problem is not null);
        Assert.Equal("the tunnel has another key by now", problem);
    }

    [Theory]
    [InlineData("00")]
    [InlineData("an attempt that nobody has confirmed has ended well")]
    public void What_a_provisioner_may_not_say_ends_it(string what)
    {
        Begin();
        string? problem = null;
        Assert.Null(_link.TryStart(Asking(FreePort()), null, _ => null, (_, said) => problem = said, out uint id));
        Say(what == "00" ? [0] : ProvisionerReports.Ended(id, null).ToArray());
        Turn();
        Assert.Equal("what it says cannot be understood", _link.Failure);
        Assert.Equal("provisioning has ended unexpectedly", problem);
        Assert.False(_link.IsRunning);
        _nowMs += 1_000_000;
        Turn();
        Assert.Equal(1, _starts);
    }

    [Fact]
    public void A_flood_of_a_provisioners_ends_it()
    {
        Begin();
        byte[] line = ProvisionerReports.Line(Microsoft.Extensions.Logging.LogLevel.Debug, "x").ToArray();
        for (int i = 0; i < ProvisionerLink.MaxUnasked / 2; i++)
            Say(line);
        Turn(20);
        Assert.Null(_link.Failure);
        for (int i = 0; i < ProvisionerLink.MaxUnasked && _link.Failure is null; i++)
        {
            _ = Sys.Send(_far, line, MSG_NOSIGNAL);
            Turn();
        }

        Assert.Equal("it says more than it has reason to", _link.Failure);
    }

    [Fact]
    public void What_it_says_at_its_rate_ends_nothing()
    {
        Begin();
        for (int i = 0; i < 4 * ProvisionerLink.MaxUnasked; i++)
        {
            Say(ProvisionerReports.State(i % 2 == 0, "").ToArray());
            _nowMs += ProvisionerLink.UnaskedMs;
            Turn();
        }

        Assert.Null(_link.Failure);
    }

    [Fact]
    public void One_that_dies_is_started_anew_at_once_and_then_after_longer_and_longer()
    {
        Begin();
        string? problem = null;
        Assert.Null(_link.TryStart(Asking(FreePort()), null, _ => null, (_, said) => problem = said, out _));
        foreach (int delayMs in (int[])[0, 1_000, 2_000, 4_000])
        {
            int starts = _starts;
            CloseFar();
            Turn();
            Assert.Equal("provisioning has ended unexpectedly", problem);
            if (delayMs > 0)
            {
                Assert.NotNull(_link.TryStart(Asking(FreePort()), null, _ => null, (_, _) => { }, out _));
                _nowMs += delayMs - 1;
                Turn();
                Assert.Equal(starts, _starts);
                _nowMs++;
            }

            Turn();
            Assert.Equal(starts + 1, _starts);
            // It is told all that the one before was.
            Assert.Equal([1, 2, 3], Received().Select(order => order[1]));
            Say(ProvisionerReports.Ready(true, "").ToArray());
            Turn();
        }

        Assert.Null(_link.Failure);
    }

    [Fact]
    public void One_that_dies_before_it_is_ready_fails()
    {
        _link.Use(ProvisionerNeeds.IP, _key, Idle);
        Assert.False(_link.IsSettled);
        CloseFar();
        Turn();
        Assert.Equal("it has ended", _link.Failure);
        Assert.True(_link.IsSettled);
    }

    [Fact]
    public void One_that_is_confined_to_less_than_is_needed_is_started_anew()
    {
        Begin();
        _link.Use(ProvisionerNeeds.IP, _key, Idle);
        Assert.Equal(1, _starts);
        CloseFar();
        _link.Use(ProvisionerNeeds.Vsock, _key, Idle);
        Assert.Equal(2, _starts);
        Assert.Equal((uint)(ProvisionerNeeds.Vsock | ProvisionerNeeds.IP), Received()[0][2]);
        CloseFar();
        _link.Use(ProvisionerNeeds.IP, _key, Idle, files: 7);
        Assert.Equal(3, _starts);
        _link.Use(ProvisionerNeeds.IP, _key, Idle, files: 7);
        Assert.Equal(3, _starts);
    }

    private static AttestSettings Asking(TransportAddress at) => new()
    {
        Address = at with { Host = "127.0.0.1" },
        Pins = [],
        AllowsUnattested = true,
        Offer = new Offer { Mtu = 1_380 },
    };

    private static ProvisionerSettings Idle => new(0, 51_820, null, null, null, []);

    private static ProvisionerSettings Serving(TransportAddress at) => new(0, 51_820, ProvisionKind.Unattested, at, null, []);

    private static TransportAddress FreePort()
    {
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();
        return new TransportAddress(NetworkKind.Tcp, "", 0, (uint)((IPEndPoint)listener.LocalEndpoint).Port);
    }

    private ProvisionerLink LinkTo(Func<ProvisionerChild> start) => new(
        _loop,
        _log,
        (verifier, offer, _) =>
        {
            _offered.Add((verifier, offer));
            return null;
        },
        start);

    /// <summary>A provisioner that the test is.</summary>
    private ProvisionerChild StartFar()
    {
        _starts++;
        Sys.Check(Sys.SocketPair(SOCK_SEQPACKET, out int near, out _far), "socketpair");
        return new ProvisionerChild(near, () => { }, () =>
        {
            Sys.Close(near);
            return "it has ended";
        });
    }

    private ProvisionerChild StartProvisioner()
    {
        Sys.Check(Sys.SocketPair(SOCK_SEQPACKET, out int near, out int far), "socketpair");
        _parts.Add(new FileDescriptor(far));
        _parts.Add(new Provisioner(_loop, far, new NitroSecureModule(), _ => new SandboxReport(true, "as a test")));
        return new ProvisionerChild(near, () => { }, () =>
        {
            Sys.Close(near);
            return "";
        });
    }

    private void Begin()
    {
        _link.Use(ProvisionerNeeds.IP, _key, Idle);
        Assert.Equal([1, 2, 3], Received().Select(order => order[1]));
        Say(ProvisionerReports.Ready(true, "").ToArray());
        Turn();
    }

    private void Say(byte[] message) => Assert.Equal(message.Length, Sys.Send(_far, message, MSG_NOSIGNAL));

    private List<byte[]> Received()
    {
        List<byte[]> all = [];
        byte[] buffer = new byte[MessageChannel.MaxSize];
        for (int n; (n = Sys.Recv(_far, buffer, 0)) > 0;)
            all.Add(buffer[..n]);
        return all;
    }

    private void CloseFar()
    {
        if (_far >= 0)
            Sys.Close(_far);
        _far = -1;
    }

    private void Turn(int times = 3)
    {
        for (int i = 0; i < times; i++)
            _loop.RunOnce(0);
    }

    private void Until(Func<bool> isSo)
    {
        for (int i = 0; !isSo(); i++)
        {
            if (i == 20_000)
                throw new TimeoutException("it does not come about");
            _loop.RunOnce(1);
        }
    }
}
