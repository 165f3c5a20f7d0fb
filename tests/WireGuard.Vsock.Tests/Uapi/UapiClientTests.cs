using System.Net.Sockets;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Tunnels;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>The client against a daemon that says what the test has it say.</summary>
public sealed class UapiClientTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wg-client-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_interface_without_a_socket_is_no_device()
    {
        foreach (string name in (string[])["wg0", "", "a/b", "..", new string('x', 200)])
            Assert.Equal(Errno.ENODEV, Refusal(() => UapiClient.Connect(name, _folder)).Errno);
        File.WriteAllText($"{_folder}/wg1.sock", "a file");
        Assert.Equal(Errno.ENODEV, Refusal(() => UapiClient.Connect("wg1", _folder)).Errno);
        Assert.Empty(UapiClient.Interfaces(_folder + "/none"));
        Assert.Equal("No such device", Refusal(() => UapiClient.Connect("wg0", _folder)).Reason);
    }

    [Fact]
    public void A_socket_without_a_daemon_is_no_interface()
    {
        using (UapiListener listener = UapiListener.Open("wg0", _folder))
        {
            Assert.Equal(["wg0"], UapiClient.Interfaces(_folder));
            File.Move(listener.Path, $"{_folder}/wg1.sock"); // it stays behind
        }

        Assert.Empty(UapiClient.Interfaces(_folder));
        Assert.Equal(Errno.ENODEV, Refusal(() => UapiClient.Connect("wg1", _folder)).Errno);
        Assert.True(File.Exists($"{_folder}/wg1.sock"));
    }

    [Fact]
    public void An_answer_is_read_whatever_else_it_says()
    {
        using Daemon daemon = new(
            _folder,
            $"private_key={PrivateHex}\nlisten_port=51820\nfwmark=7\nother=x=y\n"
            + $"public_key={Peer1}\npreshared_key={PresharedHex}\n"
            + "protocol_version=1\nendpoint=192.0.2.1:1000\nlast_handshake_time_sec=0012\nlast_handshake_time_nsec=3\n"
            + "tx_bytes=18446744073709551615\nrx_bytes=2\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
            + $"unknown=\nallowed_ip=::/0\npublic_key={Peer2}\nendpoint=somewhere:else\nerrno=0\n\n");
        PrivateKey key;
        using (UapiClient client = UapiClient.Connect("wg0", _folder))
        {
            DeviceStatus status = client.Get();
            key = status.PrivateKey!;
            Assert.Equal("e8" + PrivateHex[2..], Hex(key.Bytes));
            Assert.Equal((51820, 7u), (status.ListenPort, status.FirewallMark));
            PeerStatus[] peers = [.. status.Peers];
            Assert.Equal([Peer1, Peer2], peers.Select(peer => peer.PublicKey.ToHex()));
            Assert.Equal(PresharedHex, Hex(peers[0].PresharedKey!.Bytes));
            Assert.Equal("192.0.2.1:1000", peers[0].Endpoint.ToString());
            Assert.Equal((12ul, 3u), (peers[0].LastHandshakeSeconds, peers[0].LastHandshakeNanoseconds));
            Assert.Equal((ulong.MaxValue, 2ul), (peers[0].TxBytes, peers[0].RxBytes));
            Assert.Equal(25, peers[0].PersistentKeepalive);
            Assert.Equal(["10.0.0.0/8", "::/0"], peers[0].AllowedIps.Select(prefix => prefix.ToString()));
            Assert.Equal((null, "somewhere:else"), (peers[1].Endpoint, peers[1].EndpointText));
        }

        Assert.Equal("get=1\n\n", daemon.Requests[^1]);
        Assert.Throws<ObjectDisposedException>(() => key.Bytes.Length);
    }

    [Fact]
    public void A_daemon_that_closes_at_status_is_anothers()
    {
        using Daemon daemon = new(_folder, "");
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        Assert.Null(client.TryStatus());
        Assert.Equal(Errno.EPROTO, Refusal(() => client.Get()).Errno);
        Assert.Equal(Errno.EPROTO, Refusal(client.BeginHandshakes).Errno);
    }

    [Theory]
    [InlineData("errno=5\n\n")]
    [InlineData("errno=-22\n\n")]
    public void A_daemon_that_refuses_status_is_asked_by_get(string refusal)
    {
        using Daemon daemon = new(
            _folder, request => request == "get=1\n\n" ? "listen_port=51820\nerrno=0\n\n" : refusal);
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        Assert.Null(client.TryStatus());
        DeviceStatus status = WgCommand.StatusOf(client);
        Assert.Equal((51820, null), (status.ListenPort, status.Details));
        Assert.Equal(["status=1\n\n", "status=1\n\n", "get=1\n\n"], daemon.Requests);
    }

    /// <summary>After a `down` and an `up` a thread of the tunnel before must leave the new one alone.</summary>
    [Fact]
    public void Another_tunnel_of_the_same_name_is_not_the_one_that_was_meant()
    {
        using Daemon daemon = new(_folder, "network=tcp\ninstance=0b\nlisten_port=7\nerrno=0\n\n");
        using (RunningTunnel.Connect("wg0", "0b", out DeviceStatus status, _folder))
            Assert.Equal(7u, status.ListenPort);
        SetupException refusal = Assert.Throws<SetupException>(() => RunningTunnel.Connect("wg0", "0a", out _, _folder));
        Assert.Equal("wg0 is another tunnel by now", refusal.Message);
        Assert.Throws<SetupException>(() => RunningTunnel.Connect("wg0", "", out _, _folder));
    }

    [Fact]
    public void A_refused_change_says_the_daemons_reason()
    {
        using Daemon daemon = new(_folder, "errno=-22\n\n");
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        using DeviceChange change = new() { ListenPort = 7 };
        UapiException refusal = Refusal(() => client.Set(change));
        Assert.Equal((Errno.EINVAL, "wg0: Invalid argument"), (refusal.Errno, refusal.Message));
        Assert.Equal("set=1\nlisten_port=7\n\n", daemon.Requests[^1]);
    }

    [Theory]
    [InlineData("listen_port=1\n")]
    [InlineData("listen_port=1\n\n")]
    [InlineData("listen_port\nerrno=0\n\n")]
    [InlineData("listen_port=65536\nerrno=0\n\n")]
    [InlineData("listen_port=-1\nerrno=0\n\n")]
    [InlineData("private_key=00\nerrno=0\n\n")]
    [InlineData("public_key=zz\nerrno=0\n\n")]
    [InlineData("public_key=" + Peer1 + "\nallowed_ip=10.0.0.0\nerrno=0\n\n")]
    [InlineData("public_key=" + Peer1 + "\nendpoint=\nerrno=0\n\n")]
    [InlineData("errno=\n\n")]
    public void A_malformed_answer_is_a_protocol_error_in_one_line(string answer)
    {
        using Daemon daemon = new(_folder, answer);
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        UapiException refusal = Refusal(() => client.Get());
        Assert.StartsWith("Protocol error: ", refusal.Reason);
        Assert.DoesNotContain('\n', refusal.Reason);
    }

    [Theory]
    [InlineData(4097)]
    [InlineData(70_000)]
    public void Lines_are_bounded(int length)
    {
        using Daemon daemon = new(_folder, new string('x', length) + "\nerrno=0\n\n");
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        Assert.Contains("too long", Refusal(() => client.Get()).Reason);
    }

    [Theory]
    [InlineData(4097)]
    [InlineData(70_000)]
    [InlineData(200_000)]
    public void A_long_value_of_a_key_that_we_do_not_know_is_passed_over(int length)
    {
        string value = new('x', length);
        using Daemon daemon = new(_folder, $"other={value}\nlisten_port=7\nanother={value}=\nfwmark=8\nerrno=0\n\n");
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        DeviceStatus status = client.Get();
        Assert.Equal((7, 8u), (status.ListenPort, status.FirewallMark));
    }

    /// <summary>One that was broken into would have who looks each second grow.</summary>
    [Fact]
    public void An_answer_that_provisioning_reads_is_bounded()
    {
        string line = "listen_error=" + new string('x', 4000) + "\n";
        string status = string.Concat(Enumerable.Repeat(line, (UapiExchange.MaxLook / line.Length) + 100));
        string answer = $"network=tcp\nversion=1\ninstance=0a\n{status}errno=0\n\n";
        // A daemon of these tests ends when somebody leaves before its answer has come.
        using (new Daemon(_folder, answer))
            Assert.Contains("too long", Refusal(() => RunningTunnel.Connect("wg0", "0a", out _, _folder)).Reason);
        File.Delete($"{_folder}/wg0.sock");
        using Daemon another = new(_folder, answer);
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        Assert.Equal("0a", client.TryStatus()!.Details!.Instance);
    }

    [Fact]
    public void A_count_of_more_than_64_bits_is_the_most_there_is()
    {
        using Daemon daemon = new(_folder, $"public_key={Peer1}\nrx_bytes=18446744073709551616\nerrno=0\n\n");
        using UapiClient client = UapiClient.Connect("wg0", _folder);
        Assert.Equal(ulong.MaxValue, Assert.Single(client.Get().Peers).RxBytes);
    }

    private static UapiException Refusal(Action action) => Assert.Throws<UapiException>(action);

    /// <summary>Answers every request and closes.</summary>
    private sealed class Daemon : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly Thread _thread;
        private readonly Func<string, string> _answer;

        public Daemon(string folder, string answer)
            : this(folder, _ => answer)
        {
        }

        public Daemon(string folder, Func<string, string> answer)
        {
            _answer = answer;
            _socket.Bind(new UnixDomainSocketEndPoint($"{folder}/wg0.sock"));
            _socket.Listen();
            _thread = new Thread(Serve) { IsBackground = true };
            _thread.Start();
        }

        public List<string> Requests { get; } = [];

        public void Dispose()
        {
            _socket.Dispose();
            _thread.Join();
        }

        private void Serve()
        {
            try
            {
                while (true)
                    Answer();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // closed
            }
        }

        private void Answer()
        {
            using Socket one = _socket.Accept();
            byte[] bytes = new byte[4096];
            int length = 0;
            while (!Encoding.ASCII.GetString(bytes, 0, length).EndsWith("\n\n", StringComparison.Ordinal))
            {
                int count = one.Receive(bytes.AsSpan(length));
                if (count == 0)
                    return;
                length += count;
            }

            Requests.Add(Encoding.ASCII.GetString(bytes, 0, length));
            one.Send(Encoding.ASCII.GetBytes(_answer(Requests[^1])));
        }
    }
}
