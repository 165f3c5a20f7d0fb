using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// All of provisioning that faces the network: it answers verifiers, asks for documents and verifies them. What comes of that it
/// asks its supervisor (<see cref="ProvisionerOrders"/>, <see cref="ProvisionerReports"/>), which alone changes the tunnel. An
/// attacker who breaks its parsers has the tunnel's key, and can claim that a verifier or a peer has proved itself; no more. On
/// its loop's thread.
/// </summary>
internal sealed class Provisioner : IProvisionerOrders, IProvisioning, ILogger, IDisposable
{
    /// <summary>How many offers may wait for an answer.</summary>
    internal const int MaxUndecided = 16;

    /// <summary>How many lines for the log may wait to be sent: what is behind them is dropped.</summary>
    private const int MaxLines = 64;

    private const int ListenAgainMs = 1_000;

    private readonly EventLoop _loop;
    private readonly MessageChannel _supervisor;
    private readonly Func<ProvisionerNeeds, SandboxReport> _confine;
    private readonly IDocumentSource _module;
    private readonly Deadline _listenAgain;
    private readonly Dictionary<uint, Attempt> _attempts = [];
    private readonly Dictionary<uint, Action<string?>> _undecided = [];
    private ProvisionerSettings _settings = new(0, 0, null, null, null, []);
    private PrivateKey? _key;
    private SeenRequests _seen = new(); // by provers with that key
    private Prover? _prover;
    private TransportAddress? _listening; // where the prover is
    private ProvisionKind? _kind;         // and what it shows
    private (bool IsListening, string Problem)? _told;
    private uint _lastOffer;
    private bool _hasBegun;

    /// <param name="loop">Whose thread it is.</param>
    /// <param name="supervisor">A connected socket; the caller's to close.</param>
    /// <param name="module">Where documents come from.</param>
    /// <param name="confine">Called once, before there is a key or a connection.</param>
    public Provisioner(
        EventLoop loop,
        int supervisor,
        IDocumentSource module,
        Func<ProvisionerNeeds, SandboxReport> confine)
    {
        (_loop, _module, _confine) = (loop, module, confine);
        _listenAgain = new Deadline(Listen);
        _supervisor = new MessageChannel(
            loop, supervisor, message => ProvisionerOrders.TryRead(message, this), _ => IsOver = true);
    }

    /// <summary>Whether the supervisor has gone, or cannot be told any more what it must know.</summary>
    public bool IsOver { get; private set; }

    public uint ListeningPort => _settings.ListeningPort;

    public void Begin(ProvisionerNeeds needs)
    {
        if (_hasBegun)
            return;
        _hasBegun = true;
        try
        {
            SandboxReport confined = _confine(needs);
            Tell(ProvisionerReports.Ready(confined.IsOn, confined.Text));
        }
        catch (SetupException e)
        {
            Tell(ProvisionerReports.Line(LogLevel.Error, e.Message));
            IsOver = true;
        }
    }

    public void TakeKey(PrivateKey key)
    {
        EndProver();
        foreach ((uint id, Attempt attempt) in _attempts)
        {
            attempt.Dispose();
            Tell(ProvisionerReports.Ended(id, "the tunnel has another key by now"));
        }

        _attempts.Clear();
        _key?.Dispose();
        _key = key;
        _seen = new SeenRequests();
    }

    public void Set(ProvisionerSettings settings)
    {
        _settings = settings;
        _told = null;
        Listen();
    }

    public void Start(uint id, AttestSettings settings, ReadOnlyMemory<byte> root)
    {
        if (_key is null || _attempts.ContainsKey(id))
            return;
        _attempts[id] = Attempt.Start(
            _loop,
            settings,
            root.IsEmpty ? null : root,
            _key,
            result => Tell(ProvisionerReports.Holds(id, ProvenPeer.Of(result))),
            result => End(id, result),
            _settings.Mark);
    }

    public void Cancel(uint id)
    {
        if (_attempts.Remove(id, out Attempt? attempt))
            attempt.Dispose();
    }

    public void AnswerOffer(uint id, string? refusal)
    {
        if (_undecided.Remove(id, out Action<string?>? onDecided))
            onDecided(refusal);
    }

    public void AnswerAttempt(uint id, string? refusal)
    {
        if (_attempts.TryGetValue(id, out Attempt? attempt))
            attempt.Answer(refusal);
    }

    public bool Expects(PublicKey verifier) => _settings.Refusal is null || _settings.Expected.Contains(verifier);

    public void Take(PublicKey verifier, Offer offer, EndpointAddress from, Action<string?> onDecided)
    {
        // The supervisor, which knows it better, need not be asked: anyone can make a key and prove it.
        if (!Expects(verifier))
        {
            onDecided(_settings.Refusal);
            return;
        }

        if (_undecided.Count == MaxUndecided)
        {
            onDecided("too many offers wait to be decided on: try again");
            return;
        }

        _undecided[++_lastOffer] = onDecided;
        Tell(ProvisionerReports.Offered(_lastOffer, verifier, offer, from));
    }

    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and <= LogLevel.Error;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel) && _supervisor.Waiting < MaxLines)
            Tell(ProvisionerReports.Line(logLevel, formatter(state, exception) + (exception is null ? "" : $": {exception}")));
    }

    public void Dispose()
    {
        EndProver();
        foreach (Attempt attempt in _attempts.Values)
            attempt.Dispose();
        _attempts.Clear();
        _key?.Dispose();
        _supervisor.Dispose();
    }

    private void End(uint id, AttemptResult result)
    {
        _attempts.Remove(id);
        Tell(ProvisionerReports.Ended(id, result.Reason));
    }

    private void EndProver()
    {
        _loop.Cancel(_listenAgain);
        _prover?.Dispose();
        _prover = null;
    }

    /// <summary>A port that is taken ends nothing: it is said, and tried again each second.</summary>
    private void Listen()
    {
        if (_settings.Listen != _listening || _settings.Kind != _kind)
            EndProver();
        (_listening, _kind) = (_settings.Listen, _settings.Kind);
        string problem = "";
        try
        {
            if (_listening is not null && _key is not null)
                _prover ??= new Prover(_loop, _listening, _key, _seen, _kind == ProvisionKind.Nitro ? _module : null, this, this);
            _prover?.SetMark(_settings.Mark);
        }
        catch (SetupException e)
        {
            problem = e.Message;
            _loop.Schedule(_listenAgain, _loop.NowMs + ListenAgainMs);
        }

        (bool IsListening, string Problem) now = (_prover is not null, problem);
        if (_told != now)
            Tell(ProvisionerReports.State(now.IsListening, now.Problem));
        _told = now;
    }

    private void Tell(ReadOnlySpan<byte> report) => IsOver |= !_supervisor.TrySend(report);
}
