# shellcheck shell=bash
# What a request on the control socket costs: traffic, other clients, memory.

many_peers() { # FIRST LAST: as wg(8) has them in a file, each with an allowed IP and an unused endpoint
  # Any 42 digits with A= behind them are 32 bytes in base64.
  perl -e 'for ($ARGV[0] .. $ARGV[1]) {
    printf "[Peer]\nPublicKey = %042dA=\nAllowedIPs = 10.%d.%d.0/24\nEndpoint = 192.0.2.1:%d\n", $_, $_ >> 8, $_ & 255, 1000 + $_;
  }' "$1" "$2"
}

# host's own configuration, the enclave's part of it first, and 3,000 other peers.
large_configuration() { # NETWORK
  cat <<END
[Interface]
PrivateKey = $(cat "$work/host.key")
ListenPort = ${port[host]}
[Peer]
PublicKey = ${public[enclave]}
AllowedIPs = ${inner[enclave]}/32
Endpoint = $(endpoint_of enclave host "$1")
END
  many_peers 1 3000
}

# Alone: a host that has no processor for long loses packets.
Setconf_of_three_thousand_peers_loses_no_packet_over_tcp() { setconf_loses_nothing tcp4; }
# Alone: a host that has no processor for long loses packets.
Setconf_of_three_thousand_peers_loses_no_packet_over_udp() { setconf_loses_nothing udp4; }

setconf_loses_nothing() { # NETWORK
  local began elapsed before
  # Three thousand of everything would be logged.
  export LOG_LEVEL=error
  tunnel "$1"
  large_configuration "$1" >"$work/conf"
  at host wg setconf wg0 "$work/conf"
  flows_within 12 enclave host
  before=$(handshake_of host enclave)
  pings_in_the_background enclave host
  pings_in_the_background host enclave
  pause 0.5
  began=${EPOCHREALTIME/./}
  at host wg setconf wg0 "$work/conf"
  since "$began"
  ! is_gone "${background_pings[host]}" || fail "the pings have ended before the request"
  no_ping_was_lost enclave
  no_ping_was_lost host
  equal peers 3001 "$(show host peers | wc -l)"
  equal "the session's handshake" "$before" "$(handshake_of host enclave)"
  note "setconf took $elapsed s"
}

declare -A background_pings=()

pings_in_the_background() { # FROM TO: every 2 ms, for 4 s
  enter "$1" ping -q -i 0.002 -c 2000 -W 2 "${inner[$2]}" >"$work/pings-$1" 2>&1 &
  background_pings[$1]=$!
}

no_ping_was_lost() { # FROM
  wait "${background_pings[$1]}" || :
  equal "pings lost from $1" 0 "$(awk '/packets transmitted/ {print $1 - $4}' "$work/pings-$1")"
}

A_peer_that_setconf_names_again_has_only_what_that_says() {
  tunnel udp4
  pings host enclave
  wg genpsk >"$work/psk"
  at host wg set wg0 peer "${public[enclave]}" persistent-keepalive 5 allowed-ips "${inner[enclave]}/32,10.1.0.0/16"
  printf '[Interface]\nPrivateKey = %s\nListenPort = 8172\n[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' \
    "$(cat "$work/host.key")" "${public[enclave]}" "${inner[enclave]}" >"$work/conf"
  at host wg setconf wg0 "$work/conf"
  equal keepalive off "$(field host persistent-keepalive)"
  equal "preshared key" "(none)" "$(field host preshared-keys)"
  equal allowed-ips "${inner[enclave]}/32" "$(field host allowed-ips)"
  pings host enclave
  # Another preshared key makes another peer of it: its session was agreed on without that key.
  printf 'PresharedKey = %s\n' "$(cat "$work/psk")" >>"$work/conf"
  at host wg setconf wg0 "$work/conf"
  equal "preshared key" "$(cat "$work/psk")" "$(field host preshared-keys)"
  equal "handshake under another preshared key" 0 "$(handshake_of host enclave)"
}

# Silent connections to host's control socket, until the test ends.
idle_clients() { # NUMBER
  perl -MIO::Socket::UNIX -e 'my @all = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) or die } 1 .. $ARGV[1];
    $| = 1; print "ready\n"; sleep 1000' "$work/host/wg0.sock" "$1" >"$work/idle" 2>&1 &
  wait_for 20 grep -q ready "$work/idle" || fail "no $1 connections: $(cat "$work/idle")"
}

Idle_clients_keep_no_other_from_the_control_socket() {
  local i
  new_machines host
  start host tcp
  idle_clients 64
  pause 1.5
  for i in 1 2 3; do
    at host wg set wg0 fwmark $i
    equal fwmark 0x$i "$(show host fwmark)"
  done
}

A_client_that_does_not_read_its_answers_keeps_no_other_from_the_control_socket() {
  new_machines host
  start host tcp
  idle_clients 60
  # These ask and ask, and read nothing.
  perl -MIO::Socket::UNIX -e 'my @all = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) or die } 1 .. 8;
    $_->blocking(0) for @all; for (1 .. 2000) { syswrite $_, "get=1\n\n" for @all } $| = 1; print "ready\n"; sleep 1000' \
    "$work/host/wg0.sock" >"$work/asking" 2>&1 &
  wait_for 20 grep -q ready "$work/asking" || fail "not connected: $(cat "$work/asking")"
  pause 1.5
  at host wg set wg0 fwmark 7
  equal fwmark 0x7 "$(show host fwmark)"
}

The_control_socket_answers_while_dialling_has_used_all_descriptors() {
  local i asked='set=1\n' key within limit
  export LOG_LEVEL=error
  new_machines host enclave
  wire host enclave
  # Each lane has descriptors of its own.
  start host tcp4
  limit=$((58 + 3 * $(lane_count host)))
  stop host
  # shellcheck disable=SC2034 # read by start
  within=(prlimit "--nofile=$limit:$limit")
  start host tcp4
  configure host
  # No answer there, not even a reset: each attempt holds a descriptor for 10 s.
  at host nft 'table inet hole {
    chain out { type filter hook output priority 0; tcp dport 9 drop
    }
  }'
  for i in {1..200}; do
    printf -v key '%064x' "$i"
    asked+="public_key=$key\nendpoint=${outer4[enclave/host]}:9\npersistent_keepalive_interval=1\n"
  done
  equal errno 0 "$(errno_of host "$asked\n")"
  wait_for 10 eval '(($(fd_count host) == limit))' || fail "$(fd_count host) descriptors of $limit in use"
  for i in {1..5}; do
    is_answered_within 2
    pause 0.3
  done
  # One that says nothing has the last descriptor: not for long.
  idle_clients 1
  pause 1.5
  is_answered_within 2
}

is_answered_within() { # SECONDS
  local began=${EPOCHREALTIME/./} elapsed
  equal "peers that wg shows" 200 "$(timeout "$1" nsenter --target "${holder[host]}" --net --mount wg show wg0 peers | wc -l)"
  since "$began"
  note "answered after $elapsed s"
}

A_request_that_is_refused_leaves_no_memory_in_use() {
  local before after
  new_machines host
  start host tcp
  uapi host 'get=1\n\n' >/dev/null
  before=$(rss_kib host)
  # 700,000 peers with an allowed IP each: 75 MB.
  perl -e 'print "set=1\n";
    printf "public_key=%064x\nallowed_ip=10.%d.%d.%d/32\n", $_, $_ >> 16, $_ >> 8 & 255, $_ & 255 for 1 .. 700_000;
    print "\n"' | socat -t 60 - "UNIX-CONNECT:$work/host/wg0.sock" >"$work/answer"
  equal answer errno=-28 "$(xargs <"$work/answer")"
  wait_for 30 eval '(($(rss_kib host) <= before + 16384))' || fail "$before KiB before, $(rss_kib host) after"
  after=$(rss_kib host)
  # And one that breaks off.
  perl -e 'print "set=1\n"; printf "public_key=%064x\nallowed_ip=::%x/128\n", $_, $_ for 1 .. 100_000' |
    socat -u - "UNIX-CONNECT:$work/host/wg0.sock"
  wait_for 30 eval '(($(rss_kib host) <= before + 16384))' || fail "$before KiB before, $(rss_kib host) after one that broke off"
  equal peers "" "$(show host peers)"
  note "$before KiB before, $after after"
}

# While connect(2) waits for an answer, the peer that it is for loses its endpoint.
A_peer_may_lose_its_endpoint_while_it_is_dialled() {
  tunnel tcp4
  drop_everything enclave
  at host ping -q -c 1 -W 1 "${inner[enclave]}" >/dev/null 2>&1 || :
  wait_for 30 grep -q Dialling "$work/host.log" || fail "no peer is dialled"
  {
    printf '[Interface]\nPrivateKey = %s\nListenPort = %s\n' "$(cat "$work/host.key")" "${port[host]}"
    printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' "${public[enclave]}" "${inner[enclave]}"
  } >"$work/setconf"
  at host wg setconf wg0 "$work/setconf"
  equal "endpoint" "(none)" "$(field host endpoints)"
  # The next SYN is sent again within 3 s; then nothing is to come of it.
  at enclave nft flush table inet outage
  pause 4
  ! is_gone "${pid[host]}" || fail "the daemon has ended"
  flows_within 30 enclave host
}
