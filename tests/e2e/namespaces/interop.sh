# shellcheck shell=bash
# Ours, at the host, and Debian's wireguard-go, at the enclave, over UDP. (The kernel's own WireGuard: see the vm suite.)

with_wireguard_go() { # machines and daemons only
  new_machines host enclave
  wire host enclave
  start_both udp wireguard-go
}

Wireguard_go_answers_our_initiation() {
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host
  pings host enclave
  pings enclave host
  copy_checksummed host enclave 10
  copy_checksummed enclave host 10
}

Wireguard_go_initiates_and_we_answer() {
  with_wireguard_go
  introduce host enclave
  introduce enclave host udp
  pings enclave host
  pings host enclave
  copy_checksummed enclave host 10
  equal "learned endpoint" "$(endpoint_of enclave host udp)" "$(field host endpoints)"
}

New_one_way_flows_to_wireguard_go_keep_their_order() {
  with_wireguard_go
  introduce enclave host
  new_flows_keep_their_order host enclave udp 40
}

Wireguard_go_and_we_speak_over_IPv6() {
  new_machines host enclave
  wire host enclave
  start_both udp6 wireguard-go
  introduce host enclave udp6
  introduce enclave host udp6
  pings host enclave
  pings6 enclave host
}

Preshared_key_is_used_when_both_have_it_and_refused_when_one_has() {
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host udp
  wg genpsk >"$work/psk"
  at host wg set wg0 peer "${public[enclave]}" preshared-key "$work/psk"
  no_ping host enclave
  no_ping enclave host
  at enclave wg set wg0 peer "${public[host]}" preshared-key "$work/psk"
  # A handshake begun with the wrong key is tried anew five seconds later.
  flows_within 12 host enclave
  pings enclave host
}

Our_new_private_key_makes_a_new_handshake() { new_key_at host enclave; }
Wireguard_gos_new_private_key_makes_a_new_handshake() { new_key_at enclave host; }

new_key_at() { # MACHINE PEER
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host udp
  pings "$2" "$1"
  local old
  old=${public[$1]}
  new_key "$1"
  at "$1" wg set wg0 private-key "$work/$1.key"
  at "$2" wg set wg0 peer "$old" remove
  introduce "$2" "$1" udp
  flows_within 12 "$2" "$1"
  pings "$1" "$2"
  at_least "bytes by the new key" 1 "$(received "$2")"
  equal "peers" 1 "$(show "$2" peers | wc -l)"
}

Peer_set_anew_at_either_end_handshakes_again() {
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host udp
  pings host enclave
  answers_anew host enclave
  answers_anew enclave host
}

answers_anew() { # MACHINE PEER
  at "$1" wg set wg0 peer "${public[$2]}" remove
  introduce "$1" "$2" udp
  equal "handshakes of a new peer" 0 "$(handshake_of "$1" "$2")"
  flows_within 12 "$1" "$2"
  pings "$2" "$1"
}

Wireguard_go_that_moved_to_another_port_is_followed() {
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host udp
  pings enclave host
  at enclave wg set wg0 listen-port 40404
  pings enclave host
  equal "endpoint" "${outer4[enclave/host]}:40404" "$(field host endpoints)"
  pings host enclave
}

We_are_followed_when_we_move_to_another_port() {
  with_wireguard_go
  introduce host enclave udp
  introduce enclave host udp
  pings host enclave
  at host wg set wg0 listen-port 40404
  pings host enclave
  equal "endpoint" "${outer4[host/enclave]}:40404" "$(field enclave endpoints)"
  pings enclave host
}

Replies_leave_from_the_address_they_were_sent_to() {
  with_wireguard_go
  # The host has a second address, which its routes would not choose.
  ip -n "host-$$" address add 10.77.1.9/24 dev to-enclave
  introduce host enclave
  at enclave wg set wg0 peer "${public[host]}" allowed-ips 203.0.113.1/32 endpoint 10.77.1.9:8172
  pings enclave host
  pings host enclave
  equal "where wireguard-go sends" 10.77.1.9:8172 "$(field enclave endpoints)"
}

Tshark_reads_a_capture_of_ours() {
  local ports="udp.port == 8172 or udp.port == 51820"
  with_wireguard_go
  capture host to-enclave udp
  introduce host enclave udp
  introduce enclave host udp
  pings host enclave
  at enclave wg set wg0 peer "${public[host]}" remove
  introduce enclave host udp
  pings enclave host
  at host wg set wg0 peer "${public[enclave]}" persistent-keepalive 1
  wait_for 30 keepalive_captured || fail "no keepalive of 32 bytes"
  end_capture
  tshark -r "$work/capture" -Y "ip.src == ${outer4[host/enclave]} and wg" -T fields -e wg.type -e udp.length >"$work/types" 2>/dev/null
  for type in 1 2 4; do
    grep -q "^$type" "$work/types" || fail "no message of type $type among $(sort "$work/types" | uniq -c)"
  done
  # 8 bytes of UDP header; transport messages are 32 bytes and a multiple of 16.
  while read -r type length; do
    case $type-$((length - 8)) in
      1-148 | 2-92) ;;
      4-*) equal "padding of a transport message of $((length - 8))" 0 $(((length - 8) % 16)) ;;
      *) fail "a message of type $type with $((length - 8)) bytes" ;;
    esac
  done <"$work/types"
  equal "datagrams that are not WireGuard" "" "$(tshark -r "$work/capture" -Y "($ports) and not wg" 2>/dev/null)"
  equal "malformed datagrams" "" "$(tshark -r "$work/capture" -Y _ws.malformed 2>/dev/null)"
  note "$(wc -l <"$work/types") messages read"
}

# 8 bytes of UDP header before it.
keepalive_captured() { tcpdump -n -r "$work/capture" "src host ${outer4[host/enclave]} and udp[4:2] == 40" 2>/dev/null | grep .; }

Handshakes_are_marked_AF41_and_data_carries_no_mark() {
  with_wireguard_go
  capture host to-enclave udp
  introduce host enclave udp
  introduce enclave host udp
  pings host enclave
  end_capture
  equal "DSCP of our handshakes" "0x22" "$(dscp 'wg.type < 3')"
  equal "DSCP of our data" "0x00" "$(dscp 'wg.type == 4')"
}

dscp() { # WHICH
  tshark -r "$work/capture" -Y "ip.src == ${outer4[host/enclave]} and $1" -T fields -e ip.dsfield 2>/dev/null | sort -u |
    while read -r field; do printf '0x%02x\n' $((field >> 2)); done
}
