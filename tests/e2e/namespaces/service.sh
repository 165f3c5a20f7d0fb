# shellcheck shell=bash
# What a service manager, the journal and a monitoring user are told. packages/systemd.sh has the real ones.

manager() { # SOCKET
  "$e2e/notify.pl" "$1" >"$work/told" &
  wait_for 10 grep -q listening "$work/told" || fail "no manager"
}

is_told() { # PATTERN
  wait_for 30 grep -qE "$1" "$work/told" || fail "the manager is not told '$1': $(cat "$work/told")"
}

times_told() { grep -cE "$1" "$work/told" || :; } # PATTERN

# Runs ours in the background, under the manager.
begin() { # MACHINE ARGUMENT...
  enter "$1" env LOG_LEVEL=debug NOTIFY_SOCKET="$socket" "${watched[@]}" "$daemon" "${@:2}" >>"$work/$1.log" 2>&1 &
  pid[$1]=$!
}

watched=()

The_daemon_alone_says_that_it_is_ready_and_alive_and_ends() {
  new_machines host
  socket=$work/notify
  manager "$socket"
  # WATCHDOG_PID is the shell's own number, which the daemon has after exec.
  # shellcheck disable=SC2016 # the inner shell's
  watched=(sh -c 'export WATCHDOG_PID=$$ WATCHDOG_USEC=600000; exec "$@"' -)
  begin host -f -n tcp wg0
  is_told '^READY=1$'
  is_ready host || fail "it said READY before it was"
  is_told '^STATUS=Interface is down; No peers$'
  configure host
  new_key peer
  at host wg set wg0 peer "${public[peer]}"
  is_told '^STATUS=1 peer, no handshake yet$'
  is_told '^WATCHDOG=1$'
  local before
  before=$(times_told '^WATCHDOG=1$')
  wait_for 30 eval "((\$(times_told '^WATCHDOG=1\$') >= $before + 3))" || fail "the watchdog is not fed"
  kill "${pid[host]}"
  is_told '^STOPPING=1$'
  ends_within 10 host
}

# A name that is no path is of the abstract namespace, which is the network namespace's.
Another_process_s_watchdog_is_not_fed() {
  new_machines host
  socket=@wireguard-vsock-$$
  enter host "$e2e/notify.pl" "$socket" >"$work/told" &
  wait_for 10 grep -q listening "$work/told" || fail "no manager"
  watched=(env WATCHDOG_PID=1 WATCHDOG_USEC=200000)
  begin host -f -n tcp wg0
  is_told '^READY=1$'
  is_told '^STATUS='
  pause 1
  equal "times that the watchdog was fed" 0 "$(times_told WATCHDOG)"
}

Up_is_ready_when_the_tunnel_works_and_tells_of_reloads() {
  two_files tcp
  socket=$work/notify
  manager "$socket"
  begin host up -f --wait=60 wg0
  is_told '^STATUS=1 peer, no handshake yet$'
  equal "times that it said READY before it was" 0 "$(times_told READY)"
  kill -HUP "${pid[host]}"
  ours enclave up wg0
  is_told '^READY=1$'
  is_told '^STATUS=1 of 1 peer has a session, newest handshake [0-9]+ s ago$'
  equal "RELOADING before READY" 0 "$(sed '/READY/q' "$work/told" | grep -c RELOADING || :)"
  local before
  before=$(times_told '^READY=1$')
  kill -HUP "${pid[host]}"
  is_told '^RELOADING=1 MONOTONIC_USEC=[0-9]+$'
  wait_for 30 eval "((\$(times_told '^READY=1\$') > $before))" || fail "not READY after a reload"
  echo nonsense >>"$(file_of host)"
  kill -HUP "${pid[host]}"
  wait_for 30 eval "((\$(times_told '^READY=1\$') > $before + 1))" || fail "not READY after a reload that failed"
  kill "${pid[host]}"
  is_told '^STOPPING=1$'
  ends_within 20 host
}

# They would be taken for the service, or refused.
Neither_hooks_nor_the_command_get_the_manager_s_variables() {
  two_files tcp "PostUp = env >$work/hook"
  socket=$work/notify
  manager "$socket"
  watched=(env WATCHDOG_USEC=10000000)
  begin host up wg0 -- sh -c "env >$work/command; sleep 600"
  is_told '^READY=1$'
  wait_for 10 [ -s "$work/command" ] || fail "READY before the command was started"
  local which
  for which in hook command; do
    grep -q '^PATH=' "$work/$which" || fail "the $which has no environment"
    if grep -E '^(NOTIFY_SOCKET|WATCHDOG_)' "$work/$which"; then fail "the $which has it"; fi
  done
  kill "${pid[host]}"
  ends_within 20 host
}

For_the_journal_lines_have_a_level_and_no_time() {
  new_machines host
  : >"$work/journal"
  local stream
  stream=$(stat -c %d:%i "$work/journal")
  JOURNAL_STREAM=$stream LOG_LEVEL=debug enter host "$daemon" -f -n tcp wg0 2>>"$work/journal" &
  pid[host]=$!
  wait_for 30 is_ready host || fail "not ready"
  grep -q '^<7>(wg0) Starting wireguard-vsock version' "$work/journal" || fail "$(cat "$work/journal")"
  kill "${pid[host]}"
  ends_within 10 host
  equal "lines without a level" 0 "$(grep -vc '^<[0-9]>' "$work/journal" || :)"
  : >"$work/other"
  if JOURNAL_STREAM=$stream at host "$daemon" up nothing 2>"$work/other"; then fail "it went up"; fi
  grep -q '^wireguard-vsock: ' "$work/other" || fail "what is no journal got: $(cat "$work/other")"
  if JOURNAL_STREAM=$stream at host "$daemon" up nothing 2>>"$work/journal"; then fail "it went up"; fi
  grep -q '^<3>wireguard-vsock: ' "$work/journal" || fail "an error has no level: $(cat "$work/journal")"
}

The_control_socket_lets_a_group_in() {
  new_machines host
  chmod 755 "$work/host"
  # shellcheck disable=SC2034 # for start
  with=(--socket-group 54321)
  start host tcp
  configure host
  equal "owner, group and mode" "0 54321 660" "$(stat -c '%u %g %a' "$work/host/wg0.sock")"
  local as=(setpriv --reuid 65534 --clear-groups)
  at host "${as[@]}" --regid 54321 wg show wg0 public-key | has -x "${public[host]}" || fail "a member is not let in"
  if at host "${as[@]}" --regid 65534 wg show wg0 >/dev/null 2>&1; then fail "somebody else is let in"; fi
  stop host
  # shellcheck disable=SC2034 # for start
  with=(--socket-group 54321 --socket-mode 600)
  start host tcp
  if at host "${as[@]}" --regid 54321 wg show wg0 >/dev/null 2>&1; then fail "the mode is not heeded"; fi
  stop host
  refused_with "no group 'no-such-group'" at host "$daemon" -f -n tcp --socket-group no-such-group wg0
  refused_in_one_line at host "$daemon" -f -n tcp --socket-mode 666 wg0
}

A_file_may_say_who_looks_on() {
  two_files tcp "SocketGroup = 54321
SocketMode = 640
Metrics = unix:$work/run-host/metrics"
  ours host up wg0
  equal "group and mode" "54321 640" "$(stat -c '%g %a' "$work/host/wg0.sock")"
  at host curl -sSf --unix-socket "$work/run-host/metrics" http://localhost/metrics >"$work/metrics" || fail "no metrics"
  grep -q '^wireguard_vsock_up{interface="wg0"} 1$' "$work/metrics" || fail "it is not up: $(cat "$work/metrics")"
  ours host down wg0
  [ ! -e "$work/run-host/metrics" ] || fail "the metrics' socket is left"
  # A line goes before the file.
  ours host up --socket-group=54322 --metrics=127.0.0.1:9586 wg0
  equal "group and mode" "54322 640" "$(stat -c '%g %a' "$work/host/wg0.sock")"
  at host curl -sf http://127.0.0.1:9586/metrics >/dev/null || fail "no metrics"
  ours host down wg0
}
