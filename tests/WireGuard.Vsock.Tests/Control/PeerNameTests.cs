using WireGuard.Vsock.Control;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Control;

public sealed class PeerNameTests
{
    private static readonly EndpointAddress A = EndpointAddress.IPv4(0xC0000201, 51820);
    private static readonly EndpointAddress B = EndpointAddress.IPv4(0xC0000202, 51820);
    private static readonly EndpointAddress C = EndpointAddress.IPv4(0xC0000203, 51820);

    private readonly PeerName _name = new("vpn.example.com:51820");
    private long _nowMs = 1_000_000;
    private EndpointAddress? _current;

    [Fact]
    public void A_name_is_resolved_at_once()
    {
        Assert.Equal(("vpn.example.com", 51820), (_name.Host, _name.Port));
        Assert.True(_name.AskAtMs <= _nowMs);
        _name.Asked(_nowMs);
        Assert.Equal(PeerName.Never, _name.AskAtMs);
        Assert.Equal(A, Resolved(A, B));
        Assert.Equal(PeerName.Never, _name.AskAtMs);
        Assert.False(_name.HasFailed);
    }

    [Fact]
    public void A_name_that_cannot_be_resolved_is_tried_again_ever_more_seldom()
    {
        foreach (int seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            _name.Asked(_nowMs);
            _name.Unresolved("no such name", _nowMs);
            Assert.Equal("no such name", _name.Error);
            Assert.Equal(_nowMs + (seconds * 1000), _name.AskAtMs);
            _nowMs = _name.AskAtMs;
        }

        _name.Asked(_nowMs);
        Assert.Equal(A, Resolved(A));
        Assert.Null(_name.Error);
        // What has gone wrong until then does not count against what comes now.
        Fail();
        Assert.Equal(_nowMs + 1000, _name.AskAtMs);
    }

    [Fact]
    public void At_a_failure_the_next_address_is_tried_and_after_the_last_the_name_is_resolved_again()
    {
        Ask(A, B, C);
        Assert.Equal(A, _current);
        Assert.Equal(B, Fail());
        Assert.True(_name.HasFailed);
        Assert.Equal(C, Fail());
        Assert.Equal(PeerName.Never, _name.AskAtMs);
        Assert.Null(Fail());
        Assert.Equal(_nowMs + 1000, _name.AskAtMs);
        _nowMs = _name.AskAtMs;
        // The one that has failed last comes last.
        Ask(B, C, A);
        Assert.Equal(B, _current);
        Assert.Equal(A, Fail());
        Assert.Equal(C, Fail());
        Assert.Null(Fail());
    }

    [Fact]
    public void An_address_that_stays_the_same_changes_nothing()
    {
        Ask(A);
        Fail();
        _nowMs = _name.AskAtMs;
        _name.Asked(_nowMs);
        Assert.Null(Resolved(A));
        Assert.Null(Resolved(A, A));
        Assert.Equal(A, _current);
    }

    [Fact]
    public void A_name_that_has_another_address_is_followed()
    {
        Ask(A);
        _name.Reached();
        _nowMs += 3_600_000;
        Fail();
        // Long after the last question: at once.
        Assert.Equal(_nowMs, _name.AskAtMs);
        _name.Asked(_nowMs);
        Assert.Equal(B, Resolved(B));
    }

    [Fact]
    public void A_peer_that_stays_out_of_reach_has_its_name_resolved_ever_more_seldom()
    {
        Ask(A);
        long before = _nowMs;
        foreach (int seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            for (int i = 0; i < 3; i++)
                Fail();
            Assert.Equal(before + (seconds * 1000), _name.AskAtMs);
            before = _nowMs = _name.AskAtMs;
            Ask(A);
        }

        _name.Reached();
        Fail();
        Assert.Equal(before + 1000, _name.AskAtMs);
    }

    [Fact]
    public void A_peer_that_was_reached_while_its_name_was_resolved_is_left_alone()
    {
        Ask(A);
        Fail();
        _nowMs = _name.AskAtMs;
        _name.Asked(_nowMs);
        _name.Reached();
        Assert.Null(Resolved(B));
        Assert.Equal(PeerName.Never, _name.AskAtMs);
    }

    [Fact]
    public void A_question_that_is_not_needed_any_more_is_not_put()
    {
        Ask(A);
        Fail();
        Assert.NotEqual(PeerName.Never, _name.AskAtMs);
        _name.Reached();
        Assert.Equal(PeerName.Never, _name.AskAtMs);
    }

    [Fact]
    public void No_second_question_while_one_is_under_way()
    {
        _name.Asked(_nowMs);
        Fail();
        Fail();
        Assert.Equal(PeerName.Never, _name.AskAtMs);
        Assert.Equal(A, Resolved(A));
    }

    [Fact]
    public void An_endpoint_that_came_with_the_name_stays_if_it_is_one_of_its_addresses()
    {
        _current = B;
        Ask(A, B);
        Assert.Equal(B, _current);
        Assert.Equal(A, Fail());
        _nowMs += 1;
        Assert.Null(Fail());
    }

    [Fact]
    public void An_endpoint_that_is_none_of_the_names_addresses_is_given_up()
    {
        _current = C;
        Ask(A, B);
        Assert.Equal(A, _current);
    }

    [Fact]
    public void Of_many_addresses_few_are_tried()
    {
        Ask([.. Enumerable.Range(1, 1000).Select(i => EndpointAddress.IPv4(0x0A000000 + (uint)i, 1))]);
        int tried = 1;
        while (Fail() is not null)
            tried++;
        Assert.Equal(PeerName.MaxAddresses, tried);
    }

    private void Ask(params EndpointAddress[] addresses)
    {
        _name.Asked(_nowMs);
        Resolved(addresses);
    }

    private EndpointAddress? Resolved(params EndpointAddress[] addresses)
    {
        EndpointAddress? next = _name.Resolved(addresses, _current);
        _current = next ?? _current;
        return next;
    }

    private EndpointAddress? Fail()
    {
        EndpointAddress? next = _name.Failed(_nowMs);
        _current = next ?? _current;
        return next;
    }
}
