# shellcheck shell=bash
# Unauthenticated senders who connect and send garbage, nothing, or a byte a second, while a real peer works.
# The bounds: an unauthenticated connection is closed after 10 s; at most 16 a source, beside those younger than 250 ms, and 256 in
# all are held.

Garbage_on_the_tcp_port_does_no_harm() { withstands garbage; }
Valid_frames_of_unauthenticated_senders_on_the_tcp_port_do_no_harm() { withstands frames; }
Silent_connections_to_the_tcp_port_do_no_harm() { withstands silence; }
Connections_that_send_a_byte_a_second_do_no_harm() { withstands drip; }

# host and enclave work; the third machine, with 30 addresses, does not authenticate.
withstands() { # KIND
  local fds rss peak=0 held i
  tunnel tcp4
  new_machines third
  wire host third
  for i in {30..59}; do ip -n "third-$$" address add "10.77.2.$i/24" dev to-host; done
  pings enclave host
  copy_checksummed enclave host 20
  fds=$(fd_count host)
  # A first flood, not measured, lets the heap grow to the size it works at. What grows after it is a leak.
  at third "$e2e/flood.pl" garbage 8 tcp "${outer4[host/third]}" 8172 10.77.2.{30..59} >"$work/flood"
  rss=$(rss_kib host)
  enter third "$e2e/flood.pl" "$1" 13 tcp "${outer4[host/third]}" 8172 10.77.2.{30..59} >"$work/flood" &
  local flood=$!
  sleep 1
  enter enclave ping -q -i 0.1 -c 100 -W 2 "${inner[host]}" >"$work/pings" &
  local steady=$!
  for i in {1..20}; do
    sleep 0.5
    held=$(($(fd_count host) - fds))
    peak=$((held > peak ? held : peak))
  done
  wait $steady || fail "pings during the flood: $(cat "$work/pings")"
  copy_checksummed enclave host 5
  wait $flood
  at_most "lost pings of 100" 2 "$(($(sed -n 's/ packets transmitted.*//p' "$work/pings") - $(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")))"
  at_least "connections made by the flood" 300 "$(cat "$work/flood")"
  # Beside the 256, those of a turn or two that newer ones have replaced: a descriptor is closed when lanes have let go of it.
  at_most "connections held at a time" 384 $peak
  fds_are_at_most $((fds + 3)) host
  at_most "KiB of memory after the flood ($rss before)" $((rss + 16384)) "$(rss_kib host)"
  at_most "KiB of memory" 65536 "$(rss_kib host)"
  note "$(cat "$work/flood") connections, at most $peak at a time; $rss KiB after a first flood, $(rss_kib host) after all"
  pings enclave host
}

held_unauthenticated() { at host ss -Htn state established "sport = :8172 and dst 10.77.2.0/24" | wc -l; }

One_source_holds_at_most_16_connections_for_at_most_10_s() {
  local flood
  tunnel tcp4
  new_machines third
  wire host third
  pings enclave host
  enter third "$e2e/flood.pl" once 20 tcp "${outer4[host/third]}" 8172 "${outer4[third/host]}" >"$work/flood" &
  flood=$!
  sleep 2
  at_most "connections held of one source" 16 "$(held_unauthenticated)"
  at_least "connections held of one source" 1 "$(held_unauthenticated)"
  # The last came within the first second; the first are closed after 10.
  sleep 6
  at_least "connections held after 8 s" 1 "$(held_unauthenticated)"
  wait_for 7 eval '(($(held_unauthenticated) == 0))' || fail "$(held_unauthenticated) connections held after 15 s"
  wait $flood
  pings enclave host
}

Out_of_descriptors_it_keeps_its_peers_and_does_not_spin() {
  local flood before used limit within=()
  new_machines host enclave
  wire host enclave
  # Each lane has descriptors of its own.
  start host tcp4
  limit=$((42 + 3 * $(lane_count host)))
  stop host
  # shellcheck disable=SC2034 # read by start
  within=(prlimit "--nofile=$limit:$limit")
  start_both tcp4
  introduce host enclave tcp4
  introduce enclave host tcp4
  new_machines third
  wire host third
  for i in {30..49}; do ip -n "third-$$" address add "10.77.2.$i/24" dev to-host; done
  pings enclave host
  enter third "$e2e/flood.pl" silence 9 tcp "${outer4[host/third]}" 8172 10.77.2.{30..49} >"$work/flood" &
  flood=$!
  sleep 2
  # When there are none left, 16 are given up for those that come next.
  at_least "fds during the flood, of $limit" $((limit - 18)) "$(fd_count host)"
  before=$(processor_ms host)
  pings enclave host
  sleep 3
  used=$(($(processor_ms host) - before))
  at_most "ms of processor in 3 s" 1500 $used
  pings enclave host
  wait $flood
  note "$used ms of processor in 3 s"
  wait_for 30 eval '(( $(fd_count host) < limit - 8 ))' || fail "$(fd_count host) fds after the flood"
  # It accepts again: a restarted peer comes in.
  stop enclave
  start enclave tcp4
  configure enclave
  introduce enclave host tcp4
  flows_within 10 enclave host
}

Garbage_datagrams_on_the_udp_port_do_no_harm() {
  local fds rss
  tunnel udp4
  new_machines third
  wire host third
  pings enclave host
  fds=$(fd_count host)
  rss=$(rss_kib host)
  enter third "$e2e/flood.pl" garbage 8 udp "${outer4[host/third]}" 8172 "${outer4[third/host]}" >"$work/flood" &
  local flood=$!
  at enclave ping -q -i 0.1 -c 60 -W 2 "${inner[host]}" >"$work/pings" || fail "pings during the flood: $(cat "$work/pings")"
  wait $flood
  at_least "datagrams sent by the flood" 10000 "$(cat "$work/flood")"
  at_least "pings of 60 answered" 50 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  # Silence is the answer to whatever is not authenticated.
  equal "datagrams sent to the unauthenticated sender" 0 "$(at third nstat -asz UdpInDatagrams | awk '$1 == "UdpInDatagrams" {print $2}')"
  at_most "fds after the flood" $((fds + 1)) "$(fd_count host)"
  at_most "KiB of memory after the flood ($rss before)" $((rss + 20480)) "$(rss_kib host)"
  note "$(cat "$work/flood") datagrams; $rss KiB before, $(rss_kib host) after"
  pings host enclave
}
