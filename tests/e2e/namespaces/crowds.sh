# shellcheck shell=bash
# Crowds of silent unauthenticated connections, while a peer loses its link and reconnects. The host has no endpoints of its peers:
# they have to be accepted.

# Alone: it measures how fast a peer is back beside a crowd.
A_process_on_the_peers_own_machine_that_holds_24_connections_does_not_keep_it_out() {
  callers tcp4 enclave
  crowd enclave hold 24 60 "${outer4[host/enclave]}"
  comes_back_within_a_second enclave
}

# Alone: it measures how fast a peer is back beside a crowd.
A_thousand_connections_a_second_from_the_peers_own_address_do_not_keep_it_out() {
  callers tcp4 enclave
  crowd enclave rate 1000 60 "${outer4[host/enclave]}"
  comes_back_within_a_second enclave
}

# Alone: it measures how fast a peer is back beside a crowd.
Twenty_addresses_of_one_network_keep_no_peer_out() {
  callers tcp6 enclave third
  local i
  for i in {20..39}; do ip -n "third-$$" address add "2001:db8:2::$i/64" dev to-host nodad; done
  crowd third hold 400 60 "${outer6[host/third]}" 2001:db8:2::{20..39}
  comes_back_within_a_second enclave
  # Nor each other, nor who has an address among theirs.
  comes_back_within_a_second third
}

# Alone: it measures how fast a peer is back beside a crowd.
A_thousand_connections_a_second_from_many_networks_keep_no_peer_out() {
  callers tcp6 enclave third
  local i
  for i in {1..300}; do echo "address add 2001:db8:1000:$i::1/64 dev to-host nodad"; done | ip -n "third-$$" -batch -
  ip -n "host-$$" -6 route add 2001:db8:1000::/48 via "${outer6[third/host]}"
  crowd third rate 1000 60 "${outer6[host/third]}" 2001:db8:1000:{1..300}::1
  comes_back_within_a_second enclave
}

# The third machine reaches the host through the enclave, with the enclave's address, and 100 ms later in each direction.
# Alone: it measures how fast a peer is back beside a crowd.
A_caller_with_200_ms_of_round_trip_behind_the_address_of_a_crowd_gets_in() {
  new_machines host enclave third
  wire host enclave
  wire enclave third
  start host tcp4
  start third tcp4
  configure host
  configure third
  introduce host third
  enter enclave "$e2e/delay.pl" 9999 "${outer4[host/enclave]}" "${port[host]}" 100 &
  wait_for 30 listens enclave 9999 || fail "no relay"
  at third wg set wg0 peer "${public[host]}" allowed-ips "${inner[host]}/32" endpoint "${outer4[enclave/third]}:9999"
  pings third host
  crowd enclave rate 1000 60 "${outer4[host/enclave]}"
  comes_back_within_a_second third 200
}

callers() { # NETWORK MACHINE...
  local network=$1 machine
  shift
  new_machines host "$@"
  start host "$network"
  configure host
  for machine; do
    wire host "$machine"
    start "$machine" "$network"
    configure "$machine"
    introduce host "$machine"
    introduce "$machine" host "$network"
    pings "$machine" host
  done
}

crowd() { # MACHINE KIND NUMBER SECONDS ADDRESS [SOURCE...]
  local machine=$1 address=$5
  enter "$machine" "$e2e/crowd.pl" "${@:2:3}" "$address" "${port[host]}" "${@:6}" >"$work/crowd" &
  crowd=$! crowd_kind=$2
  wait_for 30 [ -s "$work/crowd" ] || fail "no crowd"
}

# A packet waits for its session, so one ping says when that has come about, and one round trip more.
comes_back_within_a_second() { # MACHINE [MS OF ITS ROUND TRIP]
  local i ms made slowest=0 began=${EPOCHREALTIME/./} before
  before=$(tail -n 1 "$work/crowd")
  for i in {1..5}; do
    ip -n "$1-$$" link set wg0 down
    sleep 0.3
    ip -n "$1-$$" link set wg0 up
    at "$1" ping -n -c 1 -W 10 "${inner[host]}" >"$work/ping" || fail "$1 did not get in within 10 s"
    ms=$(sed -n 's/.* time=\([0-9]*\).*/\1/p' "$work/ping")
    slowest=$((ms > slowest ? ms : slowest))
  done
  if is_gone "$crowd"; then fail "the crowd has left"; fi
  made=$(tail -n 1 "$work/crowd")
  at_least "connections of the crowd" 24 "$made"
  # Told once a second: what was made since is not in it.
  [ "$crowd_kind" != rate ] ||
    at_least "connections a second of the crowd" 250 $(((made - before) * 1000000 / (${EPOCHREALTIME/./} - began)))
  at_most "ms until $1 was back" $((1000 + ${2:-0})) "$slowest"
  note "$1 is back after at most $slowest ms; $made connections made"
}
