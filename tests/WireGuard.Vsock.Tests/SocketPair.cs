using System.Runtime.InteropServices;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests;

/// <summary>
/// Two connected AF_UNIX stream sockets, non-blocking. What one end has sent, the other can receive at once: nobody need wait.
/// </summary>
internal sealed unsafe partial class SocketPair : IDisposable
{
    private byte[] _received = new byte[256 * 1024];
    private int _count;

    public SocketPair()
    {
        int* ends = stackalloc int[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            throw new InvalidOperationException("socketpair failed");
        (Near, Far) = (ends[0], ends[1]);
    }

    /// <summary>One end of a connection whose other end is somebody else's.</summary>
    public SocketPair(int far) => (Near, Far) = (-1, far);

    /// <summary>The end that is given away: whoever has it closes it.</summary>
    public int Near { get; }

    /// <summary>The end that the test holds; -1 once it is closed.</summary>
    public int Far { get; private set; }

    /// <summary>How much the near end may hold back in the kernel: less makes it full sooner.</summary>
    public void SetNearBuffer(int bytes) => Sys.Check(Sys.SetOption(Near, SOL_SOCKET, SO_SNDBUF, bytes), "setsockopt");

    public void Write(ReadOnlySpan<byte> bytes) => Assert.Equal(bytes.Length, Sys.Send(Far, bytes, MSG_NOSIGNAL));

    /// <summary>Receives what has arrived, and takes the messages of the frames that are complete.</summary>
    /// <param name="atMost">Bytes to receive.</param>
    /// <param name="takesShort">Whether short checksums are right, too.</param>
    public List<byte[]> ReadMessages(int atMost = int.MaxValue, bool takesShort = true)
    {
        Receive(atMost);
        List<byte[]> messages = [];
        ReadOnlySpan<byte> rest = _received.AsSpan(0, _count);
        FrameStatus status;
        while ((status = FrameCodec.TryRead(rest, out int length, takesShort)) == FrameStatus.Complete)
        {
            messages.Add(rest.Slice(FrameCodec.HeaderSize, length).ToArray());
            rest = rest[(FrameCodec.HeaderSize + length)..];
        }

        Assert.Equal(FrameStatus.Incomplete, status);
        rest.CopyTo(_received);
        _count = rest.Length;
        return messages;
    }

    /// <summary>Receives what has arrived, as it is.</summary>
    public byte[] ReadBytes()
    {
        Receive(int.MaxValue);
        byte[] bytes = _received[.._count];
        _count = 0;
        return bytes;
    }

    /// <summary>Bytes of a frame whose end has not come.</summary>
    public int Incomplete => _count;

    public void CloseFar()
    {
        if (Far >= 0)
            Sys.Close(Far);
        Far = -1;
    }

    public void Dispose() => CloseFar();

    private void Receive(int atMost)
    {
        while (atMost > 0)
        {
            if (_count == _received.Length)
                Array.Resize(ref _received, 2 * _count);
            Span<byte> room = _received.AsSpan(_count);
            int n = Sys.Recv(Far, room[..Math.Min(room.Length, atMost)], 0);
            if (n <= 0)
                return;
            _count += n;
            atMost -= n;
        }
    }

    [LibraryImport("libc")]
    private static partial int socketpair(int domain, int type, int protocol, int* sv);
}
