# shellcheck shell=bash disable=SC2034 # what a test sets, the verbs of lib.sh read
# Ours to ours over AF_VSOCK, inside the guest. VSOCK knows no network namespaces: both daemons are at CID 1, on
# different ports, and only their interfaces are apart.

Guest_has_a_vsock_that_loops_back() {
  [ -d /sys/module/vsock_loopback ] || fail "no vsock_loopback"
  socat -u VSOCK-LISTEN:9000 "CREATE:$work/raw" &
  wait_for 10 sh -c 'echo through CID 1 | socat -u - VSOCK-CONNECT:1:9000' || fail "no connection"
  wait $!
  equal "what came" "through CID 1" "$(cat "$work/raw")"
}

# As in the README, but that both ends are at CID 1.
Quick_start_of_the_README_carries_30_MB() {
  new_machines host enclave
  at enclave "$daemon" wg0
  at enclave ip address add dev wg0 203.0.113.2 peer 203.0.113.1
  at enclave wg set wg0 private-key "$work/enclave.key" listen-port 51820 peer "${public[host]}" allowed-ips 0.0.0.0/0 endpoint 0.0.0.1:8172
  at enclave ip link set up dev wg0
  at host "$daemon" wg0
  at host ip address add dev wg0 203.0.113.1 peer 203.0.113.2
  at host wg set wg0 private-key "$work/host.key" listen-port 8172 peer "${public[enclave]}" allowed-ips 203.0.113.2/32 endpoint 0.0.0.1:51820
  at host ip link set up dev wg0
  pings host enclave
  pings enclave host
  pings host enclave -M do -s 1392
  copy_checksummed enclave host 30
  for machine in host enclave; do
    at $machine wg show >"$work/shown"
    grep -q 'latest handshake: ' "$work/shown" || fail "no handshake: $(cat "$work/shown")"
    grep -q 'transfer: .*MiB' "$work/shown" || fail "no transfer: $(cat "$work/shown")"
    grep -q 'endpoint: 0.0.0.1:[0-9]*$' "$work/shown" || fail "no endpoint: $(cat "$work/shown")"
  done
  at_least "bytes received by the host" 31457280 "$(received host)"
}

# As the host of an enclave reads them.
Metrics_are_read_over_vsock() {
  with=(--metrics vsock:9586)
  new_machines host
  start host vsock
  printf 'GET /metrics HTTP/1.1\r\nHost: enclave\r\n\r\n' | socat -t 10 - VSOCK-CONNECT:1:9586 >"$work/answer"
  head -n 1 "$work/answer" | has '^HTTP/1.1 200 ' || fail "answered: $(head -c 200 "$work/answer")"
  grep -q '^wireguard_vsock_build_info{interface="wg0",version=".*",network="vsock"} 1$' "$work/answer" || fail "$(cat "$work/answer")"
  equal "its end" 0 "$(tail -n 2 "$work/answer" | tr -d '\r\n')"
}

Tunnel_over_vsock_carries_both_ways_and_both_families() {
  tunnel vsock
  pings host enclave
  pings enclave host
  pings6 host enclave
  pings6 enclave host
  copy_checksummed host enclave 10
  copy_checksummed enclave host 10
}

# The guest has the loopback's transport alone: nothing leads to CID 3, with the flag or without.
The_parent_of_an_enclave_is_tried_by_the_transport_to_the_host() {
  local key
  new_machines host
  start host vsock
  configure host
  new_key parent
  key=$(public_hex parent)
  equal "errno of 3:51820 to-host" 0 "$(errno_of host "set=1\npublic_key=$key\nendpoint=3:51820 to-host\n\n")"
  uapi host 'status=1\n\n' | has -x 'endpoint=vm(3):51820 to-host' || fail "status: $(uapi host 'status=1\n\n')"
  equal "errno of 3:4000000000" 0 "$(errno_of host "set=1\npublic_key=$key\nendpoint=3:4000000000\n\n")"
  uapi host 'status=1\n\n' | has -x 'endpoint=vm(3):4000000000' || fail "status: $(uapi host 'status=1\n\n')"
  equal errno 0 "$(errno_of host 'handshake=1\n\n')"
  wait_for 30 grep -q 'Dialling vm(3):4000000000 by the transport to the host' "$work/host.log" || fail "the log does not say so"
  wait_for 30 no_transport || fail "status: $(uapi host 'status=1\n\n')"
}

no_transport() {
  uapi host 'status=1\n\n' | has '^handshake_error=connect: No such device (no vsock transport reaches CID 3)$'
}

Peer_that_called_from_an_ephemeral_port_is_shown_by_every_wg_command() {
  new_machines host enclave
  for machine in host enclave; do
    start $machine vsock
    configure $machine
  done
  introduce host enclave
  introduce enclave host vsock
  pings enclave host
  pings host enclave
  at host wg >/dev/null
  at host wg show >/dev/null
  at host wg show all dump >/dev/null
  at host wg showconf wg0 >"$work/shown"
  grep -q '^0\.0\.0\.1:[0-9]*$' <<<"$(field host endpoints)" || fail "host shows $(field host endpoints)"
  uapi host 'get=1\n\n' | has '^endpoint=0\.0\.0\.1:[0-9]*$' || fail "get answers $(uapi host 'get=1\n\n')"
  # And what is shown can be set again.
  at host wg set wg0 peer "${public[enclave]}" persistent-keepalive 20
  pings host enclave
}

Both_ends_dialling_at_once_settle() {
  with=(--streams 1)
  tunnel vsock
  ping_once host enclave >/dev/null &
  local other=$!
  ping_once enclave host >/dev/null || :
  wait $other || :
  # The one that carried no message is closed as an unauthenticated one, after 10 s.
  wait_for 30 one_connection || fail "connections: $(at host ss --vsock)"
  pings host enclave
  pings enclave host
  sleep 10
  one_connection || fail "no longer one connection"
}

# A namespace shows the sockets made in it.
one_connection() { [ "$(at host ss -H --vsock state established | wc -l)" = 1 ]; }

Restarted_end_reaches_its_peer_within_10_s() {
  tunnel vsock
  pings host enclave
  stop enclave
  start enclave vsock
  configure enclave
  introduce enclave host vsock
  flows_within 10 enclave host
  pings host enclave
}

End_that_lived_on_reaches_a_restarted_peer_within_30_s() {
  tunnel vsock
  pings host enclave
  stop enclave
  start enclave vsock
  configure enclave
  introduce enclave host
  flows_within 30 host enclave
  pings enclave host
}

Daemon_killed_under_load_comes_back() {
  local i
  tunnel vsock
  for i in 1 2 3; do
    load host enclave
    stop enclave
    end_load
    start enclave vsock
    configure enclave
    introduce enclave host vsock
    wait_for 12 ping_once enclave host || fail "no traffic after kill $i"
  done
  pings host enclave
}

Listen_port_changes_while_the_link_is_up() {
  tunnel vsock
  pings host enclave
  at host wg set wg0 listen-port 9001
  equal listen-port 9001 "$(show host listen-port)"
  at enclave wg set wg0 peer "${public[host]}" endpoint 0.0.0.1:9001
  flows_within 8 enclave host
  pings host enclave
}

Listen_port_0_is_an_ephemeral_port_that_wg_shows() {
  new_machines host enclave
  for machine in host enclave; do start $machine vsock; done
  configure enclave
  at host wg set wg0 private-key "$work/host.key"
  ip -n "host-$$" address add 203.0.113.1/24 dev wg0
  ip -n "host-$$" link set wg0 up
  wait_for 30 eval '[ "$(show host listen-port)" != 0 ]' || fail "no port"
  at_least "the port" 1024 "$(show host listen-port)"
  at_most "the port" 65535 "$(show host listen-port)"
  introduce host enclave
  at enclave wg set wg0 peer "${public[host]}" allowed-ips 203.0.113.1/32 endpoint "0.0.0.1:$(show host listen-port)"
  pings enclave host
}

A_port_that_is_taken_is_refused_and_the_old_one_kept() {
  tunnel vsock
  pings host enclave
  equal errno -98 "$(errno_of host 'set=1\nlisten_port=51820\n\n')"
  equal listen-port 8172 "$(show host listen-port)"
  pings enclave host
}

Every_form_of_a_vsock_address_is_understood() {
  local given shown asked='' expected=''
  new_machines host
  new_key a
  start host vsock
  while read -r given shown; do
    asked+="set=1\npublic_key=$(public_hex a)\nendpoint=$given\n\nget=1\n\n"
    expected+="errno=0 endpoint=$shown errno=0 "
  done <<'END'
hypervisor(0):1 0.0.0.0:1
local(1):2 0.0.0.1:2
host(2):8172 0.0.0.2:8172
vm(3):3 0.0.0.3:3
vm(6):51820 0.0.0.6:51820
0.0.0.6:51820 0.0.0.6:51820
0.0.1.0:5 0.0.1.0:5
vm(256):5 0.0.1.0:5
16:51820 0.0.0.16:51820
vm(6):4000000000 0.0.0.6:0
vm(16909060):65535 1.2.3.4:65535
END
  equal "what get answers after each" "$expected" "$(uapi host "$asked" | grep -E '^(errno|endpoint)=' | tr '\n' ' ')"
  equal "what wg shows of the last" 1.2.3.4:65535 "$(field host endpoints)"
}

Malformed_vsock_addresses_are_refused_and_change_nothing() {
  new_machines host
  new_key a
  start host vsock
  equal errno 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nendpoint=vm(6):51820\n\n")"
  sed "s/^/fwmark=9\\\\npublic_key=$(public_hex a)\\\\nendpoint=/" <<'END' | all_refused host

vm(3)
vm(2):1
vm(1):1
vm(0):1
host(2):
host(2)
host(3):1
host:1
local(2):1
hypervisor(1):1
vm():1
vm(-3):1
vm(+3):1
vm( 3):1
vm(03):1
vm(x):1
vm(4294967296):1
vm(6):4294967296
vm(6):-1
vm(6):+1
vm(6): 1
vm(6):1 
 vm(6):1
vm(6):1x
VM(6):1
0.0.0.6
0.0.0.6:
0.0.0.6:4294967296
0.0.6:1
0.0.0.0.6:1
0.0.0.256:1
06:1
+6:1
4294967295:1
4294967296
::1
[::1]:1
[::1]:51820
END
}

Wg_setconf_and_syncconf_take_vsock_endpoints() {
  tunnel vsock
  pings host enclave
  at host wg showconf wg0 >"$work/shown"
  grep -q '^Endpoint = 0\.0\.0\.1:' "$work/shown" || fail "showconf: $(cat "$work/shown")"
  at host wg setconf wg0 "$work/shown"
  flows_within 10 host enclave
  at host wg syncconf wg0 "$work/shown"
  pings enclave host
}

Wg_quick_brings_a_vsock_tunnel_up_and_down() {
  new_machines host enclave
  local peer where
  for machine in host enclave; do
    peer=enclave where=51820
    [ $machine = host ] || peer=host where=8172
    mkdir "$work/etc-$machine"
    cat >"$work/etc-$machine/wg0.conf" <<END
[Interface]
Address = ${inner[$machine]}/24
PrivateKey = $(cat "$work/$machine.key")
ListenPort = ${port[$machine]}
[Peer]
PublicKey = ${public[$peer]}
AllowedIPs = 203.0.113.0/24
Endpoint = 0.0.0.1:$where
END
    at $machine env WG_QUICK_USERSPACE_IMPLEMENTATION="$daemon" wg-quick up "$work/etc-$machine/wg0.conf"
  done
  pings host enclave
  pings enclave host
  for machine in host enclave; do
    at $machine wg-quick down "$work/etc-$machine/wg0.conf"
    wait_for 30 nothing_runs_at $machine || fail "a daemon outlives wg-quick down at $machine"
  done
}

nothing_runs_at() { [ "$(ip netns pids "$1-$$")" = "${holder[$1]}" ]; }

Link_down_and_up_recovers() {
  tunnel vsock
  pings host enclave
  ip -n "host-$$" link set wg0 down
  no_ping enclave host
  ip -n "host-$$" link set wg0 up
  flows_within 10 host enclave
  pings enclave host
}

Stopped_peer_does_not_disturb_another() {
  star vsock
  pings host enclave
  pings host third
  kill -STOP "${pid[third]}"
  enter host ping -q -i 0.005 -s 1300 "${inner[third]}" >/dev/null 2>&1 &
  sleep 4
  at host ping -q -c 30 -i 0.1 -W 2 "${inner[enclave]}" >"$work/pings" || fail "$(cat "$work/pings")"
  at_least "pings of 30 answered" 29 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  kill -CONT "${pid[third]}"
  flows_within 15 host third
}

Garbage_on_the_vsock_port_does_no_harm() { withstands garbage; }
Silent_vsock_connections_do_no_harm() { withstands silence; }
Vsock_connections_that_send_a_byte_a_second_do_no_harm() { withstands drip; }

# The unauthenticated senders come from CID 1 like all senders here, which has 16 connections before it has proved itself.
withstands() { # KIND
  local fds rss peak=0 held i
  tunnel vsock
  pings enclave host
  copy_checksummed enclave host 5
  fds=$(fd_count host)
  rss=$(rss_kib host)
  "$e2e/flood.pl" "$1" 12 vsock 1 8172 >"$work/flood" &
  local flood=$!
  enter enclave ping -q -i 0.2 -c 40 -W 2 "${inner[host]}" >"$work/pings" &
  local steady=$!
  for i in {1..8}; do
    sleep 1
    held=$(fd_count host)
    peak=$((held > peak ? held : peak))
  done
  wait $steady || fail "pings during the flood: $(cat "$work/pings")"
  wait $flood
  at_least "pings of 40 answered" 39 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  # The flood has 20 connections open, and while it dials anew some are still being closed.
  at_most "fds during the flood" $((fds + 24)) $peak
  wait_for 30 eval '(( $(fd_count host) <= fds + 1 ))' || fail "fds: $fds before, $(fd_count host) after"
  at_most "KiB of memory after the flood ($rss before)" $((rss + 20480)) "$(rss_kib host)"
  note "$(cat "$work/flood") connections; fds $fds, at most $peak; $rss KiB before, $(rss_kib host) after"
  pings enclave host
}

Signals_and_removal_end_the_daemon() {
  tunnel vsock
  pings host enclave
  kill -TERM "${pid[host]}"
  ends_within 10 host
  rm "$work/enclave/wg0.sock"
  ends_within 10 enclave
}

# Last, as it takes the modules out and puts them back.
Without_AF_VSOCK_in_the_kernel_it_says_so_in_one_line() {
  local module status=0
  new_machines host
  # A closed socket of an earlier test holds them for up to 8 s more, while its far end says nothing (VSOCK_CLOSE_TIMEOUT).
  for module in vsock_diag vsock_loopback vmw_vsock_virtio_transport_common vsock; do
    wait_for 20 rmmod $module || fail "$module is in use: $(lsmod)"
  done
  (
    refused_in_one_line at host timeout 20 "$daemon" wg0
    grep -q 'modprobe' <<<"$refusal" || fail "it said: $refusal"
    refused_in_one_line at host timeout 20 "$daemon" -f wg0
  ) || status=$?
  for module in vsock vmw_vsock_virtio_transport_common vsock_loopback vsock_diag; do insmod /modules/$module.ko; done
  [ $status = 0 ] || fail "not refused as it should be"
}

# It needs nothing of the system but its sockets, and no capability.
Daemon_over_vsock_keeps_no_capability() {
  local set
  tunnel vsock
  pings host enclave
  for set in CapEff CapPrm CapBnd CapInh CapAmb; do
    equal "$set" 0000000000000000 "$(of_threads "${pid[host]}" "$set")"
  done
  equal "filters of system calls" 2 "$(of_threads "${pid[host]}" Seccomp)"
  at host "$daemon" show wg0 --long >"$work/shown"
  grep -q '^  sandbox: on: no_new_privs, no capabilities, ' "$work/shown" || fail "$(cat "$work/shown")"
}
