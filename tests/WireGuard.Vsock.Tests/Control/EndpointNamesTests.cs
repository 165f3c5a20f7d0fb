using System.Collections.Concurrent;
using System.Diagnostics;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

/// <summary>Peers with endpoints by name, from the request to the network, with a resolver that answers by hand.</summary>
public sealed class EndpointNamesTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly PublicKey Key = NewKey();
    private static readonly EndpointAddress A = EndpointAddress.IPv4(0xC0000201, 1);
    private static readonly EndpointAddress B = EndpointAddress.IPv4(0xC0000202, 1);

    private readonly NoNetwork _network = new();
    private readonly ControlParts _control;
    private readonly BlockingCollection<NameAnswer> _answers = [];
    private readonly BlockingCollection<string> _asked = [];
    private readonly List<EndpointAddress?> _told = [];

    public EndpointNamesTests()
    {
        _control = new ControlParts(_network, NetworkKind.Udp, (host, _) =>
        {
            _asked.Add(host);
            return _answers.Take();
        });
        _network.OnTold = peer => _told.Add(peer.Endpoint);
        _control.Device.IsUp = true;
        _control.Device.SetPrivateKey(PrivateKey.Generate());
    }

    public void Dispose()
    {
        _control.Dispose();
        // Threads that still wait for an answer.
        for (int i = 0; i < 10; i++)
            _answers.Add(new NameAnswer([], "the end"));
    }

    [Fact]
    public void A_name_is_resolved_and_its_address_is_the_endpoint()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Assert.Equal(("a.example:1", "the name a.example is being resolved", null), Shown());
        Answer("a.example", A);
        Assert.Equal([A], _told);
        Assert.Equal(("a.example:1", null, A), Shown());
    }

    [Fact]
    public void A_name_that_cannot_be_resolved_is_said_and_asked_for_again()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example");
        Assert.Equal(("a.example:1", "the name a.example cannot be resolved: no such name", null), Shown());
        Assert.Empty(_told);
        _control.NowMs += PeerName.MinDelayMs;
        Answer("a.example", A);
        Assert.Equal(("a.example:1", null, A), Shown());
    }

    [Fact]
    public void The_same_name_again_changes_nothing_even_where_all_peers_are_replaced()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A);
        Apply(new PeerChange(Key) { EndpointName = "a.example:1", Endpoint = B });
        using (var change = new DeviceChange
        {
            ReplacesPeers = true,
            Peers = { new PeerChange(Key) { EndpointName = "a.example:1" } },
        })
        {
            Assert.Equal(0, _control.Configurator.Apply(change));
        }

        _control.Loop.RunOnce(0);
        Assert.Equal([A], _told);
        Assert.Equal(("a.example:1", null, A), Shown());
        Assert.Empty(_asked);
    }

    [Fact]
    public void Another_name_leaves_the_endpoint_until_it_is_resolved()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A);
        Apply(new PeerChange(Key) { EndpointName = "b.example:1" });
        Assert.Equal(("b.example:1", null, A), Shown());
        Answer("b.example", B);
        Assert.Equal(("b.example:1", null, B), Shown());
    }

    [Fact]
    public void An_endpoint_alone_takes_the_name_away()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A);
        Apply(new PeerChange(Key) { Endpoint = B });
        Assert.Equal((null, null, B), Shown());
        _control.Names.OnUnreached(Peer);
        _control.NowMs += 1_000_000;
        _control.Loop.RunOnce(0);
        Assert.Empty(_asked);
    }

    [Fact]
    public void An_answer_that_comes_late_changes_nothing()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        _control.Loop.RunOnce(0);
        Assert.True(_asked.TryTake(out _, s_patience));
        Apply(new PeerChange(Key) { Endpoint = B });
        Apply(new PeerChange(Key) { EndpointName = "b.example:1" });
        _control.Loop.RunOnce(0);
        Assert.True(_asked.TryTake(out _, s_patience));
        Apply(new PeerChange(Key) { Removes = true });
        _told.Clear();
        _answers.Add(new NameAnswer([A], ""));
        _answers.Add(new NameAnswer([A], ""));
        for (int i = 0; i < 5; i++)
            _control.Loop.RunOnce(20);
        Assert.Empty(_told);
        Assert.Empty(_control.Configurator.Status().Peers);
    }

    [Fact]
    public void A_peer_that_is_not_reached_gets_the_next_address_and_then_a_new_answer()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A, B);
        Fail();
        Assert.Equal([A, B], _told);
        Fail();
        _control.NowMs += PeerName.MinDelayMs;
        Answer("a.example", A);
        Assert.Equal([A, B, A], _told);
    }

    [Fact]
    public void A_peer_that_was_reached_after_the_question_stays_where_it_is()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A);
        Fail();
        _control.NowMs += PeerName.MinDelayMs;
        _control.Loop.RunOnce(0);
        Assert.True(_asked.TryTake(out _, s_patience));
        Peer.LastHandshake = (1, 0);
        _answers.Add(new NameAnswer([B], ""));
        for (int i = 0; i < 5; i++)
            _control.Loop.RunOnce(20);
        Assert.Equal([A], _told);
    }

    [Fact]
    public void A_peer_that_has_roamed_and_is_not_reached_there_gets_back_to_its_names_address()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A);
        Peer.LastHandshake = (1, 0);
        Peer.Destination = new UdpDestination(B);
        Fail();
        _control.NowMs += PeerName.MinDelayMs;
        Answer("a.example", A);
        Assert.Equal([A, A], _told);
    }

    [Fact]
    public void The_next_address_of_a_peer_that_nothing_is_sent_to_begins_nothing()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        Answer("a.example", A, B);
        int before = _network.Tries;
        Fail();
        Assert.Equal([A, B], _told);
        Assert.Equal(before, _network.Tries);
    }

    [Fact]
    public void A_great_many_handshakes_are_begun_a_few_in_each_turn_and_none_twice()
    {
        const int Slice = Configurator.HandshakesATurn;
        for (int i = 0; i < (2 * Slice) + 1; i++)
            Apply(new PeerChange(NewKey()) { Endpoint = A });
        _control.Configurator.BeginHandshakes();
        Assert.Equal(Slice, _network.Tries);
        Turn();
        Assert.Equal(2 * Slice, _network.Tries);
        Turn();
        Assert.Equal((2 * Slice) + 1, _network.Tries);
        Turn();
        Assert.Equal((2 * Slice) + 1, _network.Tries);

        void Turn()
        {
            _control.NowMs++;
            _control.Loop.RunOnce(0);
        }
    }

    [Fact]
    public void A_handshake_with_one_peer_is_begun_with_no_other()
    {
        PublicKey one = NewKey();
        Apply(new PeerChange(one) { Endpoint = A });
        Apply(new PeerChange(NewKey()) { Endpoint = A });
        _control.Configurator.BeginHandshake(one);
        Assert.Equal(1, _network.Tries);
        _control.Configurator.BeginHandshake(NewKey());
        Assert.Equal(1, _network.Tries);
    }

    [Fact]
    public void A_handshake_that_was_asked_for_begins_once_the_name_is_resolved()
    {
        Apply(new PeerChange(Key) { EndpointName = "a.example:1" });
        _control.Configurator.BeginHandshakes();
        Assert.Equal(1, _network.Tries);
        Answer("a.example", A);
        Assert.Equal(2, _network.Tries);
    }

    private Peer Peer => Assert.Single(_control.Device.Peers.Values);

    private void Apply(PeerChange peer)
    {
        using var change = new DeviceChange { Peers = { peer } };
        Assert.Equal(0, _control.Configurator.Apply(change));
    }

    private void Fail()
    {
        _control.Names.OnUnreached(Peer);
        _control.Loop.RunOnce(0);
    }

    /// <summary>The question for that host comes, and is answered; nothing means that it cannot be resolved.</summary>
    private void Answer(string host, params EndpointAddress[] addresses)
    {
        _control.Loop.RunOnce(0);
        Assert.True(_asked.TryTake(out string? asked, s_patience));
        Assert.Equal(host, asked);
        int before = Lines;
        _answers.Add(new NameAnswer(addresses, addresses.Length == 0 ? "no such name" : ""));
        var watch = Stopwatch.StartNew();
        while (Lines == before)
        {
            Assert.True(watch.Elapsed < s_patience, "no answer has come");
            _control.Loop.RunOnce(20);
        }
    }

    /// <summary>Each answer that counts is logged.</summary>
    private int Lines => _control.Log.Lines.Count(line => line.Contains("resolved", StringComparison.Ordinal));

    private (string? Name, string? Error, EndpointAddress? Endpoint) Shown()
    {
        PeerStatus peer = Assert.Single(_control.Configurator.FullStatus().Peers);
        return (peer.Details!.EndpointName, peer.Details.HandshakeError, peer.Endpoint);
    }

    private static PublicKey NewKey()
    {
        using PrivateKey key = PrivateKey.Generate();
        return key.PublicKey;
    }
}
