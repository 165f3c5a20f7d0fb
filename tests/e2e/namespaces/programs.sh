# shellcheck shell=bash
# Programs behind a tunnel: up FILE -- COMMAND.

one_end() {
  [ -n "${holder[host]:-}" ] || new_machines host
  cat >"$work/wg0.conf" <<END
[Interface]
PrivateKey = $(cat "$work/host.key")
Network = tcp
Address = 203.0.113.1/24
END
}

# With a state folder that is this run's own. `within` is what it is run by, `options` are those of up.
behind() { # COMMAND...
  # shellcheck disable=SC2016
  enter host unshare -m sh -c 'mkdir -p /run/wireguard-vsock && mount -t tmpfs run /run/wireguard-vsock && exec "$@"' sh \
    ${within[@]+"${within[@]}"} "$daemon" up ${options[@]+"${options[@]}"} "$work/wg0.conf" -- "$@"
}

code_behind() { # COMMAND...
  local status=0
  (behind "$@") >"$work/said" 2>&1 </dev/null || status=$?
  echo $status
}

nothing_is_left() { equal "what is left" lo "$(at host ls /sys/class/net)"; }

The_exit_code_is_the_programs_own() {
  one_end
  equal "exit code" 0 "$(code_behind ip link show wg0)"
  grep -q 'wg0: .*UP' "$work/said" || fail "the interface was not up: $(cat "$work/said")"
  nothing_is_left
  equal "exit code" 42 "$(code_behind sh -c 'exit 42')"
  # shellcheck disable=SC2016
  equal "exit code after SIGKILL" 137 "$(code_behind sh -c 'kill -9 $$')"
  nothing_is_left
}

A_tunnel_that_does_not_come_up_is_code_1() {
  local options=()
  one_end
  echo "PostUp = exit 5" >>"$work/wg0.conf"
  equal "exit code after a hook" 1 "$(code_behind touch "$work/ran")"
  nothing_is_left
  one_end
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 203.0.113.2\nEndpoint = 127.0.0.1:9\n' "$(wg genkey | wg pubkey)" >>"$work/wg0.conf"
  # shellcheck disable=SC2034 # read by behind
  options=(--wait=1)
  equal "exit code after waiting ($(cat "$work/said"))" 1 "$(code_behind touch "$work/ran")"
  nothing_is_left
  [ ! -e "$work/ran" ] || fail "the program ran without a tunnel"
}

Arguments_and_variables_keep_bytes_that_are_no_text() {
  # shellcheck disable=SC2034 # read by behind
  local within=(env NO_TEXT=$'n\xffz')
  one_end
  # shellcheck disable=SC2016
  equal "exit code ($(cat "$work/said" 2>/dev/null))" 0 "$(code_behind sh -c 'printf "%s" "$1$NO_TEXT"' sh $'q\xff\xc3z')"
  equal "what the program got" $'q\xff\xc3zn\xffz' "$(cat "$work/said")"
  nothing_is_left
}

A_program_that_cannot_run_is_refused_before_anything_changes() {
  one_end
  equal "exit code" 127 "$(code_behind no-such-program)"
  equal "what it says" "wireguard-vsock: cannot run 'no-such-program': there is no such file in PATH" "$(cat "$work/said")"
  equal "exit code" 126 "$(code_behind "$work/wg0.conf")"
  equal "lines" 1 "$(wc -l <"$work/said")"
  equal "exit code without one" 2 "$(code_behind)"
  nothing_is_left
}

start_behind() { # COMMAND...: in the background, until it says that it is ready
  : >"$work/said"
  behind "$@" >"$work/said" 2>&1 </dev/null &
  pid[host]=$!
  wait_for 60 grep -qx ready "$work/said" || fail "it is not ready: $(cat "$work/said")"
}

ends_with() { # CODE
  local status=0
  wait_for 60 is_gone "${pid[host]}" || fail "it does not end"
  wait "${pid[host]}" || status=$?
  equal "exit code ($(cat "$work/said"))" "$1" $status
  nothing_is_left
}

Signals_are_passed_on_and_the_tunnel_goes_down_after_the_program() {
  local signal
  one_end
  # With job control a background job ignores no signal from its start.
  set -m
  for signal in HUP INT QUIT TERM USR1 USR2 WINCH RTMIN+3; do
    # shellcheck disable=SC2016
    start_behind sh -c 'trap "ip -o link show wg0; exit 9" "$0"; echo ready; while :; do sleep 0.1; done' $signal
    kill -$signal "${pid[host]}"
    ends_with 9
    grep -q ' wg0: ' "$work/said" || fail "the tunnel was down before the program's end: $(cat "$work/said")"
  done
  start_behind sh -c 'echo ready; exec sleep 1000'
  kill -TERM "${pid[host]}"
  ends_with 143
  set +m
}

Signals_that_were_ignored_from_the_start_still_are() {
  # shellcheck disable=SC2016,SC2034 # read by behind
  local within=(sh -c 'trap "" INT QUIT HUP && exec "$@"' sh)
  one_end
  # shellcheck disable=SC2016
  equal "exit code" 4 "$(code_behind sh -c 'kill -INT $$; kill -QUIT $$; kill -HUP $$; exit 4')"
  # Others have their defaults, also where .NET ignores one for itself.
  # shellcheck disable=SC2016
  equal "exit code" 141 "$(code_behind sh -c 'kill -PIPE $$; exit 4')"
  nothing_is_left
}

A_tunnel_that_fails_ends_the_program() {
  one_end
  start_behind sh -c 'trap "echo told; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
  ip -n "host-$$" link delete wg0
  ends_with 5
  grep -qx told "$work/said" || fail "the program was not told: $(cat "$work/said")"
}

As_process_1_it_reaps_orphans() {
  # shellcheck disable=SC2034 # read by behind
  local within=(unshare -p -f --mount-proc)
  one_end
  # Ten orphans, whose parents end before them; then there must be no process that has ended and is not reaped.
  # shellcheck disable=SC2016
  equal "exit code" 0 "$(code_behind sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.1 &); done; sleep 0.2
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      cat /proc/[0-9]*/stat 2>/dev/null | cut -d " " -f 3 >/tmp/states.$0
      grep -q Z /tmp/states.$0 || { rm /tmp/states.$0; exit 0; }
      sleep 0.5
    done
    exit 1' $$)"
  equal "whether it was process 1" 0 "$(code_behind grep -qa up /proc/1/cmdline)"
  nothing_is_left
}

# A program in the foreground of a terminal that is all its own; what is written to $keyboard is typed there.
at_a_terminal() { # COMMAND, as the shell reads it
  declare -f behind enter >"$work/functions"
  {
    declare -p holder work daemon
    echo "within=() options=() && . $work/functions"
    echo "behind $1"
  } >"$work/script"
  mkfifo "$work/keyboard"
  exec {keyboard}<>"$work/keyboard"
  set -m # else it would ignore SIGINT from its start
  script -qec "exec bash $work/script" /dev/null <"$work/keyboard" >"$work/said" 2>&1 &
  set +m
  pid[host]=$!
  wait_for 60 at host ip link show wg0 || fail "no interface: $(cat "$work/said")"
}

A_program_that_reads_the_terminal_gets_it() {
  one_end
  # shellcheck disable=SC2016
  at_a_terminal 'bash -c '\''read -r line; echo "read: $line"; trap "echo interrupted; exit 3" INT; echo ready; sleep 1000'\'
  echo "some words" >&"$keyboard"
  wait_for 60 grep -q '^read: some words' "$work/said" || fail "nothing was read: $(cat "$work/said")"
  wait_for 60 grep -q '^ready' "$work/said" || fail "said: $(cat "$work/said")"
  printf '\003' >&"$keyboard"
  wait_for 60 grep -q interrupted "$work/said" || fail "not interrupted: $(cat "$work/said")"
  ends_with 3
}

# A shell ends at Ctrl-C only if what it waits for does.
Ctrl_C_ends_a_script_and_what_it_runs() {
  one_end
  at_a_terminal "bash -c 'echo ready; sleep 1000; echo after'"
  wait_for 60 grep -q '^ready' "$work/said" || fail "said: $(cat "$work/said")"
  printf '\003' >&"$keyboard"
  ends_with 130
  if grep -q '^after' "$work/said"; then fail "the script went on"; fi
}
