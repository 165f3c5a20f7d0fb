using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// One exchange of a verifier (<see cref="ExchangeMessages"/>), of 10 s at most, the looking-up of a name included. What the
/// prover says is believed only as far as its document holds for it. On its loop's thread.
/// <code>
///             connected          a response that holds           the caller's answer             done
/// Connecting ----------> Asked ------------------------> Judged ---------------------> Confirmed -----> ended
///                          `--- nothing is to be confirmed  `--- the caller refuses it: ended
/// </code>
/// </summary>
internal sealed class Attempt : IDisposable
{
    /// <summary>How long it may take, all in all.</summary>
    public const int AttemptMs = 10_000;

    private const string Hint = "is the enclave up, and does its file say Provision?";

    private readonly EventLoop _loop;
    private readonly AttestSettings _settings;
    private readonly ReadOnlyMemory<byte>? _root;
    private readonly PrivateKey _key;
    private readonly Action<AttemptResult>? _onHolds;
    private readonly Action<AttemptResult> _onEnded;
    private readonly ExchangeDialer _dialer;
    private readonly Deadline _begin;
    private readonly Deadline _end;
    private readonly byte[] _nonce = new byte[ExchangeMessages.NonceSize];
    private readonly byte[] _request;
    private MessageStream? _stream;
    private AttemptResult? _result; // once there is a response
    private ProverResponse? _response; // from then on, if it holds
    private byte[] _responseBytes = []; // as they came
    private bool _isConfirmed;
    private bool _hasEnded;

    private Attempt(
        EventLoop loop,
        AttestSettings settings,
        ReadOnlyMemory<byte>? root,
        PrivateKey key,
        Action<AttemptResult>? onHolds,
        Action<AttemptResult> onEnded,
        uint mark)
    {
        (_loop, _settings, _root, _key, _onHolds, _onEnded) = (loop, settings, root, key, onHolds, onEnded);
        _dialer = new ExchangeDialer(loop, settings.Address, mark, loop.NowMs + AttemptMs, OnConnected, problem =>
            Fail($"cannot connect to {_settings.Address}: {problem}: {Hint}"));
        SecureRandom.Fill(_nonce);
        _request = ExchangeMessages.Request(_nonce, key.PublicKey);
        _begin = new Deadline(_dialer.Begin);
        _end = new Deadline(() => Fail(TimeoutText()));
    }

    /// <param name="loop">Whose thread serves.</param>
    /// <param name="settings">The prover to attest, and what to offer it.</param>
    /// <param name="root">The root that a document's chain begins with, in DER; null for AWS's.</param>
    /// <param name="key">This end's private key; it stays the caller's, and is used until the attempt has ended.</param>
    /// <param name="onHolds">
    /// Called before the confirm, with a result without problems; <see cref="Answer"/> answers, now or later. A confirm makes the
    /// prover take the offer, so that afterwards is too late. Null: nothing is offered, the document is all that is wanted.
    /// </param>
    /// <param name="onEnded">Called once, from the loop, never from here; not after <see cref="Dispose"/>.</param>
    /// <param name="mark">SO_MARK of the connection; 0 for none.</param>
    public static Attempt Start(
        EventLoop loop,
        AttestSettings settings,
        ReadOnlyMemory<byte>? root,
        PrivateKey key,
        Action<AttemptResult>? onHolds,
        Action<AttemptResult> onEnded,
        uint mark = 0)
    {
        var attempt = new Attempt(loop, settings, root, key, onHolds, onEnded, mark);
        loop.Schedule(attempt._begin, loop.NowMs);
        loop.Schedule(attempt._end, loop.NowMs + AttemptMs);
        return attempt;
    }

    /// <summary>What the caller says to a response that holds: the prover is offered what the settings say, or it ends.</summary>
    /// <param name="refusal">Why this prover is none for the caller; null if it is.</param>
    public void Answer(string? refusal)
    {
        if (_hasEnded || _response is null || _isConfirmed)
            return;
        if (refusal is not null)
        {
            Fail(refusal);
            return;
        }

        byte[] unsigned = ExchangeMessages.Unsigned(OfferFormat.Write(_settings.Offer));
        Span<byte> mac = stackalloc byte[ExchangeMessages.MacSize];
        _isConfirmed = true;
        if (!ExchangeProof.TryMac(_key, _response.Prover, _request, _responseBytes, unsigned, mac))
            Fail("its public key is one of those that no private key has");
        else if (!_stream!.TrySend(ExchangeMessages.Confirm(unsigned, mac)))
            Fail(ClosedText());
    }

    /// <summary>Gives it up, if it has not ended.</summary>
    public void Dispose()
    {
        _hasEnded = true;
        _loop.Cancel(_begin);
        _loop.Cancel(_end);
        _dialer.Dispose();
        _stream?.Dispose();
    }

    private void OnConnected(int fd)
    {
        _stream = MessageStream.TryOpen(_loop, fd, OnReady);
        if (_stream is null)
            Fail("the system has no room to watch one more connection");
        else if (!_stream.TrySend(_request))
            Fail(ClosedText());
    }

    private void OnReady(uint events)
    {
        if ((events & EPOLLOUT) != 0 && !_stream!.TryContinue())
        {
            Fail(ClosedText());
            return;
        }

        if ((events & ~EPOLLOUT) == 0)
            return;
        MessageStatus status = _stream!.Read(1, ExchangeMessages.MaxSize, out byte[] message);
        if (status == MessageStatus.Pending)
            return;
        if (status == MessageStatus.Ended)
            Fail(ClosedText());
        else if (status == MessageStatus.Malformed)
            Fail(StrangeText());
        else if (ExchangeMessages.TryReadError(message, out string? text))
            Fail($"{_settings.Address} refuses; it says, unauthenticated: \"{text}\"");
        else if (_isConfirmed)
            OnDone(message);
        else if (_response is not null)
            Fail(StrangeText());
        else
            OnResponse(message);
    }

    private void OnResponse(byte[] message)
    {
        if (!ExchangeMessages.TryReadResponse(message, out ProverResponse? response))
        {
            Fail(StrangeText());
            return;
        }

        _result = Judge(response);
        if (_result.Problems.Count != 0 || _onHolds is null)
        {
            End(_result);
            return;
        }

        (_response, _responseBytes) = (response, message);
        _onHolds(_result);
    }

    private void OnDone(byte[] message)
    {
        if (message.AsSpan().SequenceEqual(ExchangeMessages.Done))
            End(_result!);
        else
            Fail(StrangeText());
    }

    /// <summary>What the response is worth.</summary>
    private AttemptResult Judge(ProverResponse response)
    {
        List<string> problems = [];
        AttestationDocument? document = null;
        if (response.Prover == _key.PublicKey)
            problems.Add("it shows this end's own public key: the address leads back here, or what is sent is mirrored");
        bool hasDocument = !response.Document.IsEmpty;
        // Where nothing is pinned there is nothing to verify: the settings allow that then.
        bool verifies = hasDocument && !(_settings.AllowsUnattested && _settings.Pins.Count == 0);
        if (!hasDocument && !_settings.AllowsUnattested)
        {
            problems.Add("it answers without an attestation document: it runs with Provision = unattested, or what answers is "
                + "another (a [Peer] with AttestUnattested = yes takes that, to try things out)");
        }
        else if (verifies)
        {
            AttestationVerdict verdict = AttestationVerifier.Verify(response.Document, Policy(response));
            document = verdict.Document;
            foreach (AttestationProblem problem in verdict.Problems)
                problems.Add(problem.Text);
        }

        return new AttemptResult(response.Prover, response.Port, document, verifies && problems.Count == 0, problems);
    }

    private AttestationPolicy Policy(ProverResponse response)
    {
        byte[] bare = ExchangeMessages.Response(response.Prover, response.Port, []);
        Sys.RealTime(out long seconds, out int nanoseconds);
        return new AttestationPolicy
        {
            Now = DateTimeOffset.FromUnixTimeMilliseconds((seconds * 1000) + (nanoseconds / 1_000_000)),
            Pins = _settings.Pins,
            AllowsDebugMode = _settings.AllowsDebug,
            Roots = _root is { } root ? [root] : [],
            Nonce = _nonce,
            PublicKey = response.Prover.Bytes.ToArray(),
            UserData = ExchangeProof.UserData(_request, bare),
        };
    }

    private void Fail(string problem) => End(_result is null
        ? new AttemptResult(null, 0, null, IsAttested: false, [problem])
        : _result with { Problems = [.. _result.Problems, problem] });

    private void End(AttemptResult result)
    {
        if (_hasEnded)
            return;
        Dispose();
        _onEnded(result);
    }

    private string ClosedText() => _isConfirmed
        ? $"{_settings.Address} closed the connection when it was confirmed: it may have taken a later exchange, or ended"
        : $"{_settings.Address} closed the connection without an answer: it is no provisioning port, or has too many callers";

    private string StrangeText() =>
        $"{_settings.Address} does not answer as a prover does: is it the provisioning port (by default ListenPort + 1)?";

    private string TimeoutText() =>
        _dialer.IsResolving ? $"cannot connect to {_settings.Address}: its name cannot be resolved within 10 s"
        : _stream is null ? $"cannot connect to {_settings.Address}: no answer within 10 s: {Hint}"
        : _response is not null && !_isConfirmed ? "this tunnel could not say within 10 s whether it takes the peer"
        : _isConfirmed ? $"{_settings.Address} did not say within 10 s that it took what it was offered"
        : $"{_settings.Address} did not answer within 10 s";
}
