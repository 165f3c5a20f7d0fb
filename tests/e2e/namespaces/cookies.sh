# shellcheck shell=bash
# Senders that replay genuine messages which they have captured, in valid frames. The enclave connects to the host, which has no
# endpoint of it; the third machine floods.

Under_load_wireguard_go_gets_through_by_a_cookie_over_udp() {
  enclave_calls udp wireguard-go
  loaded_host udp4
  local old=${public[enclave]}
  new_key enclave
  introduce host enclave
  at enclave wg set wg0 private-key "$work/enclave.key"
  gets_through
  at host wg set wg0 peer "$old" remove
  pings host enclave
}

Under_load_a_restarted_peer_gets_through_by_a_cookie_over_udp() {
  enclave_calls udp
  loaded_host udp4
  restart_enclave udp
  gets_through
  at_least "cookies received" 1 "$(grep -c 'Received a cookie' "$work/enclave.log")"
  pings host enclave
}

# A connection has its own places for handshake messages, and an established one has a proven source: its first messages need no
# cookie, for which the sender would wait REKEY_TIMEOUT.
# Alone: the storm takes all processors.
One_connection_full_of_initiations_delays_no_peer() { gets_through_a_storm 1; }
# Alone: the storm takes all processors.
Sixteen_connections_full_of_initiations_delay_no_peer() { gets_through_a_storm 16; }

gets_through_a_storm() { # CONNECTIONS
  local i ms slowest=0
  enclave_calls tcp4
  end_capture
  grep '^01000000' "$work/overheard" >"$work/initiations" || fail "no initiation was overheard"
  enter third "$e2e/storm.pl" "$1" 60 "${outer4[host/third]}" 8172 <"$work/initiations" &
  flood=$!
  wait_for 30 eval '(( $(counter host handshake_queue_full) > 1000 ))' || fail "the host is not under load"
  for i in {1..5}; do
    ip -n "enclave-$$" link set wg0 down
    sleep 0.5
    ip -n "enclave-$$" link set wg0 up
    at enclave ping -n -c 1 -W 10 "${inner[host]}" >"$work/ping" || fail "the enclave did not get in within 10 s"
    ms=$(sed -n 's/.* time=\([0-9]*\).*/\1/p' "$work/ping")
    slowest=$((ms > slowest ? ms : slowest))
  done
  if is_gone $flood; then fail "the storm is over"; fi
  at_most "ms until the enclave was back" 2000 $slowest
  note "the enclave is back after at most $slowest ms; $(counter host handshake_queue_full) initiations dropped"
  kill $flood
}

enclave_calls() { # NETWORK [NETWORK OF THE ENCLAVE'S DAEMON]
  new_machines host enclave third
  wire host enclave
  wire host third
  start_both "$1" "${2:-$1}"
  introduce host enclave
  introduce enclave host "$1"
  capture host to-enclave
  pings enclave host
  overhear "${1%[46]}" >"$work/overheard"
}

# The messages of the enclave (or of the host) in the capture, a line of hexadecimal digits each.
overhear() { # tcp|udp [MACHINE]
  local from=${2:-enclave} to=host
  [ "$from" = enclave ] || to=enclave
  capture_settles
  tshark -r "$work/capture" -Y "ip.src == ${outer4[$from/$to]} and $1.payload" -T fields -e "$1.payload" 2>/dev/null |
    sed "s/://g; /^$/d$([ "$1" = udp ] || echo '; s/^.\{12\}//')"
}

# The third machine repeats the enclave's initiation, whose mac1 is right, until the host is under load.
# 240 at a time: more than the 32 that make load, fewer than the 256 that the queue holds, the enclave's among them.
loaded_host() { # NETWORK
  grep '^01000000' "$work/overheard" >"$work/initiations" || fail "no initiation was overheard"
  enter third "$e2e/replay.pl" 40 240 "${1%4}" "${outer4[host/third]}" 8172 <"$work/initiations" >"$work/replayed" &
  flood=$!
  wait_for 30 grep -q 'Under load: sending a cookie' "$work/host.log" || fail "the host is not under load"
  network=${1%4}
  # A capture of its own, running before anything is sent.
  end_capture
  capture host to-enclave
}

restart_enclave() { # NETWORK
  stop enclave
  : >"$work/enclave.log"
  start enclave "$1"
  configure enclave
  introduce enclave host "$1"
}

gets_through() {
  flows_within 25 enclave host
  pings enclave host
  kill "$flood"
  wait "$flood"
  read -r sent replies <"$work/replayed"
  at_least "initiations replayed" 2000 "$sent"
  at_least "cookies for the sender" 100 "$replies"
  at_least "cookies for the enclave" 1 "$(grep -cF "sending a cookie to ${outer4[enclave/host]}:" "$work/host.log")"
  wait_for 30 cookie_on_the_wire || fail "no cookie on the wire"
  wait_for 30 initiation_with_a_cookie || fail "no initiation with a cookie on the wire"
  note "$sent initiations replayed, $replies answered by a cookie"
}

cookie_on_the_wire() { overhear "$network" host | has '^03000000'; }
# With a mac2, the last 16 bytes.
initiation_with_a_cookie() { overhear "$network" | grep '^01000000' | has -v '0\{32\}$'; }

Repeated_messages_over_udp_get_silence_and_move_no_peer() { repeats udp4; }
Repeated_messages_over_tcp_get_silence_and_move_no_peer() { repeats tcp4; }

repeats() { # NETWORK
  local network=${1%4} endpoint handshake counted first second sent
  enclave_calls "$1"
  grep '^01000000' "$work/overheard" >"$work/initiations" || fail "no initiation was overheard"
  grep '^04000000' "$work/overheard" >"$work/data" || fail "no data was overheard"
  endpoint=$(field host endpoints)
  handshake=$(handshake_of host enclave)
  counted=$(counter host not_authentic)
  enter enclave ping -q -i 0.1 -c 40 -W 2 "${inner[host]}" >"$work/pings" &
  local steady=$!
  # Fewer initiations in all than make load, under which they would be answered by cookies.
  enter third "$e2e/replay.pl" 3 1 "$network" "${outer4[host/third]}" 8172 <"$work/initiations" >"$work/initiations.sent" &
  first=$!
  enter third "$e2e/replay.pl" 3 40 "$network" "${outer4[host/third]}" 8172 <"$work/data" >"$work/data.sent" &
  second=$!
  wait_for 30 grep -q 'Rejected a handshake initiation' "$work/host.log" || fail "nothing was replayed"
  equal "endpoint during the replay" "$endpoint" "$(field host endpoints)"
  wait $first
  wait $second
  wait $steady || fail "pings during the replay: $(cat "$work/pings")"
  equal "pings of 40 answered" 40 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  read -r sent replies <"$work/initiations.sent"
  equal "answers to initiations" 0 "$replies"
  equal "initiations rejected" "$sent" "$(grep -c 'Rejected a handshake initiation' "$work/host.log")"
  read -r sent replies <"$work/data.sent"
  equal "answers to data" 0 "$replies"
  equal "messages counted as not authentic" "$sent" $(($(counter host not_authentic) - counted))
  equal "endpoint after the replay" "$endpoint" "$(field host endpoints)"
  equal "handshake after the replay" "$handshake" "$(handshake_of host enclave)"
  pings host enclave
  note "$sent messages repeated"
}

# The third machine's connections: as many as may stay unauthenticated of one source.
Frames_begun_badly_close_their_connection_at_once_and_those_not_ended_after_10_s() {
  local fds seconds name
  tunnel tcp4
  new_machines third
  wire host third
  pings enclave host
  fds=$(fd_count host)
  enter enclave ping -q -i 0.2 -c 50 -W 2 "${inner[host]}" >"$work/pings" &
  local steady=$!
  at third "$e2e/malformed.pl" "${outer4[host/third]}" 8172 >"$work/closed"
  wait $steady || fail "pings beside bad frames: $(cat "$work/pings")"
  equal "pings of 50 answered" 50 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  while read -r seconds name; do
    case $name in
      half* | all* | *alone | *' half '*) [[ $seconds =~ ^(9\.[5-9]|1[0-3]\.) ]] ;;
      *) [[ $seconds =~ ^[01]\. ]] ;;
    esac || fail "closed after $seconds s: $name"
  done <"$work/closed"
  equal "connections closed" 16 "$(wc -l <"$work/closed")"
  equal "connections refused" 0 "$(counter host refused_connections)"
  fds_are_at_most $((fds + 1)) host
  pings host enclave
}

# Half of them have an endpoint, an address without a host.
Three_hundred_peers_come_at_once_and_go_one_by_one() {
  local began=${EPOCHREALTIME/./} elapsed fds rss i keys=()
  tunnel tcp4
  pings enclave host
  copy_checksummed enclave host 10
  fds=$(fd_count host)
  rss=$(rss_kib host)
  # Any 32 bytes are a public key: in base64, 42 random digits, one that is 0, and the padding.
  mapfile -t -O 1 keys < <(head -c 9450 /dev/urandom | base64 -w 42 | sed 's|$|A=|')
  at host wg showconf wg0 >"$work/many"
  for i in {1..300}; do
    echo "[Peer]"
    echo "PublicKey = ${keys[i]}"
    echo "AllowedIPs = 10.88.$((i / 100)).$((i % 100))/32, fd88::$i/128"
    ((i % 2)) || printf '%s\n' "Endpoint = 10.77.1.99:$((10000 + i))" "PersistentKeepalive = 25"
  done >>"$work/many"
  at host wg setconf wg0 "$work/many"
  shown_peers_are 300
  pings host enclave
  at_most "fds with 300 peers" $((fds + 160)) "$(fd_count host)"
  for i in {250..0..50}; do
    printf "%s\n" "${keys[@]:i + 1:50}" | at host xargs -I KEY wg set wg0 peer KEY remove
    shown_peers_are "$i"
  done
  pings enclave host
  fds_are_at_most $((fds + 2)) host
  at_most "KiB of memory afterwards ($rss before)" $((rss + 10240)) "$(rss_kib host)"
  since "$began"
  at_most "seconds" 60 "${elapsed%.*}"
  note "$elapsed s; $rss KiB before, $(rss_kib host) after"
}

# The first of the keys, with all that was set, and the enclave.
shown_peers_are() { # COUNT
  local i endpoint keepalive
  for ((i = 1; i <= $1; i++)); do
    endpoint='(none)' keepalive=off
    ((i % 2)) || endpoint=10.77.1.99:$((10000 + i)) keepalive=25
    printf '%s\t(none)\t%s\t10.88.%d.%d/32,fd88::%x/128\t0\t0\t0\t%s\n' "${keys[i]}" "$endpoint" $((i / 100)) $((i % 100)) $((0x$i)) $keepalive
  done | sort >"$work/expected"
  show host dump | tail -n +2 | grep -vF "${public[enclave]}" | sort >"$work/shown" || :
  diff "$work/expected" "$work/shown" >"$work/difference" || fail "with $1 peers: $(head -n 5 "$work/difference")"
}
