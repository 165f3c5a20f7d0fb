# shellcheck shell=bash
# What a request on the control socket does to everybody else: to traffic, to other clients, to memory.

many_peers() { # FIRST LAST: as wg(8) has them in a file, each with an allowed IP and an endpoint that nobody has
  perl -MMIME::Base64 -e 'for ($ARGV[0] .. $ARGV[1]) {
    printf "[Peer]\nPublicKey = %s\nAllowedIPs = 10.%d.%d.0/24\nEndpoint = 192.0.2.1:%d\n",
      encode_base64(pack("x28N", $_), ""), $_ >> 8, $_ & 255, 1000 + $_;
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

Setconf_of_three_thousand_peers_loses_no_packet_over_tcp() { setconf_loses_nothing tcp4; }
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
