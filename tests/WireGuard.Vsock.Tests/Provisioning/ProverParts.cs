using System.Buffers.Binary;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>A prover, the tunnel behind it and its secure module, on a loop whose clock is set by hand.</summary>
internal sealed class ProverParts : IProvisioning, IDocumentSource, IDisposable
{
    private readonly bool _isAttested;
    private SeenRequests _seen = new();

    public ProverParts(bool isAttested = false, PrivateKey? key = null)
    {
        _isAttested = isAttested;
        Key = key ?? PrivateKey.Generate();
        Loop = new EventLoop(() => NowMs);
        MakeDocument = (_, _, _) => [(byte)++Documents, 1, 2, 3];
        Restart();
    }

    public long NowMs { get; set; } = 1_000_000;

    public EventLoop Loop { get; }

    public PrivateKey Key { get; }

    public Prover Prover { get; private set; } = null!;

    public LinesLogger Log { get; } = new();

    /// <summary>What was taken.</summary>
    public List<(PublicKey Verifier, Offer Offer)> Taken { get; } = [];

    /// <summary>Why nothing is to be taken.</summary>
    public string? Reason { get; set; }

    public Func<PublicKey, bool> IsExpected { get; set; } = _ => true;

    public int Documents { get; set; }

    /// <summary>Of nonce, public key and user data; null: none can be had.</summary>
    public Func<byte[], byte[], byte[], byte[]?> MakeDocument { get; set; }

    public uint ListeningPort { get; set; } = 51_820;

    public bool Expects(PublicKey verifier) => IsExpected(verifier);

    /// <summary>The answers that are held back; null: each is given at once.</summary>
    public List<Action<string?>>? Undecided { get; set; }

    public void Take(PublicKey verifier, Offer offer, EndpointAddress from, Action<string?> onDecided)
    {
        if (Reason is null)
            Taken.Add((verifier, offer));
        if (Undecided is null)
            onDecided(Reason);
        else
            Undecided.Add(onDecided);
    }

    public bool TryMake(
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> publicKey,
        ReadOnlySpan<byte> userData,
        out byte[] document,
        out string error)
    {
        byte[]? made = MakeDocument(nonce.ToArray(), publicKey.ToArray(), userData.ToArray());
        (document, error) = (made ?? [], made is null ? "it is broken" : "");
        return made is not null;
    }

    /// <summary>A new process, with the same key.</summary>
    public void Restart()
    {
        _seen = new SeenRequests();
        ListenAnew();
    }

    /// <summary>The same process listens elsewhere.</summary>
    public void ListenAnew()
    {
        Prover?.Dispose();
        // Port 0: any. The tests hand over their connections by themselves.
        var anywhere = new TransportAddress(NetworkKind.Tcp, "127.0.0.1", 0, 0);
        Prover = new Prover(Loop, anywhere, Key, _seen, _isAttested ? this : null, this, Log);
    }

    public void Turn(int times = 3)
    {
        for (int i = 0; i < times; i++)
            Loop.RunOnce(0);
    }

    public void Pass(long ms)
    {
        NowMs += ms;
        Turn();
    }

    public ProverCaller Call(uint address = 0x0A000001)
    {
        var pair = new SocketPair();
        Prover.Accept(pair.Near, EndpointAddress.IPv4(address, 1));
        return new ProverCaller(this, pair);
    }

    public void Dispose()
    {
        Prover.Dispose();
        Assert.Equal(0, Loop.DeadlineCount);
        Loop.Dispose();
        Key.Dispose();
    }
}

/// <summary>A connection to a prover, on which a test says what it wants.</summary>
internal sealed class ProverCaller(ProverParts parts, SocketPair pair) : IDisposable
{
    private byte[] _received = [];

    /// <summary>Whether the prover has closed it.</summary>
    public bool IsClosed
    {
        get
        {
            parts.Turn();
            Receive();
            Span<byte> one = stackalloc byte[1];
            int n = Sys.Recv(pair.Far, one, 0);
            return n != -Errno.EAGAIN;
        }
    }

    public static byte[] Frame(ReadOnlySpan<byte> message)
    {
        byte[] frame = new byte[4 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, message.Length);
        message.CopyTo(frame.AsSpan(4));
        return frame;
    }

    public static byte[] Request(PrivateKey verifier, byte[]? nonce = null) =>
        ExchangeMessages.Request(nonce ?? RandomNumberGenerator.GetBytes(32), verifier.PublicKey);

    public static byte[] Confirm(PrivateKey verifier, PublicKey prover, byte[] request, byte[] response, Offer? offer = null)
    {
        byte[] unsigned = ExchangeMessages.Unsigned(OfferFormat.Write(offer ?? new Offer { Mtu = 1_380 })), mac = new byte[32];
        Assert.True(ExchangeProof.TryMac(verifier, prover, request, response, unsigned, mac));
        return ExchangeMessages.Confirm(unsigned, mac);
    }

    public void SendRaw(ReadOnlySpan<byte> bytes)
    {
        pair.Write(bytes);
        parts.Turn();
    }

    public void WriteOnly(ReadOnlySpan<byte> bytes) => pair.Write(bytes);

    public void Send(ReadOnlySpan<byte> message) => SendRaw(Frame(message));

    /// <summary>The next message; null if there is none.</summary>
    public byte[]? Take()
    {
        parts.Turn();
        Receive();
        if (_received.Length < 4)
            return null;
        int length = BinaryPrimitives.ReadInt32BigEndian(_received);
        if (_received.Length < 4 + length)
            return null;
        byte[] message = _received[4..(4 + length)];
        _received = _received[(4 + length)..];
        return message;
    }

    public byte[] TakeWhole() => Take() ?? throw new InvalidOperationException("no message has come");

    /// <summary>The error that was sent.</summary>
    public string TakeError() =>
        ExchangeMessages.TryReadError(TakeWhole(), out string? text) ? text : throw new InvalidOperationException("no error");

    /// <summary>A whole exchange, whose messages it gives.</summary>
    public (byte[] Request, byte[] Response, byte[] Confirm) Exchange(PrivateKey verifier, Offer? offer = null)
    {
        byte[] request = Request(verifier);
        Send(request);
        byte[] response = TakeWhole();
        byte[] confirm = Confirm(verifier, parts.Key.PublicKey, request, response, offer);
        Send(confirm);
        return (request, response, confirm);
    }

    public void EndWriting()
    {
        _ = Sys.Shutdown(pair.Far, SHUT_WR);
        parts.Turn();
    }

    public void Dispose() => pair.Dispose();

    private void Receive() => _received = [.. _received, .. pair.ReadBytes()];
}
