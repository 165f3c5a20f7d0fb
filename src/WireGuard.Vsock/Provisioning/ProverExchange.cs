using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Provisioning;

/// <summary>How far an exchange has come, at the prover's end.</summary>
internal enum ProverStage
{
    /// <summary>The request is not whole.</summary>
    Silent,

    /// <summary>The request is whole, and its turn to be answered has not come.</summary>
    Waiting,

    /// <summary>The response is sent, or on its way.</summary>
    Answered,

    /// <summary>The confirm is right, and the tunnel is asked whether the offer is taken.</summary>
    Deciding,

    /// <summary>Done or an error is sent: the other end is to close the connection.</summary>
    Over,
}

/// <summary>Why a prover has given up an exchange or a connection.</summary>
internal enum ProverDrop
{
    /// <summary>What came was no message of an exchange.</summary>
    Malformed,

    /// <summary>Another needed its place.</summary>
    Displaced,

    /// <summary>The request had come before.</summary>
    Replayed,
    WrongMac,

    /// <summary>Its offer was not taken.</summary>
    Refused,

    /// <summary>None could be had.</summary>
    NoDocument,

    /// <summary>A later exchange of the same verifier was confirmed.</summary>
    Superseded,

    /// <summary>It has lasted 10 s.</summary>
    Late,

    /// <summary>How many there are.</summary>
    Count,
}

/// <summary>A connection to a <see cref="Prover"/>, and what has been said on it. Of the prover's thread.</summary>
internal sealed class ProverExchange(EndpointAddress from, Deadline deadline)
{
    private bool _isExpected;

    public EndpointAddress From { get; } = from;

    public UInt128 Source { get; } = from.Source();

    /// <summary>When it is closed at the latest.</summary>
    public Deadline Deadline { get; } = deadline;

    public MessageStream Stream { get; set; } = null!;

    public ProverStage Stage { get; set; }

    /// <summary>Whether it is one of the exchanges, rather than a connection on which none has begun or which is over.</summary>
    public bool IsExchange => Stage is ProverStage.Waiting or ProverStage.Answered or ProverStage.Deciding;

    /// <summary>Whose places it shares: what is over has nothing more to come, as a silent one.</summary>
    public ProverStage Place => IsExchange ? Stage : ProverStage.Silent;

    public byte[] Request { get; private set; } = [];

    public byte[] Response { get; set; } = [];

    /// <summary>Whose request it says it is.</summary>
    public PublicKey Verifier { get; private set; }

    /// <summary>Whether it is an exchange, and that verifier could be taken.</summary>
    public bool IsExpected => _isExpected && IsExchange;

    /// <summary>A later request has a larger one.</summary>
    public long Number { get; private set; }

    public void Begin(byte[] request, PublicKey verifier, bool isExpected, long number) =>
        (Request, Verifier, _isExpected, Number) = (request, verifier, isExpected, number);
}
