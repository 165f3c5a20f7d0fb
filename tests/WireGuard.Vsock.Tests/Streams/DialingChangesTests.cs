using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;
using static WireGuard.Vsock.Streams.ConnectionState;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>
/// What becomes of connections, and of those that are dialled, when endpoint, key, routes or interface change, and when there is
/// no answer.
/// </summary>
public sealed class DialingChangesTests
{
    private readonly Connections _c = new(limit: 3);

    [Fact]
    public void New_endpoint_closes_all_that_were_dialled_and_is_dialled_once()
    {
        PeerConnection first = _c.Dial(), second = _c.Join();
        _c.HasSession = true;
        List<ConnectionCommand> commands = _c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs));
        Assert.Equal([CancelConnect, Close, Close, Connect], commands.Select(command => command.Action));
        Assert.Equal([first, second], commands[1..3].Select(command => command.Connection));
        Assert.All(commands[1..3], command => Assert.Equal("the endpoint has changed", command.Reason));
    }

    [Fact]
    public void New_endpoint_changes_nothing_for_a_peer_that_has_called_and_none_keeps_it_where_it_is()
    {
        PeerConnection accepted = _c.Use(_c.New());
        Assert.Empty(_c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs)));
        Assert.Same(accepted, _c.Destination);
        _c.Break(accepted);
        PeerConnection dialed = _c.Dial();
        Assert.Empty(_c.On(state => state.EndpointChanged(isKnown: false, _c.NowMs)));
        Assert.Same(dialed, _c.Destination);
    }

    [Fact]
    public void New_endpoint_is_dialled_at_once_though_the_old_one_was_in_its_backoff()
    {
        PeerConnection dialed = _c.BeginToDial();
        _c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs));
        Assert.Empty(_c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs)));
        Assert.Equal(Connect, Assert.Single(_c.On(state => state.Want(_c.NowMs))).Action);
    }

    [Fact]
    public void Endpoints_that_change_on_and_on_are_not_dialled_for_ever()
    {
        long end = _c.NowMs + 90_000;
        PeerConnection dialed = _c.BeginToDial();
        for (; _c.NowMs < end; _c.NowMs += 1_000)
        {
            _c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs));
            _c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs));
            (ConnectionAction action, PeerConnection? connection) = Assert.Single(_c.Due());
            Assert.Equal(Connect, action);
            dialed = connection!;
        }

        _c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs));
        _c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs));
        Assert.DoesNotContain(_c.Due(), command => command.Action == Connect);
        Assert.Equal(PeerConnections.Never, _c.Deadline);
        Assert.Empty(_c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs)));
        Assert.Equal(PeerConnections.Never, _c.Deadline);
    }

    [Fact]
    public void New_private_key_leaves_one_connection()
    {
        PeerConnection first = _c.Dial(), second = _c.Join();
        _c.SaysHello = false;
        List<ConnectionCommand> commands = _c.On(state => state.PrivateKeyChanged(_c.NowMs));
        Assert.Equal([CancelConnect, Close], commands.Select(command => command.Action));
        Assert.Equal((second, "the private key has changed"), (commands[1].Connection, commands[1].Reason));
        Assert.Equal([first], _c.State.All);
    }

    [Fact]
    public void Routes_that_choose_another_source_close_what_has_the_old_one_and_have_it_dialled_again()
    {
        PeerConnection first = _c.Dial(), second = _c.Join();
        PeerConnection extra = _c.Commands[^1].Connection!;
        Assert.Equal([extra, first, second], _c.State.Dialed);
        List<ConnectionCommand> commands = _c.On(state => state.SourceChanged([first, second, extra], _c.NowMs));
        Assert.Equal([CancelConnect, Close, Close, Connect], commands.Select(command => command.Action));
        Assert.Equal("its route chooses another source address", commands[1].Reason);
        // Also an attempt under way.
        PeerConnection again = commands[3].Connection!;
        Assert.Equal(
            [CancelConnect, Connect],
            _c.On(state => state.SourceChanged([again], _c.NowMs)).Select(command => command.Action));
    }

    [Fact]
    public void Routes_that_choose_another_source_for_one_of_several_have_that_one_dialled_again()
    {
        PeerConnection first = _c.Dial(), second = _c.Join(), third = _c.Join(begin: false);
        List<ConnectionCommand> commands = _c.On(state => state.SourceChanged([second], _c.NowMs));
        Assert.Equal([Close, Connect], commands.Select(command => command.Action));
        Assert.Equal([first, third], _c.Used);
    }

    [Fact]
    public void Initiation_without_an_answer_closes_the_connection_and_those_that_have_heard_nothing_either()
    {
        PeerConnection path = _c.Dial(), deaf = _c.Join(), hearing = _c.Join(begin: false);
        long sentMs = _c.NowMs += 1_000;
        _c.NowMs += 5_000;
        Connections.ViewOf(hearing).HeardMs = _c.NowMs;
        List<ConnectionCommand> commands = _c.On(state => state.Unanswered(sentMs, _c.NowMs));
        Assert.Equal([new(Close, deaf, "the peer is silent"), new(Close, path, "the peer is silent")], commands[..2]);
        Assert.Equal([hearing], _c.Used);
        Assert.Same(hearing, _c.Destination);
    }

    [Fact]
    public void Connection_that_is_younger_than_the_initiation_or_has_heard_since_stays()
    {
        PeerConnection path = _c.Dial();
        Assert.Empty(_c.On(state => state.Unanswered(_c.NowMs - 1, _c.NowMs)));
        Connections.ViewOf(path).HeardMs = _c.NowMs + 2_000;
        Assert.Empty(_c.On(state => state.Unanswered(_c.NowMs + 1_000, _c.NowMs + 6_000)));
        Assert.Same(path, _c.Destination);
    }

    [Fact]
    public void Dialled_connection_without_an_answer_is_a_failure()
    {
        PeerConnection dialed = _c.Connect();
        Assert.Equal(
            [Close, NoteDialFailed],
            _c.On(state => state.Unanswered(_c.NowMs + 100, _c.NowMs + 5_000)).Select(command => command.Action));
        Assert.Equal(Closed, dialed.State);
    }

    [Fact]
    public void Giving_up_closes_what_was_dialled_in_vain()
    {
        PeerConnection dialed = _c.Connect();
        Assert.Equal([new(Close, dialed, "the peer does not answer")], _c.On(state => state.Abandoned()));
        Assert.Equal(long.MaxValue, _c.Deadline);
    }

    [Fact]
    public void Removed_peer_or_an_interface_that_is_down_has_no_connection_and_nothing_dialled()
    {
        PeerConnection first = _c.Dial(), second = _c.Join();
        PeerConnection extra = _c.Commands[^1].Connection!;
        (_c.HasSession, _c.HasStaged) = (true, true);
        List<ConnectionCommand> commands = _c.On(state => state.CloseAll("gone"));
        Assert.Equal([new(CancelConnect, extra, "gone"), new(Close, first, "gone"), new(Close, second, "gone")], commands);
        Assert.Null(_c.Destination);
        Assert.Empty(_c.State.All);
        Assert.Equal(long.MaxValue, _c.Deadline);
    }
}
