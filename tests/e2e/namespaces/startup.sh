# shellcheck shell=bash
# Starting in the background and in the foreground; what is refused and how; how the daemon ends.

background() { # MACHINE [ARGUMENTS...]
  at "$1" timeout 10 "$daemon" -n tcp "${@:2}" wg0
}

nothing_left_at() { [ ! -e "$work/$1/wg0.sock" ] && ! ip -n "$1-$$" link show wg0; }

Background_start_returns_once_everything_is_ready() {
  new_machines host
  background host
  # No waiting here: the command has returned.
  [ -S "$work/host/wg0.sock" ] || fail "no control socket"
  at host wg show wg0 >/dev/null
  ip -n "host-$$" link show wg0 >/dev/null
  equal "interface's MTU" 1420 "$(at host cat /sys/class/net/wg0/mtu)"
  pid[host]=$(daemon_of host)
  kill -TERM "${pid[host]}"
  ends_within 10 host
  nothing_left_at host || fail "something is left"
}

Background_start_ten_times_in_a_row_leaves_nothing_behind() {
  local i
  new_machines host
  for ((i = 0; i < 10; i++)); do
    background host
    at host wg show wg0 >/dev/null
    pid[host]=$(daemon_of host)
    kill -TERM "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end daemon $i"
    wait_for 30 nothing_left_at host || fail "something is left after $i"
  done
}

Bad_names_and_networks_are_refused_in_one_line() {
  new_machines host
  local arguments
  for arguments in "sixteenbyteslong" "" "a/b" ".." "wg0 wg1" "--no-such-option wg0" "-n"; do
    refused_either_way tcp "$arguments"
  done
  refused_either_way tcp5 wg0
  refused_either_way "" wg0
  refused_in_one_line at host timeout 10 "$daemon" -n tcp ""
  refused_in_one_line at host timeout 10 "$daemon" -f -n tcp ""
  equal "interfaces" lo "$(at host ls /sys/class/net)"
}

refused_either_way() { # NETWORK WORDS
  # shellcheck disable=SC2086 # several words
  refused_in_one_line at host timeout 10 "$daemon" -n "$1" $2
  # shellcheck disable=SC2086
  refused_in_one_line at host timeout 10 "$daemon" -f -n "$1" $2
}

A_name_that_is_taken_is_refused_and_its_owner_unharmed() {
  new_machines host
  ip -n "host-$$" link add wg0 type veth peer name other
  refused_in_one_line background host
  refused_in_one_line background host -f
  equal "the interface of that name" 1 "$(ip -n "host-$$" -o link show wg0 type veth | wc -l)"
  ip -n "host-$$" link delete wg0
  start host tcp
  at host wg set wg0 private-key "$work/host.key"
  refused_in_one_line background host
  refused_in_one_line background host -f
  equal "key of the first" "${public[host]}" "$(show host public-key)"
}

A_dead_daemons_socket_is_replaced() {
  tunnel tcp
  stop host
  [ -S "$work/host/wg0.sock" ] || fail "kill -9 left no socket; this test needs one"
  start host tcp
  equal "peers" "" "$(show host peers)"
}

Without_privilege_it_says_so_in_one_line() {
  new_machines host
  refused_with 'root|privilege|CAP_NET_ADMIN' as_nobody host -n tcp wg0
  says_in_one_line 'root|privilege|CAP_NET_ADMIN' setpriv --bounding-set -net_admin --inh-caps -net_admin "$daemon" -n tcp wg0
  says_in_one_line 'root|privilege|CAP_NET_ADMIN' setpriv --bounding-set -net_admin --inh-caps -net_admin "$daemon" -f -n tcp wg0
  nothing_left_at host || fail "something is left"
}

Without_dev_net_tun_it_says_so_in_one_line() {
  new_machines host
  says_in_one_line /dev/net/tun unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$daemon" -n tcp wg0
  says_in_one_line /dev/net/tun unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "$daemon" -f -n tcp wg0
}

Without_libcrypto_it_says_so_in_one_line() {
  new_machines host
  local library
  library=$(ldconfig -p | awk '$1 == "libcrypto.so.3" && !n++ {print $NF}')
  [ -n "$library" ] || fail "no libcrypto.so.3 here"
  says_in_one_line libcrypto unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$library" "$daemon" -n tcp wg0
  says_in_one_line libcrypto unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$library" "$daemon" -f -n tcp wg0
}

says_in_one_line() { refused_with "$1" at host timeout 10 "${@:2}"; } # PATTERN COMMAND...

Version_and_help_are_printed_without_any_privilege() {
  [[ $("$daemon" --version | sed -n 1p) =~ ^wireguard-vsock\ v[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$("$daemon" --version)"
  for word in --network --foreground vsock tcp6 udp6 LOG_LEVEL WG_TUN_FD WG_UAPI_FD WG_PROCESS_FOREGROUND INTERFACE; do
    grep -qiF -- $word <<<"$("$daemon" --help)" || fail "--help says nothing of $word"
  done
}

Log_level_decides_what_is_said() {
  new_machines host
  for level in silent error debug verbose; do
    LOG_LEVEL=$level start host tcp
    at host wg set wg0 private-key "$work/host.key"
    ip -n "host-$$" link set wg0 up
    case $level in debug | verbose) wait_for 30 grep -q 'Interface is up' "$work/host.log" || fail "it did not say that the link is up" ;; esac
    kill -TERM "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end the daemon"
    case $level in
      silent | error) equal "what LOG_LEVEL=$level says" "" "$(cat "$work/host.log")" ;;
      *) grep -q '^DEBUG: (wg0) ' "$work/host.log" || fail "LOG_LEVEL=$level said: $(cat "$work/host.log")" ;;
    esac
    : >"$work/host.log"
  done
}

The_log_never_shows_a_key() {
  tunnel tcp
  wg genpsk >"$work/psk"
  for machine in host enclave; do
    at $machine wg set wg0 peer "$(show $machine peers)" preshared-key "$work/psk"
  done
  flows_within 12 host enclave
  for secret in host.key enclave.key psk; do
    if grep -qF -e "$(cat "$work/$secret")" -e "$(hex <"$work/$secret")" "$work/host.log" "$work/enclave.log"; then fail "$secret is in a log"; fi
  done
}

Environment_alone_keeps_it_in_the_foreground() {
  new_machines host
  enter host env WG_PROCESS_FOREGROUND=1 "$daemon" -n tcp wg0 >>"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 is_ready host || fail "not ready"
  equal "its process" "$!" "$(daemon_of host)"
  kill -INT "${pid[host]}"
  ends_within 10 host
}

SIGTERM_ends_it_with_exit_code_0_and_leaves_nothing() { ends_cleanly TERM; }
SIGINT_ends_it_with_exit_code_0_and_leaves_nothing() { ends_cleanly INT; }

ends_cleanly() { # SIGNAL
  tunnel tcp
  pings host enclave
  # A background job of a script ignores SIGINT from its start, unless its shell has job control.
  kill -TERM "${pid[host]}"
  wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end the first"
  set -m
  start host tcp
  set +m
  configure host
  introduce host enclave tcp
  pings host enclave
  kill "-$1" "${pid[host]}"
  ends_within 10 host
  local status=0
  wait "${pid[host]}" || status=$?
  equal "exit code" 0 $status
  nothing_left_at host || fail "something is left"
}

Removed_control_socket_ends_it_within_a_second() {
  tunnel tcp
  pings host enclave
  at host rm /var/run/wireguard/wg0.sock
  ends_within 10 host
  wait_for 30 nothing_left_at host || fail "something is left"
}

Inherited_tun_and_control_descriptors_are_used() {
  new_machines host
  enter host "$e2e/inherit.pl" wg0 "$work/host/wg0.sock" "$daemon" -f -n tcp wg0 >>"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 is_ready host || fail "not ready"
  at host wg set wg0 private-key "$work/host.key" listen-port 8172
  ip -n "host-$$" link set wg0 up
  equal public-key "${public[host]}" "$(show host public-key)"
  kill -TERM "${pid[host]}"
  ends_within 10 host
  # In the background as well.
  at host "$e2e/inherit.pl" wg0 "$work/host/wg0.sock" "$daemon" -n tcp wg0
  at host wg set wg0 private-key "$work/host.key"
  equal public-key "${public[host]}" "$(show host public-key)"
  pid[host]=$(daemon_of host)
  kill -TERM "${pid[host]}"
  ends_within 10 host
}

Every_signal_that_ends_it_leaves_nothing() {
  local signal status
  new_machines host
  for signal in HUP QUIT USR1 ALRM STKFLT XCPU VTALRM PROF IO PWR RTMIN+1 RTMIN+3 RTMAX; do
    start host tcp
    kill "-$signal" "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIG$signal did not end it"
    status=0
    wait "${pid[host]}" || status=$?
    equal "exit code after SIG$signal" 0 $status
    nothing_left_at host || fail "something is left after SIG$signal"
  done
}

# At any time: nothing is made before signals are caught.
A_signal_while_it_starts_leaves_nothing() {
  local i
  new_machines host
  for i in {1..20}; do
    enter host "$daemon" -f -n tcp wg0 >>"$work/host.log" 2>&1 &
    pid[host]=$!
    pause "0.$(printf '%02d' $((i * 2)))"
    kill -TERM "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end it"
    wait "${pid[host]}" || :
    nothing_left_at host || fail "something is left, $((i * 20)) ms after its start"
  done
}

A_hangup_that_was_ignored_from_the_start_still_is() {
  # shellcheck disable=SC2034 # read by start
  local within=(nohup)
  new_machines host
  start host tcp
  kill -HUP "${pid[host]}"
  pause 0.5
  is_ready host || fail "SIGHUP has ended it"
}

Started_with_its_standard_descriptors_closed_it_works_as_ever() {
  new_machines host
  at host timeout 10 "$daemon" -n tcp wg0 <&- >&- 2>&- || fail "the command did not return 0: $?"
  pid[host]=$(daemon_of host)
  standard_descriptors_lead_nowhere
  kill -TERM "${pid[host]}"
  ends_within 10 host
  # In the foreground: what it logs must go nowhere, least of all into the interface.
  LOG_LEVEL=debug enter host "$daemon" -f -n tcp wg0 <&- >&- 2>&- &
  pid[host]=$!
  wait_for 30 is_ready host || fail "not ready"
  at host wg set wg0 private-key "$work/host.key" listen-port 8172
  ip -n "host-$$" link set wg0 up
  wait_for 30 listens host 8172 || fail "it does not listen"
  standard_descriptors_lead_nowhere
}

standard_descriptors_lead_nowhere() {
  local fd
  for fd in 0 1 2; do
    equal "descriptor $fd" /dev/null "$(readlink "/proc/${pid[host]}/fd/$fd")"
  done
}

Too_few_descriptors_are_refused_in_one_line() {
  local number
  new_machines host
  for number in 20 16 12; do
    says_in_one_line 'ulimit' prlimit --nofile=$number:$number "$daemon" -f -n tcp wg0
    says_in_one_line 'ulimit' prlimit --nofile=$number:$number "$daemon" -n tcp wg0
  done
  nothing_left_at host || fail "something is left"
}

# An enclave's image is small, and its libraries are old. A script that stands for the program is not looked at.
The_file_is_small_and_needs_no_new_libraries() {
  local newest
  if [ "$(head -c 4 "$daemon" | tail -c 3)" != ELF ] || [ -e "${daemon%/*}/wireguard-vsock.dll" ]; then skip "$daemon is not the built file"; fi
  at_most "bytes of the file" 6000000 "$(stat -L -c %s "$daemon")"
  newest=$(objdump -T "$daemon" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
  equal "the newest of $newest and GLIBC_2.34" GLIBC_2.34 "$(printf '%s\n' GLIBC_2.34 "$newest" | sort -V | tail -n 1)"
  note "$(stat -L -c %s "$daemon") bytes, $newest"
}
