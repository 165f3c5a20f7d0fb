# shellcheck shell=bash
# Many peers at once: bench/swarm plays them all, from a third machine, while a real tunnel goes on.

peers=2000
swarm=$root/bench/swarm/bin/Release/net10.0/WireGuard.Swarm

# Alone: it measures how long thousands of peers take.
Two_thousand_peers_over_tcp_are_configured_connected_and_cheap() { with_a_swarm tcp; }
# Alone: it measures how long thousands of peers take.
Two_thousand_peers_over_udp_are_configured_connected_and_cheap() { with_a_swarm udp; }

with_a_swarm() { # NETWORK
  local before after
  # Two thousand of everything would be logged.
  export LOG_LEVEL=error
  [ -x "$swarm" ] || fail "bench/swarm was not built"
  tunnel "${1}4"
  pings host enclave
  connect_swarm_machine
  before=$(rss_kib host)
  add_peers
  ping_throughout
  start_swarm "$1"
  wait_for 60 grep -q '^ready' "$work/measured" || fail "the swarm: $(cat "$work/measured" "$work/swarm-said")"
  end_pings
  equal "handshakes that failed" 0 "$(measured failed)"
  wait_for 30 all_complete || fail "$(complete) of $((peers + 1)) handshakes are complete"
  after=$(rss_kib host)
  at_most "kB of memory for all of them" $((peers * 16)) $((after - before))
  if [ "$1" = tcp ]; then at_least "connections" $peers "$(fd_count host)"; fi
  pings enclave host
  note "$(measured per_second) handshakes a second, $(measured per_cpu_second) a processor second, $((after - before)) kB"
}

connect_swarm_machine() {
  new_machines swarm
  wire host swarm
  # All of its addresses are local there, without a list of them.
  ip -n "swarm-$$" route add local 10.128.0.0/16 dev lo
  ip -n "host-$$" route add 10.128.0.0/16 via "${outer4[swarm/host]}"
}

add_peers() {
  local began=${EPOCHREALTIME/./} elapsed
  "$swarm" config $peers >"$work/peers"
  at host wg addconf wg0 "$work/peers"
  since "$began"
  equal "peers" $((peers + 1)) "$(show host peers | wc -l)"
  at_most "seconds to add $peers peers" 10 "${elapsed%.*}"
}

ping_throughout() {
  enter host ping -q -i 0.1 -W 5 "${inner[enclave]}" >"$work/throughout" 2>&1 &
  pinging=$!
}

# What a ping in the background has found: most of its packets were answered.
end_pings() {
  kill -INT "$pinging"
  wait "$pinging" || :
  local sent answered
  sent=$(awk '/packets transmitted/ {print $1}' "$work/throughout")
  answered=$(awk '/packets transmitted/ {print $4}' "$work/throughout")
  at_least "pings sent meanwhile" 3 "$sent"
  at_least "pings answered of $sent meanwhile" $((sent * 8 / 10)) "$answered"
}

start_swarm() { # NETWORK
  mkfifo "$work/hold"
  # Open at both ends here: the swarm stays until this shell ends.
  # shellcheck disable=SC2034
  exec {hold}<>"$work/hold"
  enter swarm "$swarm" run $peers "$1" "${outer4[host/swarm]}:${port[host]}" "${public[host]}" "${pid[host]}" \
    <"$work/hold" >"$work/measured" 2>"$work/swarm-said" &
}

measured() { awk -v name="$1" '$1 == name {printf "%d\n", $2}' "$work/measured"; }
complete() { show host latest-handshakes | awk '$2 > 0' | wc -l; }
all_complete() { [ "$(complete)" = $((peers + 1)) ]; }
