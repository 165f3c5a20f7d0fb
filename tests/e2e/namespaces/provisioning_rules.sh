# shellcheck shell=bash
# What a prover refuses of an offer for the sake of others, and what it does when a step fails.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

# Whoever comes first, or comes again: what one verifier was given is not covered by what another offers.
Offer_that_covers_what_another_verifier_was_given_is_refused_whole() {
  local before
  three_ends
  third_offers 'OfferAllowedIPs = 203.0.113.3/32, 10.7.0.1/32'
  ours enclave up wg0 >/dev/null
  ours third up --wait wg0
  before=$(configuration enclave)
  host_offers 'OfferAllowedIPs = 10.7.0.0/24'
  rules_out 'the allowed IP 10.7.0.0/24 covers another peer'
  host_offers 'OfferAllowedIPs = 10.7.0.1/32'
  rules_out 'the allowed IP 10.7.0.1/32 is another peer'
  equal "what the prover has after the refusals" "$before" "$(configuration enclave)"
  # The other way round the same is refused.
  ours third down wg0
  ours enclave down wg0
  ours enclave up wg0 >/dev/null
  host_offers 'OfferAllowedIPs = 203.0.113.1/32, 10.7.0.0/24'
  ours host up --wait wg0
  fails_with 'is not attested within [0-9]* s: .*the allowed IP 10.7.0.1/32 is another peer' ours third up --wait=6 wg0
  pings host enclave
}

Offer_of_halves_does_not_take_a_default_route_from_another_verifier() {
  three_ends
  third_offers 'OfferAllowedIPs = 0.0.0.0/0'
  ours enclave up wg0 >/dev/null
  ours third up --wait wg0
  host_offers 'OfferAllowedIPs = 203.0.113.1/32, 0.0.0.0/1, 128.0.0.0/1'
  rules_out 'the allowed IP 0.0.0.0/1 is another peer'
  host_offers 'OfferAllowedIPs = 203.0.113.1/32, 10.0.0.0/7'
  rules_out 'the allowed IP 10.0.0.0/7 is another peer'
  # A narrower one may lie in the default route, which goes on for the rest.
  host_offers 'OfferAllowedIPs = 203.0.113.1/32, 10.8.0.0/24'
  ours host up --wait wg0
  pings enclave host
  pings enclave third
  equal "the other's allowed IPs" 0.0.0.0/0 "$(show enclave allowed-ips | awk -v key="${public[third]}" '$1 == key {print $2}')"
}

# Each would write over what the other one has of it. The prover's key is one that the other can name.
Verifier_that_the_prover_attests_is_refused_and_others_are_taken() {
  file_machines host enclave third
  wire host enclave
  wire third enclave
  write_prover host tcp "${public[enclave]}" "Address = ${inner[host]}/24"
  write_prover enclave tcp "${public[host]}, ${public[third]}" "Address = ${inner[enclave]}/24
[Peer]
Attest = tcp:${outer4[host/enclave]}:$(provision_port host)
AttestUnattested = yes
AllowedIPs = ${inner[host]}/32"
  for_good host
  for_good enclave
  ours host up wg0 >/dev/null
  ours enclave up wg0 >/dev/null 2>&1
  wait_for 20 has_attested enclave || fail "the enclave does not attest: $(ours enclave show wg0)"
  crash host
  # It is the verifier from now on.
  host_offers 'OfferAllowedIPs = 198.51.100.7/32'
  ours host up wg0 2>/dev/null
  wait_for 20 host_awaits "is that of a peer that this file attests" || fail "not said: $(ours host show wg0)"
  equal "the allowed IPs of the one that is attested" "${inner[host]}/32" "$(show enclave allowed-ips | cut -f 2)"
  has_attested enclave || fail "what was attested is noted no more: $(uapi enclave 'status=1\n\n')"
  equal "notes of a verifier" "" "$(uapi enclave 'status=1\n\n' | grep '^provisioned_at=' || :)"
  third_offers 'OfferAllowedIPs = 203.0.113.3/32'
  ours third up --wait wg0
  pings third enclave
}

# Its process reads the file a moment after the reload, which may be a moment after a mistake was written.
Mistake_in_a_file_that_was_just_reloaded_is_said() {
  local supervisor
  two_ends tcp
  enter enclave "$daemon" up -f wg0 >"$work/enclave.log" 2>&1 &
  wait_for 20 grep -q 'public key: ' "$work/enclave.log" || fail "$(cat "$work/enclave.log")"
  wait_for 20 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/enclave.log")"
  supervisor=$(supervisor_at enclave)
  kill -STOP "$supervisor"
  ours enclave reload wg0
  echo 'ListenPrt = 7' >>"$(file_of enclave)"
  kill -CONT "$supervisor"
  wait_for 10 grep -q 'has a mistake by now, .*wg0.conf:8:1: ListenPrt: .*; mend it, then wireguard-vsock reload wg0' "$work/enclave.log" ||
    fail "not said: $(cat "$work/enclave.log")"
  ours host up wg0 2>/dev/null
  wait_for 20 host_awaits "was reloaded a moment ago" || fail "not refused: $(ours host show wg0)"
  sleep 2
  equal "lines about it" 1 "$(grep -c 'has a mistake by now' "$work/enclave.log")"
  sed -i '/ListenPrt/d' "$(file_of enclave)"
  ours enclave reload wg0
  flows_within 40 host enclave
  equal "lines about it in the end" 1 "$(grep -c 'has a mistake by now' "$work/enclave.log")"
}

# The verifier completes the exchange, and calls where nothing is; another peer has a session at once.
Command_behind_a_prover_waits_for_a_session_with_the_verifier() {
  local status=0
  file_machines host enclave third
  wire host enclave
  wire third enclave
  write_file third enclave tcp "${inner[enclave]}/32"
  sed -i '/^Endpoint/d' "$(file_of third)"
  write_prover enclave tcp "${public[host]}" "[Peer]
PublicKey = ${public[third]}
AllowedIPs = ${inner[third]}/32
Endpoint = ${outer4[third/enclave]}:${port[third]}"
  for_good enclave
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "Endpoint = ${outer4[enclave/host]}:9"
  ours third up wg0
  enter enclave "$daemon" up --wait=20 wg0 -- touch "$work/started" 2>"$work/said" &
  pid[enclave]=$!
  wait_for 10 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/said")"
  ours host up wg0 2>/dev/null
  wait "${pid[enclave]}" || status=$?
  equal "exit code" 1 $status
  [ ! -e "$work/started" ] || fail "it has started"
  has "no handshake with ${public[host]}" <"$work/said" || fail "said: $(cat "$work/said")"
  if grep "no handshake with ${public[third]}" "$work/said"; then fail "there is a session with the other peer"; fi
}

# Each step back fails too, since the daemon does not answer: who was not taken is not remembered as the first.
Verifier_that_was_not_taken_is_not_the_first_though_nothing_else_can_be_undone() {
  local state
  two_ends tcp "" "OfferDNS = 203.0.113.1"
  mkdir "$work/bin"
  cat >"$work/bin/resolvconf" <<END
#!/bin/sh
[ "\$1" = -a ] || exit 1
cp $work/run-enclave/wg0 $work/remembered
kill -STOP \$(cat $work/daemon)
exit 1
END
  chmod +x "$work/bin/resolvconf"
  state=$work/run-enclave/wg0
  LOG_LEVEL=error ours enclave up wg0 >/dev/null 2>"$work/err"
  daemon_at enclave >"$work/daemon"
  ours host up wg0 2>/dev/null
  wait_for 20 grep -q '^State:.*stopped' "/proc/$(cat "$work/daemon")/status" || fail "resolvconf was not run"
  grep -q '^offered-by=' "$work/remembered" || fail "nothing is remembered before it fails: $(cat "$work/remembered")"
  wait_for 4 is_forgotten "$state" || fail "the verifier is remembered: $(cat "$state")"
  wait_for 20 grep -q 'wireguard-vsock: (unattested) wg0: an offer that was not taken is not wholly undone: ' "$work/err" ||
    fail "not said, or not that nothing proves what runs here: $(cat "$work/err")"
  rm "$work/bin/resolvconf"
  kill -CONT "$(cat "$work/daemon")"
}

# It has a descriptor for the lock, and none for what it opens next.
Tunnel_that_cannot_be_opened_for_an_offer_is_not_locked_afterwards() {
  local process fd=3
  two_ends tcp
  ours enclave up wg0 >/dev/null
  process=$(supervisor_at enclave)
  while [ -e "/proc/$process/fd/$fd" ]; do fd=$((fd + 1)); done
  prlimit --pid "$process" --nofile="$((fd + 1)):"
  ours host up wg0 2>/dev/null
  wait_for 20 host_awaits 'Too many open files' || fail "not said: $(ours host show wg0)"
  ours host down wg0
  prlimit --pid "$process" --nofile=1024:
  ours enclave reload wg0
  ours host up --wait wg0
  pings host enclave
}

Handshake_may_be_asked_for_while_there_is_a_session() {
  local before key
  two_files udp
  ours host up wg0
  ours enclave up wg0
  pings host enclave
  before=$(handshake_of host enclave)
  key=$(base64 -d <<<"${public[enclave]}" | od -An -vtx1 | tr -d ' \n')
  # Not within 5 s of the last one (REKEY_TIMEOUT), and the time is told in seconds.
  sleep 6
  equal errno 0 "$(errno_of host "handshake=$key\n\n")"
  wait_for 5 has_handshake_after "$before" || fail "no other handshake: $(show host latest-handshakes)"
  equal "errno of an unknown peer" 0 "$(errno_of host "handshake=${key//[0-9a-f]/7}\n\n")"
  pings host enclave
}

# ---- verbs of this file --------------------------------------------------------------------------------------------------

# Two verifiers of one prover, whose addresses are its own file's.
three_ends() {
  file_machines host enclave third
  wire host enclave
  wire third enclave
  write_prover enclave tcp "${public[host]}, ${public[third]}" "Address = ${inner[enclave]}/24"
}

host_offers() { write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "$1"; } # LINE

third_offers() { # LINE
  mkdir -p "$work/etc-third/wireguard" "$work/etc-host/wireguard"
  write_verifier tcp "tcp:${outer4[enclave/third]}:$(provision_port enclave)" "$1"
  sed "s|^Address.*|Address = ${inner[third]}/24|; s|^PrivateKey.*|PrivateKey = $(cat "$work/third.key")|" \
    "$(file_of host)" >"$(file_of third)"
}

rules_out() { fails_with "is not attested within [0-9]* s: .*$1" ours host up --wait=6 wg0; } # PATTERN

for_good() { sed -i "s|^PrivateKey.*|PrivateKey = $(cat "$work/$1.key")|" "$(file_of "$1")"; } # MACHINE: a key that others can name

has_attested() { ours "$1" show wg0 | has '^  attested: '; } # MACHINE

is_forgotten() { ! grep -q '^offered-by=' "$1"; } # FILE

has_handshake_after() { [ "$(handshake_of host enclave)" -gt "$1" ]; } # SECONDS
