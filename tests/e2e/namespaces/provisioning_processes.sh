# shellcheck shell=bash
# The processes of a tunnel that learns its peers: what they stand of garbage, what they hold, and what those who start them see.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

# 10,000 exchanges that come to nothing, of all kinds, from a third machine: what works goes on, a real verifier gets through, and
# nothing is left of it.
Garbage_exchanges_keep_no_verifier_out_and_leave_nothing_behind() {
  local fds rss flood began
  two_ends tcp
  new_machines third
  wire third enclave
  ours enclave up wg0 >"$work/said"
  ours host up --wait wg0
  pings host enclave
  pid[enclave]=$(provisioner_at enclave) # garbage is for it alone
  fds=$(fd_count enclave)
  # A first flood, not measured, lets the heap grow to the size it works at. What grows after it is a leak.
  at third "$e2e/garbage_exchanges.pl" 2000 0 "${outer4[enclave/third]}" "$(provision_port enclave)" >"$work/garbage"
  rss=$(rss_kib enclave)
  enter third "$e2e/garbage_exchanges.pl" 10000 2 "${outer4[enclave/third]}" "$(provision_port enclave)" >"$work/garbage" 2>&1 &
  flood=$!
  sleep 1
  at host ping -q -i 0.1 -c 50 -W 2 "${inner[enclave]}" >"$work/pings" || fail "pings during the flood: $(cat "$work/pings")"
  ours host down wg0
  began=${EPOCHREALTIME/./}
  ours host up --wait wg0
  since "$began"
  ! is_gone "$flood" || fail "the flood ended too early: $(cat "$work/garbage")"
  at_most "seconds until the verifier was taken" 15 "${elapsed%.*}"
  pings host enclave
  wait "$flood" || fail "$(cat "$work/garbage")"
  equal "exchanges made by the flood" 10000 "$(cut -d' ' -f1 "$work/garbage")"
  at_least "requests that were responded to" 20 "$(cut -d' ' -f2 "$work/garbage")"
  fds_are_at_most $((fds + 3)) enclave
  at_most "KiB of memory after the flood ($rss before)" $((rss + 16384)) "$(rss_kib enclave)"
  equal "peers of the prover" "${public[host]}" "$(show enclave peers)"
  equal "the provisioner" "${pid[enclave]}" "$(provisioner_at enclave)"
  note "the verifier was taken after $elapsed s of up; $rss KiB after a first flood, $(rss_kib enclave) after all"
}

# From the verifier's own machine its source is the flood's: its key is what tells it apart.
A_flood_from_the_verifiers_own_address_does_not_keep_it_out() {
  local flood
  two_ends tcp
  ours enclave up wg0 >"$work/said"
  enter host "$e2e/garbage_exchanges.pl" 100000 2 "${outer4[enclave/host]}" "$(provision_port enclave)" >"$work/garbage" 2>&1 &
  flood=$!
  sleep 1
  ours host up --wait=60 wg0
  ! is_gone "$flood" || fail "the flood ended too early: $(cat "$work/garbage")"
  pings host enclave
  kill "$flood"
  wait "$flood" || :
}

Command_behind_a_prover_starts_once_a_verifier_is_there() {
  two_ends tcp
  enter enclave "$daemon" up wg0 -- sh -c 'ip -o -4 address show dev wg0 >"$0"; exec sleep 300' "$work/started" 2>"$work/enclave.log" &
  pid[enclave]=$!
  wait_for 30 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/enclave.log")"
  pause 1
  [ ! -e "$work/started" ] || fail "it has started before a verifier was there"
  ours host up --wait wg0
  wait_for 10 grep -q 203.0.113.2/24 "$work/started" || fail "it has not started: $(cat "$work/enclave.log")"
  pings host enclave
  kill "${pid[enclave]}"
  ends_within 20 enclave
  # A signal ends what waits.
  ours host down wg0
  rm "$work/started"
  enter enclave "$daemon" up wg0 -- touch "$work/started" 2>"$work/enclave.log" &
  pid[enclave]=$!
  wait_for 30 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/enclave.log")"
  kill "${pid[enclave]}"
  status=0
  wait "${pid[enclave]}" || status=$?
  equal "exit code" 143 $status
  [ ! -e "$work/started" ] || fail "it has started"
  # With --wait it waits for a session, and not for ever.
  status=0
  ours enclave up --wait=1 wg0 -- touch "$work/started" 2>"$work/said" || status=$?
  equal "exit code" 1 $status
  grep -q 'no verifier has completed an exchange within 1 s' "$work/said" || fail "said: $(cat "$work/said")"
  [ ! -e "$work/started" ] || fail "it has started"
  # No verifier is answered while the tunnel goes down, nor peers are learned.
  echo "PreDown = ss -Hltn >$work/listeners" >>"$(file_of enclave)"
  if ours enclave up --wait=1 wg0 -- true 2>"$work/said"; then fail "no verifier is no failure"; fi
  equal "listeners while it goes down" "" "$(grep ":$(provision_port enclave) " "$work/listeners" || :)"
}

Background_form_behaves_as_up_always_did() {
  local before line process
  two_ends tcp "PostUp = echo hook >&2
PreUp = cut -d ' ' -f 6 /proc/self/stat >$work/hook-session"
  before=$(system_of enclave)
  ours enclave up wg0 >"$work/out" 2>"$work/err"
  grep -qx 'public key: .\{44\}' "$work/out" || fail "said: $(cat "$work/out")"
  equal "what hooks say" $'[#] echo hook >&2\nhook' "$(grep -v 'unattested\|hook-session' "$work/err")"
  equal "supervisors and daemons" "1 1" "$(supervisor_at enclave | wc -l) $(daemon_at enclave | wc -l)"
  # Its hooks are in the session of who called, so that they have the terminal; it goes into one of its own once it is up.
  equal "the session of a hook" "$(session_of self)" "$(cat "$work/hook-session")"
  for process in $(processes_at enclave); do
    equal "the session of what stays" "$process" "$(session_of "$process")"
    # It holds nothing of who started it.
    equal "its folder" / "$(readlink "/proc/$process/cwd")"
    for line in 0 1 2; do equal "descriptor $line" /dev/null "$(readlink "/proc/$process/fd/$line")"; done
  done
  fails_with "wg0 is up already" ours enclave up wg0
  kill -TERM "$(supervisor_at enclave)"
  nothing_is_left enclave "$before"

  # What fails is said, and undone.
  sed -i 's/^PostUp.*/PostUp = false/' "$(file_of enclave)"
  if ours enclave up wg0 >/dev/null 2>"$work/err"; then fail "a hook that fails is no failure"; fi
  grep -q 'PostUp ended with code 1: false' "$work/err" || fail "said: $(cat "$work/err")"
  nothing_is_left enclave "$before"
  sed -i 's/^PostUp.*/PostUp = sleep 3/' "$(file_of enclave)"

  # A signal to the command that waits, and its end, are that of what it has started.
  enter enclave "$daemon" up wg0 >"$work/out" 2>"$work/err" &
  line=$!
  wait_for 30 grep -q 'sleep 3' "$work/err" || fail "said: $(cat "$work/err")"
  kill -INT $line
  if wait $line; then fail "it was not interrupted"; fi
  nothing_is_left enclave "$before"
  enter enclave "$daemon" up wg0 >"$work/out" 2>"$work/err" &
  line=$!
  wait_for 30 grep -q 'sleep 3' "$work/err" || fail "said: $(cat "$work/err")"
  kill -9 $line
  wait $line || :
  nothing_is_left enclave "$before"

  # LOG_LEVEL keeps its output.
  sed -i '/^PostUp/d' "$(file_of enclave)"
  LOG_LEVEL=debug ours enclave up wg0 >"$work/out" 2>"$work/err"
  LOG_LEVEL=debug ours host up --wait wg0 >"$work/host-out" 2>"$work/host-err"
  wait_for 10 grep -q 'Provisioned by the verifier' "$work/err" || fail "no log: $(cat "$work/err")"
  equal "lines without the word" 0 "$(grep -c 'DEBUG: (wg0)' "$work/err" || :)"
  # Its daemon's lines too.
  grep -q '(wg0 (unattested)) .* - Handshake' "$work/err" || fail "no word: $(cat "$work/err")"
  grep -q 'DEBUG: (wg0) .*tcp:.* is ' "$work/host-err" || fail "no line of the verifier: $(cat "$work/host-err")"
}

session_of() { awk '{print $6}' "/proc/$1/stat"; } # PROCESS

Port_of_provisioning_that_is_taken_is_said_and_tried_again() {
  local stray
  two_ends tcp
  enter enclave socat "TCP6-LISTEN:$(provision_port enclave),reuseaddr,ipv6only=0,fork" SYSTEM:'sleep 300' &
  stray=$!
  wait_for 10 listens enclave "$(provision_port enclave)" || fail "no stray listener"
  LOG_LEVEL=debug ours enclave up wg0 >/dev/null 2>"$work/err"
  wait_for 10 grep -q 'it is tried again each second' "$work/err" || fail "not said: $(cat "$work/err")"
  sleep 2
  equal "lines about it" 1 "$(grep -c 'it is tried again each second' "$work/err")"
  ours host up wg0
  kill $stray
  wait $stray || :
  flows_within 40 host enclave
}

Tunnel_that_learns_nothing_has_no_thread_for_it_and_one_that_does_hardly_uses_it() {
  local before
  two_files tcp
  ours host up wg0
  equal "threads that learn" 0 "$(thread_count host)"
  ours host down wg0
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  equal "threads that learn" "1 1" "$(thread_count host) $(thread_count enclave)"
  before=$(thread_ms host)
  sleep 10
  note "in 10 s the verifier's thread needs $(($(thread_ms host) - before)) ms"
  at_most "ms of a processor in 10 s" 200 $(($(thread_ms host) - before))
}

# A tunnel's threads by that name, and what they have used of a processor.
thread_count() { cat "/proc/$(supervisor_at "$1")"/task/*/comm | grep -c '^provisioning' || :; }

thread_ms() {
  local task
  for task in "/proc/$(supervisor_at "$1")"/task/*; do
    if grep -q '^provisioning' "$task/comm"; then awk '{print int($1 / 1000000)}' "$task/schedstat"; fi
  done
}

# What faces the network when keys are exchanged has the tunnel's key, and nothing else.
Exchange_has_a_process_of_its_own_which_is_confined() {
  local machine process file rss
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  for machine in host enclave; do
    process=$(provisioner_at "$machine")
    equal "provisioners of $machine" 1 "$(wc -l <<<"$process")"
    # For the mark.
    confined "$process" "$net_raw"
    # Neither interface nor control socket, nor what leads to routes: its sockets, and the one to its supervisor.
    for file in "/proc/$process/fd"/*; do
      case $(readlink "$file") in
        /dev/null | /dev/urandom | socket:* | anon_inode:*) ;;
        *) fail "a descriptor of $machine's provisioner leads to $(readlink "$file")" ;;
      esac
    done
    find "/proc/$process/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' >"$work/sockets"
    equal "netlink sockets of $machine's provisioner" "" "$(at "$machine" awk '{print $NF}' /proc/net/netlink | grep -xFf "$work/sockets" || :)"
    rss=$(status_of "$process" VmRSS)
    note "$machine's provisioner has $rss KiB of memory"
    at_most "KiB of $machine's provisioner" 40960 "$rss"
  done
  equal "who listens for verifiers" "$(provisioner_at enclave)" \
    "$(at enclave ss -Hltnp "sport = :$(provision_port enclave)" | sed 's/.*pid=\([0-9]*\).*/\1/' | sort -u)"
  # A signal that a service manager sends to all is for the supervisor.
  for machine in host enclave; do
    process=$(provisioner_at "$machine")
    kill -TERM "$process"
    sleep 1
    equal "$machine's provisioner after SIGTERM" "$process" "$(provisioner_at "$machine")"
  done
  # It goes with its supervisor, however that ends.
  kill -9 "$(supervisor_at enclave)"
  wait_for 10 no_daemon_at enclave || fail "the provisioner outlives its supervisor"
}
