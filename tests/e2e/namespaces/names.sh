# shellcheck shell=bash
# Endpoints by name, which the daemon resolves itself; and a listening port that another program has. Each machine has a mount
# namespace of its own, so its /etc/hosts and /etc/resolv.conf can be the test's.

# The machine knows hosts by this file, which is written in place, and asks no server.
knows_hosts() { # MACHINE
  : >"$work/$1.hosts"
  : >"$work/$1.resolv"
  at "$1" mount --bind "$work/$1.hosts" /etc/hosts
  at "$1" mount --bind "$work/$1.resolv" /etc/resolv.conf
}

by_name() { # MACHINE PEER NAME: as introduce, with the endpoint by name
  introduce "$1" "$2"
  equal "errno of endpoint_name" 0 \
    "$(errno_of "$1" "set=1\npublic_key=$(public_hex "$2")\nendpoint_name=$3:${port[$2]}\n\n")"
}

# A line of the answer to status, of its only peer.
status() { uapi "$1" 'status=1\n\n' | sed -n "s/^$2=//p"; } # MACHINE LINE
# shellcheck disable=SC2053 # a pattern
says() { [[ $(status "$1" "$2") = $3 ]]; } # MACHINE LINE PATTERN

# Host calls enclave by name; enclave has no endpoint for host.
named_tunnel() { # NETWORK
  new_machines host enclave
  wire host enclave
  knows_hosts host
  start_both "$1"
  introduce enclave host
  by_name host enclave enclave.test
}

A_name_that_cannot_be_resolved_yet_is_waited_for() {
  named_tunnel tcp4
  wait_for 20 says host handshake_error 'the name enclave.test cannot be resolved: *' || fail "status: $(uapi host 'status=1\n\n')"
  # What is sent meanwhile disturbs nothing.
  no_ping host enclave
  echo "${outer4[enclave/host]} enclave.test" >"$work/host.hosts"
  flows_within 90 host enclave
  equal endpoint_name "enclave.test:${port[enclave]}" "$(status host endpoint_name)"
  equal handshake_error '' "$(status host handshake_error)"
}

# It leads to a folder that has come later than the daemon, which Landlock keeps it from.
A_resolv_conf_that_may_not_be_read_is_named() {
  file_machines host enclave
  ln -sf "$work/later/resolv.conf" "$work/etc-host/resolv.conf"
  start host tcp4
  at host "$daemon" show wg0 --long | has 'sandbox: on: .*Landlock [0-9]' || skip "this kernel has no Landlock"
  configure host
  by_name host enclave enclave.test
  wait_for 20 says host handshake_error 'the name enclave.test cannot be resolved: *' || fail "status: $(uapi host 'status=1\n\n')"
  ! says host handshake_error '*may not be read*' || fail "there is no such file yet"
  mkdir "$work/later"
  : >"$work/later/resolv.conf"
  wait_for 90 says host handshake_error '*resolv.conf may not be read by this process: *' || fail "status: $(uapi host 'status=1\n\n')"
}

A_name_whose_address_changes_is_followed_over_tcp() { follows_the_name tcp4; }
A_name_whose_address_changes_is_followed_over_udp() { follows_the_name udp4; }

follows_the_name() { # NETWORK
  local before other
  named_tunnel "$1"
  before=${outer4[enclave/host]} other=${outer4[enclave/host]%.*}.77
  echo "$before enclave.test" >"$work/host.hosts"
  flows_within 60 host enclave
  equal endpoint "$before:${port[enclave]}" "$(status host endpoint)"
  # The machine moves to another address, and its name with it.
  ip -n "enclave-$$" address del "$before/24" dev to-host
  ip -n "enclave-$$" address add "$other/24" dev to-host
  echo "$other enclave.test" >"$work/host.hosts"
  flows_within 90 host enclave
  equal endpoint "$other:${port[enclave]}" "$(status host endpoint)"
}

The_next_of_several_addresses_is_tried() {
  named_tunnel tcp4
  # Nobody listens at host's own address.
  printf '%s enclave.test\n' "${outer4[host/enclave]}" "${outer4[enclave/host]}" >"$work/host.hosts"
  flows_within 60 host enclave
  equal endpoint "${outer4[enclave/host]}:${port[enclave]}" "$(status host endpoint)"
}

A_name_server_that_does_not_answer_keeps_nothing_from_going_on() {
  tunnel tcp4
  knows_hosts host
  # A server that takes questions and never answers.
  enter host socat -u UDP4-RECV:53,bind=127.0.0.1 OPEN:/dev/null &
  wait_for 20 listens host 53 -u || fail "no name server"
  printf 'nameserver 127.0.0.1\noptions timeout:30 attempts:5\n' >"$work/host.resolv"
  new_key other
  equal "errno of endpoint_name" 0 \
    "$(errno_of host "set=1\npublic_key=$(public_hex other)\nendpoint_name=nowhere.test:1\n\n")"
  pings host enclave
  says host handshake_error '*the name nowhere.test is being resolved*' || fail "status: $(uapi host 'status=1\n\n')"
  kill "${pid[host]}"
  ends_within 5 host
}

Handshakes_begin_when_they_are_asked_for() {
  tunnel tcp4
  equal session false "$(status host session)"
  equal errno 0 "$(errno_of host 'handshake=1\n\n')"
  wait_for 20 says host session true || fail "status: $(uapi host 'status=1\n\n')"
  says host connection "${outer4[enclave/host]}:${port[enclave]} dialled current age=* reconnects=0 rx=* tx=* queued=0*" ||
    fail "connection: $(status host connection)"
  says enclave connection '* accepted current *' || fail "connection: $(status enclave connection)"
  equal handshake_error '' "$(status host handshake_error)"
}

What_keeps_a_handshake_from_being_completed_is_said() {
  tunnel tcp4
  stop enclave
  equal errno 0 "$(errno_of host 'handshake=1\n\n')"
  wait_for 20 says host handshake_error 'connect: Connection refused' || fail "status: $(uapi host 'status=1\n\n')"
  ip -n "host-$$" link set wg0 down
  wait_for 20 says host handshake_error 'the interface is down' || fail "status: $(uapi host 'status=1\n\n')"
}

A_port_that_is_taken_is_listened_on_when_it_is_free_and_peers_are_dialled_meanwhile() {
  port_is_taken tcp4 TCP4-LISTEN
  pings host enclave
  frees_the_port
  # The other way round a new connection is needed.
  ip -n "enclave-$$" link set wg0 down
  ip -n "enclave-$$" link set wg0 up
  flows_within 60 enclave host
}

A_udp_port_that_is_taken_is_used_when_it_is_free() {
  port_is_taken udp4 UDP4-RECVFROM
  no_ping host enclave
  frees_the_port
  flows_within 60 host enclave
}

port_is_taken() { # NETWORK SOCAT'S ADDRESS
  local option=-t
  [ "$1" = tcp4 ] || option=-u
  new_machines host enclave
  wire host enclave
  start host "$1"
  start enclave "$1"
  enter host socat -u "$2:${port[host]}" OPEN:/dev/null &
  taker=$!
  wait_for 20 listens host "${port[host]}" "$option" || fail "socat has not the port"
  configure host
  configure enclave
  introduce host enclave "$1"
  introduce enclave host "$1"
  wait_for 20 says host listen_error "listening port ${port[host]} is taken" || fail "status: $(uapi host 'status=1\n\n')"
}

frees_the_port() {
  kill "$taker"
  wait_for 20 says host listen_port "${port[host]}" || fail "status: $(uapi host 'status=1\n\n')"
  equal listen_error '' "$(status host listen_error)"
}
