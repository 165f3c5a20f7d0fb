# shellcheck shell=bash
# Ours to ours, over every network that may be used on this machine.

Tunnel_over_tcp4_carries_every_kind_of_traffic() { carries_everything tcp4; }
Tunnel_over_tcp6_carries_every_kind_of_traffic() { carries_everything tcp6; }
Tunnel_over_udp4_carries_every_kind_of_traffic() { carries_everything udp4; }
Tunnel_over_udp6_carries_every_kind_of_traffic() { carries_everything udp6; }
Tunnel_over_tcp_carries_every_kind_of_traffic() { carries_everything tcp; }
Tunnel_over_udp_carries_every_kind_of_traffic() { carries_everything udp; }

carries_everything() { # NETWORK
  tunnel "$1"
  pings host enclave
  pings enclave host
  pings6 host enclave
  pings6 enclave host
  # 1392 bytes, ICMP's 8 and IPv4's 20 fill the interface's MTU of 1420; -M do forbids fragments.
  pings host enclave -M do -s 1392
  pings enclave host -M do -s 1392
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  for machine in host enclave; do
    at_least "bytes received by $machine" 20000000 "$(received $machine)"
    at_least "$machine's last handshake" "$(($(date +%s) - 120))" "$(show $machine latest-handshakes | cut -f 2)"
  done
}

No_garbage_is_collected_while_data_flows_over_tcp() { collects_nothing tcp4; }
No_garbage_is_collected_while_data_flows_over_udp() { collects_nothing udp4; }

collects_nothing() { # NETWORK
  local before speed
  tunnel "$1"
  # The first second makes what is made once.
  throughput host enclave 1 >/dev/null
  before="$(collections host) $(collections enclave)"
  speed=$(throughput host enclave 5)
  note "$speed Mbit/s"
  equal "garbage collections of host and enclave" "$before" "$(collections host) $(collections enclave)"
}

collections() { counter "$1" garbage_collections; }

# The address stays, and so does the way it was first reached by, though nothing passes there any more.
Udp_follows_the_routing_table_to_another_interface() {
  tunnel udp4
  new_machines third
  wire host third
  wire enclave third
  at third sysctl -qw net.ipv4.ip_forward=1
  ip -n "third-$$" route add "${outer4[enclave/host]}" via "${outer4[enclave/third]}"
  ip -n "third-$$" route add "${outer4[host/enclave]}" via "${outer4[host/third]}"
  pings host enclave
  pings enclave host
  ip -n "host-$$" route add "${outer4[enclave/host]}" via "${outer4[third/host]}"
  ip -n "enclave-$$" route add "${outer4[host/enclave]}" via "${outer4[third/enclave]}"
  drop_everything enclave
  flows_within 5 host enclave
  pings enclave host
  copy_checksummed host enclave 5
}

Plain_tcp_and_udp_reach_IPv6_endpoints_too() {
  local network
  new_machines host enclave
  wire host enclave
  for network in tcp udp; do
    start host $network
    start enclave $network
    configure host
    configure enclave
    at host wg set wg0 peer "${public[enclave]}" allowed-ips 203.0.113.2/32 endpoint "$(endpoint_of enclave host "${network}6")"
    at enclave wg set wg0 peer "${public[host]}" allowed-ips 203.0.113.1/32
    pings host enclave
    copy_checksummed enclave host 2
    leave host
    leave enclave
  done
}

leave() { # MACHINE: end its daemon politely
  kill -TERM "${pid[$1]}"
  wait_for 2 is_gone "${pid[$1]}" || fail "SIGTERM did not end the daemon at $1"
}

Peer_without_an_endpoint_learns_it_from_the_caller_over_tcp() { learns_endpoint tcp4; }
Peer_without_an_endpoint_learns_it_from_the_caller_over_udp() { learns_endpoint udp4; }

learns_endpoint() { # NETWORK
  new_machines host enclave
  wire host enclave
  start host "$1"
  start enclave "$1"
  configure host
  configure enclave
  introduce host enclave
  introduce enclave host "$1"
  equal "endpoint before the call" "(none)" "$(field host endpoints)"
  pings enclave host
  pings host enclave
  grep -q "^${outer4[enclave/host]}:[0-9]*\$" <<<"$(field host endpoints)" || fail "host shows $(field host endpoints)"
}

Both_ends_dialling_at_once_settle_on_one_tcp_connection() {
  # shellcheck disable=SC2034 # read by start
  local with=(--streams 1)
  tunnel tcp4
  ping_once host enclave >/dev/null &
  local other=$!
  ping_once enclave host >/dev/null || :
  wait $other || :
  # The one that carried no message is closed as a stranger's would be, after 10 s.
  wait_for 15 one_connection || fail "connections: $(at host ss -Htn state established)"
  stays_settled
}

# As long as both go on talking, nobody dials again and nobody handshakes again.
stays_settled() {
  local handshake
  handshake=$(handshake_of host enclave)
  for _ in {1..4}; do
    sleep 3
    pings host enclave
    pings enclave host
    one_connection || fail "no longer one connection"
  done
  equal "the last handshake" "$handshake" "$(handshake_of host enclave)"
}

one_connection() { [ "$(at host ss -Htn state established | wc -l)" = 1 ]; }

A_third_machine_reaches_the_first_while_the_second_does() {
  star tcp
  pings enclave host
  pings third host
  pings host enclave
  pings host third
  # Each peer may use its own addresses alone: a packet from another's is dropped.
  at enclave ip address add "${inner[third]}/32" dev wg0
  if at enclave ping -q -c 2 -i 0.3 -W 1 -I "${inner[third]}" "${inner[host]}" >/dev/null 2>&1; then fail "a stolen inner address was answered"; fi
}

Packets_to_nobody_are_answered_with_an_ICMP_error_or_dropped() {
  tunnel udp4
  pings host enclave
  no_such=203.0.113.77
  if at host ping -q -c 1 -W 1 $no_such >/dev/null 2>&1; then fail "$no_such answered"; fi
  pings host enclave
}

Idle_peers_send_only_the_keepalives_asked_for() {
  tunnel udp4
  pings host enclave
  at host wg set wg0 peer "${public[enclave]}" persistent-keepalive 1
  at enclave wg set wg0 peer "${public[host]}" persistent-keepalive 0
  # A passive keepalive may still follow the pings; 32 bytes each.
  sleep 1
  local before after
  before=$(received enclave)
  sleep 5
  after=$(received enclave)
  at_least "keepalive bytes in 5 s" $((4 * 32)) $((after - before))
  at_most "keepalive bytes in 5 s" $((7 * 32)) $((after - before))
}

Idle_tunnel_uses_next_to_no_processor() {
  local before network
  new_machines host enclave
  wire host enclave
  for network in tcp udp; do
    start host $network
    start enclave $network
    configure host
    configure enclave
    introduce host enclave $network
    introduce enclave host $network
    pings host enclave
    sleep 1
    before=$(processor_ms host)
    sleep 5
    at_most "ms of processor in 5 idle seconds over $network" 100 $(($(processor_ms host) - before))
    note "$(($(processor_ms host) - before)) ms in 5 s over $network"
    leave host
    leave enclave
  done
}
