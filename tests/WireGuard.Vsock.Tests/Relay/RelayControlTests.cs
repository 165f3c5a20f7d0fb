using System.Diagnostics;
using System.Globalization;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Tests.Transport.NumberedMessage;

namespace WireGuard.Vsock.Tests.Relay;

public sealed class RelayControlTests : IDisposable
{
    private readonly UdpParty _udp = new();
    private readonly LinesLogger _log = new();
    private readonly List<SocketPair> _clients = [];
    private RelayControl? _relay;
    private Thread? _thread;

    public void Dispose()
    {
        _relay?.RequestStop();
        _thread?.Join();
        _relay?.Dispose();
        _clients.ForEach(client => client.Dispose());
        _udp.Dispose();
    }

    [Fact]
    public void Messages_are_carried_by_several_lanes()
    {
        TransportAddress listen = FreeTcp();
        Start(new RelayRule([listen], _udp.Address, [], IsRaw: false));
        for (int i = 1; i <= 8; i++)
        {
            Connect(listen).Write(Frame(i, 60));
            Until(() => _udp.Has(i));
        }

        Assert.Equal(8, _udp.Received.Select(received => received.From).Distinct().Count());
        RelayCounters sum = _relay!.Summary();
        Assert.Equal((8, 480), (sum.SentMessages(NetworkKind.Udp), sum.SentBytes(NetworkKind.Udp)));
        Assert.Equal(8, sum.Links);
    }

    [Fact]
    public void Udp_is_served_by_every_lane()
    {
        TransportAddress listen = FreeUdp();
        Start(new RelayRule([listen], _udp.Address, [], IsRaw: false));
        Assert.True(listen.TryResolved(out EndpointAddress at));
        for (int i = 1; i <= 8; i++)
        {
            using var source = new UdpParty();
            source.Send(at, Message(i, 60));
            Until(() => _udp.Has(i));
            _udp.Send(_udp.Received[^1].From, Message(100 + i, 60));
            Until(() => source.Has(1));
        }
    }

    [Fact]
    public void Rule_that_is_unchanged_keeps_its_links()
    {
        TransportAddress kept = FreeTcp(), ended = FreeTcp(), begun = FreeTcp();
        Start(
            new RelayRule([kept], _udp.Address, [], IsRaw: false),
            new RelayRule([ended], _udp.Address, [], IsRaw: false));
        SocketPair first = Connect(kept), second = Connect(ended);
        first.Write(Frame(1, 60));
        second.Write(Frame(2, 60));
        Until(() => _udp.Has(2));

        Change(
            new RelayRule([kept], _udp.Address, [], IsRaw: false),
            new RelayRule([begun], _udp.Address, [], IsRaw: false));
        Until(() => Sys.Recv(second.Far, new byte[1], 0) == 0);
        first.Write(Frame(3, 60));
        Until(() => _udp.Has(3));
        Assert.Equal(
            _udp.Received.Single(received => Ids([received.Message]).Single() == 1).From, _udp.Received[^1].From);
        Connect(begun).Write(Frame(4, 60));
        Until(() => _udp.Has(4));
        Assert.Equal(-Errno.ECONNREFUSED, TryConnect(ended));
    }

    [Fact]
    public void Rule_that_changes_keeps_its_address()
    {
        TransportAddress listen = FreeUdp();
        using var other = new UdpParty();
        using var source = new UdpParty();
        Start(new RelayRule([listen], _udp.Address, [], IsRaw: false));
        Assert.True(listen.TryResolved(out EndpointAddress at));
        source.Send(at, Message(1, 60));
        Until(() => _udp.Has(1));
        Change(new RelayRule([listen], other.Address, [], IsRaw: false));
        Until(() => _relay!.Summary().Links == 0);
        source.Send(at, Message(2, 60));
        Until(() => other.Has(1));
        Assert.False(_udp.Has(2));
    }

    [Fact]
    public void Folder_that_is_missing_keeps_no_other_rule_from_running_and_is_listened_in_later()
    {
        string folder = $"{Path.GetTempPath()}/wg-relay-{Guid.NewGuid():N}";
        string socket = $"{folder}/v.sock_7";
        try
        {
            TransportAddress tcp = FreeTcp(), unix = new(NetworkKind.Unix, $"{folder}/v.sock", 0, 7);
            Start(
                new RelayRule([unix], _udp.Address, [], IsRaw: false),
                new RelayRule([tcp], _udp.Address, [], IsRaw: false));
            Connect(tcp).Write(Frame(1, 60));
            Until(() => _udp.Has(1));
            Directory.CreateDirectory(folder);
            Until(() => File.Exists(socket));
            File.Delete(socket);
            Until(() => File.Exists(socket));
            Assert.Single(Lines(), line => line.Contains("its folder is not there", StringComparison.Ordinal));
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Address_that_cannot_be_had_is_named_and_a_change_to_it_changes_nothing()
    {
        TransportAddress listen = FreeTcp(), taken = _udp.Address;
        var rule = new RelayRule([listen], _udp.Address, [], IsRaw: false);
        SetupException refused = Assert.Throws<SetupException>(
            () => Start(rule, new RelayRule([taken], _udp.Address, [], IsRaw: false)));
        Assert.StartsWith($"cannot listen on {taken}: ", refused.Message, StringComparison.Ordinal);

        Start(rule);
        _relay!.RequestChange(new RelaySettings(
            [new RelayRule([taken], _udp.Address, [], IsRaw: false)], new RelayLimits(), null));
        Until(() => Lines().Any(line => line.StartsWith("The configuration was not changed", StringComparison.Ordinal)));
        Connect(listen).Write(Frame(1, 60));
        Until(() => _udp.Has(1));
    }

    private static void Until(Func<bool> isSo)
    {
        var watch = Stopwatch.StartNew();
        while (!isSo())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), "it does not come about");
            Thread.Yield();
        }
    }

    private static TransportAddress FreeTcp()
    {
        using var party = new StreamParty();
        return party.Address;
    }

    private static TransportAddress FreeUdp()
    {
        using var party = new UdpParty();
        return party.Address;
    }

    private string[] Lines()
    {
        lock (_log.Lines)
            return [.. _log.Lines];
    }

    private void Start(params RelayRule[] rules)
    {
        _relay = new RelayControl(new RelaySettings(rules, new RelayLimits(), null), 2, UdpOffloads.None, _log);
        _thread = new Thread(_relay.Run) { IsBackground = true };
        _thread.Start();
    }

    private void Change(params RelayRule[] rules)
    {
        int before = Count();
        _relay!.RequestChange(new RelaySettings(rules, new RelayLimits(), null));
        Until(() => Count() > before);

        int Count() => Lines().Count(line => line.StartsWith("The configuration was read again", StringComparison.Ordinal));
    }

    private SocketPair Connect(TransportAddress to)
    {
        int fd = TryConnect(to);
        Assert.True(fd >= 0, fd.ToString(CultureInfo.InvariantCulture));
        var client = new SocketPair(fd);
        _clients.Add(client);
        return client;
    }

    private static int TryConnect(TransportAddress to)
    {
        Assert.True(to.TryResolved(out EndpointAddress address));
        int fd = StreamSocket.Connect(address, mark: 0);
        if (fd < 0)
            return fd;
        _ = Sys.Poll(fd, Libc.POLLOUT, 60_000);
        int error = StreamSocket.ConnectError(fd);
        if (error != 0)
            Sys.Close(fd);
        return error == 0 ? fd : -error;
    }
}
