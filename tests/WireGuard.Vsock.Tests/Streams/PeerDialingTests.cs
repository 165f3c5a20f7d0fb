using WireGuard.Vsock.Streams;
using static WireGuard.Vsock.Streams.ConnectionAction;
using static WireGuard.Vsock.Streams.ConnectionState;

namespace WireGuard.Vsock.Tests.Streams;

/// <summary>
/// What is dialled and what becomes of that: the arrows from Connecting and Unauthenticated, and those to Closed.
/// </summary>
public sealed class PeerDialingTests
{
    private readonly Connections _c = new(limit: 3);

    // ---- the first connection ---------------------------------------------------------------------------------------

    [Fact]
    public void Peer_that_is_wanted_is_dialled_once_and_a_handshake_begins_on_the_connection()
    {
        PeerConnection dialed = _c.BeginToDial();
        Assert.Equal(Connecting, dialed.State);
        Assert.Null(_c.State.HandshakePath);
        Assert.Empty(_c.On(state => state.Want(_c.NowMs)));
        Assert.Equal(_c.NowMs + 10_000, _c.Deadline);
        _c.NowMs += 300;
        Assert.Equal(
            [(Open, dialed), (BeginHandshake, dialed)], Connections.Without(_c.On(state => state.Connected(dialed, _c.NowMs))));
        Assert.Equal(Unauthenticated, dialed.State);
        Assert.Equal(_c.NowMs, dialed.SinceMs);
        Assert.Same(dialed, _c.State.HandshakePath);
        Assert.Null(_c.Destination);
        Assert.Equal(long.MaxValue, _c.Deadline);
        Assert.Same(dialed, _c.State.Call());
        _c.Use(dialed);
        Assert.Equal(InUse, dialed.State);
        Assert.Same(dialed, _c.Destination);
    }

    [Fact]
    public void Peer_without_an_endpoint_or_with_a_connection_is_not_dialled()
    {
        _c.CanBeDialed = false;
        Assert.Empty(_c.On(state => state.Want(_c.NowMs)));
        Assert.Equal(long.MaxValue, _c.Deadline);
        _c.CanBeDialed = true;
        _c.Use(_c.New());
        Assert.Empty(_c.On(state => state.Want(_c.NowMs)));
        Assert.Equal(long.MaxValue, _c.Deadline);
    }

    [Fact]
    public void Attempt_that_fails_is_made_again_after_the_backoff()
    {
        _c.On(state => state.Want(_c.NowMs));
        foreach (int delayMs in (int[])[500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
        {
            PeerConnection dialed = _c.Commands[^1].Connection!;
            ConnectionCommand failed = Assert.Single(_c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs)));
            Assert.Equal((NoteDialFailed, "refused"), (failed.Action, failed.Reason));
            Assert.InRange(failed.Value, Math.Max(500, delayMs * 3 / 4), Math.Min(30_000, delayMs * 5 / 4));
            Assert.Equal(Closed, dialed.State);
            Assert.Equal(_c.NowMs + failed.Value, _c.Deadline);
            _c.NowMs += failed.Value - 1;
            Assert.Empty(_c.On(state => state.Poll(_c.NowMs)));
            Assert.Empty(_c.On(state => state.Want(_c.NowMs)));
            _c.NowMs++;
            Assert.Equal(Connect, Assert.Single(_c.Due()).Action);
        }
    }

    [Fact]
    public void Attempt_that_takes_10_s_has_failed()
    {
        PeerConnection dialed = _c.BeginToDial();
        _c.NowMs += 9_999;
        Assert.Empty(_c.Due());
        _c.NowMs++;
        List<ConnectionCommand> commands = _c.On(state => state.Poll(_c.NowMs));
        Assert.Equal([CancelConnect, NoteDialFailed], commands.Select(command => command.Action));
        Assert.Same(dialed, commands[0].Connection);
        // The socket has connected at the same moment.
        Assert.Empty(_c.On(state => state.Connected(dialed, _c.NowMs)));
    }

    [Fact]
    public void Dialling_stops_and_what_is_staged_is_dropped_when_nothing_has_wanted_the_peer_for_90_s()
    {
        _c.On(state => state.Want(_c.NowMs));
        long wantedMs = _c.NowMs;
        ConnectionAction last = None;
        while (last != DropStaged && _c.NowMs < wantedMs + 200_000)
        {
            PeerConnection dialed = _c.Commands[^1].Connection!;
            _c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs));
            _c.NowMs = _c.Deadline;
            last = Assert.Single(_c.Due()).Action;
        }

        Assert.InRange(_c.NowMs - wantedMs, 90_000, 120_000);
        Assert.Equal(long.MaxValue, _c.Deadline);
        // The next packet begins anew, at once.
        Assert.Equal(Connect, Assert.Single(_c.On(state => state.Want(_c.NowMs))).Action);
    }

    [Fact]
    public void Dialled_connection_that_ends_before_the_peer_authenticates_is_a_failure()
    {
        PeerConnection dialed = _c.Connect();
        List<ConnectionCommand> commands = _c.Break(dialed);
        Assert.Equal([new(Close, dialed, "broken"), new(NoteDialFailed, null, "broken", commands[1].Value)], commands);
        Assert.Equal(_c.NowMs + commands[1].Value, _c.Deadline);
    }

    [Fact]
    public void Dialled_connection_on_which_another_peer_authenticates_ends_the_attempt()
    {
        PeerConnection dialed = _c.Connect();
        Assert.Empty(_c.On(state => state.Release(dialed)));
        Assert.Equal(long.MaxValue, _c.Deadline);
        Assert.Null(_c.State.HandshakePath);
    }

    [Fact]
    public void Extra_connection_on_which_another_peer_authenticates_first_joins_once_the_peer_does()
    {
        PeerConnection extra = BeginExtra(), first = _c.Destination!;
        _c.On(state => state.Connected(extra, _c.NowMs));
        _c.On(state => state.Release(extra));
        Connections.ViewOf(extra).IsJoined = false;
        _c.Use(_c.State.Meet(extra.View!));
        Assert.Equal([first, extra], _c.Used);
    }

    [Fact]
    public void What_is_dialled_and_not_yet_called_on_is_closed_when_the_peer_comes_on_another()
    {
        PeerConnection dialed = _c.Connect(), accepted = _c.New();
        List<ConnectionCommand> commands = _c.On(state => state.Authenticated(accepted, false, _c.NowMs));
        Assert.Equal([new(Close, dialed, "another has taken its place"), new(SendStaged)], commands);
        Assert.Equal(long.MaxValue, _c.Deadline);
    }

    [Fact]
    public void What_is_connecting_is_given_up_when_the_peer_comes_on_another()
    {
        PeerConnection dialed = _c.BeginToDial(), accepted = _c.New();
        Assert.Equal(
            [(CancelConnect, dialed), (SendStaged, null)],
            Connections.Without(_c.On(state => state.Authenticated(accepted, false, _c.NowMs))));
    }

    [Fact]
    public void What_was_called_on_is_kept_when_the_peer_comes_on_another_since_the_answer_may_choose_it()
    {
        PeerConnection dialed = _c.Connect(), accepted = _c.New();
        Assert.Same(dialed, _c.State.Call());
        _c.Use(accepted, isNewest: false);
        Assert.Equal(Unauthenticated, dialed.State);
        Assert.Same(accepted, _c.Destination);
        // It is: the peer has answered there.
        _c.Use(dialed);
        Assert.Same(dialed, _c.Destination);
    }

    // ---- what becomes of the backoff --------------------------------------------------------------------------------

    [Fact]
    public void Connection_that_breaks_within_10_s_is_a_failure_whoever_authenticated_on_it()
    {
        _c.HasSession = true;
        foreach (int delayMs in (int[])[500, 1_000, 2_000, 4_000])
        {
            PeerConnection dialed = NextDialed();
            _c.NowMs += 9_999;
            Assert.InRange(DelayOf(_c.Break(dialed)), Math.Max(500, delayMs * 3 / 4), delayMs * 5 / 4);
            _c.NowMs = _c.Deadline;
            _c.Due();
        }
    }

    [Fact]
    public void Connection_that_lasted_10_s_resets_the_backoff_and_is_dialled_anew_at_once_while_its_session_is_in_use()
    {
        _c.HasSession = true;
        for (int i = 0; i < 4; i++)
        {
            _c.Break(NextDialed());
            _c.NowMs = _c.Deadline;
            _c.Due();
        }

        PeerConnection lasting = NextDialed();
        _c.NowMs += 10_000;
        Assert.Equal([Close, Connect], _c.Break(lasting).Select(command => command.Action));
        Assert.InRange(DelayOf(_c.Break(NextDialed())), 500, 625);
    }

    [Fact]
    public void Connection_that_we_want_no_more_is_no_failure()
    {
        _c.HasSession = true;
        PeerConnection dialed = _c.Dial();
        List<ConnectionCommand> commands = _c.On(state => state.EndpointChanged(isKnown: true, _c.NowMs));
        Assert.Equal(
            [(Close, dialed), (Connect, commands[1].Connection)],
            commands.Select(command => (command.Action, command.Connection)));
    }

    [Fact]
    public void Connection_that_ends_is_not_replaced_without_a_need()
    {
        PeerConnection dialed = _c.Dial();
        _c.NowMs += 10_000;
        Assert.Equal([(Close, dialed)], Connections.Without(_c.Break(dialed)));
        PeerConnection accepted = _c.Use(_c.New());
        _c.HasSession = true;
        // The far end dialled it, and will.
        Assert.Equal([(Close, accepted)], Connections.Without(_c.Break(accepted)));
        accepted = _c.Use(_c.New());
        _c.HasStaged = true;
        Assert.Equal([Close, Connect], _c.Break(accepted).Select(command => command.Action));
    }

    [Fact]
    public void Delay_outlives_an_attempt_that_is_not_needed_and_not_one_that_is_given_up()
    {
        PeerConnection dialed = _c.BeginToDial();
        int delayMs = DelayOf(_c.On(state => state.ConnectFailed(dialed, "refused", _c.NowMs)));
        PeerConnection accepted = _c.Use(_c.New());
        _c.Break(accepted);
        Assert.Empty(_c.On(state => state.Want(_c.NowMs)));
        Assert.Equal(_c.NowMs + delayMs, _c.Deadline);
        _c.On(state => state.Abandoned());
        Assert.Equal(long.MaxValue, _c.Deadline);
        Assert.Equal(Connect, Assert.Single(_c.On(state => state.Want(_c.NowMs))).Action);
    }

    // ---- more connections -------------------------------------------------------------------------------------------

    [Fact]
    public void More_are_dialled_one_after_the_other_up_to_the_limit_by_the_end_that_dialled_the_first()
    {
        PeerConnection first = _c.Dial();
        Assert.Empty(_c.On(state => state.WantExtra(_c.NowMs)));
        _c.SaysHello = true;
        PeerConnection second = _c.On(state => state.WantExtra(_c.NowMs)).Single().Connection!;
        Assert.Empty(_c.On(state => state.WantExtra(_c.NowMs)));
        Assert.Equal(
            [(OpenJoining, second), (SayJoin, second)], Connections.Without(_c.On(state => state.Connected(second, _c.NowMs))));
        // Nothing else is sent there before it is answered.
        Assert.Equal([first], _c.Used);
        Assert.Same(first, _c.State.Call());
        List<ConnectionCommand> commands = _c.On(state => state.Authenticated(second, true, _c.NowMs));
        Assert.Equal([NoteJoined, Connect], commands.Select(command => command.Action));
        PeerConnection third = commands[1].Connection!;
        _c.On(state => state.Connected(third, _c.NowMs));
        Assert.Equal([NoteJoined], _c.On(state => state.Authenticated(third, true, _c.NowMs)).Select(command => command.Action));
        Assert.Equal([first, second, third], _c.Used);
        Assert.Equal(long.MaxValue, _c.Deadline);
    }

    [Fact]
    public void More_are_not_dialled_beside_one_that_was_accepted()
    {
        _c.SaysHello = true;
        _c.Use(_c.New());
        Assert.Empty(_c.On(state => state.WantExtra(_c.NowMs)));
    }

    [Fact]
    public void One_more_that_has_connected_after_the_session_has_ended_is_closed()
    {
        PeerConnection extra = BeginExtra();
        _c.SaysHello = false;
        Assert.Equal([(CancelConnect, extra)], Connections.Without(_c.On(state => state.Connected(extra, _c.NowMs))));
        Assert.Equal(Closed, extra.State);
    }

    [Fact]
    public void One_more_that_fails_has_a_backoff_of_its_own()
    {
        PeerConnection extra = BeginExtra();
        int delayMs = DelayOf(_c.On(state => state.ConnectFailed(extra, "refused", _c.NowMs)));
        Assert.Equal(_c.NowMs + delayMs, _c.Deadline);
        _c.HasSession = true;
        _c.SaysHello = false;
        _c.NowMs += 10_000;
        Assert.Contains(Connect, _c.Break(_c.Destination!).Select(command => command.Action));
    }

    [Fact]
    public void One_of_several_that_is_lost_is_dialled_again()
    {
        PeerConnection first = _c.Dial(), second = _c.Join();
        PeerConnection third = _c.Join(begin: false);
        _c.NowMs += 10_000;
        List<ConnectionCommand> commands = _c.Break(second);
        Assert.Equal([Close, Connect], commands.Select(command => command.Action));
        Assert.Equal([first, third], _c.Used);
        // And after the backoff if it breaks soon.
        PeerConnection again = commands[1].Connection!;
        _c.On(state => state.Connected(again, _c.NowMs));
        _c.Use(again);
        Assert.InRange(DelayOf(_c.Break(again)), 500, 625);
    }

    [Fact]
    public void Dialling_of_more_ends_with_the_connection_beside_which_they_would_stand()
    {
        PeerConnection extra = BeginExtra();
        PeerConnection first = _c.Destination!;
        Assert.Equal([(Close, first), (CancelConnect, extra)], Connections.Without(_c.Break(first)));
    }

    [Fact]
    public void Dialling_of_more_ends_when_one_that_was_accepted_takes_the_place_and_goes_on_when_that_is_lost_again()
    {
        _c.KeepsDialed = false;
        PeerConnection extra = BeginExtra(), first = _c.Destination!;
        _c.On(state => state.Connected(extra, _c.NowMs));
        PeerConnection accepted = _c.New();
        List<ConnectionCommand> commands = _c.On(state => state.Authenticated(accepted, true, _c.NowMs));
        Assert.Equal([NoteSuperseded, Close, SendStaged], commands.Select(command => command.Action));
        Assert.Same(extra, commands[1].Connection);
        _c.NowMs += 1_000;
        Assert.True(_c.Hear(first));
        Assert.Equal(Connect, _c.Commands[^1].Action);
    }

    private PeerConnection BeginExtra()
    {
        _c.Dial();
        _c.SaysHello = true;
        return _c.On(state => state.WantExtra(_c.NowMs)).Single().Connection!;
    }

    /// <summary>The one that was dialled last has connected, and the peer authenticates.</summary>
    private PeerConnection NextDialed()
    {
        if (_c.Commands.LastOrDefault(command => command.Action == Connect).Connection is not { State: Connecting } dialed)
            return _c.Dial();
        _c.On(state => state.Connected(dialed, _c.NowMs));
        return _c.Use(dialed);
    }

    private static int DelayOf(List<ConnectionCommand> commands) =>
        commands.Single(command => command.Action == NoteDialFailed).Value;
}
