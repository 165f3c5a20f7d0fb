using System.Buffers.Binary;
using System.Net.Sockets;

namespace WireGuard.Nsm;

/// <summary>
/// The device's end of one QEMU's vhost-user socket (QEMU's docs/interop/vhost-user.rst): a device with one queue of requests and
/// responses. A message is 12 bytes of header (request, flags, size) and up to 268 of payload; file descriptors come beside it.
/// All on one thread. What is against the protocol ends the connection with an exception.
/// </summary>
internal sealed unsafe class VhostUserConnection(Socket socket, Func<byte[], byte[]> answer) : IDisposable
{
    private const int HeaderLength = 12;
    private const int LargestPayload = 8 + LargestRegions * 32;
    private const int LargestRegions = 8;

    private const uint Version = 1;
    private const uint IsReply = 4;
    private const uint WantsReply = 8;

    /// <summary>VIRTIO_F_VERSION_1, VHOST_USER_F_PROTOCOL_FEATURES.</summary>
    private const ulong Features = 1ul << 32 | 1ul << 30;

    /// <summary>VHOST_USER_PROTOCOL_F_REPLY_ACK.</summary>
    private const ulong ProtocolFeatures = 1ul << 3;

    private readonly Virtqueue _queue = new();
    private readonly byte[] _payload = new byte[LargestPayload];
    private GuestMemory _memory = new();
    private int _kick = -1;
    private int _call = -1;

    private enum Request : uint
    {
        GetFeatures = 1,
        SetMemTable = 5,
        SetVringNum = 8,
        SetVringAddr = 9,
        SetVringBase = 10,
        GetVringBase = 11,
        SetVringKick = 12,
        SetVringCall = 13,
        GetProtocolFeatures = 15,
        GetQueueNum = 17,
        SetVringEnable = 18,
    }

    /// <summary>Serves until QEMU closes its end.</summary>
    public void Run()
    {
        Libc.Pollfd* fds = stackalloc Libc.Pollfd[2];
        while (true)
        {
            fds[0] = new Libc.Pollfd { Fd = (int)socket.Handle, Events = Libc.POLLIN };
            fds[1] = new Libc.Pollfd { Fd = _kick, Events = Libc.POLLIN };
            // A signal of the runtime's own is no event.
            if (Libc.Poll(fds, 2, -1) <= 0) continue;
            ulong count;
            if (fds[1].Returned != 0 && Libc.Read(_kick, &count, sizeof(ulong)) == sizeof(ulong)) Serve();
            if (fds[0].Returned != 0 && !Receive()) return;
        }
    }

    public void Dispose()
    {
        Replace(ref _kick, -1);
        Replace(ref _call, -1);
        _memory.Dispose();
    }

    private void Serve()
    {
        if (_queue.IsSet && _queue.Serve(_memory, answer)) Interrupt();
    }

    private void Interrupt()
    {
        ulong one = 1;
        if (_call >= 0) _ = Libc.Write(_call, &one, sizeof(ulong));
    }

    private bool Receive()
    {
        byte* header = stackalloc byte[HeaderLength];
        List<int> fds = [];
        if (!ReceiveHeader(header, fds)) return false;
        try
        {
            uint* words = (uint*)header;
            if (words[2] > LargestPayload) throw new InvalidDataException($"a payload of {words[2]} bytes");
            int size = (int)words[2];
            for (int got = 0, n; got < size; got += n)
            {
                n = socket.Receive(_payload.AsSpan(got, size - got));
                if (n == 0) return false;
            }

            _payload.AsSpan(size).Clear();
            int replyLength = Handle((Request)words[0], size, fds);
            if (replyLength == 0 && (words[1] & WantsReply) != 0)
            {
                replyLength = sizeof(ulong);
                _payload.AsSpan(0, replyLength).Clear();
            }

            if (replyLength > 0) Reply(words[0], replyLength);
            return true;
        }
        finally
        {
            foreach (int fd in fds) _ = Libc.Close(fd);
        }
    }

    private bool ReceiveHeader(byte* header, List<int> fds)
    {
        int space = sizeof(Libc.Cmsghdr) + LargestRegions * sizeof(int);
        byte* control = stackalloc byte[space];
        Libc.Iovec vector = new() { Base = header, Length = HeaderLength };
        Libc.Msghdr message = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)space };
        nint received = Libc.ReceiveMessage((int)socket.Handle, &message, Libc.MSG_WAITALL | Libc.MSG_CMSG_CLOEXEC);
        Libc.Cmsghdr* rights = (Libc.Cmsghdr*)control;
        bool isThere = message.ControlLength >= (nuint)sizeof(Libc.Cmsghdr);
        if (isThere && rights->Level == Libc.SOL_SOCKET && rights->Type == Libc.SCM_RIGHTS)
            fds.AddRange(new ReadOnlySpan<int>(rights + 1, ((int)rights->Length - sizeof(Libc.Cmsghdr)) / sizeof(int)));
        return received == HeaderLength;
    }

    /// <summary>Does what is asked, and leaves in fds what it has not taken. Returns the reply's length in the payload.</summary>
    private int Handle(Request request, int size, List<int> fds)
    {
        Span<byte> payload = _payload;
        switch (request)
        {
            case Request.GetFeatures: return Give(Features);
            case Request.GetProtocolFeatures: return Give(ProtocolFeatures);
            case Request.GetQueueNum: return Give(1);
            case Request.SetMemTable: SetMemory(fds); break;
            case Request.SetVringNum: _queue.Size = checked((ushort)Number(4)); break;
            case Request.SetVringBase: _queue.Position = (ushort)Number(4); break;
            case Request.SetVringAddr: _queue.Set(_memory, Long(8), Long(16), Long(24)); break;
            case Request.GetVringBase:
                _queue.Unset();
                Replace(ref _kick, -1);
                BinaryPrimitives.WriteUInt32LittleEndian(payload[4..], _queue.Position);
                return size;
            case Request.SetVringKick: Replace(ref _kick, Take(fds)); break;
            case Request.SetVringCall:
                Replace(ref _call, Take(fds));
                // The driver may have asked before this one was set.
                if (_queue.IsSet) Interrupt();
                break;
            case Request.SetVringEnable:
                if (Number(4) != 0) Serve();
                break;
        }

        return 0;
    }

    private void SetMemory(List<int> fds)
    {
        _queue.Unset();
        _memory.Dispose();
        _memory = new GuestMemory();
        uint count = Number(0);
        if (count > LargestRegions || count != fds.Count) throw new InvalidDataException($"{count} regions, {fds.Count} files");
        for (int i = 0; i < count; i++)
        {
            int at = 8 + i * 32;
            _memory.Add(new MemoryRegion(Long(at), Long(at + 8), Long(at + 16), Long(at + 24)), fds[i]);
        }
    }

    private uint Number(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_payload.AsSpan(at));

    private ulong Long(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_payload.AsSpan(at));

    private int Give(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_payload, value);
        return sizeof(ulong);
    }

    private void Reply(uint request, int length)
    {
        Span<byte> message = stackalloc byte[HeaderLength + LargestPayload];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], Version | IsReply);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], (uint)length);
        _payload.AsSpan(0, length).CopyTo(message[HeaderLength..]);
        _ = socket.Send(message[..(HeaderLength + length)]);
    }

    private static int Take(List<int> fds)
    {
        if (fds.Count == 0) return -1;
        int fd = fds[0];
        fds.RemoveAt(0);
        return fd;
    }

    private static void Replace(ref int fd, int with)
    {
        if (fd >= 0) _ = Libc.Close(fd);
        fd = with;
    }
}
