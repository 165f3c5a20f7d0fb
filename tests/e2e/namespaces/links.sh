# shellcheck shell=bash
# Changes of the interface: down and up, another MTU, another namespace, removal.

Link_down_closes_the_tcp_port_and_link_up_opens_it_again() { down_and_up tcp -t; }
Link_down_closes_the_udp_port_and_link_up_opens_it_again() { down_and_up udp -u; }

down_and_up() { # NETWORK SS-OPTION
  tunnel "$1"
  pings host enclave
  ip -n "host-$$" link set wg0 down
  wait_for 30 closed host 8172 "$2" || fail "8172 is open while the link is down"
  no_ping enclave host
  equal "port shown while down" 8172 "$(show host listen-port)"
  ip -n "host-$$" link set wg0 up
  wait_for 30 listens host 8172 "$2" || fail "8172 is closed while the link is up"
  flows_within 10 host enclave
  pings enclave host
}

closed() { ! listens "$@"; }

Link_that_goes_up_and_down_quickly_on_tcp_ends_up_working() { flaps tcp; }
Link_that_goes_up_and_down_quickly_on_udp_ends_up_working() { flaps udp; }

# Under load, so that lanes still hold the sockets that are closed when they are opened again.
flaps() { # NETWORK
  local i
  tunnel "$1"
  load host enclave
  for ((i = 0; i < 20; i++)); do
    printf 'link set wg0 down\nlink set wg0 up\n' | ip -n "host-$$" -batch -
  done
  flows_within 10 host enclave
  pings enclave host
  if grep 'Cannot listen' "$work/host.log"; then fail "a port of its own was taken"; fi
}

Udp_port_that_was_let_go_can_be_taken_again_at_once() {
  tunnel udp
  pings host enclave
  equal "answers" "errno=0 errno=0" "$(uapi host 'set=1\nlisten_port=8173\n\nset=1\nlisten_port=8172\n\n' | xargs)"
  equal "port" 8172 "$(show host listen-port)"
  pings enclave host
}

Small_and_large_MTUs_are_honoured() {
  tunnel tcp
  pings host enclave
  local mtu
  for mtu in 1280 9000 1420; do
    for machine in host enclave; do ip -n "$machine-$$" link set wg0 mtu $mtu; done
    pings host enclave -M do -s $((mtu - 28))
    pings enclave host -M do -s $((mtu - 28))
  done
  copy_checksummed host enclave 5
}

Largest_MTU_works_over_tcp() { largest_mtu_works tcp4 65498; }
Largest_MTU_works_over_udp() { largest_mtu_works udp4 65475; }
Largest_MTU_works_over_udp6() { largest_mtu_works udp6 65495; }

# One that is larger is said to be, and what no frame or datagram carries is counted.
largest_mtu_works() { # NETWORK MTU
  local machine largest=$2
  tunnel "$1"
  for machine in host enclave; do ip -n "$machine-$$" link set wg0 mtu "$largest"; done
  pings host enclave -M do -s $((largest - 28))
  pings enclave host -M do -s $((largest - 28))
  equal "packets too long" 0 "$(counter host too_long)"
  ! grep -q 'too large' "$work/host.log" || fail "complains of an MTU that works: $(grep 'too large' "$work/host.log")"
  for machine in host enclave; do ip -n "$machine-$$" link set wg0 mtu $((largest + 1)); done
  wait_for 30 grep -q "ERROR.*MTU $((largest + 1)) is too large.*$largest" "$work/host.log" || fail "no word of the MTU"
  pings host enclave -M do -s $((largest - 28))
  if at host ping -q -c 2 -i 0.2 -W 1 -M do -s $((largest + 1 - 28)) "${inner[enclave]}" >/dev/null; then fail "a packet too long came"; fi
  equal "packets too long" 2 "$(counter host too_long)"
  equal "packets dropped besides" "0 0" "$(counter host dropped_packets) $(counter host not_sent)"
}

Interface_moved_to_another_namespace_keeps_working_on_tcp() { moves tcp; }
Interface_moved_to_another_namespace_keeps_working_on_udp() { moves udp; }

# The sockets stay in the namespace they were made in: only the host has a wire to the enclave.
moves() { # NETWORK
  tunnel "$1"
  pings host enclave
  new_machines inside
  ip -n "host-$$" link set wg0 netns "inside-$$"
  ip -n "inside-$$" address add 203.0.113.1/24 dev wg0
  ip -n "inside-$$" link set wg0 up
  # shellcheck disable=SC2034 # read by the verbs
  inner[inside]=203.0.113.1
  flows_within 10 inside enclave
  pings enclave inside
  copy_checksummed inside enclave 5
  # The control socket is where it was.
  equal "wg at the host" "${public[enclave]}" "$(show host peers)"
  at host wg set wg0 peer "${public[enclave]}" persistent-keepalive 20
  # Down and up are seen over there too.
  ip -n "inside-$$" link set wg0 down
  sleep 0.5
  ip -n "inside-$$" link set wg0 up
  flows_within 10 inside enclave
  ip -n "inside-$$" link set wg0 mtu 1300
  pings inside enclave -M do -s 1272
  ip -n "inside-$$" link delete wg0
  ends_within 10 host
}

Deleted_interface_ends_the_daemon_within_a_second() {
  tunnel tcp
  pings host enclave
  ip -n "host-$$" link delete wg0
  ends_within 10 host
  [ ! -e "$work/host/wg0.sock" ] || fail "its socket is left"
}

Deleted_interface_under_load_ends_the_daemon_within_a_second() {
  tunnel tcp
  load host enclave
  ip -n "host-$$" link delete wg0
  ends_within 10 host
  [ ! -e "$work/host/wg0.sock" ] || fail "its socket is left"
  # The other end lives on, and a new daemon finds it.
  end_load
  start host tcp
  configure host
  introduce host enclave tcp
  flows_within 12 host enclave
}

SIGTERM_under_load_ends_the_daemon_within_a_second() {
  tunnel tcp
  load host enclave
  kill -TERM "${pid[host]}"
  ends_within 10 host
}
