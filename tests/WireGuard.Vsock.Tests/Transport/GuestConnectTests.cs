using System.Text;
using CsCheck;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class GuestConnectTests
{
    [Theory]
    [InlineData("OK 1073741824\n")]
    [InlineData("OK 0\n")]
    [InlineData("OK 4294967295\n")]
    [InlineData("OK 0000000001\n")]
    public void A_number_up_to_32_bits_is_an_answer(string answer) =>
        Assert.Equal((GuestConnectStatus.Connected, answer.Length), Feed(answer));

    [Theory]
    [InlineData("\n")]
    [InlineData("ok 5\n")]
    [InlineData("OK\n")]
    [InlineData("OK \n")]
    [InlineData("OK  5\n")]
    [InlineData("OK 5 \n")]
    [InlineData("OK 5\r\n")]
    [InlineData("OK -5\n")]
    [InlineData("OK 0x5\n")]
    [InlineData("OK 4294967296\n")]
    [InlineData("OK 00000000001\n")]
    [InlineData("ERROR\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("\0\0\0\0")]
    public void Anything_else_is_none(string answer) => Assert.Equal(GuestConnectStatus.Malformed, Feed(answer).Status);

    [Fact]
    public void No_answer_takes_more_than_32_bytes() =>
        Gen.Byte.Array[64].Sample(bytes =>
        {
            // Mostly the right beginning, else the first byte decides.
            "OK 0000"u8.CopyTo(bytes);
            (GuestConnectStatus status, int taken) = Feed(Encoding.Latin1.GetString(bytes));
            Assert.NotEqual(GuestConnectStatus.Pending, status);
            Assert.InRange(taken, 1, 32);
        });

    [Fact]
    public void The_answer_is_read_as_a_plain_grammar_reads_it() =>
        Gen.OneOf(
            Gen.Select(OneOf("OK ", "OK", "NO ", ""), Gen.ULong[0, 1UL << 34], OneOf("\n", "\r\n", " ", "x\n"))
                .Select((begin, number, end) => $"{begin}{number}{end}"),
            Gen.String["OK 19\n"])
        .Sample(text =>
        {
            int newline = text.IndexOf('\n', StringComparison.Ordinal);
            string line = newline < 0 ? text : text[..newline];
            bool isAnswer = newline >= 0 && line.StartsWith("OK ", StringComparison.Ordinal) && line.Length is > 3 and <= 13
                && line[3..].All(char.IsAsciiDigit) && uint.TryParse(line[3..], out _);
            (GuestConnectStatus status, int taken) = Feed(text);
            Assert.Equal(isAnswer, status == GuestConnectStatus.Connected);
            if (isAnswer)
                Assert.Equal(newline + 1, taken);
        });

    [Fact]
    public void What_follows_the_answer_is_the_streams()
    {
        using var pair = new SocketPair();
        using var near = new FileDescriptor(pair.Near);
        var connect = new GuestConnect();
        Assert.Equal(GuestConnectStatus.Pending, connect.Read(near.Fd));
        foreach (string part in (string[])["O", "K 107374", "1824"])
        {
            Send(pair.Far, part);
            Assert.Equal(GuestConnectStatus.Pending, connect.Read(near.Fd));
        }

        Send(pair.Far, "\nOK 5\nstream");
        Assert.Equal(GuestConnectStatus.Connected, connect.Read(near.Fd));
        Span<byte> rest = stackalloc byte[64];
        Assert.Equal("OK 5\nstream", Encoding.ASCII.GetString(rest[..Sys.Recv(near.Fd, rest, 0)]));
    }

    [Fact]
    public void A_malformed_answer_is_read_no_further()
    {
        using var pair = new SocketPair();
        using var near = new FileDescriptor(pair.Near);
        Send(pair.Far, "HTTP/1.1 400 Bad Request\r\n");
        Assert.Equal(GuestConnectStatus.Malformed, new GuestConnect().Read(near.Fd));
        Span<byte> rest = stackalloc byte[64];
        Assert.Equal("TTP/", Encoding.ASCII.GetString(rest[..Sys.Recv(near.Fd, rest, 0)])[..4]);
    }

    [Theory]
    [InlineData("", GuestConnectStatus.Refused)]
    [InlineData("OK 12", GuestConnectStatus.Malformed)]
    public void A_connection_that_ends_is_refused_unless_it_answered(string before, object expected)
    {
        using var pair = new SocketPair();
        using var near = new FileDescriptor(pair.Near);
        Send(pair.Far, before);
        pair.CloseFar();
        Assert.Equal(expected, new GuestConnect().Read(near.Fd));
    }

    [Theory]
    [InlineData(0u, "CONNECT 0\n")]
    [InlineData(51820u, "CONNECT 51820\n")]
    [InlineData(uint.MaxValue - 1, "CONNECT 4294967294\n")]
    public void A_port_is_asked_for_in_one_line(uint port, string line)
    {
        using var pair = new SocketPair();
        using var near = new FileDescriptor(pair.Near);
        Assert.Equal(0, GuestConnect.SendRequest(near.Fd, port));
        Span<byte> read = stackalloc byte[64];
        Assert.Equal(line, Encoding.ASCII.GetString(read[..Sys.Recv(pair.Far, read, 0)]));
    }

    [Fact]
    public void Every_end_but_a_stream_is_an_error()
    {
        Assert.Equal(0, GuestConnect.ErrnoOf(GuestConnectStatus.Connected));
        Assert.Equal(Errno.ECONNRESET, GuestConnect.ErrnoOf(GuestConnectStatus.Refused));
        Assert.Equal(Errno.EPROTO, GuestConnect.ErrnoOf(GuestConnectStatus.Malformed));
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private static void Send(int fd, string text) =>
        Assert.Equal(text.Length, Sys.Send(fd, Encoding.ASCII.GetBytes(text), 0));

    /// <summary>Byte by byte, until it has ended.</summary>
    private static (GuestConnectStatus Status, int Taken) Feed(string answer)
    {
        var connect = new GuestConnect();
        int taken = 0;
        foreach (byte next in Encoding.Latin1.GetBytes(answer))
        {
            taken++;
            GuestConnectStatus status = connect.Take(next);
            if (status != GuestConnectStatus.Pending)
                return (status, taken);
        }

        return (GuestConnectStatus.Pending, taken);
    }
}
