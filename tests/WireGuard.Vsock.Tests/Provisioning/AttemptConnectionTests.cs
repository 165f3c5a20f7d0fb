using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>The connection of an attempt: it is made, refused, ends early, or carries what no prover says.</summary>
public sealed class AttemptConnectionTests : IDisposable
{
    private readonly AttemptParts _parts = new();

    public void Dispose() => _parts.Dispose();

    [Theory]
    [InlineData(0, "closed the connection without an answer")]
    [InlineData(1, "closed the connection without an answer")]
    [InlineData(2, "closed the connection when it was confirmed")]
    [InlineData(3, "closed the connection when it was confirmed")]
    public void A_connection_that_ends_early_is_told(int number, string text)
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) => which == number ? null : message;
        Assert.Contains(text, Assert.Single(_parts.Run(prover, middle).Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "a10001")] // done in place of a response
    [InlineData(1, "00")]
    [InlineData(3, "a10002")]
    [InlineData(3, "a1000100")]
    public void What_no_prover_says_is_told(int number, string hex)
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        Middle middle = _parts.Between(prover);
        middle.Change = (which, message) => which == number ? Convert.FromHexString(hex) : message;
        string problem = Assert.Single(_parts.Run(prover, middle).Problems);
        Assert.Contains("does not answer as a prover does", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00010001")] // too long a message
    [InlineData("00000000")]
    [InlineData("485454502f312e31")] // HTTP
    [InlineData("00000003a1000100")] // something behind one
    public void What_listens_there_may_be_something_else(string hex)
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        AttemptResult? result = null;
        using Attempt attempt = _parts.Begin(prover, AttemptParts.AddressOf(listener), ended => result = ended);
        using Socket accepted = AttemptParts.Accept(prover, listener);
        accepted.Send(Convert.FromHexString(hex));
        AttemptParts.Until(prover, () => result is not null);
        Assert.Contains("does not answer as a prover does", Assert.Single(result!.Problems), StringComparison.Ordinal);
        Assert.Equal(0, prover.Loop.DeadlineCount);
    }

    [Fact]
    public void Where_nothing_listens_the_user_is_told_what_to_look_at()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        TransportAddress address = AttemptParts.AddressOf(listener);
        listener.Stop();
        AttemptResult? result = null;
        using Attempt attempt = _parts.Begin(prover, address, ended => result = ended);
        Assert.Null(result);
        AttemptParts.Until(prover, () => result is not null);
        Assert.Equal(
            [$"cannot connect to {address}: connect: Connection refused: is the enclave up, and does its file say Provision?"],
            result!.Problems);
        Assert.Null(result.Key);
    }

    [Fact]
    public void Who_does_not_answer_is_waited_for_10_s()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        AttemptResult? result = null;
        using Attempt attempt = _parts.Begin(prover, AttemptParts.AddressOf(listener), ended => result = ended);
        using Socket accepted = AttemptParts.Accept(prover, listener);
        prover.Pass(9_999);
        Assert.Null(result);
        prover.Pass(1);
        Assert.EndsWith(" did not answer within 10 s", Assert.Single(result!.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void An_attempt_that_is_given_up_says_nothing_more()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        Middle middle = _parts.Between(prover);
        Attempt attempt = _parts.Begin(prover, middle.Address, _ => Assert.Fail("it was given up"));
        middle.Change = (which, message) =>
        {
            if (which == 1)
                attempt.Dispose();
            return message;
        };
        AttemptParts.Until(prover, () =>
        {
            middle.Pass();
            return middle.Seen.Count >= 2;
        });
        prover.Pass(20_000);
        Assert.Empty(prover.Taken);
    }

    [Fact]
    public void A_name_is_looked_up()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        Middle middle = _parts.Between(prover);
        AttemptResult? result = null;
        using Attempt attempt = _parts.Begin(prover, middle.Address with { Host = "localhost" }, ended => result = ended);
        AttemptParts.Until(prover, () =>
        {
            middle.Pass();
            return result is not null;
        });
        Assert.Empty(result!.Problems);
        Assert.Single(prover.Taken);
    }

    /// <summary>As Firecracker shows a guest's VSOCK to its host.</summary>
    [Fact]
    public void A_guest_behind_its_Unix_socket_is_asked_for_the_port()
    {
        ProverParts prover = _parts.Prover(isAttested: false);
        string path = Path.Combine(Path.GetTempPath(), $"guest-{Guid.NewGuid():N}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        AttemptResult? result = null;
        var address = new TransportAddress(NetworkKind.Unix, path, 0, 51_821);
        using Attempt attempt = _parts.Begin(prover, address, ended => result = ended);
        prover.Turn();
        using Socket accepted = listener.Accept();
        byte[] line = new byte[64];
        Assert.Equal("CONNECT 51821\n", System.Text.Encoding.ASCII.GetString(line, 0, accepted.Receive(line)));
        accepted.Send("OK 7\n"u8);
        prover.Turn();
        using ProverCaller caller = prover.Call();
        Assert.Equal(77, accepted.Receive(line = new byte[128]));
        caller.SendRaw(line.AsSpan(0, 77));
        accepted.Send(ProverCaller.Frame(caller.TakeWhole()));
        prover.Turn();
        int length = accepted.Receive(line = new byte[1_024]);
        caller.SendRaw(line.AsSpan(0, length));
        accepted.Send(ProverCaller.Frame(caller.TakeWhole()));
        prover.Turn();
        Assert.Empty(result!.Problems);
        File.Delete(path);
    }
}
