using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Swarm;

/// <summary>
/// One peer of the daemon, as initiator: connects from an address of its own, shakes hands, confirms with a keepalive, and from
/// then on only keeps its socket open. Its calls block.
/// </summary>
internal sealed class SwarmPeer : IDisposable
{
    private const int Attempts = 5;
    private const int PatienceMs = 3_000;

    private readonly PrivateKey _key;
    private readonly WireGuardPeer _session;
    private readonly TimestampSource _timestamps = new();
    private readonly Socket _socket;
    private readonly bool _isStream;

    /// <summary>Does what need not be timed: its keys, and the secret that it shares with the daemon.</summary>
    /// <param name="number">Which of the <see cref="Population"/>.</param>
    /// <param name="daemon">The daemon's public key.</param>
    /// <param name="isStream">TCP; else UDP.</param>
    public SwarmPeer(int number, PublicKey daemon, bool isStream)
    {
        _key = Population.KeyOf(number);
        _session = new WireGuardPeer(daemon, _key, static keypair => keypair.Dispose());
        _isStream = isStream;
        _socket = isStream
            ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _socket.ReceiveTimeout = PatienceMs;
        _socket.Bind(new IPEndPoint(Population.SourceOf(number), 0));
    }

    /// <summary>How many initiations were sent in vain.</summary>
    public int Retries { get; private set; }

    /// <summary>Connects and shakes hands; an initiation that is lost, or answered with a cookie, is sent again.</summary>
    /// <exception cref="SocketException">The daemon does not take the connection, or closes it.</exception>
    /// <exception cref="TimeoutException">No response came to any of the initiations.</exception>
    public void ShakeHands(EndPoint daemon, Aead aead)
    {
        Span<byte> received = stackalloc byte[FrameCodec.HeaderSize + InitiationMessage.Size];
        _socket.Connect(daemon);
        for (; Retries < Attempts; Retries++)
        {
            SendInitiation(aead);
            Span<byte> message = Receive(received);
            long nowMs = Environment.TickCount64;
            if (message.Length == CookieReplyMessage.Size)
                _session.TryConsumeCookieReply(message, nowMs);
            if (message.Length != ResponseMessage.Size
                || _session.TryConsumeResponse(_key, aead, message, nowMs) is not { } keypair)
                continue;
            Span<byte> keepalive = stackalloc byte[TransportMessage.Overhead];
            if (!keypair.TrySeal(aead, keepalive, nowMs))
                throw new InvalidOperationException("A new keypair does not seal.");
            Send(keepalive);
            return;
        }

        throw new TimeoutException($"No response after {Attempts} initiations.");
    }

    public void Dispose()
    {
        _socket.Dispose();
        _session.Dispose();
        _key.Dispose();
    }

    private void SendInitiation(Aead aead)
    {
        Span<byte> initiation = stackalloc byte[InitiationMessage.Size];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        Tai64n timestamp = _timestamps.Next(now.ToUnixTimeSeconds(), (uint)now.Nanosecond);
        // Any index will do: this end has one session a socket.
        if (!_session.TryWriteInitiation(_key, (uint)(Retries + 1), timestamp, aead, Environment.TickCount64, initiation))
            throw new InvalidOperationException("The daemon's public key is no good.");
        Send(initiation);
    }

    private void Send(ReadOnlySpan<byte> message)
    {
        if (!_isStream)
        {
            _socket.Send(message);
            return;
        }

        Span<byte> frame = stackalloc byte[FrameCodec.HeaderSize + message.Length];
        FrameCodec.WriteHeader(frame, message);
        message.CopyTo(frame[FrameCodec.HeaderSize..]);
        _socket.Send(frame);
    }

    /// <summary>The next message, or nothing when none came in time.</summary>
    private Span<byte> Receive(Span<byte> buffer)
    {
        try
        {
            if (!_isStream)
                return buffer[.._socket.Receive(buffer)];
            int length, filled = 0;
            while (FrameCodec.TryRead(buffer[..filled], out length) != FrameStatus.Complete)
            {
                // No more than one frame comes before the keepalive was sent.
                int received = _socket.Receive(buffer[filled..]);
                if (received == 0)
                    throw new SocketException((int)SocketError.ConnectionReset);
                filled += received;
            }

            return buffer.Slice(FrameCodec.HeaderSize, length);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return default;
        }
    }
}
