using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>A connection with a small send buffer, the far end of its socket, and the epoll of the lane that owns it.</summary>
internal sealed unsafe class ConnectionParts : IDisposable
{
    public const long Now = 1_000_000;

    public ConnectionParts()
    {
        Pair.SetNearBuffer(32 * 1024);
        Connection = new StreamConnection(Pair.Near, 7, EndpointAddress.IPv4(0xc0000201, 51820), isDialed: false, Inbox);
        Connection.AttachTo(Epoll);
    }

    public SocketPair Pair { get; } = new();

    public ControlInbox Inbox { get; } = new();

    public StreamConnection Connection { get; }

    public int Epoll { get; } = Sys.Check(Sys.EpollCreate(), "epoll_create1");

    public EpollEvents Events { get; } = new(4);

    /// <summary>When pieces are sent.</summary>
    public long NowMs { get; set; } = Now;

    public void Dispose()
    {
        Connection.Dispose();
        Pair.Dispose();
        Inbox.Dispose();
        Sys.Close(Epoll);
    }

    /// <summary>Sends pieces of frames of 500 bytes with these numbers.</summary>
    public void Send(params int[][] pieces) =>
        Send([.. pieces.Select(ids => (byte[])[.. ids.SelectMany(id => Frame(id, 500))])]);

    public void Send(params byte[][] pieces)
    {
        iovec* vector = stackalloc iovec[pieces.Length];
        var pins = stackalloc GCHandle[pieces.Length];
        for (int i = 0; i < pieces.Length; i++)
        {
            pins[i] = GCHandle.Alloc(pieces[i], GCHandleType.Pinned);
            vector[i] = new iovec { iov_base = (void*)pins[i].AddrOfPinnedObject(), iov_len = (nuint)pieces[i].Length };
        }

        Connection.Send(vector, pieces.Length, NowMs);
        for (int i = 0; i < pieces.Length; i++)
            pins[i].Free();
    }

    /// <summary>Without an allocation of its own.</summary>
    public void Send(byte[] frames, long nowMs = Now)
    {
        fixed (byte* p = frames)
        {
            var piece = new iovec { iov_base = p, iov_len = (nuint)frames.Length };
            Connection.Send(&piece, 1, nowMs);
        }
    }
}
