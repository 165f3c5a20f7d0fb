using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// The supervisor's end of what it has with its provisioner: starts it, tells it what it has to know, and takes its reports as it
/// would take bytes of the network. One that dies is started anew: at once, and where it dies again and again after 1 s, 2 s, ...
/// 60 s, since the tunnel works without it. One that says what it may not, or more than it has reason to, is taken for one
/// under an attacker's control: the tunnel fails. Of its loop's thread.
/// </summary>
/// <param name="loop">Whose thread it is.</param>
/// <param name="log">Of the tunnel.</param>
/// <param name="take">Takes a verifier and what it offers, or says why not.</param>
/// <param name="start">Starts a provisioner.</param>
internal sealed class ProvisionerLink(
    EventLoop loop, ILogger log, Func<PublicKey, Offer, EndpointAddress, string?> take, Func<ProvisionerChild> start)
    : IProvisionerReports, IDisposable
{
    /// <summary>Reports at once that nothing has asked for, and then one more in so many ms.</summary>
    internal const int MaxUnasked = 128, UnaskedMs = 50;

    private const int FirstDelayMs = 1_000, MaxDelayMs = 60_000;

    private readonly Dictionary<uint, Pending> _attempts = [];
    private readonly byte[] _keyMessage = GC.AllocateArray<byte>(64, pinned: true);
    private Deadline? _restart;
    private ProvisionerChild? _child;
    private MessageChannel? _channel;
    private ProvisionerNeeds _needs; // that the child was started with
    private ulong _files;            // that it can read
    private PrivateKey? _key;        // the caller's: what the child has, or is to have
    private byte[] _settings = [];   // the message that the child has, or is to have
    private bool _isReady;
    private bool _wasReady; // or one before it
    private bool _isSettled = true;
    private long _restartMs;         // when it was last started anew
    private int _delayMs;
    private long _unaskedEndMs;      // when all reports that came unasked are made up for
    private string? _misbehaviour;
    private uint _lastId;

    /// <summary>Whether it listens for verifiers.</summary>
    public bool IsListening { get; private set; }

    /// <summary>Why it does not; empty if it does, or is not asked to.</summary>
    public string ListenProblem { get; private set; } = "";

    /// <summary>Whether it has done what it was told, or its end is known.</summary>
    public bool IsSettled => _isSettled || Failure is not null;

    /// <summary>Whether there is one now.</summary>
    public bool IsRunning => _channel is not null;

    /// <summary>Why there is no provisioner any more; null if there is one, or is to be one.</summary>
    public string? Failure { get; private set; }

    /// <summary>Has a provisioner that knows this: starts one if there is none, or it is confined to less.</summary>
    /// <param name="needs">What it will do.</param>
    /// <param name="key">The tunnel's; it must last until the next call.</param>
    /// <param name="settings">The tunnel's.</param>
    /// <param name="files">Which files names are resolved by, if any are: one that is confined to others is of no use.</param>
    public void Use(ProvisionerNeeds needs, PrivateKey key, ProvisionerSettings settings, ulong files = 0)
    {
        bool isOtherKey = _key?.PublicKey != key.PublicKey;
        byte[] message = ProvisionerOrders.Settings(settings).ToArray();
        bool isOther = !message.AsSpan().SequenceEqual(_settings);
        (_key, _settings) = (key, message);
        bool isOutgrown = (needs & ~_needs) != 0 || files != _files;
        _needs |= needs;
        _files = files;
        if (Failure is not null || _restart is { IsScheduled: true })
            return;
        if (_channel is null || isOutgrown)
        {
            End();
            Start();
            FailAttempts("provisioning is started anew, for other addresses or another resolver");
            return;
        }

        if (isOtherKey)
            SendKey();
        if (isOther || isOtherKey) // its prover ends with the key that it had
            SendSettings();
    }

    /// <summary>Has a prover attested.</summary>
    /// <param name="settings">Which, and what it is offered.</param>
    /// <param name="root">In DER; null for AWS's.</param>
    /// <param name="refuses">
    /// Asked before the confirm: why this prover is none for the caller, or null. A confirm makes the prover take the offer.
    /// </param>
    /// <param name="onEnded">Called once from the loop, unless it is cancelled: with the peer, or with what is wrong.</param>
    /// <param name="id">By which it can be cancelled.</param>
    /// <returns>Why it cannot be begun; null if it is.</returns>
    public string? TryStart(
        AttestSettings settings,
        ReadOnlyMemory<byte>? root,
        Func<ProvenPeer, string?> refuses,
        Action<ProvenPeer?, string?> onEnded,
        out uint id)
    {
        id = ++_lastId;
        if (_channel is null)
            return "provisioning is being started anew";
        ReadOnlySpan<byte> message = ProvisionerOrders.Attempt(id, settings, root.GetValueOrDefault().Span);
        if (message.Length > MessageChannel.MaxSize)
            return "its section has too many measurements, or too large a root";
        _attempts[id] = new Pending(refuses, onEnded);
        Send(message);
        return null;
    }

    public void Cancel(uint id)
    {
        if (_attempts.Remove(id))
            Send(ProvisionerOrders.Cancel(id));
    }

    public void Dispose()
    {
        if (_restart is not null)
            loop.Cancel(_restart);
        _attempts.Clear();
        End();
    }

    public bool OnReady(bool isConfined, string text)
    {
        if (_isReady)
            return false;
        _isReady = _wasReady = true;
        Log.ProvisionerReady(log, isConfined ? "on" : "off", text);
        return true;
    }

    public bool OnState(bool isListening, string problem)
    {
        if (!_isReady || !IsWithinRate())
            return false;
        _isSettled = true;
        if (problem.Length > 0 && problem != ListenProblem)
            Log.ProvisioningCannotListen(log, problem);
        (IsListening, ListenProblem) = (isListening, problem);
        return true;
    }

    public bool OnOffered(uint id, PublicKey verifier, Offer offer, EndpointAddress from)
    {
        if (!_isReady || !IsWithinRate())
            return false;
        Send(ProvisionerOrders.AnswerOffer(id, take(verifier, offer, from)));
        return true;
    }

    public bool OnHolds(uint id, ProvenPeer peer)
    {
        // One that was cancelled may have ended meanwhile.
        if (!_attempts.TryGetValue(id, out Pending? attempt))
            return IsWithinRate();
        if (attempt.Peer is not null)
            return false;
        attempt.Peer = peer;
        string? refusal = attempt.Refuses(peer);
        attempt.IsConfirmed = refusal is null;
        Send(ProvisionerOrders.AnswerAttempt(id, refusal));
        return true;
    }

    public bool OnEnded(uint id, string? problem)
    {
        if (!_attempts.TryGetValue(id, out Pending? attempt))
            return IsWithinRate();
        if (problem is null && !attempt.IsConfirmed)
            return false;
        _attempts.Remove(id);
        attempt.OnEnded(problem is null ? attempt.Peer : null, problem);
        return true;
    }

    public bool OnLine(LogLevel level, string text)
    {
        if (!IsWithinRate())
            return false;
        Log.ProvisionerSays(log, level, text);
        return true;
    }

    private void Start()
    {
        (_isReady, _isSettled) = (false, false);
        try
        {
            _child = start();
            _channel = new MessageChannel(loop, _child.Socket, message => ProvisionerReports.TryRead(message, this), OnBroken);
        }
        catch (LinuxException e)
        {
            End();
            Fail($"cannot start it: {e.Message}");
            return;
        }

        Send(ProvisionerOrders.Begin(_needs));
        SendKey();
        SendSettings();
    }

    private void SendKey()
    {
        Send(ProvisionerOrders.Key(_key!, _keyMessage));
        Array.Clear(_keyMessage);
    }

    private void SendSettings()
    {
        _isSettled = false;
        Send(_settings);
    }

    /// <summary>One that takes nothing any more is ended; its end is noticed as any other.</summary>
    private void Send(ReadOnlySpan<byte> message)
    {
        if (_channel?.TrySend(message) == false)
            _child!.Kill();
    }

    private bool IsWithinRate()
    {
        _unaskedEndMs = Math.Max(_unaskedEndMs, loop.NowMs) + UnaskedMs;
        if (_unaskedEndMs <= loop.NowMs + (MaxUnasked * UnaskedMs))
            return true;
        _misbehaviour = "it says more than it has reason to";
        return false;
    }

    private void OnBroken(string problem)
    {
        string how = End(hasEnded: problem.Length == 0);
        if (problem.Length > 0)
            Failure = _misbehaviour ?? problem;
        else
            Fail(how);
        FailAttempts("provisioning has ended unexpectedly");
    }

    private void Fail(string how)
    {
        // One that cannot be had at all is no accident.
        if (!_wasReady)
        {
            Failure = how;
            return;
        }

        Log.ProvisionerEnded(log, how);
        bool isFirst = _restartMs == 0 || loop.NowMs - _restartMs > 10 * MaxDelayMs;
        _delayMs = isFirst ? 0 : Math.Clamp(2 * _delayMs, FirstDelayMs, MaxDelayMs);
        _isSettled = true;
        _restart ??= new Deadline(Restart);
        loop.Schedule(_restart, loop.NowMs + _delayMs);
    }

    private void Restart()
    {
        _restartMs = loop.NowMs;
        Start();
    }

    /// <summary>Gives how it has ended, in words.</summary>
    /// <param name="hasEnded">Whether it has, or is about to.</param>
    private string End(bool hasEnded = false)
    {
        (IsListening, ListenProblem) = (false, "");
        _channel?.Dispose();
        _channel = null;
        if (!hasEnded)
            _child?.Kill();
        string how = _child?.End() ?? "";
        _child = null;
        return how;
    }

    private void FailAttempts(string problem)
    {
        Pending[] ended = [.. _attempts.Values];
        _attempts.Clear();
        foreach (Pending attempt in ended)
            attempt.OnEnded(null, problem);
    }

    private sealed class Pending(Func<ProvenPeer, string?> refuses, Action<ProvenPeer?, string?> onEnded)
    {
        public Func<ProvenPeer, string?> Refuses { get; } = refuses;

        public Action<ProvenPeer?, string?> OnEnded { get; } = onEnded;

        /// <summary>Who has answered; null if the response does not hold, or has not come.</summary>
        public ProvenPeer? Peer { get; set; }

        public bool IsConfirmed { get; set; }
    }
}
