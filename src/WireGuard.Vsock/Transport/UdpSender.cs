using System.Runtime.InteropServices;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Transport;

/// <summary>
/// A lane's batch of datagrams, to any destinations of one address family, sent with one system call. Consecutive datagrams to
/// one destination are a train if they are of one length, but for the last, which may be shorter, and have the same ECN bits: one
/// message, which passes the network stack once and is segmented where it leaves the machine (UDP_SEGMENT).
/// </summary>
internal sealed unsafe class UdpSender : IDisposable
{
    public const int BatchSize = 128;

    /// <summary>The most datagrams of a train: UDP_MAX_SEGMENTS of kernels before 6.10 (include/linux/udp.h).</summary>
    public const int MaxSegments = 64;

    /// <summary>
    /// The most bytes of a train: with the headers of UDP, IPv6 and Ethernet (with a tag) it stays below 64 KiB, or the kernel
    /// segments it before it hands it to the device (gso_features_check in net/core/dev.c).
    /// </summary>
    public const int MaxTrain = 65_535 - 8 - 40 - 18;

    private readonly byte* _controls = (byte*)NativeMemory.AllocZeroed(BatchSize, UdpDestination.ControlSize);
    private readonly iovec* _pieces = (iovec*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(iovec));
    private readonly mmsghdr* _messages = (mmsghdr*)NativeMemory.AllocZeroed(BatchSize, (nuint)sizeof(mmsghdr));

    // The destinations' memory stays alive with them until the batch is sent.
    private readonly Datagram[] _datagrams = new Datagram[BatchSize];

    // The first datagram of each message, and after the last message the end of the datagrams.
    private readonly int[] _firsts = new int[BatchSize + 1];

    /// <summary>Datagrams in the batch.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a datagram; its bytes must stay where they are until <see cref="Flush"/>.</summary>
    /// <param name="datagram">The datagram.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="destination">Where it goes.</param>
    /// <param name="ecn">The ECN bits that it goes with.</param>
    public void Add(byte* datagram, int length, UdpDestination destination, int ecn = 0) =>
        _datagrams[Count++] = new Datagram(datagram, length, destination, ecn);

    /// <summary>
    /// Sends the batch. A datagram that the system refuses is left out; one refused because of its source address (an address
    /// of ours that is gone) is sent again without it, and those of a train that is refused one by one.
    /// </summary>
    /// <param name="socket">Null if there is none: then nothing is sent.</param>
    /// <returns>How many datagrams were not sent.</returns>
    public int Flush(UdpSocket? socket)
    {
        int refused = socket is null ? Count : Send(socket, Assemble(socket.IsSegmenting));
        Array.Clear(_datagrams, 0, Count);
        Count = 0;
        return refused;
    }

    public void Dispose()
    {
        NativeMemory.Free(_controls);
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_messages);
    }

    /// <summary>Makes messages of the datagrams.</summary>
    /// <returns>How many.</returns>
    private int Assemble(bool isSegmenting)
    {
        int messages = 0;
        iovec* pieces = _pieces;
        for (int first = 0, end; first < Count; first = end)
        {
            end = isSegmenting ? EndOfTrain(first) : first + 1;
            ref Datagram datagram = ref _datagrams[first];
            _firsts[messages] = first;
            msghdr* header = &_messages[messages].msg_hdr;
            header->msg_iov = pieces;
            for (int i = first; i < end; i++)
                pieces = Append(header->msg_iov, pieces, ref _datagrams[i]);
            header->msg_iovlen = (nuint)(pieces - header->msg_iov);
            datagram.Destination.Apply(
                header, _controls + (messages * UdpDestination.ControlSize), datagram.Ecn,
                segmentSize: end - first > 1 ? (ushort)datagram.Length : (ushort)0);
            messages++;
        }

        _firsts[messages] = Count;
        return messages;
    }

    private int EndOfTrain(int first)
    {
        ref Datagram head = ref _datagrams[first];
        int total = head.Length;
        int end = first + 1;
        int limit = Math.Min(Count, first + MaxSegments);
        while (end < limit && ReferenceEquals(_datagrams[end].Destination, head.Destination))
        {
            int length = _datagrams[end].Length;
            total += length;
            if (length == 0 || length > head.Length || total > MaxTrain || _datagrams[end].Ecn != head.Ecn)
                break;
            if (end == first + 1 && !head.Destination.TakesSegments(head.Length))
                break;
            end++;
            if (length < head.Length)
                break;
        }

        return end;
    }

    /// <summary>Appends a datagram to a message's pieces, merging it with the last piece if it is adjacent.</summary>
    /// <returns>The end of the pieces.</returns>
    private static iovec* Append(iovec* first, iovec* end, ref readonly Datagram datagram)
    {
        if (end > first && (byte*)end[-1].iov_base + end[-1].iov_len == datagram.Start)
        {
            end[-1].iov_len += (nuint)datagram.Length;
            return end;
        }

        *end = new iovec { iov_base = datagram.Start, iov_len = (nuint)datagram.Length };
        return end + 1;
    }

    private int Send(UdpSocket socket, int messages)
    {
        int sent = 0, refused = 0;
        bool isSecond = false;
        while (sent < messages)
        {
            int n = Sys.SendMMsg(socket.Fd, _messages + sent, messages - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n > 0)
            {
                sent += n;
                isSecond = false;
                continue;
            }

            // On a connected socket, what became of an earlier datagram: this one was not tried.
            if (n == -Errno.ECONNREFUSED && !isSecond)
            {
                isSecond = true;
                continue;
            }

            // A full socket buffer drops the rest, as a full network would.
            if (IsFull(n))
                return refused + Count - _firsts[sent];

            if (_firsts[sent + 1] - _firsts[sent] > 1)
                refused += SendOneByOne(socket, _firsts[sent], _firsts[sent + 1], n);
            // The message is looked at, not its destination, which may have forgotten its source after an earlier message.
            else if (!HasSource(in _messages[sent].msg_hdr) || !IsSourceGone(n) || SendOne(socket, _firsts[sent]) < 0)
                refused++;
            sent++;
            isSecond = false;
        }

        return refused;
    }

    /// <summary>
    /// Sends the datagrams of a train, which was refused with <paramref name="error"/>, one by one. If that works, the socket or
    /// the destination remembers that it takes no such train.
    /// </summary>
    /// <returns>How many were not sent.</returns>
    private int SendOneByOne(UdpSocket socket, int first, int end, int error)
    {
        UdpDestination destination = _datagrams[first].Destination;
        bool hadSource = destination.HasSource;
        int sent = 0;
        for (int i = first; i < end; i++)
        {
            int n = SendOne(socket, i);
            sent += n < 0 ? 0 : 1;
            if (IsFull(n))
                break;
        }

        if (sent != 0 && destination.HasSource == hadSource)
        {
            // A device that computes no checksums, or a kernel without UDP_SEGMENT; a path that is too narrow.
            if (error is -Errno.EIO or -Errno.EOPNOTSUPP or -Errno.ENOPROTOOPT)
                socket.StopSegmenting();
            else if (error is -Errno.EINVAL or -Errno.EMSGSIZE)
                destination.RefuseSegments(_datagrams[first].Length);
        }

        return end - first - sent;
    }

    /// <summary>Sends one datagram by itself, without its source address if that is refused.</summary>
    private int SendOne(UdpSocket socket, int index)
    {
        ref Datagram datagram = ref _datagrams[index];
        byte* control = stackalloc byte[UdpDestination.ControlSize];
        var piece = new iovec { iov_base = datagram.Start, iov_len = (nuint)datagram.Length };
        var header = new msghdr { msg_iov = &piece, msg_iovlen = 1 };
        datagram.Destination.Apply(&header, control, datagram.Ecn);
        int n = Sys.SendMsg(socket.Fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (!HasSource(in header) || !IsSourceGone(n))
            return n;
        datagram.Destination.ForgetSource();
        datagram.Destination.Apply(&header, control, datagram.Ecn);
        return Sys.SendMsg(socket.Fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    /// <summary>Whether a message has a source address, which is its first control message if it has one.</summary>
    private static bool HasSource(in msghdr message)
    {
        var first = (cmsghdr*)message.msg_control;
        return first != null
            && (first->cmsg_level, first->cmsg_type) is (IPPROTO_IP, IP_PKTINFO) or (IPPROTO_IPV6, IPV6_PKTINFO);
    }

    private static bool IsFull(int result) => result is -Errno.EAGAIN or -Errno.ENOBUFS;

    private static bool IsSourceGone(int result) =>
        result is -Errno.EINVAL or -Errno.ENETUNREACH or -Errno.EADDRNOTAVAIL or -Errno.ENODEV;

    private readonly struct Datagram(byte* start, int length, UdpDestination destination, int ecn)
    {
        public readonly byte* Start = start;
        public readonly int Length = length;
        public readonly int Ecn = ecn;
        public readonly UdpDestination Destination = destination;
    }
}
