# shellcheck shell=bash
# Reloads of a tunnel that learns its peers.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

Reload_adds_and_removes_sections_and_changes_what_is_asked_for() {
  local key
  file_machines host enclave third
  wire host enclave
  wire host third
  write_prover enclave tcp "${public[host]}"
  write_prover third tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours third up wg0 >/dev/null
  ours host up --wait wg0
  key=$(show host peers)
  add_section third "tcp:${outer4[third/host]}:$(provision_port third)"
  ours host reload wg0
  flows_within 20 host third
  equal "the key of the other" "$key" "$(show host peers | grep -xF "$key")"
  pings host enclave
  # Another offer is brought at once.
  sed -i 's/^AllowedIPs = 203.0.113.2.*/&\nOfferMTU = 1300/' "$(file_of host)"
  kill -HUP "$(supervisor_at host)"
  wait_for 20 at enclave grep -qx 1300 /sys/class/net/wg0/mtu || fail "the offer that was changed is not taken"
  # What is asked for has changed: the peer is removed at once, and not learned any more.
  sed -i '0,/^AttestUnattested.*/s//PCR0 = '"$(printf 'a%.0s' {1..96})"'/' "$(file_of host)"
  ours host reload wg0
  equal "the key, once it does not hold" "" "$(show host peers | grep -xF "$key" || :)"
  wait_for 10 host_awaits "tcp:${outer4[enclave/host]}" || fail "not awaited: $(ours host show wg0)"
  pings host third
  # A section is gone.
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours host reload wg0
  flows_within 20 host enclave
  equal "peers" 1 "$(show host peers | wc -l)"
  sed -i '/^Provision/d' "$(file_of enclave)"
  fails_with "Provision has changed, which a reload cannot take up" ours enclave reload wg0
}

# The prover holds its answer back meanwhile, and what it is offered stays. Keys of what was read before are wiped at a reload.
Reload_while_a_peer_is_being_attested_ends_nothing() {
  local psk prover
  psk=$(wg genpsk)
  file_machines host enclave
  wire host enclave
  write_prover enclave tcp "${public[host]}" "[Peer]
PublicKey = ${public[host]}
PresharedKey = $psk"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "PresharedKey = $psk
OfferAddress = ${inner[enclave]}/24"
  ours enclave up wg0 >/dev/null 2>&1
  prover=$(supervisor_at enclave)
  kill -STOP "$prover"
  ours host up wg0 2>/dev/null
  sleep 1
  sed -i "s|^AllowedIPs = .*|AllowedIPs = ${inner[enclave]}/32, 198.51.100.7/32|" "$(file_of host)"
  ours host reload wg0
  # It looks each second whether there was one.
  sleep 2
  kill -CONT "$prover"
  wait_for 20 has_session || fail "it is not learned: $(ours host show wg0)"
  pings host enclave
  show host allowed-ips | has 198.51.100.7/32 || fail "it has the allowed IPs of before: $(show host allowed-ips)"
}

# Its process takes up the file when the daemon has its keys and peers, even if an address cannot be set.
Reload_that_fails_half_way_is_followed_by_the_provisioning_thread() {
  two_ends tcp
  new_key other
  write_prover enclave tcp "${public[other]}" "Address = ${inner[enclave]}/24"
  ours enclave up wg0 >/dev/null
  at enclave sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1
  write_prover enclave tcp "${public[host]}" "Address = ${inner[enclave]}/24, fd77::2/64"
  fails_with 'cannot give wg0 the address fd77::2/64' ours enclave reload wg0
  ours host up wg0 2>"$work/said"
  grep -q "tcp:${outer4[enclave/host]}:$(provision_port enclave) is not attested yet: .* show wg0 tells" "$work/said" ||
    fail "up does not say what is missing: $(cat "$work/said")"
  wait_for 20 host_awaits 'cannot give wg0 the address' || fail "the file before is still followed: $(ours host show wg0)"
  # A prover that becomes a verifier is another tunnel, and that is what is said.
  sed -i '/^Provision/d' "$(file_of enclave)"
  printf '[Peer]\nAttest = tcp:192.0.2.1:7\nAttestUnattested = yes\nAllowedIPs = 10.9.0.0/24\n' >>"$(file_of enclave)"
  fails_with "Provision has changed, which a reload cannot take up" ours enclave reload wg0
}
