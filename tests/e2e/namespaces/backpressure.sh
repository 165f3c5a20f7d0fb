# shellcheck shell=bash
# Packets that cannot be sent wait in short queues, slow their sender down, and delay no other peer.

# Alone: it measures delay with one processor.
Slow_path_is_filled_and_keeps_its_delay() {
  local rss machine from to
  # One lane, so that pings wait behind the load and not beside it.
  # shellcheck disable=SC2034 # read by start
  local within=(taskset -c 0)
  tunnel tcp4
  grep -q 'Interface has 1 queues' "$work/host.log" || fail "more than one lane"
  shape host enclave
  shape enclave host
  pings host enclave
  for from in host enclave; do
    to=enclave
    [ $from = host ] || to=host
    # The first second makes what is made once.
    loaded $from $to 1
    rss="$(rss_kib host) $(rss_kib enclave)"
    loaded $from $to 4
    at_least "kbit/s from $from to $to" 10000 "$rate"
    at_most "ms of a mean round trip under load" 1000 "$round_trip"
    # None on an idle machine; a daemon that is not scheduled may lose a queue's worth. Without backpressure it is thousands.
    at_most "segments that TCP within the tunnel sent again" 300 "$again"
    at_most "bytes queued" $((512 * 1024)) "$queued"
    for machine in host enclave; do
      at_most "KiB of memory at $machine ($rss before)" $((${rss% *} + 8192)) "$(rss_kib $machine)"
      rss="${rss#* } ${rss#* }"
      at_most "packets that $machine dropped" 500 "$(counter $machine dropped_packets)"
    done
    note "$from to $to: $rate kbit/s, round trip $round_trip ms, $again sent again, $queued bytes queued at most"
  done
}

# Alone: it measures delay with one processor.
Slow_path_flooded_with_datagrams_keeps_its_delay() {
  # shellcheck disable=SC2034 # read by start
  local within=(taskset -c 0)
  tunnel tcp4
  shape host enclave
  pings host enclave
  # Three times what the path takes. The rest is lost in the kernel's full queue; in the daemon, only while the path stalls for
  # longer than it waits for one peer.
  loaded host enclave 4 -u -b 60M -l 1200
  at_least "kbit/s" 10000 "$rate"
  at_most "ms of a mean round trip under load" 1500 "$round_trip"
  at_most "bytes queued" $((512 * 1024)) "$queued"
  note "$rate kbit/s, round trip $round_trip ms, $queued bytes queued at most, $(counter host dropped_packets) packets dropped by the host"
}

# 20 Mbit/s, and a queue of 30 ms.
shape() { at "$1" tc qdisc add dev "to-$2" root tbf rate 20mbit burst 32kb latency 30ms; } # MACHINE PEER

# Sets $rate in kbit/s, $round_trip in ms, $again in segments (of TCP), and $queued in bytes at most.
loaded() { # FROM TO SECONDS [IPERF3'S OPTIONS...]
  local client pinger now
  iperf3_server "$2"
  enter "$1" timeout $(($3 + 20)) iperf3 -f k -c "${inner[$2]}" -t "$3" "${@:4}" >"$work/iperf" 2>&1 &
  client=$!
  enter "$1" ping -q -i 0.1 -c $(($3 * 10)) -W 5 "${inner[$2]}" >"$work/ping" 2>&1 &
  pinger=$!
  queued=0
  while ! is_gone $client; do
    now=$(counter "$1" queued_bytes)
    queued=$((now > queued ? now : queued))
    pause 0.2
  done
  wait $client || fail "iperf3: $(cat "$work/iperf")"
  wait_for 30 is_gone "$server" || fail "the iperf3 server at $2 does not end"
  wait $pinger || [ -n "${4:-}" ] || fail "ping: $(cat "$work/ping")"
  rate=$(awk '$NF == "receiver" {for (i = 1; i < NF; i++) if ($i == "Kbits/sec") printf "%d\n", $(i - 1)}' "$work/iperf")
  again=$(awk '$NF == "sender" {print $(NF - 1)}' "$work/iperf")
  round_trip=$(sed -n 's|^rtt [^=]*= [0-9.]*/\([0-9]*\).*|\1|p' "$work/ping")
}

# On a busy machine an end may stall for longer than it is waited for; then a queue's worth is dropped. Without backpressure it is
# thousands.
# Alone: an end that has no processor for long drops what it cannot keep.
Full_speed_is_held_back_and_not_dropped() {
  local machine there back
  tunnel tcp4
  there=$(throughput host enclave 3)
  back=$(throughput enclave host 3)
  note "$there and $back Mbit/s"
  for machine in host enclave; do
    at_most "packets that $machine dropped" 500 "$(counter $machine dropped_packets)"
    equal "packets that the device at $machine did not take" 0 "$(counter $machine not_written)"
    note "the device at $machine dropped $(at $machine cat /sys/class/net/wg0/statistics/tx_dropped)"
  done
}

Idle_peer_is_answered_at_once_beside_a_stopped_one() {
  local flood
  star tcp4
  pings host enclave
  pings host third
  kill -STOP "${pid[third]}"
  # 24 MB a second to the peer that does not read.
  enter host "$e2e/datagrams.pl" send "${inner[third]}" 7001 10000 40 1200 &
  flood=$!
  wait_for 20 drops_for_one host || fail "nothing was too much for the stopped peer"
  for _ in 1 2 3; do
    at host ping -q -c 1 -W 3 "${inner[enclave]}" >/dev/null || fail "no answer within 3 s beside a stopped peer"
    pause 1
  done
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  kill $flood 2>/dev/null || :
  kill -CONT "${pid[third]}"
  flows_within 15 host third
}

# The kernel answers each of them while they are still being written to the device, into the queue that others share.
# Alone: an end that has no processor for long drops what it cannot keep.
Small_packets_of_one_peer_push_out_none_of_anothers() {
  local flood lost
  star tcp4
  pings third host
  enter enclave ping -q -n -l 60000 -i 0 -s 8 "${inner[host]}" >"$work/flood" 2>&1 &
  flood=$!
  pause 1
  at third ping -q -c 100 -i 0.05 -W 3 "${inner[host]}" >"$work/ping" || fail "no answer beside small packets: $(cat "$work/ping")"
  kill -INT $flood
  wait $flood || :
  at_least "small packets that went" 100000 "$(sed -n 's/ packets transmitted.*//p' "$work/flood")"
  lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$work/ping")
  note "lost $lost %; $(grep transmitted "$work/flood"); dropped by the device $(at host cat /sys/class/net/wg0/statistics/tx_dropped)"
  at_most "per cent of the other peer's pings that were lost" 3 "${lost%.*}"
}

# The slow one takes 1.3 MB a second and is sent 7; the idle one is pinged after pauses so long that it counts as idle each time.
# Alone: it measures single round trips.
Idle_peer_loses_nothing_and_waits_little_beside_a_slow_one() {
  local flood late=0 all='' us
  # Measures the tunnel, not other load on the processor.
  # shellcheck disable=SC2034 # read by start
  local within=(nice -n -20 taskset -c 0)
  star tcp4
  at host tc qdisc add dev to-third root tbf rate 10mbit burst 32kb latency 30ms
  pings host enclave
  pings host third
  enter host "$e2e/datagrams.pl" flow "${inner[third]}" 7001 10000000 60 1200 0 &
  flood=$!
  wait_for 20 drops_for_one host || fail "nothing was too much for the slow peer"
  for _ in {1..12}; do
    pause 1.2
    at host nice -n -20 ping -c 1 -W 3 "${inner[enclave]}" >"$work/ping" || fail "an idle peer lost a packet beside a slow one"
    us=$(awk -F 'time=' '/time=/ {printf "%d\n", $2 * 1000}' "$work/ping")
    ((us <= 50000)) || late=$((late + 1))
    all+=" $us"
  done
  ! is_gone $flood || fail "the flood has ended"
  kill $flood
  note "round trips of an idle peer in us:$all"
  at_most "round trips of an idle peer above 50 ms" 1 $late
  note "$(counter host dropped_packets | xargs) packets dropped; the device dropped $(at host cat /sys/class/net/wg0/statistics/tx_dropped)"
}

drops_for_one() { counter "$1" dropped_packets | has -x '[1-9][0-9]*'; }

Traffic_goes_on_when_the_only_peer_was_stopped_for_3_s() {
  local before
  tunnel tcp4
  load host enclave
  for _ in 1 2; do
    kill -STOP "${pid[enclave]}"
    sleep 1
    before=$(processor_ms host)
    sleep 2
    at_most "ms of processor in 2 s of waiting" 600 $(($(processor_ms host) - before))
    kill -CONT "${pid[enclave]}"
    flows_within 5 host enclave
    before=$(received enclave)
    wait_for 30 has_received enclave $((before + 20000000)) || fail "the load does not go on"
  done
  end_load
  pings enclave host
}

has_received() { (($(received "$1") >= $2)); } # MACHINE BYTES
