using WireGuard.Protocol.Segmentation;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tun;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Tun;

/// <summary>
/// Carries packets between two TUN devices, both ways, on a thread of its own: each header is read and written anew through
/// <see cref="VirtioHeader"/>. What comes from the second device is written in pieces if the first has the header. Every
/// twentieth train of TCP over IPv6 is marked as having met congestion, if its ends understand that: so some come with the CWR
/// flag.
/// </summary>
internal sealed unsafe class TunShuttle : IDisposable
{
    private readonly TunQueue _first, _second;
    private readonly FileDescriptor _stop = new(Sys.EventFd());
    private readonly FileDescriptor _epoll = new(Sys.EpollCreate());
    private readonly byte[] _buffer = GC.AllocateArray<byte>(TunDevice.MaxRead, pinned: true);
    private readonly Thread _thread;

    public TunShuttle(TunDevice first, TunDevice second)
    {
        _first = new TunQueue(first, 0);
        _second = new TunQueue(second, 0);
        Sys.Check(Sys.EpollAdd(_epoll.Fd, _first.Fd, EPOLLIN, 1), "epoll_ctl");
        Sys.Check(Sys.EpollAdd(_epoll.Fd, _second.Fd, EPOLLIN, 2), "epoll_ctl");
        Sys.Check(Sys.EpollAdd(_epoll.Fd, _stop.Fd, EPOLLIN, 3), "epoll_ctl");
        _thread = new Thread(Run);
        _thread.Start();
    }

    /// <summary>What passed, by kind. Right once the shuttle is disposed of.</summary>
    public int[] Packets { get; } = new int[4];

    /// <summary>Those that still needed their checksum.</summary>
    public int Unchecked { get; private set; }

    /// <summary>Trains whose first segment says that the sender has slowed down.</summary>
    public int WithCwr { get; private set; }

    public int Longest { get; private set; }

    public string? Failure { get; private set; }

    /// <summary>Says what went wrong, if anything did.</summary>
    public void Dispose()
    {
        if (!_thread.IsAlive) return;
        ulong one = 1;
        Sys.Write(_stop.Fd, (byte*)&one, 8);
        _thread.Join();
        _stop.Dispose();
        _epoll.Dispose();
        Assert.Null(Failure);
    }

    private void Run()
    {
        EpollEvents events = new(4);
        while (true)
        {
            int n = Sys.EpollWait(_epoll.Fd, events, -1);
            for (int i = 0; i < n; i++)
            {
                switch (events.Data(i))
                {
                    case 1: Carry(_first, _second); break;
                    case 2: Carry(_second, _first); break;
                    default: return;
                }
            }
        }
    }

    private void Carry(TunQueue from, TunQueue to)
    {
        int n;
        while ((n = from.Read(_buffer)) > 0)
        {
            Span<byte> header = _buffer.AsSpan(0, VirtioHeader.Size), packet = _buffer.AsSpan(VirtioHeader.Size..n);
            if (!VirtioHeader.TryRead(header, packet, out PacketHeaders read))
            {
                Failure ??= "refused " + Convert.ToHexString(_buffer.AsSpan(0, Math.Min(n, 100)));
                continue;
            }

            SegmentationKind kind = read.SegmentSize == 0 ? SegmentationKind.None : read.Kind;
            Packets[(int)kind]++;
            Unchecked += read.NeedsChecksum ? 1 : 0;
            Longest = Math.Max(Longest, packet.Length);

            int headers = read.SegmentSize == 0 ? 0 : read.PayloadOffset;
            if (kind != SegmentationKind.None && (read.TcpFlags & PacketHeaders.TcpCwr) != 0) WithCwr++;
            if (kind == SegmentationKind.TcpIPv6 && Packets[(int)kind] % 20 == 0 && read.Ecn != 0)
                packet[1] |= 0x30;
            header.Fill(0xff);
            VirtioHeader.Write(header, read);
            int written = from.Fd == _second.Fd && to.HasHeader ? WriteInPieces(to, n, headers) : to.Write(_buffer.AsSpan(0, n));
            // A device that goes down at the end takes no more.
            if (written != n && written != -Errno.EIO) Failure ??= $"wrote {written} of {n}";
        }
    }

    private int WriteInPieces(TunQueue to, int length, int headers)
    {
        fixed (byte* p = _buffer)
        {
            int first = VirtioHeader.Size + headers, second = (length - first) / 2;
            iovec* pieces = stackalloc iovec[3];
            pieces[0] = new iovec { iov_base = p, iov_len = (nuint)first };
            pieces[1] = new iovec { iov_base = p + first, iov_len = (nuint)second };
            pieces[2] = new iovec { iov_base = p + first + second, iov_len = (nuint)(length - first - second) };
            return to.WriteV(pieces, 3);
        }
    }
}
