# shellcheck shell=bash
# Several connections to one peer that speaks HELLO.
# shellcheck disable=SC2034 # `with` is what `start` reads

Four_streams_to_a_peer_share_eight_flows() { # the daemons' lanes are as many as there are processors
  local busy
  with=(--streams 4)
  tunnel tcp4
  pings host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  eight_flows host enclave
  eight_flows enclave host
  busy=$(busy_connections 1000000)
  # No more lanes send than there are, each on a connection of its own.
  at_least "connections that carried a megabyte" "$(least 2 "$(lane_count host)")" "$busy"
  connections 4 || fail "$(count) connections afterwards"
  nothing_refused
  note "$busy of 4 connections carried more than a megabyte"
}

As_many_streams_as_processors_are_the_default() {
  tunnel tcp4
  pings host enclave
  wait_for 40 connections "$(least 8 "$(lane_count host)")" || fail "$(count) connections, $(lane_count host) lanes"
}

Streams_that_carry_nothing_stay_open() {
  with=(--streams 4)
  tunnel tcp4
  pings host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  ports >"$work/before"
  # Longer than an unauthenticated one may stay.
  sleep 12
  pings host enclave
  equal "the connections" "$(cat "$work/before")" "$(ports)"
}

Loss_of_one_stream_stops_nothing_and_it_comes_back() {
  local victim
  with=(--streams 4)
  tunnel tcp4
  pings host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  load host enclave
  # A short-lived connection is dialled again after a longer wait each time, as after any failure: after the third some 2 s.
  for _ in 1 2 3; do
    victim=$(ports | shuf -n 1)
    kill_connection "$victim"
    at host ping -q -c 3 -i 0.2 -W 2 "${inner[enclave]}" >/dev/null || fail "no traffic after the loss of one"
    wait_for 40 connections 4 || fail "$(count) connections after the loss of one"
    if ports | has -xF "$victim"; then fail "$victim was not killed"; fi
  done
  end_load
  pings enclave host
  nothing_refused
}

Loss_of_all_streams_is_over_within_5_s() {
  local before
  with=(--streams 4)
  tunnel tcp4
  load host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  before=$(fd_count host)
  for _ in 1 2 3; do
    at host ss -K dst "${outer4[enclave/host]}" >/dev/null
    flows_within 5 host enclave
    wait_for 40 connections 4 || fail "$(count) connections"
  done
  end_load
  fds_are_at_most "$before" host
}

Restarted_peer_gets_new_streams_and_the_old_are_gone() {
  with=(--streams 4)
  tunnel tcp4
  pings host enclave
  for _ in 1 2 3; do
    # One that the host dialled before the enclave knew it stays for the 10 s of an unauthenticated one.
    wait_for 40 connections 4 || fail "$(count) connections"
    stop enclave
    start enclave tcp4
    configure enclave
    introduce enclave host tcp4
    flows_within 10 enclave host
    pings host enclave
  done
  wait_for 40 connections 4 || fail "$(count) connections"
  stays 4
}

Half_open_streams_are_replaced_within_40_s() {
  with=(--streams 8)
  tunnel tcp4
  pings host enclave
  wait_for 40 connections 8 || fail "$(count) connections"
  lose_power tcp4
  flows_within 40 host enclave
  pings enclave host
  wait_for 30 connections 8 || fail "$(count) connections"
}

Both_ends_dialling_at_once_settle_on_four_streams() {
  local other
  with=(--streams 4)
  tunnel tcp4
  ping_once host enclave >/dev/null &
  other=$!
  ping_once enclave host >/dev/null || :
  wait $other || :
  wait_for 40 connections 4 || fail "$(count) connections"
  stays 4
}

The_end_that_dials_decides_how_many() {
  new_machines host enclave
  wire host enclave
  with=(--streams 4)
  start host tcp4
  with=(--streams 1)
  start enclave tcp4
  configure host
  configure enclave
  introduce host enclave tcp4
  introduce enclave host
  pings host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  copy_checksummed enclave host 5
  # In the other direction: a peer without an endpoint does not dial.
  leave_alone host
  leave_alone enclave
  with=(--streams 1)
  start host tcp4
  with=(--streams 4)
  start enclave tcp4
  configure host
  configure enclave
  introduce host enclave tcp4
  introduce enclave host
  pings host enclave
  copy_checksummed enclave host 5
  stays 1
}

Peer_that_says_no_HELLO_has_one_stream() {
  new_machines host enclave
  wire host enclave
  with=(--streams 4)
  start host tcp4
  with=(--superpackets=off)
  start enclave tcp4
  configure host
  configure enclave
  introduce host enclave tcp4
  introduce enclave host tcp4
  pings host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
  stays 1
  if grep -q 'Sending HELLO' "$work/enclave.log"; then fail "the enclave said HELLO"; fi
  grep -q 'Sending HELLO' "$work/host.log" || fail "the host said no HELLO"
}

No_HELLO_is_said_over_udp() {
  tunnel udp4
  pings host enclave
  pings enclave host
  if grep -q 'Sending HELLO' "$work/host.log" "$work/enclave.log"; then fail "HELLO over udp"; fi
}

# A proxy that forwards the first connection and drops all data of the others: they are never used.
Streams_that_lead_nowhere_carry_nothing() {
  new_machines host enclave third
  wire host enclave
  wire host third
  with=(--streams 4)
  start_both tcp4
  introduce host enclave tcp4
  introduce enclave host
  # From the second on, connections end at a listener that says nothing.
  at enclave socat -u TCP-LISTEN:9999,fork,reuseaddr OPEN:/dev/null 2>/dev/null &
  wait_for 30 listens enclave 9999 || fail "no listener"
  at enclave nft "table ip away {
    set known { type ipv4_addr; flags dynamic
    }
    chain pre { type nat hook prerouting priority dstnat
      tcp dport ${port[enclave]} ip saddr @known redirect to :9999
      tcp dport ${port[enclave]} add @known { ip saddr }
    }
  }"
  pings host enclave
  eight_flows host enclave
  eight_flows enclave host
  at host ping -q -i 0.2 -c 60 -W 2 "${inner[enclave]}" >"$work/ping" || fail "ping: $(cat "$work/ping")"
  grep -q ' 0% packet loss' "$work/ping" || fail "lost: $(cat "$work/ping")"
  equal "streams in use" 0 "$(grep -c 'One more connection' "$work/host.log" || :)"
}

# Neither end is told, and the other connection keeps the session alive.
Flows_of_a_stream_that_the_path_swallows_move_again_within_8_s() {
  local victim worst
  with=(--streams 2)
  tunnel tcp4
  (($(lane_count host) > 1)) || skip "one processor: one lane, one stream"
  pings host enclave
  wait_for 40 connections 2 || fail "$(count) connections"
  enter enclave "$e2e/echo_flows.pl" serve 7000 &
  wait_for 30 listens enclave 7000 -u || fail "no echo"
  enter host "$e2e/echo_flows.pl" flows "${inner[enclave]}" 7000 24 16 >"$work/worst" &
  worst=$!
  sleep 3
  equal "connections that carry flows" 2 "$(busy_connections 5000)"
  victim=$(ports | shuf -n 1)
  swallow "$victim"
  wait_for 30 eval '! ports | has -xF "'"$victim"'"' || fail "$victim is still there"
  wait $worst
  at_most "tenths of a second without an answer, the worst of 24 flows" 80 "$(tr -d . <"$work/worst")"
  wait_for 40 connections 2 || fail "$(count) connections afterwards"
  note "the worst of 24 flows was silent for $(cat "$work/worst") s"
}

# Pings are answered on one of the two; on the other only the answers that are asked for show that it works.
Flows_that_go_one_way_keep_their_streams() {
  local before
  with=(--streams 2)
  tunnel tcp4
  (($(lane_count host) > 1)) || skip "one processor: one lane, one stream"
  pings host enclave
  wait_for 40 connections 2 || fail "$(count) connections"
  ports >"$work/before"
  before=$(grep -c 'Sending HELLO' "$work/enclave.log")
  at enclave nft 'table inet sink {
    chain in { type filter hook input priority 0; iifname wg0 udp dport 7000-7015 drop
    }
  }'
  # shellcheck disable=SC2016 # the shell at the host expands it
  enter host bash -c 'while :; do for port in {7000..7015}; do echo x >"/dev/udp/$0/$port"; done; sleep 0.2; done' "${inner[enclave]}" &
  at host ping -q -i 0.2 -c 75 -W 2 "${inner[enclave]}" >"$work/ping" || fail "ping: $(cat "$work/ping")"
  grep -q ' 0% packet loss' "$work/ping" || fail "lost: $(cat "$work/ping")"
  equal "the connections" "$(cat "$work/before")" "$(ports)"
  at_least "answers on the one" $((before + 2)) "$(grep -c 'Sending HELLO' "$work/enclave.log")"
  if grep -q 'does not answer' "$work/host.log"; then fail "a connection was given up"; fi
}

Streams_go_with_the_endpoint_the_peer_and_the_link() {
  local before
  with=(--streams 4)
  tunnel tcp4
  wait_for 30 ping_once host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  # Another address of the same peer.
  ip -n "enclave-$$" address add 10.77.1.9/24 dev to-host
  at host wg set wg0 peer "${public[enclave]}" endpoint "10.77.1.9:${port[enclave]}"
  pings host enclave
  wait_for 40 connections_to 10.77.1.9 4 || fail "not 4 to the new endpoint: $(at host ss -Htn)"
  wait_for 40 connections 4 || fail "$(count) connections, the old ones too"
  # The link.
  ip -n "host-$$" link set wg0 down
  wait_for 40 connections 0 || fail "$(count) connections while the link is down"
  before=$(fd_count host)
  ip -n "host-$$" link set wg0 up
  wait_for 15 ping_once host enclave || fail "no traffic once the link is up"
  wait_for 40 connections 4 || fail "$(count) connections once the link is up"
  # The peer.
  at host wg set wg0 peer "${public[enclave]}" remove
  wait_for 40 connections 0 || fail "$(count) connections without a peer"
  fds_are_at_most $((before + 2)) host
}

Streams_begin_anew_with_a_new_private_key() {
  with=(--streams 4)
  tunnel tcp4
  pings host enclave
  wait_for 40 connections 4 || fail "$(count) connections"
  at enclave wg set wg0 peer "${public[host]}" remove
  new_key host
  introduce enclave host tcp4
  at host wg set wg0 private-key "$work/host.key"
  flows_within 20 host enclave
  pings enclave host
  wait_for 40 connections 4 || fail "$(count) connections"
  stays 4
}

# ---- verbs ---------------------------------------------------------------------------------------------------------

leave_alone() { # MACHINE: end its daemon politely
  kill -TERM "${pid[$1]}"
  wait_for 30 is_gone "${pid[$1]}" || fail "SIGTERM did not end the daemon at $1"
}

# The tunnel's own, by both ends' ports, at the host.
ports() {
  at host ss -Htn state established "( sport = :${port[host]} or dport = :${port[enclave]} )" |
    awk '{n = split($3, a, ":"); m = split($4, b, ":"); print a[n], b[m]}' | sort
}
count() { ports | grep -c . || :; }
connections() { [ "$(count)" = "$1" ]; }
connections_to() { [ "$(at host ss -Htn state established dst "$1" | wc -l)" = "$2" ]; }

stays() { # NUMBER
  for _ in 1 2 3 4; do
    sleep 3
    pings host enclave
    pings enclave host
    connections "$1" || fail "$(count) connections, not $1"
  done
}

kill_connection() { # "PORT OF THE HOST'S PORT OF THE ENCLAVE'S"
  # shellcheck disable=SC2086 # two words
  set -- $1
  at host ss -K "sport = :$1 and dport = :$2" >/dev/null
}

swallow() { # "PORT OF THE HOST'S PORT OF THE ENCLAVE'S"
  # shellcheck disable=SC2086 # two words
  set -- $1
  at enclave nft "table inet swallow {
    chain in { type filter hook input priority 0; tcp sport $1 tcp dport $2 drop
    }
    chain out { type filter hook output priority 0; tcp sport $2 tcp dport $1 drop
    }
  }"
}

eight_flows() { # FROM TO
  iperf3_server "$2"
  at "$1" timeout 30 iperf3 -P 8 -c "${inner[$2]}" -t 3 >"$work/iperf" 2>&1 || fail "iperf3: $(cat "$work/iperf")"
  wait_for 30 is_gone "$server" || fail "the iperf3 server at $2 does not end"
}

busy_connections() { # BYTES: how many have sent or received as many
  at host ss -Htin state established "( sport = :${port[host]} or dport = :${port[enclave]} )" |
    awk -v least="$1" '{for (i = 1; i <= NF; i++) if ($i ~ /^bytes_(sent|received):/) {split($i, a, ":"); if (a[2] >= least) {n++; break}}} END {print n + 0}'
}

nothing_refused() {
  local machine
  for machine in host enclave; do
    equal "refused at $machine" 0 "$(counter $machine refused_connections)"
  done
}

New_one_way_flows_keep_their_order_over_streams() {
  tunnel tcp4
  new_flows_keep_their_order host enclave tcp4 40
}
