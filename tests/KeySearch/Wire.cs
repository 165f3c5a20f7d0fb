using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Framing;

namespace WireGuard.KeySearch;

/// <summary>Messages to and from the daemon, over one socket. Its calls block, for 20 s at most.</summary>
internal sealed class Wire : IDisposable
{
    private const int PatienceMs = 20_000;

    private readonly Socket _socket;
    private readonly bool _isStream;
    private readonly byte[] _buffer = new byte[2 * FrameCodec.MaxMessageSize];
    private EndPoint _peer;
    private int _start;
    private int _end;

    private Wire(Socket socket, bool isStream, EndPoint peer)
    {
        _socket = socket;
        _socket.ReceiveTimeout = PatienceMs;
        _isStream = isStream;
        _peer = peer;
    }

    /// <summary>To where the daemon listens.</summary>
    public static Wire Connect(bool isStream, IPEndPoint daemon)
    {
        Socket socket = New(isStream, daemon);
        if (isStream)
            socket.Connect(daemon);
        else
            socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return new Wire(socket, isStream, daemon);
    }

    /// <summary>Where the daemon is to come.</summary>
    public static Wire Accept(bool isStream, IPEndPoint here)
    {
        Socket socket = New(isStream, here);
        socket.Bind(here);
        if (!isStream)
            return new Wire(socket, false, here);
        using (socket)
        {
            socket.Listen();
            return new Wire(socket.Accept(), true, here);
        }
    }

    public void Send(ReadOnlySpan<byte> message)
    {
        if (!_isStream)
        {
            _socket.SendTo(message, _peer);
            return;
        }

        byte[] frame = new byte[FrameCodec.HeaderSize + message.Length];
        FrameCodec.WriteHeader(frame, message);
        message.CopyTo(frame.AsSpan(FrameCodec.HeaderSize));
        _socket.Send(frame);
    }

    /// <summary>The next message of that type; what else comes is nothing to us.</summary>
    public byte[] Receive(int type)
    {
        byte[] message;
        do
            message = _isStream ? ReceiveFrame() : _buffer[.._socket.ReceiveFrom(_buffer, ref _peer)];
        while (message[0] != type);
        return message;
    }

    public void Dispose() => _socket.Dispose();

    private static Socket New(bool isStream, IPEndPoint endpoint) => isStream
        ? new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
        : new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);

    private byte[] ReceiveFrame()
    {
        int length;
        while (FrameCodec.TryRead(_buffer.AsSpan(_start.._end), out length) != FrameStatus.Complete)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            int received = _socket.Receive(_buffer.AsSpan(_end));
            if (received == 0)
                throw new SocketException((int)SocketError.ConnectionReset);
            _end += received;
        }

        byte[] message = _buffer.AsSpan(_start + FrameCodec.HeaderSize, length).ToArray();
        _start += FrameCodec.HeaderSize + length;
        return message;
    }
}
