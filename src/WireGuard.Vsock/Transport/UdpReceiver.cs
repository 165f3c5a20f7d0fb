using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// A lane's buffers for receiving a batch of datagrams with one system call:
/// <code>
/// Receive    up to 32 messages, each in a slot that is as long as the longest
/// MoveNext   a message is one datagram, or many of one sender that the kernel has coalesced (UDP_GRO)
/// </code>
/// All slots are in one buffer, whose memory the system maps when it is first touched: 2 MiB when every slot has held a full
/// train, 4 KiB a slot where datagrams are received singly. More slots would save no time (a train is worth a call); with fewer,
/// too few single datagrams would be received at once to coalesce them for the TUN device.
/// </summary>
internal sealed unsafe class UdpReceiver : IDisposable
{
    public const int BatchSize = 32;

    private const int SlotSize = 65_536;
    private const int AddressSize = EndpointAddress.MaxSockaddrSize;
    private const int ControlSize = ReceivedControl.MaxSize;

    private readonly byte* _slots = (byte*)NativeMemory.AllocZeroed(BatchSize, SlotSize);
    private readonly byte* _addresses = (byte*)NativeMemory.AllocZeroed(BatchSize, AddressSize);
    private readonly byte* _controls = (byte*)NativeMemory.AllocZeroed(BatchSize, ControlSize);
    private readonly iovec* _pieces = (iovec*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(iovec));
    private readonly mmsghdr* _messages = (mmsghdr*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(mmsghdr));
    private int _count;
    private int _current;
    private DatagramSplit _split;
    private ReceivedControl _control;

    public UdpReceiver()
    {
        for (int i = 0; i < BatchSize; i++)
        {
            _pieces[i] = new iovec { iov_base = _slots + (i * SlotSize), iov_len = SlotSize };
            _messages[i].msg_hdr.msg_iov = &_pieces[i];
            _messages[i].msg_hdr.msg_iovlen = 1;
            _messages[i].msg_hdr.msg_name = _addresses + (i * AddressSize);
            _messages[i].msg_hdr.msg_control = _controls + (i * ControlSize);
        }
    }

    /// <summary>All that was received at once; the datagrams are at their offsets, in ascending order.</summary>
    public Span<byte> Buffer => new(_slots, BatchSize * SlotSize);

    /// <summary>Where the current datagram begins in <see cref="Buffer"/>.</summary>
    public int Offset => _split.Offset;

    /// <summary>The current datagram.</summary>
    public Span<byte> Datagram => new(_slots + _split.Offset, _split.Length);

    /// <summary>Where the current datagram came from: a struct sockaddr_in or sockaddr_in6.</summary>
    public ReadOnlySpan<byte> Address =>
        new(_addresses + (_current * AddressSize), (int)Math.Min(_messages[_current].msg_hdr.msg_namelen, AddressSize));

    /// <summary>
    /// Which address of ours the current datagram was sent to, as the struct in_pktinfo or in6_pktinfo with which an answer is
    /// sent from there; empty if the kernel does not say.
    /// </summary>
    public ReadOnlySpan<byte> Source => _control.Source;

    /// <summary>The ECN bits that the current datagram came with.</summary>
    public int Ecn => _control.TrafficClass & 3;

    /// <summary>Receives what is there, replacing the previous batch; <see cref="MoveNext"/> steps through it.</summary>
    /// <returns>Messages, or a negated errno.</returns>
    public int Receive(int fd)
    {
        for (int i = 0; i < BatchSize; i++)
        {
            _messages[i].msg_hdr.msg_namelen = AddressSize;
            _messages[i].msg_hdr.msg_controllen = ControlSize;
        }

        int received = Sys.RecvMMsg(fd, _messages, BatchSize, MSG_DONTWAIT);
        _count = Math.Max(received, 0);
        _current = -1;
        _split = default;
        return received;
    }

    /// <summary>Moves to the next datagram.</summary>
    /// <returns>False when there is none.</returns>
    public bool MoveNext()
    {
        while (!_split.MoveNext())
        {
            if (_current + 1 >= _count)
                return false;
            _current++;
            mmsghdr* message = &_messages[_current];
            _control = new ReceivedControl(&message->msg_hdr);
            _split = new DatagramSplit(_current * SlotSize, (int)Math.Min(message->msg_len, SlotSize), _control.SegmentSize);
        }

        return true;
    }

    public void Dispose()
    {
        NativeMemory.Free(_slots);
        NativeMemory.Free(_addresses);
        NativeMemory.Free(_controls);
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_messages);
    }
}
