using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Peers;

namespace WireGuard.Swarm;

/// <summary>
/// One peer of the daemon, as initiator: connects from an address of its own, shakes hands, confirms with a keepalive, and from
/// then on only keeps its socket open. Its calls block.
/// </summary>
internal sealed class SwarmPeer : IDisposable
{
    private const int Attempts = 5;

    private readonly WireGuardDevice<WireGuardPeer> _device;
    private readonly WireGuardPeer _daemon;
    private readonly Socket _socket;
    private readonly bool _isStream;

    /// <summary>Does what need not be timed: its keys, and the secret that it shares with the daemon.</summary>
    /// <param name="number">Which of the <see cref="Population"/>.</param>
    /// <param name="daemon">The daemon's public key.</param>
    /// <param name="isStream">TCP; else UDP.</param>
    public SwarmPeer(int number, PublicKey daemon, bool isStream)
    {
        _device = new WireGuardDevice<WireGuardPeer>(Population.KeyOf(number));
        _daemon = new WireGuardPeer(daemon);
        _device.Add(_daemon);
        _isStream = isStream;
        _socket = isStream
            ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _socket.Bind(new IPEndPoint(Population.SourceOf(number), 0));
    }

    /// <summary>How many initiations were sent in vain.</summary>
    public int Retries { get; private set; }

    private static long NowMs => Environment.TickCount64;

    /// <summary>Connects and shakes hands; an initiation that is lost, or answered with a cookie, is sent again.</summary>
    /// <exception cref="SocketException">The daemon does not take the connection, or closes it.</exception>
    /// <exception cref="TimeoutException">No response came to any of the initiations.</exception>
    public void ShakeHands(EndPoint daemon, Aead aead)
    {
        Span<byte> received = stackalloc byte[FrameCodec.HeaderSize + WireGuardPeer.MaxHandshakeSize];
        Span<byte> reply = stackalloc byte[WireGuardPeer.MaxHandshakeSize];
        Span<byte> keepalive = stackalloc byte[WireGuardPeer.SealedLength(0)];
        _socket.Connect(daemon);
        SendInitiation(aead, isRetry: false);
        while (true)
        {
            Span<byte> message = Receive(received, _daemon.NextDeadline(NowMs));
            if (_device.Receive(aead, message, NowMs, reply).Outcome == HandshakeOutcome.Completed)
                break;
            if (_daemon.Poll(NowMs) != PeerAction.RetryHandshake)
                continue;
            if (++Retries == Attempts)
                throw new TimeoutException($"No response to {Attempts} initiations.");
            SendInitiation(aead, isRetry: true);
        }

        if (!_daemon.TrySeal(aead, default, keepalive, NowMs, out _))
            throw new InvalidOperationException("A new session does not seal.");
        Send(keepalive);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _device.Dispose();
    }

    private void SendInitiation(Aead aead, bool isRetry)
    {
        Span<byte> initiation = stackalloc byte[WireGuardPeer.MaxHandshakeSize];
        if (!_device.TryBegin(_daemon, isRetry, DateTimeOffset.UtcNow, aead, NowMs, initiation))
            throw new InvalidOperationException("No initiation may be sent.");
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
    private Span<byte> Receive(Span<byte> buffer, long untilMs)
    {
        _socket.ReceiveTimeout = (int)Math.Max(untilMs - NowMs, 1);
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
