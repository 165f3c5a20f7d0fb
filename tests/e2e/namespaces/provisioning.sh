# shellcheck shell=bash
# A tunnel that learns its peers: who is taken for whom, and the paths between the two.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

Verifier_knows_nothing_but_the_address_and_the_prover_nothing_but_the_verifiers_key() {
  local before key
  two_ends tcp
  before=$(system_of enclave)
  ours enclave up wg0 >"$work/said"
  key=$(sed -n 's/^public key: //p' "$work/said")
  equal "lines that up says" 1 "$(wc -l <"$work/said")"
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  at host wg show wg0 | has 'latest handshake' || fail "wg shows no handshake: $(at host wg show wg0)"
  ours host show wg0 | has "attested: unattested: .* tcp:10.77.1.2:51821" || fail "show does not say where it was attested: $(ours host show wg0)"
  equal "the key that was learned" "$key" "$(show host peers)"
  equal "the prover's peer" "${public[host]}" "$(show enclave peers)"
  equal "the prover's address" 203.0.113.2/24 "$(addresses enclave)"
  equal "the prover's endpoint" "10.77.1.1:0" "$(ours enclave show wg0 endpoints | cut -f 2)"
  ours host down wg0
  ours enclave down wg0
  nothing_is_left enclave "$before"
}

Two_provers_have_one_verifier_which_may_have_other_peers() {
  local machine
  file_machines host enclave third fourth
  for machine in enclave third fourth; do wire host $machine; done
  write_prover enclave tcp "${public[host]}"
  write_prover third tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  add_section third "tcp:${outer4[third/host]}:$(provision_port third)"
  # The fourth is known by its key, and knows nothing of provisioning.
  write_file fourth host tcp 203.0.113.1/32
  sed -i '/^Address/s/,.*//' "$(file_of fourth)"
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' "${public[fourth]}" "${inner[fourth]}" >>"$(file_of host)"
  for machine in enclave third fourth; do ours $machine up wg0 >/dev/null; done
  ours host up --wait wg0
  for machine in enclave third; do
    pings host $machine
    pings $machine host
  done
  pings fourth host
  equal "peers" 3 "$(show host peers | wc -l)"
  equal "attested peers" 2 "$(ours host show wg0 | grep -c '^  attested: ')"
  # One that is started anew is no matter to the others.
  crash third
  ours third up wg0 >/dev/null
  flows_within 20 host third
  pings host enclave
  pings fourth host
}

Verifier_whose_key_is_not_named_is_refused_and_told_why() {
  two_ends tcp
  new_key other
  write_prover enclave tcp "${public[other]}"
  ours enclave up wg0 >/dev/null
  ours host up wg0
  wait_for 10 host_awaits "ProvisionFrom does not name this verifier's key" || fail "not said: $(ours host show wg0)"
  equal "peers of the prover" "" "$(show enclave peers)"
  equal "peers of the verifier" "" "$(show host peers)"
  ours host down wg0
  fails_with "is not attested within 2 s: .*ProvisionFrom does not name" ours host up --wait=2 wg0
  ours host up wg0
  # It is named from now on.
  write_prover enclave tcp "${public[other]}, ${public[host]}"
  ours enclave reload wg0
  flows_within 30 host enclave
  # And no more.
  write_prover enclave tcp "${public[other]}"
  ours enclave reload wg0
  equal "peers of the prover" "" "$(show enclave peers)"
  equal "its addresses" "" "$(addresses enclave)"
}

First_verifier_is_the_only_one_until_the_prover_ends() {
  two_ends tcp
  write_prover enclave tcp first
  ours enclave up wg0 2>/dev/null >/dev/null
  ours host up --wait wg0
  pings host enclave
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
  ours host down wg0
  new_key host
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours host up wg0
  wait_for 10 host_awaits "another verifier was first" || fail "not said: $(ours host show wg0)"
  crash enclave
  ours enclave up wg0 2>/dev/null >/dev/null
  flows_within 30 host enclave
}

Key_of_another_peer_is_not_learned() {
  local key
  two_ends tcp
  ours enclave up wg0 >"$work/said"
  key=$(sed -n 's/^public key: //p' "$work/said")
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.9.0.0/24\n' "$key" >>"$(file_of host)"
  ours host up wg0
  wait_for 10 host_awaits "is another peer's" || fail "not said: $(ours host show wg0)"
  equal "its allowed IPs" 10.9.0.0/24 "$(field host allowed-ips)"
}

# Both are led to one prover, as somebody between them may do: it takes the offer of one.
One_prover_is_not_taken_for_two_peers() {
  local taken
  two_ends tcp
  ip -n "enclave-$$" address add 10.99.0.2/32 dev to-host
  ip -n "host-$$" route add 10.99.0.2/32 via "${outer4[enclave/host]}"
  cat >>"$(file_of host)" <<END

[Peer]
Attest = tcp:10.99.0.2:$(provision_port enclave)
AttestUnattested = yes
AllowedIPs = 203.0.113.7/32
END
  ours enclave up wg0 >/dev/null
  ours host up wg0
  wait_for 20 host_awaits "is another peer's" || fail "not said: $(ours host show wg0)"
  taken=$(addresses enclave)
  equal "the peer's allowed IPs and the prover's address" "$(show host allowed-ips | cut -f 2)" "${taken%/*}/32"
  pause 6
  equal "the prover's address after further attempts" "$taken" "$(addresses enclave)"
  equal "peers" 1 "$(show host peers | wc -l)"
}

# `wireguard-vsock set` and `wg set` change it without a reload.
Key_that_is_changed_by_set_is_the_one_that_is_shown() {
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  new_key other
  ours enclave set wg0 private-key "$work/other.key"
  flows_within 60 host enclave
  equal "the key that was learned" "${public[other]}" "$(show host peers)"
  # So is a verifier's, which attests its peers with the new one.
  new_key another
  ours host set wg0 private-key "$work/another.key"
  wait_for 20 host_awaits "ProvisionFrom does not name this verifier's key" || fail "it goes on with the key before: $(ours host show wg0)"
}

Guest_behind_its_monitors_socket_is_provisioned() {
  file_machines host enclave
  vmm_for enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier unix "unix:$(socket_of enclave):$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 20 host enclave
}

Prover_behind_a_raw_relay_is_provisioned() {
  local relay
  file_machines host near enclave
  wire host near
  wire near enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[near/host]}:4001" "Endpoint = ${outer4[near/host]}:4000"
  enter near "$daemon" relay --raw --listen tcp:4001 --to "tcp:${outer4[enclave/near]}:$(provision_port enclave)" 2>>"$work/near.log" &
  relay=$!
  enter near "$daemon" relay --raw --listen tcp:4000 --to "tcp:${outer4[enclave/near]}:${port[enclave]}" 2>>"$work/near.log" &
  wait_for 30 listens near 4001 || fail "$(cat "$work/near.log")"
  wait_for 30 listens near 4000 || fail "$(cat "$work/near.log")"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 20 host enclave
  # Traffic needs the first of the two relays no more.
  kill $relay
  pings host enclave
}

# As docs/attestation.md has it: the exchange over TCP, the tunnel over UDP to the port that the prover has told.
Verifier_beyond_two_relays_needs_no_endpoint() {
  file_machines host near enclave
  wire host near
  wire near enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier udp "tcp:${outer4[near/host]}:4001"
  enter near "$daemon" relay --raw --listen tcp:4001 --to "tcp:${outer4[enclave/near]}:$(provision_port enclave)" 2>>"$work/near.log" &
  enter near "$daemon" relay --listen "udp:${port[enclave]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}" 2>>"$work/near.log" &
  wait_for 30 listens near 4001 || fail "$(cat "$work/near.log")"
  wait_for 30 listens near "${port[enclave]}" -u || fail "$(cat "$work/near.log")"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  copy_checksummed host enclave 2
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 60 host enclave
}
