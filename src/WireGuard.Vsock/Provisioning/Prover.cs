using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// The enclave's end of the exchange (<see cref="ExchangeMessages"/>). Every verifier may connect and ask; the tunnel hears of a
/// verifier only once its confirm has a right mac. On its loop's thread, where it never waits but for documents.
/// <code>
///                request             its turn: one of 4 documents, then 4 a second         confirm
/// Silent ------------------> Waiting ----------------------------------------> Answered -----------> Deciding ---> Over
///    |                          |        no document can be had: error ----------+-----------------------+---------^
///    |                          |                                                |                       |
///    `--- 10 s, no such message, something behind it, or its place was needed ---`-----------------------`---> closed,
///                                                                                                              nothing sent
/// </code>
/// The tunnel may take its time to decide on an offer; other exchanges go on meanwhile. Places are shared: 4 exchanges that are
/// decided on, 4 that are answered, 4 that wait for it, and 128 connections on which none has begun. One more
/// takes the place of another of its kind: of one whose verifier is not expected, of the source (<see
/// cref="EndpointAddress.Source"/>) that has most, the oldest. Turns go the same way: to a verifier that is expected, to the
/// source that was answered least of late, to the oldest. So a flood from one source keeps no other out, and a flood of
/// requests that show another key does not keep out a verifier that is expected. A request alone takes no place of an exchange
/// that is answered: those go one a turn, so that with all turns taken by a flood there is 1 s for the confirm.
/// </summary>
/// <remarks>
/// A recorded request can be sent again, and its confirm behind it, to put old settings back. What makes that fail: a document
/// has a new signature each time, so that the confirm does not fit the new response. Without a document the response is the same
/// again; there (and for a module that repeats itself) a request is responded to once, and taken once, among the last 4,096 of
/// each. So an unattested prover can be made to forget what it responded to, by a flood of 17 minutes, but not what it took; and
/// where its key is not generated it forgets all when its process ends. Of two exchanges of one verifier the one begun later
/// stands.
/// </remarks>
internal sealed partial class Prover : IDisposable
{
    /// <summary>Exchanges at a time that wait for an answer; as many that are answered, and that are decided on.</summary>
    public const int MaxExchanges = 4;

    /// <summary>Connections at a time beside them.</summary>
    public const int MaxSilent = 128;

    /// <summary>How long a connection lasts, from when it was accepted.</summary>
    public const int ExchangeMs = 10_000;

    /// <summary>Documents that are made at once, before they are limited to one in <see cref="DocumentMs"/>.</summary>
    public const int DocumentsAtOnce = 4;

    /// <summary>One more document each: the module is slow.</summary>
    public const int DocumentMs = 250;

    /// <summary>How long the other end has to close the connection after the last message.</summary>
    private const int ClosingMs = 1_000;

    /// <summary>How often a line is logged that unauthenticated senders can cause.</summary>
    private const int ReportMs = 10_000;

    /// <summary>How often the drops are logged.</summary>
    private const int DropsReportMs = 60_000;

    private readonly EventLoop _loop;
    private readonly PrivateKey _key;
    private readonly IDocumentSource? _source;
    private readonly IProvisioning _decisions;
    private readonly ILogger _log;
    private readonly Acceptor _acceptor;
    private readonly Deadline _nextTurn;
    private readonly List<ProverExchange> _connections = []; // the longest in its stage first
    private readonly long[] _drops = new long[(int)ProverDrop.Count];
    private readonly UInt128[] _answered = new UInt128[2 * MaxExchanges]; // the sources answered last
    private int _answeredCount; // ever: the ring's next place
    private long _turnsEndMs; // when all turns that were taken are made up for
    private long _failureReportedMs = -ReportMs;
    private long _refusalReportedMs = -ReportMs;
    private long _wrongMacReportedMs = -ReportMs;
    private long _dropsReportedMs = -DropsReportMs;
    private readonly SeenRequests _seen;
    private long _answeredInTurn = -1; // of the loop
    private long _lastNumber;
    private uint _mark;

    /// <param name="loop">Whose thread serves.</param>
    /// <param name="listen">Where: VSOCK or TCP.</param>
    /// <param name="key">Of the tunnel; it stays the caller's, and must outlast the prover.</param>
    /// <param name="seen">The requests that provers with this key have seen.</param>
    /// <param name="source">Where documents come from; null: unattested.</param>
    /// <param name="decisions">The tunnel.</param>
    /// <param name="log">Of the tunnel.</param>
    /// <exception cref="SetupException">It cannot listen there.</exception>
    public Prover(
        EventLoop loop,
        TransportAddress listen,
        PrivateKey key,
        SeenRequests seen,
        IDocumentSource? source,
        IProvisioning decisions,
        ILogger log)
    {
        (_loop, _key, _seen, _source, _decisions, _log) = (loop, key, seen, source, decisions, log);
        _nextTurn = new Deadline(Answer);
        _acceptor = new Acceptor(loop, Accept, CloseForDescriptor);
        Listen(listen);
        Log.ProvisioningOn(log, listen);
    }

    public void Dispose()
    {
        _acceptor.Close();
        while (_connections.Count != 0)
            Close(_connections[0]);
        _loop.Cancel(_nextTurn);
    }

    /// <summary>
    /// Sets SO_MARK of all sockets, also of those accepted already: with a default route through the tunnel it is what keeps
    /// their packets out of it.
    /// </summary>
    public void SetMark(uint mark)
    {
        if (_mark == mark)
            return;
        _mark = mark;
        _acceptor.SetMark(mark);
        foreach (ProverExchange connection in _connections)
            connection.Stream.SetMark(mark);
    }

    /// <summary>Takes over a connection: nothing is sent on it before it has brought a whole request.</summary>
    internal void Accept(int fd, EndpointAddress from)
    {
        ProverExchange connection = null!;
        connection = new ProverExchange(from, new Deadline(() => OnTime(connection)));
        if (MessageStream.TryOpen(_loop, fd, events => OnReady(connection, events)) is not { } stream)
            return;
        connection.Stream = stream;
        // One that was accepted under the mark before has that one.
        stream.SetMark(_mark);
        _connections.Add(connection);
        _loop.Schedule(connection.Deadline, _loop.NowMs + ExchangeMs);
        if (Count(ProverStage.Silent) > MaxSilent)
            Drop(Least(ProverStage.Silent)!, ProverDrop.Displaced);
        // What has come already need not wait for a turn of the loop, in which others may need the place.
        if (_connections.Contains(connection))
            OnReady(connection, EPOLLIN);
    }

    private void OnReady(ProverExchange connection, uint events)
    {
        if ((events & EPOLLOUT) != 0 && !connection.Stream.TryContinue())
        {
            Close(connection);
            return;
        }

        if ((events & ~EPOLLOUT) == 0)
            return;
        (int least, int most) = connection.Stage switch
        {
            ProverStage.Silent => (ExchangeMessages.RequestSize, ExchangeMessages.RequestSize),
            ProverStage.Answered => (1, ExchangeMessages.MaxSize),
            _ => (1, 0), // nothing is to come
        };
        MessageStatus status = connection.Stream.Read(least, most, out byte[] message);
        if (status == MessageStatus.Pending)
            return;
        if (status == MessageStatus.Malformed)
            Drop(connection, ProverDrop.Malformed);
        else if (status != MessageStatus.Whole)
            Close(connection);
        else if (connection.Stage == ProverStage.Silent)
            OnRequest(connection, message);
        else
            OnConfirm(connection, message);
    }

    private void OnRequest(ProverExchange connection, byte[] message)
    {
        if (!ExchangeMessages.TryReadRequest(message, out _, out PublicKey verifier))
        {
            Drop(connection, ProverDrop.Malformed);
            return;
        }

        connection.Begin(message, verifier, _decisions.Expects(verifier), ++_lastNumber);
        Enter(connection, ProverStage.Waiting);
        Answer();
    }

    /// <summary>Gives it a place in that stage, if need be of another; its own, if all others are more needed.</summary>
    private void Enter(ProverExchange exchange, ProverStage stage)
    {
        exchange.Stage = stage;
        _connections.Remove(exchange);
        _connections.Add(exchange);
        if (Count(stage) > MaxExchanges)
            Drop(Least(stage)!, ProverDrop.Displaced);
    }

    /// <summary>
    /// Answers the one whose turn it is. One in a turn of the loop: a document may take long (<see cref="IDocumentSource"/>), and
    /// who has closed the connection meanwhile, or is late, wants none.
    /// </summary>
    private void Answer()
    {
        while (Next() is { } exchange)
        {
            if (_seen.HasSeen(exchange.Request))
            {
                Drop(exchange, ProverDrop.Replayed);
                continue;
            }

            if (_answeredInTurn == _loop.Turn)
            {
                _loop.Schedule(_nextTurn, _loop.NowMs + 1); // a deadline of now would be this turn's
                return;
            }

            // All turns that may be taken at once are there again when nothing is left to be made up for.
            long beginMs = Math.Max(_turnsEndMs, _loop.NowMs);
            long waitMs = beginMs - ((DocumentsAtOnce - 1) * DocumentMs) - _loop.NowMs;
            if (waitMs > 0)
            {
                _loop.Schedule(_nextTurn, _loop.NowMs + waitMs);
                return;
            }

            Enter(exchange, ProverStage.Answered);
            if (!_connections.Contains(exchange))
                continue;
            _turnsEndMs = beginMs + DocumentMs;
            _answeredInTurn = _loop.Turn;
            _answered[_answeredCount++ % _answered.Length] = exchange.Source;
            _seen.Responded.Add(exchange.Request);
            Respond(exchange);
        }
    }

    private void Respond(ProverExchange exchange)
    {
        uint port = _decisions.ListeningPort;
        byte[] bare = ExchangeMessages.Response(_key.PublicKey, port, []);
        _ = ExchangeMessages.TryReadRequest(exchange.Request, out ReadOnlySpan<byte> nonce, out _);
        byte[] document = [];
        string error = "";
        bool isMade = _source is null || _source.TryMake(
            nonce, _key.PublicKey.Bytes, ExchangeProof.UserData(exchange.Request, bare), out document, out error);
        if (!isMade)
        {
            _drops[(int)ProverDrop.NoDocument]++;
            if (IsTimeFor(ref _failureReportedMs, ReportMs))
                Log.NoDocument(_log, error);
            End(exchange, ExchangeMessages.Error($"no attestation document can be had: {error}"));
            return;
        }

        exchange.Response = ExchangeMessages.Response(_key.PublicKey, port, document);
        if (!exchange.Stream.TrySend(exchange.Response))
            Close(exchange);
    }

    /// <summary>Only here something is changed, and only behind a right mac.</summary>
    private void OnConfirm(ProverExchange exchange, byte[] message)
    {
        Span<byte> mac = stackalloc byte[ExchangeMessages.MacSize];
        bool isRight = ExchangeMessages.TryReadConfirm(message, out byte[]? unsigned, out ReadOnlySpan<byte> said)
            && ExchangeProof.TryMac(_key, exchange.Verifier, exchange.Request, exchange.Response, unsigned, mac)
            && CryptographicOperations.FixedTimeEquals(mac, said);
        CryptographicOperations.ZeroMemory(mac);
        if (!isRight)
        {
            if (IsTimeFor(ref _wrongMacReportedMs, ReportMs))
                Log.ConfirmWrong(_log, exchange.From);
            Drop(exchange, ProverDrop.WrongMac);
            return;
        }

        CloseOlder(exchange);
        Enter(exchange, ProverStage.Deciding);
        if (!_connections.Contains(exchange))
            return;
        if (OfferFormat.TryRead(ExchangeMessages.Settings(unsigned), out Offer offer, out string error))
            _decisions.Take(exchange.Verifier, offer, exchange.From, reason => OnDecided(exchange, reason));
        else
            OnDecided(exchange, error);
    }

    /// <summary>
    /// A verifier has given up the exchanges that it began before the one it confirms. A confirm of one of them, held back on its
    /// way, would put older settings in the place of newer ones.
    /// </summary>
    private void CloseOlder(ProverExchange confirmed)
    {
        for (int i = _connections.Count - 1; i >= 0; i--)
        {
            ProverExchange other = _connections[i];
            if (other.IsExchange && other.Verifier == confirmed.Verifier && other.Number < confirmed.Number)
                Drop(other, ProverDrop.Superseded);
        }
    }

    /// <summary>Its connection may be closed by now: what the tunnel has decided stands all the same.</summary>
    private void OnDecided(ProverExchange exchange, string? reason)
    {
        if (reason is not null)
        {
            _drops[(int)ProverDrop.Refused]++;
            if (IsTimeFor(ref _refusalReportedMs, ReportMs))
                Log.VerifierRefused(_log, exchange.Verifier, exchange.From, reason);
        }
        else
        {
            Log.VerifierTaken(_log, exchange.Verifier, exchange.From);
            _seen.Taken.Add(exchange.Request);
        }

        if (_connections.Contains(exchange))
            End(exchange, reason is null ? ExchangeMessages.Done : ExchangeMessages.Error(reason));
    }

    /// <summary>Sends the last message; the other end closes the connection when it has it.</summary>
    private void End(ProverExchange exchange, byte[] message)
    {
        exchange.Stage = ProverStage.Over;
        if (!exchange.Stream.TrySend(message))
        {
            Close(exchange);
            return;
        }

        exchange.Stream.FinishWriting();
        _loop.Schedule(exchange.Deadline, _loop.NowMs + ClosingMs);
    }
}
