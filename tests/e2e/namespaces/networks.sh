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

# The address and the first route to it stay, but that path drops everything.
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
  # The new routes choose other source addresses, which have to be reached as well.
  ip -n "host-$$" route add "${outer4[enclave/third]}" via "${outer4[third/host]}"
  ip -n "enclave-$$" route add "${outer4[host/third]}" via "${outer4[third/enclave]}"
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
    start_both $network
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
  wait_for 30 is_gone "${pid[$1]}" || fail "SIGTERM did not end the daemon at $1"
}

Peer_without_an_endpoint_learns_it_from_the_caller_over_tcp() { learns_endpoint tcp4; }
Peer_without_an_endpoint_learns_it_from_the_caller_over_udp() { learns_endpoint udp4; }

learns_endpoint() { # NETWORK
  new_machines host enclave
  wire host enclave
  start_both "$1"
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
  # The one that carried no message is closed as an unauthenticated one, after 10 s.
  wait_for 30 one_connection || fail "connections: $(at host ss -Htn state established)"
  stays_settled
}

# While both go on sending, neither dials again nor begins a handshake.
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

Packets_for_no_peer_are_answered_with_an_ICMP_error_or_dropped() {
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
  local before after began elapsed
  began=${EPOCHREALTIME/./}
  before=$(received enclave)
  sleep 5
  after=$(received enclave)
  since "$began"
  at_least "keepalive bytes in $elapsed s" $((3 * 32)) $((after - before))
  at_most "keepalive bytes in $elapsed s" $(((${elapsed%.*} + 2) * 32)) $((after - before))
}

Idle_tunnel_uses_next_to_no_processor() {
  local before network
  new_machines host enclave
  wire host enclave
  for network in tcp udp; do
    start_both $network
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

Udp_datagrams_of_any_length_pass_a_narrow_link_whose_ICMP_is_filtered() {
  local size
  tunnel_through_a_narrow_link 1300
  at third nft 'table inet silent { chain out { type filter hook output priority 0; icmp type destination-unreachable drop
    }
  }'
  capture third to-host -Q in udp
  pings host enclave
  # One datagram that fits the link, one that does not, two, and trains.
  for size in 1000 1300 1380 2600 40000; do
    sends_at_once host enclave $size
    sends_at_once enclave host $size
  done
  end_capture
  equal "datagrams with DF" 0 "$(tcpdump -n -r "$work/capture" 'ip[6] & 0x40 != 0' 2>/dev/null | wc -l)"
  at_least "datagrams captured" 20 "$(tcpdump -n -r "$work/capture" 2>/dev/null | wc -l)"
}

# A train whose datagrams are longer than the path MTU that the kernel has cached: the kernel must not refuse it.
Udp_trains_go_though_a_path_MTU_is_cached() {
  tunnel_through_a_narrow_link 1300
  pings host enclave
  at host ping -q -c 2 -i 0.2 -W 1 -M do -s 1400 "${outer4[enclave/third]}" >/dev/null 2>&1 || :
  at host ip route get "${outer4[enclave/third]}" | has 'mtu 1300' || fail "no path MTU is cached"
  capture host to-third -Q out udp
  copy_checksummed host enclave 5
  end_capture
  at_least "trains of datagrams" 50 "$(tcpdump -n -r "$work/capture" 'greater 3000' 2>/dev/null | wc -l)"
  trains_arrive host enclave 50 20 1300
}

# host -- third -- enclave over UDP, and the second link takes MTU bytes.
tunnel_through_a_narrow_link() { # MTU
  local machine
  new_machines host enclave third
  wire host third
  wire third enclave
  ip -n "third-$$" link set to-enclave mtu "$1"
  ip -n "enclave-$$" link set to-third mtu "$1"
  at third sysctl -qw net.ipv4.ip_forward=1
  ip -n "host-$$" route add "${outer4[enclave/third]}" via "${outer4[third/host]}"
  ip -n "enclave-$$" route add "${outer4[host/third]}" via "${outer4[third/enclave]}"
  for machine in host enclave; do
    start $machine udp4
    configure $machine
  done
  introduce host enclave
  introduce enclave host
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[enclave/third]}:${port[enclave]}"
}

# So many bytes over TCP at once, and the connection's end; they must be there within 5 s.
sends_at_once() { # FROM TO BYTES
  local receiver
  rm -f "$work/received"
  at "$2" timeout 5 socat -u TCP-LISTEN:7002,reuseaddr "CREATE:$work/received" &
  receiver=$!
  wait_for 30 listens "$2" 7002 || fail "no listener"
  head -c "$3" /dev/zero | at "$1" timeout 5 socat -b 65536 -u - "TCP:${inner[$2]}:7002" || fail "$3 bytes from $1 to $2 were not sent"
  wait "$receiver" || fail "$3 bytes from $1 to $2 did not arrive"
  equal "bytes from $1 to $2" "$3" "$(stat -c %s "$work/received")"
}

Udp_offloads_off_sends_every_datagram_by_itself() {
  # shellcheck disable=SC2034 # read by start
  local with=(--udp-offloads=off)
  tunnel udp4
  pings host enclave
  capture host to-enclave -s 128 udp
  copy_checksummed host enclave 5
  end_capture
  equal "trains of datagrams" 0 "$(tcpdump -n -r "$work/capture" 'greater 1600' 2>/dev/null | wc -l)"
  at_least "datagrams" 3000 "$(tcpdump -n -r "$work/capture" 2>/dev/null | wc -l)"
}

Marks_of_congestion_on_the_path_reach_the_inner_packets_over_udp4() { marks_cross udp4; }
Marks_of_congestion_on_the_path_reach_the_inner_packets_over_udp6() { marks_cross udp6; }

# RFC 6040: outer datagrams have the inner packet's ECN bits, and a mark set on the path is copied to the inner packet; in trains too.
marks_cross() { # NETWORK
  local mark marks=(0 2 1 3) ip=ip
  tunnel "$1"
  [ "$1" = udp4 ] || ip=ip6
  pings host enclave
  for mark in "${marks[@]}"; do
    counts_marks host "output" "$ip" to-enclave "$mark"
    counts_marks enclave "input" ip wg0 "$mark"
    at host ping -q -n -c 5 -i 0.05 -W 2 -Q "$mark" "${inner[enclave]}" >/dev/null || fail "no answers with mark $mark"
    at_least "datagrams that left with mark $mark" 5 "$(marked_packets host)"
    equal "packets that arrived with mark $mark" 5 "$(marked_packets enclave)"
  done
  # The path marks every packet that is ECN-capable.
  at enclave nft "table inet path { chain in { type filter hook prerouting priority -300; iifname to-host udp dport ${port[enclave]} $ip ecn set ce
    }
  }"
  for mark in 1 2 3; do
    counts_marks enclave "input" ip wg0 3
    at host ping -q -n -c 5 -i 0.05 -W 2 -Q "$mark" "${inner[enclave]}" >/dev/null || fail "no answers with mark $mark"
    equal "packets that arrived with CE, sent with $mark" 5 "$(marked_packets enclave)"
  done
  equal "packets dropped so far" 0 "$(counter enclave congestion_unheard)"
  if at host ping -q -n -c 3 -i 0.05 -W 1 "${inner[enclave]}" >/dev/null; then fail "a mark was lost"; fi
  equal "packets dropped" 3 "$(counter enclave congestion_unheard)"
  # TCP with ECN takes a path that marks everything for a slow one, and loses nothing.
  for machine in host enclave; do at $machine sysctl -qw net.ipv4.tcp_ecn=1; done
  at enclave nft flush chain inet path in
  at enclave nft add rule inet path in iifname to-host $ip ecn != not-ect numgen random mod 20 0 $ip ecn set ce
  copy_checksummed host enclave 5
}

counts_marks() { # MACHINE HOOK FAMILY INTERFACE MARK
  local match=iifname
  [ "$2" != output ] || match=oifname
  at "$1" nft "table inet marks
  flush table inet marks
  delete table inet marks
  table inet marks { counter seen { }
    chain c { type filter hook $2 priority 300; $match $4 $3 ecn $5 meta l4proto { udp, icmp } counter name seen
    }
  }"
}

marked_packets() { at "$1" nft list counter inet marks seen | sed -n 's/.*packets \([0-9]*\).*/\1/p'; } # MACHINE

Routing_loop_over_udp4_is_cut_and_said_once() { loop_is_cut udp4; }
Routing_loop_over_udp6_is_cut_and_said_once() { loop_is_cut udp6; }

# A route leads messages to the endpoint into the tunnel itself. Each round made the packet longer, and then two of it.
loop_is_cut() { # NETWORK
  local before outer
  tunnel "$1"
  pings host enclave
  outer=${outer4[enclave/host]}
  [ "$1" = udp4 ] || outer=${outer6[enclave/host]}
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}/32,${inner6[enclave]}/128,$outer"
  ip -n "host-$$" route add "$outer" dev wg0
  at host ping -q -n -c 2 -i 0.1 -W 1 -s 100 "${inner[enclave]}" >/dev/null 2>&1 || :
  at host ping -q -n -c 2 -i 0.1 -W 1 -s 1392 "${inner[enclave]}" >/dev/null 2>&1 || :
  before=$(sent_by_wg0 host)
  sleep 2
  at_most "packets in the interface in 2 s without traffic" 20 $(($(sent_by_wg0 host) - before))
  at_least "messages of our own that were dropped" 4 "$(counter host routing_loop)"
  equal "lines about it" 1 "$(grep -c 'Routing loop' "$work/host.log")"
  ip -n "host-$$" route delete "$outer" dev wg0
  flows_within 10 host enclave
}

sent_by_wg0() { at "$1" cat /sys/class/net/wg0/statistics/tx_packets; } # MACHINE

A_tunnel_inside_the_tunnel_works_over_udp() {
  tunnel udp4
  pings host enclave
  begin_inner host 8173 192.0.2.1
  begin_inner enclave 51821 192.0.2.2
  at host wg set wg1 peer "${public[enclave2]}" allowed-ips 192.0.2.2/32 endpoint "${inner[enclave]}:51821"
  at enclave wg set wg1 peer "${public[host2]}" allowed-ips 192.0.2.1/32
  at host ping -q -c 3 -i 0.2 -W 5 192.0.2.2 >/dev/null || fail "no path through both"
  copy_checksummed host enclave 2 192.0.2.2
  equal "messages taken for our own" "0 0" "$(counter host routing_loop) $(counter enclave routing_loop)"
}

begin_inner() { # MACHINE PORT ADDRESS
  new_key "$1"2
  enter "$1" "$daemon" -f -n udp4 wg1 >>"$work/$1.log" 2>&1 &
  wait_for 10 [ -S "$work/$1/wg1.sock" ] || fail "no inner daemon at $1"
  wait_for 10 at "$1" wg set wg1 private-key "$work/$1"2.key listen-port "$2" || fail "no inner daemon at $1"
  ip -n "$1-$$" address add "$3/24" dev wg1
  ip -n "$1-$$" link set wg1 mtu 1340 up
}
