using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tests.Control;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>The control socket's file, with real clients, on a loop that is turned by hand.</summary>
[Collection(Alone.Name)]
public sealed class UapiServerTests : IDisposable
{
    private const int MaxConnections = 64;
    private const int MinIdleMs = 1_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("wg-uapi-").FullName;
    private readonly ControlParts _control = new(new NoNetwork());
    private readonly List<Socket> _clients = [];
    private readonly UapiListener _listener;
    private readonly UapiServer _server;

    public UapiServerTests()
    {
        _listener = UapiListener.Open("wg0", _folder);
        _server = new UapiServer(_listener, _control.Loop, _control.Configurator, NetworkKind.Vsock, NullLogger.Instance);
    }

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _server.Dispose();
        _listener.Dispose();
        _control.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Get_is_answered()
    {
        _control.Device.Add(NewKey());
        string answer = Ask(Connect(), "get=1\n\n");
        Assert.Contains($"public_key={_control.Device.Peers.Keys.Single().ToHex()}\n", answer);
        Assert.EndsWith("errno=0\n\n", answer);
    }

    [Fact]
    public void Counters_are_answered() => Assert.StartsWith("not_an_ip_packet=0\n", Ask(Connect(), "counters=1\n\n"));

    [Fact]
    public void Set_is_applied_and_answered()
    {
        Assert.Equal("errno=0\n\n", Ask(Connect(), $"set=1\nprivate_key={PrivateHex}\nlisten_port=7\npublic_key={Peer1}\n\n"));
        Assert.Equal(PrivateHex, Hex(_control.Device.PrivateKey!.Bytes));
        Assert.Equal(7, _control.Device.ListenPort);
        Assert.Equal(Peer1, _control.Device.Peers.Keys.Single().ToHex());
    }

    [Fact]
    public void Set_with_a_mistake_is_answered_and_changes_nothing()
    {
        Socket client = Connect();
        Assert.Equal("errno=-22\n\n", Ask(client, "set=1\nlisten_port=7\nno_such_key=1\n\n"));
        Assert.Equal(0, _control.Device.ListenPort);
        Assert.Equal("errno=0\n\n", Ask(client, "set=1\nlisten_port=8\n\n"));
    }

    [Fact]
    public void Requests_on_one_connection_are_answered_in_order()
    {
        string answers = Ask(Connect(), "set=1\nlisten_port=7\n\nget=1\n\nset=1\nnot=1\n\nset=1\nlisten_port=8\n\nget=1\n\n");
        Assert.Equal(
            "errno=0\n\nlisten_port=7\nerrno=0\n\nerrno=-22\n\nerrno=0\n\nlisten_port=8\nerrno=0\n\n", answers);
    }

    [Fact]
    public void Request_that_comes_byte_by_byte_is_answered_once_it_is_whole()
    {
        Socket client = Connect();
        foreach (char one in "set=1\nlisten_port=7\n")
            Assert.Equal("", Ask(client, $"{one}"));
        Assert.Equal("errno=0\n\n", Ask(client, "\n"));
    }

    [Fact]
    public void Client_that_does_not_read_its_answers_is_not_read_from()
    {
        for (int i = 0; i < 100; i++)
            _control.Device.Add(NewKey());
        Socket client = Connect();
        client.SendBufferSize = 16 * 1024;
        int sent = 0;
        for (int before = -1; sent != before;)
        {
            before = sent;
            while (TrySend(client, "get=1\n\n"))
                sent++;
            Assert.InRange(sent, 1, 1_000);
            Turn();
        }

        // Nothing is lost: what it has asked is answered as it reads.
        int answered = 0;
        for (int before = -1; answered != before;)
        {
            before = answered;
            answered += Receive(client).Split("errno=0\n\n").Length - 1;
        }

        Assert.Equal(sent, answered);
    }

    [Fact]
    public void One_connection_too_many_takes_the_place_of_the_one_idle_longest_and_of_none_that_was_idle_for_less_than_1_s()
    {
        for (int i = 0; i < MaxConnections; i++)
        {
            Connect();
            _control.NowMs++;
        }

        Ask(_clients[0], "get=1\n\n");
        Socket last = Connect();
        Assert.Equal("", Ask(last, "get=1\n\n"));
        Assert.All(_clients, client => Assert.False(HasEnded(client)));

        _control.NowMs += MinIdleMs;
        Assert.EndsWith("errno=0\n\n", Receive(last));
        Assert.Equal([_clients[1]], _clients.Where(HasEnded));
    }

    [Fact]
    public void Connection_for_which_there_is_no_place_is_looked_at_again_after_a_pause()
    {
        for (int i = 0; i <= MaxConnections; i++)
            Connect();
        Assert.Equal(1, _control.Loop.DeadlineCount);
        _control.NowMs += MinIdleMs;
        Turn();
        Assert.Equal(0, _control.Loop.DeadlineCount);
        Assert.Single(_clients, HasEnded);
    }

    [Fact]
    public void Shortage_of_descriptors_is_served_by_the_spare_one_and_then_by_the_one_idle_longest()
    {
        // All code has run once before descriptors are short.
        Connect().Dispose();
        Turn();
        Socket[] clients = [NewClient(), NewClient()];
        using (DescriptorLimit.None())
        {
            Assert.EndsWith("errno=0\n\n", Ask(clients[0], "get=1\n\n"));
            Assert.Equal("", Ask(clients[1], "get=1\n\n"));
            Assert.Equal(1, _control.Loop.DeadlineCount);
            Assert.False(HasEnded(clients[0]));
            _control.NowMs += MinIdleMs;
            Assert.EndsWith("errno=0\n\n", Receive(clients[1]));
            Assert.True(HasEnded(clients[0]));
        }

        Assert.EndsWith("errno=0\n\n", Ask(clients[1], "get=1\n\n"));
    }

    [Fact]
    public void Descriptor_that_a_connection_gives_back_is_the_spare_one_again()
    {
        Connect().Dispose();
        Turn();
        Socket[] clients = [NewClient(), NewClient()];
        using (DescriptorLimit.None())
        {
            Assert.EndsWith("errno=0\n\n", Ask(clients[0], "get=1\n\n"));
            clients[0].Shutdown(SocketShutdown.Both);
            Turn();
            _control.NowMs += 100;
            Assert.EndsWith("errno=0\n\n", Ask(clients[1], "get=1\n\n"));
        }
    }

    [Fact]
    public void Line_past_its_bound_ends_the_connection_after_its_answer()
    {
        Socket client = Connect();
        Assert.Equal("errno=-90\n\n", Ask(client, $"set=1\n{new string('x', UapiParser.MaxLineBytes + 1)}"));
        Assert.True(HasEnded(client));
    }

    [Fact]
    public void Unknown_operation_ends_the_connection_after_the_answers_to_what_came_before()
    {
        Socket client = Connect();
        Assert.Equal("errno=0\n\n", Ask(client, "set=1\nlisten_port=7\n\nno_such_operation=1\n\nset=1\nlisten_port=8\n\n"));
        Assert.True(HasEnded(client));
        Assert.Equal(7, _control.Device.ListenPort);
    }

    [Fact]
    public void Client_that_vanishes_within_a_request_changes_nothing()
    {
        Socket client = Connect();
        Ask(client, $"set=1\nprivate_key={PrivateHex}\nlisten_port=7\npublic_key={Peer1}\n");
        client.Dispose();
        Turn();
        Assert.Null(_control.Device.PrivateKey);
        Assert.Equal(0, _control.Device.ListenPort);
        Assert.Empty(_control.Device.Peers);
        Assert.EndsWith("errno=0\n\n", Ask(Connect(), "get=1\n\n"));
    }

    [Fact]
    public void Client_that_vanishes_before_its_answer_is_let_go()
    {
        Socket client = Connect();
        Assert.True(TrySend(client, "get=1\n\n"));
        client.Dispose();
        Turn();
        Assert.EndsWith("errno=0\n\n", Ask(Connect(), "get=1\n\n"));
    }

    [Fact]
    public void Secrets_do_not_stay_in_the_receive_buffer()
    {
        Socket client = Connect();
        Ask(client, $"set=1\nprivate_key={PrivateHex}\n\nset=1\npublic_key={Peer1}\npreshared_key={PresharedHex}\n");
        Assert.NotNull(_control.Device.PrivateKey);
        Assert.False(_server.Received.AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Closing_ends_all_connections()
    {
        Socket client = Connect();
        _server.Dispose();
        Assert.True(HasEnded(client));
    }

    /// <summary>A client that is served, if it can be.</summary>
    private Socket Connect()
    {
        Socket client = NewClient();
        Turn();
        return client;
    }

    /// <summary>A client that waits in the backlog.</summary>
    private Socket NewClient()
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        _clients.Add(client);
        client.Connect(new UnixDomainSocketEndPoint(_listener.Path));
        return client;
    }

    private string Ask(Socket client, string text)
    {
        Assert.True(TrySend(client, text));
        return Receive(client);
    }

    private static bool TrySend(Socket client, string text)
    {
        int n = Sys.Send((int)client.Handle, Encoding.Latin1.GetBytes(text), Libc.MSG_NOSIGNAL);
        Assert.True(n == text.Length || n == -Errno.EAGAIN);
        return n >= 0;
    }

    /// <summary>What the client is answered until nothing more comes.</summary>
    private string Receive(Socket client)
    {
        var text = new StringBuilder();
        byte[] piece = new byte[64 * 1024];
        int n;
        do
        {
            Turn();
            n = Sys.Recv((int)client.Handle, piece, 0);
            text.Append(Encoding.Latin1.GetString(piece, 0, Math.Max(n, 0)));
        }
        while (n > 0);
        return text.ToString();
    }

    /// <summary>Whether the server has closed the connection, of which everything was read.</summary>
    private static bool HasEnded(Socket client) => Sys.Recv((int)client.Handle, new byte[1], 0) == 0;

    /// <summary>Has the loop deal with all that is ready. What an AF_UNIX client has sent is there at once.</summary>
    private void Turn()
    {
        for (int i = 0; i < 4; i++)
            _control.Loop.RunOnce(0);
    }

    private static PublicKey NewKey()
    {
        byte[] key = new byte[PublicKey.Size];
        Random.Shared.NextBytes(key);
        return new PublicKey(key);
    }
}
