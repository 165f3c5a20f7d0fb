using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class RawLinkTests : IDisposable
{
    private readonly LaneParts _parts = new();
    private readonly StreamParty _stream;

    public RawLinkTests() => _stream = _parts.Stream();

    public void Dispose() => _parts.Dispose();

    [Fact]
    public void Bytes_are_carried_as_they_are_and_each_end_is_passed_on()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address, isRaw: true));
        near.Write("a question"u8);
        Sys.Shutdown(near.Far, SHUT_WR);
        _parts.Until(() => _stream.Has(1));
        SocketPair far = _stream.Connections[0];
        List<byte> question = [];
        _parts.Until(() => { question.AddRange(far.ReadBytes()); return question.Count == 10 && HasEnded(far); });
        Assert.Equal("a question"u8, question.ToArray());
        Assert.Equal(1, _parts.Counters.Links);

        far.Write("an answer"u8);
        far.CloseFar();
        List<byte> answer = [];
        _parts.Until(() => { answer.AddRange(near.ReadBytes()); return answer.Count == 9 && _parts.Counters.Links == 0; });
        Assert.True(HasEnded(near));
    }

    [Fact]
    public void Far_end_may_speak_first()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address, isRaw: true));
        _parts.Until(() => _stream.Has(1));
        _stream.Connections[0].Write("welcome"u8);
        _parts.Until(() => near.ReadBytes().AsSpan().SequenceEqual("welcome"u8));
    }

    [Fact]
    public void Little_waits_for_an_end_that_does_not_read()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address, isRaw: true));
        _parts.Until(() => _stream.Has(1));
        byte[] chunk = new byte[64 * 1024];
        long written = 0;
        int vain = 0;
        _parts.Until(() =>
        {
            int n = Sys.Send(near.Far, chunk, MSG_NOSIGNAL);
            written += Math.Max(n, 0);
            vain = n < 0 ? vain + 1 : 0;
            return vain == 20;
        });
        long carried = _parts.Counters.ReceivedBytes(Vsock.Transport.NetworkKind.Tcp);
        Assert.InRange(written - carried, 0, 4_000_000);

        long read = 0;
        _parts.Until(() => (read += _stream.Connections[0].ReadBytes().Length) == written);
    }

    [Fact]
    public void Silent_link_ends_after_30_s()
    {
        SocketPair near = _parts.Accept(LaneParts.Rule(_stream.Address, isRaw: true));
        near.Write("x"u8);
        _parts.Until(() => _stream.Has(1));
        _parts.Until(() => _stream.Connections[0].ReadBytes().Length == 1);
        _parts.Advance(29_500);
        Assert.Equal(1, _parts.Counters.Links);
        _parts.Advance(1_000);
        Assert.Equal(0, _parts.Counters.Links);
        Assert.True(HasEnded(near));
    }

    private static bool HasEnded(SocketPair pair) => Sys.Recv(pair.Far, new byte[1], 0) == 0;
}
