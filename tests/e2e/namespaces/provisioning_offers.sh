# shellcheck shell=bash
# What a verifier offers to a prover: addresses, routes, DNS servers, an MTU; and what of it is refused.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

Offer_that_takes_something_is_refused_whole() {
  local before lines
  two_ends tcp "DNS = 192.0.2.1
[Peer]
PublicKey = $(wg genkey | wg pubkey)
AllowedIPs = 10.1.0.0/16"
  ours enclave up wg0 >/dev/null
  before=$(system_of enclave)$(configuration enclave)
  for lines in 'OfferAllowedIPs = 10.1.2.0/24' 'OfferAddress = 10.1.0.7/24' \
    'OfferAddress = 10.5.0.1/24\nOfferAllowedIPs = 10.5.0.1/32' 'OfferAddress = 127.0.0.1/8'; do
    write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "$(printf '%b' "$lines")"
    fails_with 'is not attested within 2 s' ours host up --wait=2 wg0
    equal "what the prover has after '$lines'" "$before" "$(system_of enclave)$(configuration enclave)"
  done
  # A step that fails is undone with all that was done before it: an address of IPv6 where the kernel has none.
  at enclave sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1
  before=$(system_of enclave)$(configuration enclave)
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "OfferAddress = 10.5.0.2/24, fd77::2/64"
  fails_with 'is not attested within 2 s: .*cannot give wg0 the address fd77::2/64' ours host up --wait=2 wg0
  equal "what the prover has after a step has failed" "$before" "$(system_of enclave)$(configuration enclave)"
  # What the prover's own file says is not taken from an offer.
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" 'OfferDNS = 10.0.0.1
OfferMTU = 1300'
  ours host up --wait wg0
  pings host enclave
  equal "MTU" 1300 "$(at enclave cat /sys/class/net/wg0/mtu)"
  grep -q 192.0.2.1 "$work/etc-enclave/resolv.conf" || fail "its own DNS server is gone"
  if grep -q 10.0.0.1 "$work/etc-enclave/resolv.conf"; then fail "the DNS server that was offered is taken"; fi
}

# The prover reaches the verifier through a router, by its default route, which a shorter prefix that is offered covers.
Offer_that_takes_the_path_to_the_verifier_is_refused_whole() {
  local before
  file_machines host router enclave
  wire enclave router
  wire router host
  at router sysctl -qw net.ipv4.ip_forward=1
  ip -n "enclave-$$" route add default via "${outer4[router/enclave]}"
  ip -n "host-$$" route add "${outer4[enclave/router]}/32" via "${outer4[router/host]}"
  # A peer of its own file keeps what it has: it is no verifier until an offer is taken.
  write_prover enclave tcp "${public[host]}" "[Peer]
PublicKey = ${public[host]}"
  ours enclave up wg0 >/dev/null
  before=$(system_of enclave)$(configuration enclave)
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" 'OfferAllowedIPs = 10.0.0.0/8'
  fails_with 'is not attested within [0-9]* s: .*the offer takes the path to the verifier itself' ours host up --wait=4 wg0
  equal "what the prover has after the refusal" "$before" "$(system_of enclave)$(configuration enclave)"
  equal "notes of a verifier" "" "$(uapi enclave 'status=1\n\n' | grep '^provisioned_at=' || :)"
  # An address whose network covers the path does the same.
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" "OfferAddress = 10.9.0.1/8"
  fails_with 'is not attested within [0-9]* s: .*the offer takes the path to the verifier itself' ours host up --wait=4 wg0
  equal "what the prover has after the second refusal" "$before" "$(system_of enclave)$(configuration enclave)"
  # A default route goes past the path by its mark.
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" 'OfferAllowedIPs = 0.0.0.0/0'
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  at_least "time that the verifier was taken" 1 "$(uapi enclave 'status=1\n\n' | sed -n 's/^provisioned_at=//p')"
}

Prover_keeps_what_the_next_verifier_has_offered_when_the_first_is_taken_out() {
  file_machines host enclave third
  wire host enclave
  wire third enclave
  write_prover enclave tcp "${public[host]}, ${public[third]}"
  # The second has the same file, with what is its own.
  write_verifier tcp "tcp:${outer4[enclave/third]}:$(provision_port enclave)"
  mkdir -p "$work/etc-third/wireguard"
  sed "s|^Address.*|Address = ${inner[third]}/24|; s|^PrivateKey.*|PrivateKey = $(cat "$work/third.key")|" \
    "$(file_of host)" >"$(file_of third)"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "OfferMTU = 1300"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  ours third up --wait wg0
  pings third enclave
  equal MTU 1300 "$(at enclave cat /sys/class/net/wg0/mtu)"
  write_prover enclave tcp "${public[third]}"
  ours enclave reload wg0
  equal "the prover's peer" "${public[third]}" "$(show enclave peers)"
  equal "the prover's address" "${inner[enclave]}/24" "$(addresses enclave)"
  [ "$(at enclave cat /sys/class/net/wg0/mtu)" != 1300 ] || fail "it keeps the MTU of the verifier that is gone"
  pings third enclave
  pings enclave third
}

Dns_and_default_routes_that_were_offered_go_with_the_tunnel() {
  local before
  two_ends tcp "" "OfferDNS = 203.0.113.1, example.com
OfferAllowedIPs = 0.0.0.0/0, ::/0
OfferAddress = 203.0.113.2/24, fd77::2/64"
  ip -n "enclave-$$" route add default dev to-host
  before=$(system_of enclave)
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  grep -q '^nameserver 203.0.113.1' "$work/etc-enclave/resolv.conf" || fail "no DNS server: $(cat "$work/etc-enclave/resolv.conf")"
  equal rules 2 "$(ip -n "enclave-$$" rule show | grep -c '^3276[45]:')"
  # A reload keeps all of it.
  ours enclave reload wg0
  grep -q '^nameserver 203.0.113.1' "$work/etc-enclave/resolv.conf" || fail "a reload took the DNS server"
  pings host enclave
  equal "the prover's addresses" 203.0.113.2/24 "$(addresses enclave)"
  ours enclave down wg0
  nothing_is_left enclave "$before"
  # A process that was killed leaves it to down.
  ours enclave up wg0 >/dev/null
  flows_within 30 host enclave
  crash enclave
  ours enclave down wg0
  nothing_is_left enclave "$before"
}

# The default route that is taken would carry the prover's own answers, which have to reach a verifier behind a router.
Verifier_behind_a_router_may_offer_a_default_route() {
  file_machines host enclave
  new_machines third
  wire host third
  wire enclave third
  at third sysctl -qw net.ipv4.ip_forward=1
  ip -n "host-$$" route add default via "${outer4[third/host]}"
  ip -n "enclave-$$" route add default via "${outer4[third/enclave]}"
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/third]}:$(provision_port enclave)" 'OfferAllowedIPs = 0.0.0.0/0'
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  # It answers later connections too.
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
}
