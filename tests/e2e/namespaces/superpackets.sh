# shellcheck shell=bash
# Packets that the kernel has not segmented go through the tunnel in one piece, between two peers that speak HELLO.

Superpackets_carry_tcp_and_udp_over_tcp4() { carries_superpackets tcp4; }
Superpackets_carry_tcp_and_udp_over_tcp6() { carries_superpackets tcp6; }

carries_superpackets() { # NETWORK
  tunnel "$1"
  pings host enclave
  goes_whole host enclave
  goes_whole enclave host
  goes_whole host enclave "${inner6[enclave]}"
  goes_whole enclave host "${inner6[host]}"
  train_goes_whole host enclave
  train_goes_whole enclave host
  trains_arrive host enclave 50 40 1200 "${inner6[enclave]}"
  # A datagram each, and the longest trains there are: longer than a superpacket may be.
  trains_arrive host enclave 300 1 1200
  trains_arrive enclave host 50 47 1392
  sees_nothing_wrong
}

Superpackets_off_at_either_end_leaves_ordinary_packets() {
  local off
  new_machines host enclave
  wire host enclave
  for off in host enclave both; do
    begin host $off
    begin enclave $off
    introduce host enclave tcp4
    introduce enclave host tcp4
    pings host enclave
    goes_in_pieces host enclave
    goes_in_pieces enclave host
    trains_arrive host enclave 50 40 1200
    # They are coalesced again where they arrive.
    sees_large_packets enclave host enclave
    sees_large_packets host enclave host
    sees_nothing_wrong
    for machine in host enclave; do
      case $off in
        "$machine" | both) equal "HELLOs of $machine" 0 "$(hellos $machine)" ;;
        *) at_least "HELLOs of $machine" 1 "$(hellos $machine)" ;;
      esac
      leave $machine
      : >"$work/$machine.log"
    done
  done
}

begin() { # MACHINE WHICH
  local with=(--superpackets=on)
  [[ $2 != "$1" && $2 != both ]] || with=("${with[@]/on/off}")
  start "$1" tcp4
  configure "$1"
}

Peer_whose_TUN_has_no_header_gets_ordinary_packets() {
  new_machines host enclave
  wire host enclave
  start host tcp4
  LOG_LEVEL=debug enter enclave "$e2e/inherit.pl" wg0 "$work/enclave/wg0.sock" "$daemon" -f -n tcp4 wg0 >>"$work/enclave.log" 2>&1 &
  pid[enclave]=$!
  wait_for 30 is_ready enclave || fail "not ready"
  configure host
  configure enclave
  introduce host enclave tcp4
  introduce enclave host tcp4
  pings host enclave
  goes_in_pieces host enclave
  goes_in_pieces enclave host
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 40 1200
  sees_nothing_wrong
}

Superpackets_go_on_under_a_new_session() {
  local before
  tunnel tcp4
  goes_whole host enclave
  load host enclave
  before=$(hellos enclave)
  at enclave wg set wg0 peer "${public[host]}" remove
  introduce enclave host tcp4
  flows_within 12 enclave host
  end_load
  at_least "HELLOs of the enclave" $((before + 1)) "$(hellos enclave)"
  goes_whole host enclave
  goes_whole enclave host
  # Only messages in flight for the old session were refused.
  equal "bad superpackets" "0 0" "$(counter host bad_superpacket) $(counter enclave bad_superpacket)"
}

Superpackets_work_at_an_MTU_of_60000() {
  local machine
  tunnel tcp4
  for machine in host enclave; do ip -n "$machine-$$" link set wg0 mtu 60000; done
  pings host enclave -M do -s 59972
  pings enclave host -M do -s 59972
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  copy_checksummed host enclave 10 "${inner6[enclave]}"
  trains_arrive host enclave 50 1 59972
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 7 9000
  sees_nothing_wrong
}

# ---- paths that do not carry them --------------------------------------------------------------------------------------

# As where a relay passes messages on in datagrams. The relay ends and another takes its place: what goes depends on the path, not
# on what the peers can do.
Path_that_drops_long_messages_gets_no_superpackets_and_loses_no_session() {
  new_machines host enclave
  wire host enclave
  start_both tcp4
  introduce enclave host
  introduce host enclave
  narrow_path 9200
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[enclave/host]}:9999"
  stays_narrow
  narrow_path 65535
  flows_within 15 host enclave
  wait_for 30 takes_superpackets host || fail "no superpackets to the enclave on a good path"
  wait_for 30 takes_superpackets enclave || fail "no superpackets to the host on a good path"
  goes_whole host enclave
  goes_whole enclave host
  equal "dropped frames" 0 "$(grep -c dropped "$work/relay" || :)"
  at_least "short checksums" 100 "$(grep -c short "$work/relay" || :)"
  narrow_path 9200
  flows_within 15 host enclave
  stays_narrow
  sees_nothing_wrong
}

narrow_path() { # LONGEST MESSAGE
  [ -z "${relay:-}" ] || ends_relay
  enter enclave "$e2e/narrow_relay.pl" 9999 "${outer4[enclave/host]}" "${port[enclave]}" "$1" >"$work/relay" &
  relay=$!
  wait_for 30 listens enclave 9999 || fail "no relay"
}

# It and the processes that serve its connections.
ends_relay() {
  local process
  for process in $(ip netns pids "enclave-$$"); do
    if grep -qz narrow_relay.pl "/proc/$process/cmdline" 2>/dev/null; then kill "$process"; fi
  done
  wait "$relay" || :
}

stays_narrow() {
  local machine
  for machine in host enclave; do : >"$work/$machine.log"; done
  pings host enclave
  pings enclave host
  goes_in_pieces host enclave
  goes_in_pieces enclave host
  trains_arrive host enclave 50 40 1200
  equal "short checksums" 0 "$(grep -c short "$work/relay" || :)"
  # One HELLO each way is all that is too long: none is lost of what lanes send.
  at_least "dropped frames" 2 "$(grep -c dropped "$work/relay" || :)"
  at_most "dropped frames" 4 "$(grep -c dropped "$work/relay" || :)"
  equal "connections" 1 "$(grep -c called "$work/relay")"
  for machine in host enclave; do
    if takes_superpackets $machine; then fail "superpackets from $machine on a path that drops them"; fi
    if grep -qE 'No answer to the handshake|Nothing heard since' "$work/$machine.log"; then fail "a session was lost at $machine"; fi
  done
}

# ---- what the far side receives ---------------------------------------------------------------------------------------

Forwarded_superpackets_leave_as_ordinary_packets_over_tcp() { forwards_ordinary_packets tcp4; }
Forwarded_trains_leave_as_ordinary_packets_over_udp() { forwards_ordinary_packets udp4; }

forwards_ordinary_packets() { # NETWORK
  tunnel_to_a_network "$1"
  ping_behind
  sees_large_packets enclave host third "$behind4"
  capture third to-enclave -s 2048 -Q in
  copy_checksummed host third 5 "$behind4"
  copy_checksummed host third 5 "$behind6"
  trains_arrive host third 50 40 1200 "$behind4"
  trains_arrive host third 50 40 1200 "$behind6"
  end_capture
  # 14 bytes of Ethernet, and the tunnel's MTU.
  equal "frames of more than 1,434 bytes" "" "$(tcpdump -n -r "$work/capture" 'greater 1435' 2>/dev/null | sed -n 1,3p)"
  at_least "frames" 10000 "$(summed correct)"
  equal "wrong checksums" 0 "$(summed incorrect)"
  copy_checksummed third host 5
  copy_checksummed third host 5 "${inner6[host]}"
  trains_arrive third host 50 40 1200
  sees_nothing_wrong
}

Path_MTU_behind_the_tunnel_is_learned_at_1420() { learns_path_mtu 1420; }
Path_MTU_behind_the_tunnel_is_learned_at_9000() { learns_path_mtu 9000; }

learns_path_mtu() { # MTU OF THE TUNNEL
  local machine
  tunnel_to_a_network tcp4
  for machine in host enclave; do ip -n "$machine-$$" link set wg0 mtu "$1"; done
  # The last network has an MTU that its own end does not know: no MSS is small enough.
  ip -n "enclave-$$" link set to-third mtu 1280
  ping_behind
  capture third to-enclave -s 2048 -Q in
  copy_checksummed host third 5 "$behind4"
  copy_checksummed host third 5 "$behind6"
  end_capture
  equal "frames of more than 1,294 bytes" "" "$(tcpdump -n -r "$work/capture" 'greater 1295' 2>/dev/null | sed -n 1,3p)"
  for to in "$behind4" "$behind6"; do
    grep -q 'mtu 1280' <<<"$(ip -n "host-$$" route get "$to")" || fail "path to $to: $(ip -n "host-$$" route get "$to")"
  done
  for machine in host enclave; do ip -n "$machine-$$" route flush cache && ip -n "$machine-$$" -6 route flush cache; done
  is_too_big "$behind4" 'mtu ?= ?1280'
  is_too_big "$behind6" 'mtu ?= ?1280'
  sees_nothing_wrong
}

is_too_big() { # ADDRESS PATTERN
  if at host ping -M do -c 2 -i 0.3 -s 1300 -W 2 "$1" >"$work/ping" 2>&1; then fail "a ping of 1,300 bytes reached $1"; fi
  grep -qiE "$2" "$work/ping" || fail "ping to $1: $(cat "$work/ping")"
}

# ---- peers that do not speak HELLO ------------------------------------------------------------------------------------

Wireguard_go_is_sent_nothing_but_classic_messages() {
  local kind length
  new_machines host enclave
  wire host enclave
  # Trains of datagrams are segmented before they are captured.
  at host ethtool -K to-enclave tx off gso off tx-udp-segmentation off >/dev/null
  start_both udp4 wireguard-go
  introduce host enclave udp4
  introduce enclave host udp4
  capture host to-enclave -s 128 udp
  pings host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
  trains_arrive host enclave 50 40 1200
  end_capture
  tshark -r "$work/capture" -Y "ip.src == ${outer4[host/enclave]}" -T fields -e wg.type -e udp.length 2>/dev/null | sort -u >"$work/kinds"
  while read -r kind length; do
    case $kind-$((length - 8)) in
      1-148 | 2-92 | 4-32) ;;
      # An IP packet has 20 bytes at least, which makes 32 with padding; HELLO has 8.
      4-*) ((length - 8 >= 64 && length - 8 <= 1420 + 32)) || fail "a transport message of $((length - 8)) bytes" ;;
      *) fail "a message of type $kind with $((length - 8)) bytes" ;;
    esac
  done <"$work/kinds"
  at_least "kinds of messages" 3 "$(wc -l <"$work/kinds")"
  equal "HELLOs" 0 "$(hellos host)"
  sees_large_packets host enclave host
}

# ---- verbs ------------------------------------------------------------------------------------------------------------

leave() { # MACHINE: end its daemon politely
  kill -TERM "${pid[$1]}"
  wait_for 30 is_gone "${pid[$1]}" || fail "SIGTERM did not end the daemon at $1"
}

hellos() { grep -c 'Sending HELLO' "$work/$1.log" || :; }

# Each message costs some 90 bytes of headers, so what 20 MB of TCP take says how much went with each: 6 % more with packets of
# 1,420 bytes, and next to nothing with superpackets.
goes_whole() { # FROM TO [ADDRESS]
  local more
  more=$(overhead "$@")
  at_most "per mille that 20 MB from $1 to $2 took more" 20 "$more"
  note "$more per mille more"
}

goes_in_pieces() { # FROM TO [ADDRESS]
  local more
  more=$(overhead "$@")
  at_least "per mille that 20 MB from $1 to $2 took more" 50 "$more"
  note "$more per mille more"
}

overhead() { # FROM TO [ADDRESS]
  local before
  before=$(received "$2")
  copy_checksummed "$1" "$2" 20 "${@:3}" >/dev/null
  echo $((($(received "$2") - before) * 1000 / (20 << 20) - 1000))
}

# The same of datagrams: trains of 1,200 bytes each.
train_goes_whole() { # FROM TO
  local before more
  before=$(received "$2")
  trains_arrive "$1" "$2" 200 40 1200
  more=$((($(received "$2") - before) * 1000 / (tries * 200 * 40 * 1200) - 1000))
  at_most "per mille that trains from $1 to $2 took more" 10 $more
  note "$more per mille more in trains"
}

# Packets larger than any MTU come out of the tunnel at MACHINE, when 20 MB are copied from one to another.
sees_large_packets() { # MACHINE FROM TO [ADDRESS]
  capture "$1" wg0 -Q in -c 20 'greater 3000'
  copy_checksummed "$2" "$3" 20 "${@:4}" >/dev/null
  wait_for 30 is_gone "$capture" || fail "no large packets at $1"
  wait "$capture" || fail "no large packets at $1: $(cat "$work/tcpdump")"
}

# No peer was sent a superpacket that it has not said it accepts.
sees_nothing_wrong() {
  local machine name counted
  for machine in host enclave; do
    counted=$(uapi $machine 'counters=1\n\n')
    for name in bad_superpacket source_not_allowed not_an_ip_packet not_written not_authentic; do
      equal "$name at $machine" "$name=0" "$(grep "^$name=" <<<"$counted")"
    done
  done
}
