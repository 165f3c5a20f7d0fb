# shellcheck shell=bash
# One peer behind a relay: each kind of path on either side of it.
# shellcheck source=tests/e2e/namespaces/relay_verbs
. "$e2e/namespaces/relay_verbs"

# What a datagram cannot carry: neither superpackets nor short checksums are negotiated, and the session lasts.
Two_relays_with_udp_between_carry_20_MB_each_way() {
  local machine
  tunnel_through_two_relays udp
  for machine in host enclave; do : >"$work/$machine.log"; done
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 40 1200
  pings enclave host
  wait_for 20 eval '(($(streams_to enclave) == 1))' || fail "$(streams_to enclave) connections to the enclave"
  for machine in host enclave; do
    if takes_superpackets $machine; then fail "superpackets from $machine"; fi
    if grep -qE 'No answer to the handshake|Nothing heard since' "$work/$machine.log"; then fail "a session was lost at $machine"; fi
  done
  # A HELLO each way in a session, and nothing that lanes have sent.
  for machine in near far; do
    [[ $(report $machine) =~ ' links; received '.*'; dropped: '[12]' too_long' ]] || fail "$machine: $(report $machine)"
  done
}

# Its socket is the virtual machine's: it comes with the folder, follows the monitor's owner, and is made again.
Relay_listens_where_a_guest_appears_later() {
  chain near
  # As root: another may not give the socket away.
  LOG_LEVEL=debug enter near "$daemon" relay --listen "unix:$work/vm/v.sock:51830" --to udp:192.0.2.1:1 >>"$work/near.log" 2>&1 &
  relays[near]=$!
  wait_for 30 grep -q "Cannot listen at $work/vm/v.sock_51830: its folder is not there" "$work/near.log" || fail "not told"
  mkdir "$work/vm"
  wait_for 10 [ -S "$work/vm/v.sock_51830" ] || fail "it does not listen in the folder: $(cat "$work/near.log")"
  : >"$work/vm/v.sock"
  chown 12346:23457 "$work/vm/v.sock"
  wait_for 10 eval "[ '12346 23457' = \"\$(stat -c '%u %g' $work/vm/v.sock_51830)\" ]" || fail "its owner did not follow"
  rm "$work/vm/v.sock_51830"
  wait_for 10 [ -S "$work/vm/v.sock_51830" ] || fail "it is not made again"
  kill "${relays[near]}"
  wait_for 10 [ ! -e "$work/vm/v.sock_51830" ] || fail "it outlives the relay"
}

# Enclaves on streams, the world on UDP: each connection has a socket of its own at the relay.
Enclaves_reach_wireguard_go_in_the_world() {
  local machine
  chain host near enclave
  new_machines third
  wire near third
  start host wireguard-go
  configure host
  relay near --listen "tcp:${port[near]}" --to "udp:${outer4[host/near]}:${port[host]}"
  for machine in enclave third; do
    start $machine tcp4
    configure $machine
    reached_by host $machine
    reached_by $machine host near
    flows_within 30 $machine host
  done
  for machine in enclave third; do
    copy_checksummed $machine host 20
    copy_checksummed host $machine 20
    pings host $machine
  done
  equal "addresses of the two at wireguard-go" 2 "$(field host endpoints | sort -u | wc -l)"
  equal "host of these" "${outer4[near/host]}" "$(field host endpoints | sed 's/:.*//' | sort -u)"
  trains_arrive enclave host 50 40 1200
  if takes_superpackets enclave; then fail "superpackets to wireguard-go"; fi
}

Wireguard_go_in_the_world_reaches_an_enclave() {
  chain host near enclave
  start_both wireguard-go tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  pings enclave host
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 40 1200
  wait_for 20 eval '(($(streams_to enclave) == 1))' || fail "$(streams_to enclave) connections to the enclave"
}

Relay_over_ipv6_and_by_name() {
  chain host near enclave
  start_both udp6 tcp6
  echo "${outer6[enclave/near]} enclave.example.org" >"$work/hosts"
  at near mount --bind "$work/hosts" /etc/hosts
  relay near --listen "udp:[${outer6[near/host]}]:${port[near]}" --to "tcp:enclave.example.org:${port[enclave]}"
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}" endpoint "[${outer6[near/host]}]:${port[near]}"
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
}

# The path passes everything: superpackets are used, through two relays too.
Streams_on_both_sides_carry_superpackets() {
  local machine
  tunnel_through_two_relays tcp
  for machine in host enclave; do
    wait_for 30 takes_superpackets $machine || fail "no superpackets from $machine"
  done
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  trains_arrive host enclave 50 40 1200
  wait_for 30 eval "((\$(streams_to enclave) == $(least 8 "$(lane_count host)")))" || fail "$(streams_to enclave) connections to the enclave"
  flows_within 30 enclave host
}

# Guests of Firecracker and Cloud Hypervisor: the enclave's machine is one, as a multiplexer of their kind shows it at near. What goes
# to it and what comes from it are two rules of one file.
Guests_behind_a_unix_socket_are_reached_and_reach_the_world() {
  chain host near enclave
  start_both wireguard-go tcp4
  enter near perl "$e2e/vmm.pl" "$work/v.sock" "tcp:${outer4[enclave/near]}=${outer4[near/enclave]}" 51830 &
  wait_for 30 [ -S "$work/v.sock" ] || fail "no multiplexer"
  cat >"$work/relay.conf" <<END
[Relay]
Listen = udp:${port[near]}
To = unix:$work/v.sock:${port[enclave]}

[Relay]
Listen = unix:$work/v.sock:51830
To = udp:${outer4[host/near]}:${port[host]}
END
  relay near "$work/relay.conf"
  wait_for 30 [ -S "$work/v.sock_51830" ] || fail "the relay does not listen: $(tail -n 3 "$work/near.log")"
  wait_for 30 listens near "${port[near]}" -u || fail "the relay does not listen: $(tail -n 3 "$work/near.log")"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 10
  copy_checksummed enclave host 10
  # The other way, in a session of its own.
  at host wg set wg0 peer "${public[enclave]}" remove
  at enclave wg set wg0 peer "${public[host]}" remove
  introduce host enclave
  introduce enclave host
  at enclave wg set wg0 peer "${public[host]}" endpoint "${outer4[near/enclave]}:51830"
  pings enclave host
  copy_checksummed enclave host 10
  copy_checksummed host enclave 10
}

# host and enclave over TCP to a relay each, which have NETWORK between them.
tunnel_through_two_relays() { # NETWORK
  chain host near far enclave
  start_both tcp4
  relay near --listen "tcp:${port[near]}" --to "$1:${outer4[far/near]}:${port[far]}"
  relay far --listen "$1:${port[far]}" --to "tcp:${outer4[enclave/far]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
}
