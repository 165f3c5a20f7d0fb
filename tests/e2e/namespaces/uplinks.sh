# shellcheck shell=bash
# A machine with two uplinks, whose route to its peer moves from the one to the other.
#
#            .-- first ---.
#     host --|            |-- enclave (198.18.0.1)
#            `-- second --'
#
# Like a provider's network, each carries only packets to and from the address that it gave to the host.

two_uplinks() { # NETWORK [NETWORK OF THE ENCLAVE'S DAEMON]
  local via n
  new_machines host enclave first second
  for via in first second; do
    wire host $via
    wire $via enclave
    at $via sysctl -qw net.ipv4.ip_forward=1
    ip -n "$via-$$" route add 198.18.0.1 via "${outer4[enclave/$via]}"
    n=${outer4[host/$via]}
    ip -n "enclave-$$" route add "${n%.*}.0/24" via "${outer4[$via/enclave]}"
    at $via nft "table inet provider { chain forward { type filter hook forward priority 0
      iifname to-host ip saddr != $n drop
      }
    }"
  done
  ip -n "enclave-$$" address add 198.18.0.1/32 dev lo
  uplink first
  start_both "$1" "${2:-$1}"
  introduce enclave host
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}/32" endpoint "198.18.0.1:${port[enclave]}"
}

uplink() { ip -n "host-$$" route replace default via "${outer4[$1/host]}"; } # MACHINE

# Pings go on while the route moves; the longest time without an answer is in $gap, in ms.
moves_while_pinged() { # FROM TO UPLINK
  local pinging
  pings host enclave
  enter "$1" ping -n -D -i 0.05 -c 100 -W 1 "${inner[$2]}" >"$work/pings" 2>&1 &
  pinging=$!
  wait_for 30 eval "((\$(grep -c 'bytes from' '$work/pings') >= 20))" || fail "no answers: $(cat "$work/pings")"
  uplink "$3"
  wait "$pinging" || :
  gap=$(sed -n 's/^\[\([0-9.]*\)\] .*bytes from.*/\1/p' "$work/pings" |
    awk 'NR > 1 && $1 - last > gap {gap = $1 - last} {last = $1} END {printf "%d\n", gap * 1000}')
  grep -q 'icmp_seq=100 ' "$work/pings" || fail "no answers in the end: $(tail -n 3 "$work/pings")"
}

Udp_leaves_by_the_uplink_that_the_route_moves_to() {
  two_uplinks udp4
  moves_while_pinged host enclave second
  at_most "ms without answers" 1000 "$gap"
  note "$gap ms without answers"
  moves_while_pinged host enclave first
  at_most "ms without answers, on the path back" 1000 "$gap"
  grep -q "^${outer4[host/first]}:" <<<"$(field enclave endpoints)" || fail "enclave shows $(field enclave endpoints)"
  copy_checksummed enclave host 5
}

# The host only answers, and packets still arrive for its previous address.
Udp_tells_a_peer_that_sends_where_it_is_reached_now() {
  two_uplinks udp4 wireguard-go
  moves_while_pinged enclave host second
  at_most "ms without answers" 1000 "$gap"
  note "$gap ms without answers"
}

# Only one end sends, and the other had no reason to answer yet.
Udp_tells_a_peer_that_sends_one_way_where_it_is_reached_now() {
  two_uplinks udp4
  pings host enclave
  heard_at first || fail "enclave shows $(field enclave endpoints)"
  uplink second
  wait_for 2 heard_at second || fail "enclave shows $(field enclave endpoints)"
}

heard_at() { grep -q "^${outer4[host/$1]}:" <<<"$(field enclave endpoints)"; }

Tcp_connection_that_we_dialled_moves_with_the_route() {
  local before
  two_uplinks tcp4
  moves_while_pinged host enclave second
  at_most "ms without answers" 3000 "$gap"
  note "$gap ms without answers"
  dialled_from second || fail "connections: $(at host ss -Htn state established)"
  copy_checksummed host enclave 5
  # Another gateway, the same source; and routes that are none of ours.
  before=$(at host ss -Htn state established | awk '{print $3, $4}' | sort)
  ip -n "second-$$" address add "${outer4[second/host]%.*}.9/24" dev to-host
  ip -n "host-$$" route replace default via "${outer4[second/host]%.*}.9"
  ip -n "host-$$" route add 198.51.100.0/24 via "${outer4[first/host]}"
  # The end that accepted ignores its own routes.
  ip -n "enclave-$$" address add 198.18.0.2/32 dev lo
  ip -n "enclave-$$" route replace "${outer4[host/second]}" via "${outer4[second/enclave]}" src 198.18.0.2
  sleep 1
  pings host enclave
  pings enclave host
  equal "connections" "$before" "$(at host ss -Htn state established | awk '{print $3, $4}' | sort)"
}

dialled_from() { # MACHINE: all connections are
  ! at host ss -Htn state established | has -v " ${outer4[host/$1]}:"
}

A_flood_of_route_changes_costs_little() {
  local before used began=${EPOCHREALTIME/./} elapsed made i n
  two_uplinks udp4
  pings host enclave
  before=$(processor_ms host)
  for ((i = 0; i < 40; i++)); do
    echo "route add 100.64.$i.0/24 via ${outer4[second/host]}"
    for ((n = 1; n < 250; n++)); do echo "route add 100.64.$i.$n via ${outer4[second/host]}"; done
  done >"$work/routes"
  TIMEFORMAT='%3U %3S'
  { time ip -n "host-$$" -batch "$work/routes"; } 2>"$work/time"
  used=$(($(processor_ms host) - before))
  since "$began"
  # What it costs to make a route, on this machine at this time, is the measure.
  made=$(awk 'END {printf "%d", ($1 + $2) * 1000}' "$work/time")
  at_most "ms of processor for 10,000 routes, which took ip(8) $made ms" $((made + 500)) $used
  note "$used ms of processor for 10,000 routes, which took ip(8) $made ms, in $elapsed s"
  pings host enclave
}
