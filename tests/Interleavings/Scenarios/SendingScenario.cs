using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using WireGuard.Protocol;
using WireGuard.Protocol.Framing;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// Two lanes send on one connection whose socket is small. Every frame that was not dropped arrives once, whole, in its sender's
/// order; the queue is emptied; a lane that waits for that is woken.
/// </summary>
internal sealed unsafe partial class SendingScenario : Scenario, IDisposable
{
    private const int Senders = 2;
    private const int Owner = 2; // the thread that has the epoll, and plays the far end
    private const int Each = 24;
    private const int Length = 6_000;
    private static readonly EndpointAddress Address = EndpointAddress.IPv4(0xc0000201, 51820);

    private readonly ControlInbox _inbox = new();
    private readonly EpollEvents _events = new(4);
    private readonly int[] _wakes = [Sys.EventFd(), Sys.EventFd(), Sys.EventFd()];
    private readonly int _epoll = Sys.Check(Sys.EpollCreate(), "epoll_create1");
    private readonly byte[] _received = new byte[1 << 20];
    private readonly int[] _arrived = new int[Senders];
    private readonly int[] _last = new int[Senders];
    private StreamConnection? _connection;
    private int _far = -1;
    private int _count;
    private int _sending;
    private ulong _id;

    public override string Name => "sending: every frame once, in order";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        End();
        int* ends = stackalloc int[2];
        Sys.Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair");
        _far = ends[1];
        Sys.Check(Sys.SetOption(ends[0], SOL_SOCKET, SO_SNDBUF, random.Next(4, 64) * 1024), "setsockopt");
        _connection = new StreamConnection(ends[0], ++_id, Address, isDialed: false, _inbox) { LaneWakes = _wakes };
        _connection.AttachTo(_epoll);
        Array.Clear(_arrived);
        Array.Fill(_last, -1);
        _count = 0;
        _sending = Senders;
    }

    public override void Run(int thread, Random random)
    {
        if (thread == Owner)
            Own(random);
        else
            Send(thread, random);
    }

    public override void Check()
    {
        long dropped = _connection!.DroppedFrames;
        Require(_connection.QueuedBytes == 0, $"{_connection.QueuedBytes} bytes are left in the queue");
        Require(_arrived.Sum() + dropped == Senders * Each, $"{_arrived.Sum()} frames arrived, {dropped} were dropped");
        Require(_count == 0, "half a frame has arrived");
    }

    public void Dispose()
    {
        End();
        _inbox.Dispose();
        Sys.Close(_epoll);
        Array.ForEach(_wakes, fd => Sys.Close(fd));
    }

    private void End()
    {
        _connection?.Dispose();
        if (_far >= 0)
            Sys.Close(_far);
        _far = -1;
    }

    private void Send(int lane, Random random)
    {
        try
        {
            byte[] frame = new byte[FrameCodec.HeaderSize + Length];
            fixed (byte* bytes = frame)
            {
                for (int i = 0; i < Each; i++)
                {
                    Span<byte> message = frame.AsSpan(FrameCodec.HeaderSize);
                    for (int at = 0; at < Length; at += 8)
                        BinaryPrimitives.WriteInt64LittleEndian(message[at..], ((long)lane << 32) | (uint)i);
                    BinaryPrimitives.WriteUInt32LittleEndian(message, 4);
                    FrameCodec.WriteHeader(frame, message, isShort: true);
                    var piece = new iovec { iov_base = bytes, iov_len = (nuint)frame.Length };
                    _connection!.Send(&piece, 1, nowMs: 1);
                    WriteOverReturned(64 * 1024 << random.Next(3));
                    if (random.Next(8) == 0)
                        WaitUntilDrained(lane);
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _sending);
        }
    }

    // As anybody may with what a queue has given back to the pool.
    private static void WriteOverReturned(int size)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(size);
        rented.AsSpan().Fill(0xFF);
        ArrayPool<byte>.Shared.Return(rented);
    }

    private void WaitUntilDrained(int lane)
    {
        Sys.EventFdReset(_wakes[lane]);
        if (!_connection!.TryWakeWhenDrained(lane))
            return;
        Require(Sys.Poll(_wakes[lane], POLLIN, 30_000) > 0, "a lane that waits for a congested connection is not woken");
    }

    // The far end reads only as fast as it likes.
    private void Own(Random random)
    {
        for (int idle = 0; idle < 3;)
        {
            bool areSending = Volatile.Read(ref _sending) != 0;
            int count = Sys.EpollWait(_epoll, _events, 0);
            for (int i = 0; i < count; i++)
            {
                if ((_events.Events(i) & EPOLLOUT) != 0)
                    _connection!.OnWritable(Owner, nowMs: 1);
            }

            int read = random.Next(4) == 0 ? 0 : Read(random.Next(1, 64 * 1024));
            if (count > 0 || read > 0 || areSending)
                idle = 0;
            else if (Read(_received.Length) == 0)
                idle++;
            if (count == 0 && read == 0)
                Thread.Yield();
        }
    }

    private int Read(int atMost)
    {
        int n = Sys.Recv(_far, _received.AsSpan(_count, Math.Min(atMost, _received.Length - _count)), 0);
        if (n <= 0)
            return 0;
        _count += n;
        ReadOnlySpan<byte> rest = _received.AsSpan(0, _count);
        FrameStatus status;
        while ((status = FrameCodec.TryRead(rest, out int length, takesShort: true)) == FrameStatus.Complete)
        {
            Take(rest.Slice(FrameCodec.HeaderSize, length));
            rest = rest[(FrameCodec.HeaderSize + length)..];
        }

        Require(status == FrameStatus.Incomplete, $"the stream is torn: {status}");
        rest.CopyTo(_received);
        _count = rest.Length;
        return n;
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        long mark = BinaryPrimitives.ReadInt64LittleEndian(message[8..]);
        (int lane, int number) = ((int)(mark >> 32), (int)mark);
        for (int at = 8; at < message.Length; at += 8)
            Require(BinaryPrimitives.ReadInt64LittleEndian(message[at..]) == mark, "a frame of parts of two");
        Require(number > _last[lane], $"frame {number} of a lane comes after {_last[lane]}");
        _last[lane] = number;
        _arrived[lane]++;
    }

    [LibraryImport("libc")]
    private static partial int socketpair(int domain, int type, int protocol, int* ends);
}
