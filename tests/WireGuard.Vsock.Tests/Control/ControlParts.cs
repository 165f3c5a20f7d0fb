using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Lanes;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Streams;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>A device and what configures it, on a loop whose clock is set by hand, without lanes.</summary>
internal sealed class ControlParts : IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly Aead _aead = new();
    private readonly OutboundBatch _batch;

    public ControlParts(
        Network network, NetworkKind kind = NetworkKind.Tcp, Func<string, ushort, NameAnswer>? resolve = null)
    {
        Loop = new EventLoop(() => NowMs);
        _batch = new OutboundBatch(_aead, isStream: true, _inbox, new LaneCounters());
        Device = new Device(new Published(), _inbox.HandshakeRates, new GracePeriod([]), () => KeysForgotten++);
        var handshakes = new Handshakes(Device, network, Loop, _inbox, _aead, NullLogger.Instance)
        {
            OnComplete = _ => { },
            OnAnswered = _ => { },
        };
        var hellos = new Hellos(Loop, _aead, null, NullLogger.Instance);
        var sessions = new SessionDriver(
            Device, network, handshakes, hellos, Loop, _batch, () => null, (_, _) => { }, NullLogger.Instance);
        Names = new EndpointNames(Loop, new NameResolver<PeerName>(
            name => resolve?.Invoke(name.Host, name.Port) ?? new NameAnswer([], "no such name")), Log);
        Configurator = new Configurator(Device, network, sessions, hellos, Names, Options(kind), Counters, Loop, Log);
    }

    /// <summary>Boot time in ms; the loop sees it at its next turn.</summary>
    public long NowMs { get; set; } = 1_000_000;

    public EventLoop Loop { get; }

    public Device Device { get; }

    public EndpointNames Names { get; }

    public Configurator Configurator { get; }

    public LaneCounters[] Counters { get; } = [new(), new()];

    public LinesLogger Log { get; } = new();

    /// <summary>How often lanes were asked to forget keys.</summary>
    public int KeysForgotten { get; private set; }

    public void Dispose()
    {
        Device.Dispose();
        Names.Dispose();
        _batch.Dispose();
        _aead.Dispose();
        _inbox.Dispose();
        Loop.Dispose();
    }

    private static DaemonOptions Options(NetworkKind kind) =>
        new(kind, Lanes: 1, Streams: 1, Superpackets: true, UdpOffloads.None) { Instance = "c0ffee" };
}
