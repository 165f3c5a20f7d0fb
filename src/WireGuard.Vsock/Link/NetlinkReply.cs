using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Link;

/// <summary>Receives one message of an answer.</summary>
/// <param name="type">RTM_....</param>
/// <param name="body">What follows the header; valid during the call.</param>
internal delegate void NetlinkAnswer(ushort type, ReadOnlySpan<byte> body);

/// <summary>
/// Reads the datagrams that answer one request, up to its end: an acknowledgement, one message, or several and NLMSG_DONE.
/// Messages of other requests are skipped, and malformed ones end it with -EPROTO.
/// </summary>
internal sealed class NetlinkReply(uint sequence, NetlinkAnswer each)
{
    private const int ErrorSize = sizeof(int);

    public bool IsComplete { get; private set; }

    /// <summary>0, or the negated errno of the kernel's.</summary>
    public int Result { get; private set; }

    /// <summary>What was listed has changed meanwhile: something may be missing, or there twice.</summary>
    public bool IsInterrupted { get; private set; }

    /// <summary>What was wrong, in the kernel's words; null if it did not say.</summary>
    public string? Explanation { get; private set; }

    public void Read(ReadOnlySpan<byte> datagram)
    {
        var messages = new NetlinkMessages(datagram);
        while (!IsComplete && messages.MoveNext())
        {
            nlmsghdr header = messages.Header;
            if (header.nlmsg_seq != sequence)
                continue;
            IsInterrupted |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (header.nlmsg_type is NLMSG_ERROR or NLMSG_DONE)
                End(header, messages.Body);
            else
                Take(header, messages.Body);
        }

        if (!IsComplete && !messages.IsAtEnd)
            (IsComplete, Result) = (true, -Errno.EPROTO);
    }

    private void Take(nlmsghdr header, ReadOnlySpan<byte> body)
    {
        if (header.nlmsg_type >= RTM_NEWLINK)
            each(header.nlmsg_type, body);
        IsComplete = (header.nlmsg_flags & NLM_F_MULTI) == 0;
    }

    private void End(nlmsghdr header, ReadOnlySpan<byte> body)
    {
        IsComplete = true;
        Result = MemoryMarshal.TryRead(body, out int error) && error <= 0 ? error : -Errno.EPROTO;
        if (Result == 0 || body.Length < ErrorSize || (header.nlmsg_flags & NLM_F_ACK_TLVS) == 0)
            return;
        body = body[ErrorSize..];
        if (header.nlmsg_type == NLMSG_ERROR)
        {
            // The header of the request, and what followed it unless the answer is capped.
            if (!MemoryMarshal.TryRead(body, out nlmsghdr request))
                return;
            bool isCapped = (header.nlmsg_flags & NLM_F_CAPPED) != 0;
            long skipped = isCapped ? NetlinkMessages.HeaderSize : ((long)request.nlmsg_len + 3) & ~3L;
            if (skipped > body.Length)
                return;
            body = body[(int)skipped..];
        }

        var attribute = new NetlinkAttributes(body);
        while (attribute.MoveNext())
        {
            if (attribute.Type == NLMSGERR_ATTR_MSG)
                Explanation = Text(attribute.Value);
        }
    }

    /// <summary>A string of the kernel's, without its closing zero.</summary>
    public static string Text(ReadOnlySpan<byte> value)
    {
        int end = value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? value : value[..end]);
    }
}
