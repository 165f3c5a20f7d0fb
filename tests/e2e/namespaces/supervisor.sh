# shellcheck shell=bash
# A tunnel whose `up` stays is two processes: a supervisor, which has routes, hooks and the command, and its daemon, which has the
# keys and the network.

staying() { # ARGUMENT...: `up` of the host, in the background of this shell: sets $up and, once there is one, $served
  up_said=$work/up-said
  : >"$up_said"
  enter host env PATH="$work/bin:$PATH" LOG_LEVEL=debug ${told[@]+"${told[@]}"} "$daemon" up "$@" >"$up_said" 2>&1 &
  up=$!
  wait_for 30 grep -qs '^state=up' "$work/run-host/wg0" || fail "not up: $(cat "$up_said")"
  served=$(daemon_at host)
  equal "supervisor and daemon" "$up 1" "$(supervisor_at host) $(wc -w <<<"$served")"
}

told=()

# Also where an interface that was deleted is what ends it.
up_ends_with() { # CODE
  local code=0
  wait_for 60 is_gone "$up" || fail "it does not end: $(cat "$up_said")"
  wait "$up" || code=$?
  equal "exit code ($(cat "$up_said"))" "$1" $code
}

# The hooks' file has a line for each that was run, with the interface's state.
hooked() {
  echo "PreDown = echo PreDown \$(ls /sys/class/net/%i/mtu) \$PPID >>$work/hooks
PostDown = echo PostDown >>$work/hooks"
}

hooks_ran() { # what is expected of them, by name
  equal "hooks" "$1" "$(cut -d' ' -f1 "$work/hooks" 2>/dev/null | paste -sd' ')"
}

The_supervisor_has_the_hooks_and_the_daemon_the_network() {
  local before process
  two_files tcp "$(hooked)"
  before=$(system_of host)
  ours enclave up wg0
  # Whatever this machine has.
  told=(DOTNET_PROCESSOR_COUNT=3)
  staying -f --wait wg0
  pings host enclave
  equal "the daemon's parent" "$up" "$(status_of "$served" PPid)"
  equal "the daemon's session" "$served" "$(awk '{print $6}' "/proc/$served/stat")"
  at host ss -Hltnp "sport = :8172" | has "pid=$served," || fail "it does not listen: $(at host ss -Hltnp)"
  if at host ss -Htunap | grep "pid=$up,"; then fail "the supervisor has a socket of the network"; fi
  equal "lanes of the daemon" 3 "$(cat "/proc/$served"/task/*/comm | grep -c '^lane')"
  equal "lanes of the supervisor" 0 "$(cat "/proc/$up"/task/*/comm | grep -c '^lane' || :)"
  [[ "$(readlink "/proc/$up"/fd/*)" != */dev/net/tun* ]] || fail "the supervisor has the interface open"
  for process in $up $served; do note "$(cut -z -d' ' -f1 <"/proc/$process/comm"): $(status_of "$process" VmRSS) KiB ($(status_of "$process" RssAnon) its own), $(status_of "$process" Threads) threads"; done
  # What is mapped from files it shares with its daemon.
  if [ ! -e "${daemon%/*}/wireguard-vsock.dll" ]; then at_most "KiB of the supervisor's own" 8192 "$(status_of "$up" RssAnon)"; fi
  kill "$up"
  up_ends_with 0
  hooks_ran "PreDown PostDown"
  nothing_is_left host "$before"
}

Killed_daemon_ends_the_tunnel_with_code_1_and_says_so() {
  local before
  two_files tcp "$(hooked)"
  before=$(system_of host)
  staying -f wg0
  kill -9 "$served"
  up_ends_with 1
  grep -q 'the daemon of wg0 was killed by signal 9' "$up_said" || fail "said: $(cat "$up_said")"
  hooks_ran PostDown
  nothing_is_left host "$before"
  # A command gets SIGTERM, and its code is what counts.
  # shellcheck disable=SC2016 # the inner shell's
  staying wg0 -- sh -c 'trap "echo got TERM; exit 5" TERM; while :; do sleep 0.1; done'
  kill -9 "$served"
  up_ends_with 5
  grep -q 'got TERM' "$up_said" || fail "said: $(cat "$up_said")"
  nothing_is_left host "$before"
}

Daemon_ends_when_its_supervisor_is_killed() {
  local before way
  two_files tcp "DNS = 10.0.0.1"
  before=$(system_of host)
  for way in running stopped; do
    staying -f wg0
    [ $way = running ] || kill -STOP "$served"
    kill -9 "$up"
    [ $way = running ] || kill -CONT "$served"
    wait_for 30 no_daemon_at host || fail "the daemon outlives its supervisor ($way)"
    wait "$up" 2>/dev/null || :
    [ ! -e "$work/host/wg0.sock" ] || fail "the control socket is left ($way)"
    # What it has not undone is known.
    if [ $way = running ]; then ours host up wg0; fi
    ours host down wg0
    nothing_is_left host "$before"
  done
}

# Not even while the daemon starts.
Daemon_that_starts_ends_when_its_supervisor_is_killed() {
  local before i
  two_files tcp
  before=$(system_of host)
  for i in {1..15}; do
    enter host "$daemon" up -f wg0 2>"$work/up-said" &
    pause "0.$(printf '%03d' $((i * 15)))"
    kill -9 $!
    wait $! 2>/dev/null || :
    wait_for 30 no_daemon_at host || fail "a daemon outlives its supervisor, killed after $((i * 15)) ms"
  done
  ours host up wg0
  ours host down wg0
  nothing_is_left host "$before"
}

# As a service manager sends it to all processes of a service: hooks run, and the command has its tunnel until it ends.
SIGTERM_to_all_at_once_takes_the_tunnel_down_in_order() {
  local before i
  two_files tcp "$(hooked)"
  before=$(system_of host)
  ours enclave up wg0
  for i in {1..5}; do
    rm -f "$work/hooks"
    staying -f wg0
    if ((i % 2)); then kill -TERM "$served" "$up" "$served"; else kill -TERM "$up" "$served"; fi
    up_ends_with 0
    hooks_ran "PreDown PostDown"
    grep -q '^PreDown /sys/class/net/wg0/mtu ' "$work/hooks" || fail "no interface when the hook ran: $(cat "$work/hooks")"
    nothing_is_left host "$before"
  done
  # shellcheck disable=SC2016 # the inner shell's
  staying --wait wg0 -- sh -c 'trap "sleep 2; ping -q -c 1 -W 5 $0; exit 6" TERM; while :; do sleep 0.1; done' "${inner[enclave]}"
  kill -TERM "$served" "$up"
  up_ends_with 6
  grep -q ' 0% packet loss' "$up_said" || fail "the tunnel was gone before the command: $(cat "$up_said")"
  nothing_is_left host "$before"
}

Signals_to_the_daemon_alone_end_nothing() {
  local signal
  two_files tcp
  ours enclave up wg0
  staying -f --wait wg0
  for signal in TERM INT HUP QUIT USR1; do
    kill -$signal "$served"
    wait_for 30 grep -q "Received SIG$signal" "$up_said" || fail "SIG$signal is not said: $(cat "$up_said")"
  done
  pings host enclave
  equal "its daemon" "$served" "$(daemon_at host)"
  kill "$up"
  up_ends_with 0
}

A_cloned_machine_s_signal_reaches_the_daemon() {
  two_files tcp
  ours enclave up wg0
  staying -f --wait wg0
  kill -USR2 "$up"
  wait_for 30 grep -q 'suspended or cloned: all sessions end' "$up_said" || fail "no session ended: $(cat "$up_said")"
  flows_within 20 host enclave
  kill "$up"
  up_ends_with 0
}

# A program of ours at a terminal of its own: sets $up; what is written to $keyboard is typed there.
at_a_terminal() { # WORD...
  [ -e "$work/keyboard" ] || mkfifo "$work/keyboard"
  exec {keyboard}<>"$work/keyboard"
  set -m # else it would ignore SIGINT from its start
  up_said=$work/up-said
  script -qec "exec nsenter --target ${holder[host]} --net --mount -- $*" /dev/null <"$work/keyboard" >"$up_said" 2>&1 &
  up=$!
  set +m
  wait_for 30 grep -qs '^state=up' "$work/run-host/wg0" || fail "not up: $(cat "$up_said")"
}

Ctrl_C_at_a_terminal_takes_the_tunnel_down_in_order() {
  local before
  two_files tcp "$(hooked)"
  before=$(system_of host)
  at_a_terminal "$daemon" up -f wg0
  printf '\003' >&"$keyboard"
  up_ends_with 0
  hooks_ran "PreDown PostDown"
  nothing_is_left host "$before"
}

# A terminal is one file, open for both. The daemon is in another session, where the kernel keeps nobody from reading it.
Daemon_writes_its_log_to_the_terminal_and_cannot_read_what_is_typed() {
  local before words fd
  two_files tcp
  before=$(system_of host)
  for words in 'up -f wg0' 'up wg0 -- sleep 1000' 'up wg0'; do
    at_a_terminal env LOG_LEVEL=debug "$daemon" "$words"
    served=$(daemon_at host)
    wait_for 30 grep -q 'Interface is up' "$up_said" || fail "$words: the daemon's log does not come: $(cat "$up_said")"
    [[ $(readlink "/proc/$served/fd/2") == /dev/pts/* ]] || fail "$words: it has no terminal: $(ls -l "/proc/$served/fd")"
    for fd in "/proc/$served/fd/"*; do
      [[ $(readlink "$fd") == /dev/pts/* ]] || continue
      # O_WRONLY, of O_ACCMODE.
      equal "$words: how ${fd##*/} is open" 1 $((0$(awk '$1 == "flags:" {print $2}' "/proc/$served/fdinfo/${fd##*/}") & 3))
    done
    case $words in
      'up wg0') ours host down wg0 ;;
      *--*)
        printf '\003' >&"$keyboard"
        up_ends_with 130
        ;;
      *)
        printf '\003' >&"$keyboard"
        up_ends_with 0
        ;;
    esac
    exec {keyboard}>&-
    nothing_is_left host "$before"
  done
}

times_fed() { grep -c '^WATCHDOG=1$' "$work/told" || :; }
is_fed() { # the watchdog, from now on
  local before
  before=$(times_fed)
  wait_for 30 eval "((\$(times_fed) >= $before + 3))" || fail "the watchdog is not fed"
}

# What was on its way may still come.
is_not_fed() {
  local before
  pause 1
  before=$(times_fed)
  pause 2
  equal "times that the watchdog was fed meanwhile" 0 $(($(times_fed) - before))
}

Watchdog_is_fed_by_the_daemon_through_the_supervisor_and_by_no_other() {
  two_files tcp "PostUp = env >$work/hook"
  "$e2e/notify.pl" "$work/notify" >"$work/told" &
  wait_for 10 grep -q listening "$work/told" || fail "no manager"
  told=(NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=600000)
  staying -f wg0
  wait_for 30 grep -qx 'STATUS=1 peer, no handshake yet' "$work/told" || fail "no status: $(cat "$work/told")"
  equal "times that it was ready" 1 "$(grep -cx READY=1 "$work/told")"
  is_fed
  for stuck in "$served" "$up"; do
    kill -STOP "$stuck"
    is_not_fed
    kill -CONT "$stuck"
    is_fed
  done
  if grep -E '^(NOTIFY_SOCKET|WATCHDOG_|WG_VSOCK_)' "$work/hook" | grep -v WG_VSOCK_HOOK; then fail "a hook has what is not for it"; fi
  equal "the manager's socket in the daemon's environment" "" "$(tr '\0' '\n' <"/proc/$served/environ" | grep NOTIFY_SOCKET || :)"
  kill "$up"
  wait_for 30 grep -qx STOPPING=1 "$work/told" || fail "not told that it ends"
  up_ends_with 0
  equal "times that it said READY and STOPPING" "1 1" "$(grep -cx READY=1 "$work/told") $(grep -cx STOPPING=1 "$work/told")"
}

# Then nobody listens, and what the tunnel has left is undone.
Daemon_that_does_not_answer_is_ended_all_the_same() {
  local before
  two_files tcp "DNS = 10.0.0.1
$(hooked)"
  sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0|' "$(file_of host)"
  before=$(system_of host)
  staying -f wg0
  [[ $(system_of host) == *fwmark*"nameserver 10.0.0.1"* ]] || fail "there are no rules, or no DNS: $(system_of host)"
  kill -STOP "$served"
  kill "$up"
  up_ends_with 1
  grep -q 'has not answered' "$up_said" || fail "said: $(cat "$up_said")"
  hooks_ran PostDown
  nothing_is_left host "$before"
}

# While what the tunnel has done so far is undone.
Daemon_that_does_not_answer_at_the_start_is_ended_all_the_same() {
  local before
  two_files tcp "DNS = 10.0.0.1
PostUp = touch $work/at-hook; while [ ! -e $work/go-on ]; do sleep 0.05; done; false"
  before=$(system_of host)
  up_said=$work/up-said
  enter host "$daemon" up -f wg0 >"$up_said" 2>&1 &
  up=$!
  wait_for 30 [ -e "$work/at-hook" ] || fail "not at the hook: $(cat "$up_said")"
  kill -STOP "$(daemon_at host)"
  touch "$work/go-on"
  up_ends_with 1
  grep -q 'has not answered' "$up_said" || fail "said: $(cat "$up_said")"
  nothing_is_left host "$before"
}

# Any process that may write to the folder can remove it, as another tunnel's daemon that was broken into.
Removed_control_socket_ends_the_tunnel_with_code_1() {
  local before
  two_files tcp "$(hooked)"
  before=$(system_of host)
  staying -f wg0
  rm "$work/host/wg0.sock"
  up_ends_with 1
  grep -q 'ends as one that failed: the control socket was removed' "$up_said" || fail "said: $(cat "$up_said")"
  hooks_ran PostDown
  nothing_is_left host "$before"
}

It_inherits_nothing_of_who_started_it() {
  two_files tcp
  exec 7<"$0" 8<"$0"
  staying -f wg0
  exec 7<&- 8<&-
  if readlink "/proc/$served"/fd/* | grep -F "$(readlink -f "$0")"; then fail "the daemon has a descriptor of the shell's"; fi
  kill "$up"
  up_ends_with 0
  # A command does, as without us.
  exec 7<"$0"
  ours host up wg0 -- sh -c "[ -e /proc/self/fd/7 ]" || fail "the command has not inherited a descriptor"
  exec 7<&-
}
