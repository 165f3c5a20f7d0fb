# shellcheck shell=bash
# wg(8) in all its forms against one daemon, and the control socket itself where wg cannot say it.

# One machine with a daemon over tcp, its link up, and keys of peers a and b to play with.
alone() {
  new_machines host
  start host "${1:-tcp}"
  at host wg set wg0 private-key "$work/host.key" listen-port 8172
  ip -n "host-$$" link set wg0 up
  if [ "${1:-tcp}" = udp ]; then wait_for 30 listens host 8172 -u; else wait_for 30 listens host 8172; fi || fail "it does not listen"
  new_key a
  new_key b
  wg genpsk >"$work/psk"
  a=${public[a]} b=${public[b]}
}

with_two_peers() {
  alone "$@"
  at host wg set wg0 fwmark 0x1234 \
    peer "$a" preshared-key "$work/psk" endpoint 192.0.2.1:1000 persistent-keepalive 25 allowed-ips 10.1.0.0/16,fd00:1::/32 \
    peer "$b" endpoint '[2001:db8::2]:2000' allowed-ips 10.2.0.0/16
}

of_peer() { # KEY: reads lines of "key<tab>value"
  awk -F '\t' -v key="$1" '$1 == key {print $2}'
}

Every_field_of_wg_show_is_what_wg_set_said() {
  with_two_peers
  equal private-key "$(cat "$work/host.key")" "$(show host private-key)"
  equal public-key "${public[host]}" "$(show host public-key)"
  equal listen-port 8172 "$(show host listen-port)"
  equal fwmark 0x1234 "$(show host fwmark)"
  equal peers "$(printf '%s\n' "$a" "$b" | sort)" "$(show host peers | sort)"
  equal "preshared key of a" "$(cat "$work/psk")" "$(show host preshared-keys | of_peer "$a")"
  equal "preshared key of b" "(none)" "$(show host preshared-keys | of_peer "$b")"
  equal "endpoint of a" 192.0.2.1:1000 "$(show host endpoints | of_peer "$a")"
  equal "endpoint of b" '[2001:db8::2]:2000' "$(show host endpoints | of_peer "$b")"
  equal "allowed IPs of a" "10.1.0.0/16 fd00:1::/32" "$(show host allowed-ips | of_peer "$a" | tr ' ' '\n' | sort | paste -sd ' ')"
  equal "allowed IPs of b" 10.2.0.0/16 "$(show host allowed-ips | of_peer "$b")"
  equal "keepalive of a" 25 "$(show host persistent-keepalive | of_peer "$a")"
  equal "keepalive of b" off "$(show host persistent-keepalive | of_peer "$b")"
  equal "handshake of a" 0 "$(show host latest-handshakes | of_peer "$a")"
}

Every_form_of_wg_show_works() {
  with_two_peers
  equal "wg show interfaces" wg0 "$(at host wg show interfaces)"
  equal "lines of wg show wg0 dump" 3 "$(show host dump | wc -l)"
  equal "lines of wg show all dump" 3 "$(at host wg show all dump | wc -l)"
  equal "fields of the interface's line" 4 "$(show host dump | sed -n 1p | awk -F '\t' '{print NF}')"
  equal "fields of a peer's line" 8 "$(show host dump | tail -n 1 | awk -F '\t' '{print NF}')"
  at host wg | has '^  listening port: 8172$' || fail "wg: $(at host wg)"
  at host wg show all | has -F "peer: $a" || fail "wg show all: $(at host wg show all)"
  for form in endpoints allowed-ips transfer persistent-keepalive latest-handshakes preshared-keys; do
    equal "lines of wg show all $form" 2 "$(at host wg show all $form | wc -l)"
  done
}

Showconf_and_setconf_are_each_others_inverse() {
  with_two_peers
  local before
  at host wg showconf wg0 >"$work/shown"
  before=$(configuration host)
  at host wg set wg0 fwmark 0 peer "$a" remove
  at host wg setconf wg0 "$work/shown"
  unchanged_since "$before" host "showconf and setconf"
}

Setconf_replaces_what_was_there() {
  with_two_peers
  cat >"$work/conf" <<END
[Interface]
PrivateKey = $(cat "$work/a.key")
ListenPort = 9999
[Peer]
PublicKey = $b
AllowedIPs = 10.9.0.0/16
END
  at host wg setconf wg0 "$work/conf"
  equal listen-port 9999 "$(show host listen-port)"
  equal fwmark off "$(show host fwmark)"
  equal public-key "$a" "$(show host public-key)"
  equal peers "$b" "$(show host peers)"
  equal allowed-ips 10.9.0.0/16 "$(show host allowed-ips | of_peer "$b")"
}

Addconf_adds_and_leaves_the_rest() {
  with_two_peers
  local c
  new_key c
  c=${public[c]}
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.3.0.0/16\n' "$c" >"$work/conf"
  at host wg addconf wg0 "$work/conf"
  equal peers 3 "$(show host peers | wc -l)"
  equal "allowed IPs of c" 10.3.0.0/16 "$(show host allowed-ips | of_peer "$c")"
  equal "endpoint of a" 192.0.2.1:1000 "$(show host endpoints | of_peer "$a")"
  equal fwmark 0x1234 "$(show host fwmark)"
}

Syncconf_keeps_the_sessions_of_peers_that_stay() {
  local handshake
  tunnel udp4
  pings host enclave
  new_key b
  at host wg set wg0 peer "${public[b]}" allowed-ips 10.2.0.0/16
  handshake=$(handshake_of host enclave)
  # syncconf of what is shown, less one peer, plus a keepalive.
  cat >"$work/conf" <<END
[Interface]
PrivateKey = $(cat "$work/host.key")
ListenPort = 8172
[Peer]
PublicKey = ${public[enclave]}
AllowedIPs = 203.0.113.2/32
Endpoint = $(endpoint_of enclave host udp4)
PersistentKeepalive = 30
END
  sleep 1
  at host wg syncconf wg0 "$work/conf"
  equal peers "${public[enclave]}" "$(show host peers)"
  equal keepalive 30 "$(field host persistent-keepalive)"
  pings enclave host
  equal "the session's handshake" "$handshake" "$(handshake_of host enclave)"
}

Listen_port_changes_while_the_link_is_up_on_tcp() { changes_port tcp4 -t; }
Listen_port_changes_while_the_link_is_up_on_udp() { changes_port udp4 -u; }

changes_port() { # NETWORK SS-OPTION
  tunnel "$1"
  pings host enclave
  listens host 8172 "$2" || fail "nothing listens at 8172"
  at host wg set wg0 listen-port 9000
  equal listen-port 9000 "$(show host listen-port)"
  listens host 9000 "$2" || fail "nothing listens at 9000"
  if listens host 8172 "$2"; then fail "8172 is still open"; fi
  at enclave wg set wg0 peer "${public[host]}" endpoint "${outer4[host/enclave]}:9000"
  flows_within 5 enclave host
  pings host enclave
}

Listen_port_0_is_an_ephemeral_port_that_wg_shows() {
  new_machines host
  for network in tcp udp; do
    start host $network
    at host wg set wg0 private-key "$work/host.key"
    ip -n "host-$$" link set wg0 up
    wait_for 30 eval '[ "$(show host listen-port)" != 0 ]' || fail "no port over $network"
    at_least "the port" 1024 "$(show host listen-port)"
    listens host "$(show host listen-port)" "$([ $network = tcp ] && echo -t || echo -u)" || fail "nothing listens at the port shown"
    kill -TERM "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end the daemon"
  done
}

A_port_that_is_taken_is_refused_and_the_old_one_kept() {
  alone tcp4
  at host socat TCP4-LISTEN:9001 - &
  wait_for 30 listens host 9001
  local answer
  answer=$(errno_of host 'set=1\nlisten_port=9001\n\n')
  equal errno -98 "$answer"
  equal listen-port 8172 "$(show host listen-port)"
  listens host 8172 || fail "nothing listens at 8172 any more"
}

Firewall_mark_is_on_tcp_packets_from_when_it_is_set() { marks tcp4; }
Firewall_mark_is_on_udp_packets_from_when_it_is_set() { marks udp4; }

marks() { # NETWORK
  tunnel "$1"
  pings host enclave
  at host nft 'table inet marks {
    counter marked { }
    chain out { type filter hook output priority 0; meta mark 0x1234 oifname to-enclave counter name marked; }
  }'
  at host wg set wg0 fwmark 0x1234
  equal fwmark 0x1234 "$(show host fwmark)"
  pings host enclave
  at_least "marked packets" 3 "$(marked)"
  at host wg set wg0 fwmark 0
  equal fwmark off "$(show host fwmark)"
  # What was queued or unacknowledged when the mark went away is over soon.
  sleep 0.3
  local before
  before=$(marked)
  pings enclave host
  equal "marked packets after fwmark 0" "$before" "$(marked)"
}

marked() { at host nft list counter inet marks marked | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

An_allowed_IP_moves_to_the_peer_named_last() {
  with_two_peers
  at host wg set wg0 peer "$b" allowed-ips 10.1.0.0/16
  equal "allowed IPs of b" 10.1.0.0/16 "$(show host allowed-ips | of_peer "$b")"
  equal "allowed IPs of a" fd00:1::/32 "$(show host allowed-ips | of_peer "$a")"
}

A_single_allowed_IP_is_removed() {
  with_two_peers
  equal errno 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nallowed_ip=-10.1.0.0/16\n\n")"
  equal "allowed IPs of a" fd00:1::/32 "$(show host allowed-ips | of_peer "$a")"
  # Removing another's does nothing.
  equal errno 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nallowed_ip=-10.2.0.0/16\n\n")"
  equal "allowed IPs of b" 10.2.0.0/16 "$(show host allowed-ips | of_peer "$b")"
}

Preshared_key_is_set_and_cleared() {
  with_two_peers
  at host wg set wg0 peer "$b" preshared-key "$work/psk"
  equal "preshared key of b" "$(cat "$work/psk")" "$(show host preshared-keys | of_peer "$b")"
  at host wg set wg0 peer "$a" preshared-key /dev/null
  equal "preshared key of a" "(none)" "$(show host preshared-keys | of_peer "$a")"
}

Removed_peer_is_gone_and_its_traffic_stops() {
  tunnel tcp4
  pings host enclave
  at host wg set wg0 peer "${public[enclave]}" remove
  equal peers "" "$(show host peers)"
  no_ping enclave host
  introduce host enclave tcp4
  flows_within 12 host enclave
}

Update_only_makes_no_peer() {
  alone
  equal errno 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nupdate_only=true\nallowed_ip=10.1.0.0/16\n\n")"
  equal peers "" "$(show host peers)"
}

Replace_peers_and_replace_allowed_ips_replace() {
  with_two_peers
  equal errno 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nreplace_allowed_ips=true\nallowed_ip=10.5.0.0/16\n\n")"
  equal "allowed IPs of a" 10.5.0.0/16 "$(show host allowed-ips | of_peer "$a")"
  equal errno 0 "$(errno_of host "set=1\nreplace_peers=true\npublic_key=$(public_hex b)\nallowed_ip=10.6.0.0/16\n\n")"
  equal peers "$b" "$(show host peers)"
  equal "allowed IPs of b" 10.6.0.0/16 "$(show host allowed-ips | of_peer "$b")"
}

Many_operations_share_one_connection() {
  with_two_peers
  local answers
  answers=$(uapi host "get=1\n\nset=1\nfwmark=7\n\nset=1\nnonsense=1\n\nset=1\nfwmark=8\n\nget=1\n\n")
  equal "answers" "0 0 -22 0 0" "$(sed -n 's/^errno=//p' <<<"$answers" | paste -sd ' ')"
  equal "marks in both gets" "4660 8" "$(sed -n 's/^fwmark=//p' <<<"$answers" | paste -sd ' ')"
}

A_request_in_small_pieces_is_understood() {
  alone
  local answer
  answer=$(printf 'set=1\nfwmark=77\n\n' | { while IFS= read -rn 1 -d '' c; do printf '%s' "$c"; sleep 0.01; done; } |
    socat -t 2 - "UNIX-CONNECT:$work/host/wg0.sock")
  equal answer errno=0 "$answer"
  equal fwmark 0x4d "$(show host fwmark)"
}

Silent_clients_keep_no_other_from_the_control_socket() {
  local i before
  alone
  before=$(fd_count host)
  for i in {1..20}; do
    socat -u "UNIX-CONNECT:$work/host/wg0.sock" - <"$work/never" &
    clients[i]=$!
  done
  wait_for 30 eval '(( $(fd_count host) >= before + 20 ))' || fail "not connected"
  equal listen-port 8172 "$(show host listen-port)"
  at host wg set wg0 fwmark 5
  equal fwmark 0x5 "$(show host fwmark)"
  kill "${clients[@]}"
  wait_for 30 eval '(( $(fd_count host) <= before ))' || fail "$(fd_count host) fds, $before before"
}

A_request_without_end_is_refused_in_bounded_memory() {
  local rss
  alone
  uapi host 'get=1\n\n' >/dev/null
  rss=$(rss_kib host)
  # One line without end, and lines without end.
  { printf 'set=1\n'; head -c 200M /dev/zero | tr '\0' a; } | socat -u - "UNIX-CONNECT:$work/host/wg0.sock" 2>/dev/null || :
  perl -e 'print "set=1\n"; print "fwmark=1\n" x 1000 for 1 .. 22_000' | socat -u - "UNIX-CONNECT:$work/host/wg0.sock" 2>/dev/null || :
  at_most "KiB of memory" $((rss + 16 * 1024)) "$(rss_kib host)"
  note "$rss KiB before, $(rss_kib host) after"
  equal fwmark off "$(show host fwmark)"
}

Two_thousand_peers_come_and_go_and_leave_nothing() {
  local i key asked='' fds rss
  alone
  for i in {1000..2999}; do
    printf -v key '%064x' "$i"
    asked+="set=1\npublic_key=$key\nallowed_ip=10.$((i / 256)).$((i % 256)).0/24\nendpoint=192.0.2.1:$i\n\n"
  done
  uapi host "$asked" >"$work/answers"
  equal "answers" "2000 errno=0" "$(grep . "$work/answers" | sort | uniq -c | xargs)"
  equal peers 2000 "$(show host peers | wc -l)"
  at host wg show wg0 dump >/dev/null
  uapi host 'set=1\nreplace_peers=true\n\n' >/dev/null
  equal peers 0 "$(show host peers | wc -l)"
  fds=$(fd_count host)
  rss=$(rss_kib host)
  for i in 1 2 3; do
    uapi host "$asked" >/dev/null
    uapi host 'set=1\nreplace_peers=true\n\n' >/dev/null
  done
  equal peers 0 "$(show host peers | wc -l)"
  fds_are_at_most "$fds" host
  at_most "KiB of memory ($rss after the first time)" $((rss + 16384)) "$(rss_kib host)"
  note "$rss KiB after the first time, $(rss_kib host) after the fourth"
}

Half_a_request_changes_nothing() {
  alone
  uapi host 'set=1\nfwmark=77\n' >/dev/null
  equal fwmark off "$(show host fwmark)"
}

is_error() { [[ $1 =~ ^-[1-9][0-9]*$ ]]; }

Malformed_requests_are_refused_and_change_nothing() {
  with_two_peers
  sed "s/PEER/public_key=$(public_hex a)/; s/^/fwmark=99\\\\n/" <<'END' | all_refused host
nonsense=1
fwmark
=1
fwmark=-1
fwmark=4294967296
fwmark=x
listen_port=65536
listen_port=-1
listen_port=x
private_key=00
private_key=zz00000000000000000000000000000000000000000000000000000000000000
replace_peers=false
public_key=00
allowed_ip=10.0.0.0/8
endpoint=192.0.2.1:1
PEER\nallowed_ip=10.0.0.0/33
PEER\nallowed_ip=10.0.0.0
PEER\nallowed_ip=10.0.0/8
PEER\nallowed_ip=::/129
PEER\nallowed_ip=10.9.0.0/16\nallowed_ip=x/8
PEER\npersistent_keepalive_interval=65536
PEER\npersistent_keepalive_interval=-1
PEER\npersistent_keepalive_interval=x
PEER\npreshared_key=00
PEER\nremove=maybe
PEER\nupdate_only=false
PEER\nreplace_allowed_ips=no
PEER\nprotocol_version=2
PEER\nnonsense=1
PEER\nremove=true\nnonsense=1
END
}

Malformed_endpoints_are_refused_over_tcp() { refuses_endpoints tcp; }
Malformed_endpoints_are_refused_over_udp() { refuses_endpoints udp; }

refuses_endpoints() { # NETWORK
  with_two_peers "$1"
  sed "s/^/fwmark=99\\\\npublic_key=$(public_hex a)\\\\nendpoint=/" <<'END' | all_refused host

192.0.2.1
192.0.2.1:
:51820
192.0.2.1:65536
192.0.2.1:-1
192.0.2.1:+1
192.0.2.1:x
192.0.2.1: 1
192.0.2:1
192.0.2.1.1:1
192.0.2.256:1
::1
::1:51820
[::1]
[::1:51820
[::g]:1
host(2):8172
vm(6):51820
example.invalid:1
END
}

A_network_of_one_family_refuses_the_others_endpoints() {
  new_machines host
  new_key a
  for network in tcp4 udp4 tcp6 udp6; do
    start host $network
    local good=192.0.2.1:1 bad='[2001:db8::1]:1' answer
    case $network in *6) bad=192.0.2.1:1 good='[2001:db8::1]:1' ;; esac
    equal "errno of $good over $network" 0 "$(errno_of host "set=1\npublic_key=$(public_hex a)\nendpoint=$good\n\n")"
    answer=$(errno_of host "set=1\npublic_key=$(public_hex a)\nendpoint=$bad\n\n")
    is_error "$answer" || fail "$bad was taken over $network"
    equal "endpoint over $network" "$good" "$(field host endpoints)"
    kill -TERM "${pid[host]}"
    wait_for 30 is_gone "${pid[host]}" || fail "SIGTERM did not end the daemon"
  done
}

What_wg_itself_refuses_leaves_everything_as_it_was() {
  with_two_peers
  local before
  before=$(configuration host)
  for words in "listen-port x" "fwmark x" "peer short" "peer $a allowed-ips 10.0.0.0/40" "peer $a persistent-keepalive 70000"; do
    # shellcheck disable=SC2086 # several words
    if at host wg set wg0 $words 2>/dev/null; then fail "wg set wg0 $words was not refused"; fi
    unchanged_since "$before" host "'$words'"
  done
}
