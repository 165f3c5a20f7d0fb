# shellcheck shell=bash
# A tunnel that learns its peers, when an end or the process that exchanges keys for it is started anew.
# shellcheck source=tests/e2e/namespaces/provisioning_verbs
. "$e2e/namespaces/provisioning_verbs"

Prover_that_is_started_anew_has_a_new_key_and_traffic_goes_on_by_itself() {
  local network before
  two_ends tcp
  for network in tcp udp; do
    sed -i "s/^Network.*/Network = $network/" "$(file_of host)" "$(file_of enclave)"
    [ $network = tcp ] || echo PersistentKeepalive = 1 >>"$(file_of host)"
    ours enclave up wg0 >/dev/null
    ours host up --wait wg0
    before=$(show host peers)
    crash enclave
    ours enclave up wg0 >/dev/null
    # Over UDP nothing tells that it is gone, but 15 s without an answer.
    flows_within "$([ $network = tcp ] && echo 20 || echo 40)" host enclave
    [ "$(show host peers)" != "$before" ] || fail "it has no new key"
    equal "peers of the host" 1 "$(show host peers | wc -l)"
    pings enclave host
    ours host down wg0
    ours enclave down wg0
  done
}

# Over UDP, with nothing to be sent: keepalives are answered by nothing, and the session is renewed after two minutes.
Idle_verifier_notices_over_udp_that_the_prover_was_started_anew() {
  local before began elapsed
  two_ends udp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  before=$(show host peers)
  crash enclave
  ours enclave up wg0 >/dev/null
  began=${EPOCHREALTIME/./}
  wait_for 90 host_has_another_key_than "$before" || fail "the prover is not attested anew: $(ours host show wg0)"
  since "$began"
  note "it is attested anew after $elapsed s"
  equal "peers of the host" 1 "$(show host peers | wc -l)"
  equal "its keepalive" 25 "$(show host persistent-keepalive | cut -f 2)"
  wait_for 20 has_session || fail "no session with it: $(ours host show wg0)"
}

Verifier_that_is_started_anew_is_taken_again() {
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  crash host
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  equal "the prover's peer" "${public[host]}" "$(show enclave peers)"
  # Neither end minds that the other was there first.
  ours enclave down wg0
  ours host down wg0
  enter host "$daemon" up --wait=60 wg0 2>"$work/host.log" &
  pid[host]=$!
  wait_for 10 host_awaits 'Connection refused' || fail "the host does not say what it waits for: $(ours host show wg0)"
  ours enclave up wg0 >/dev/null
  wait "${pid[host]}" || fail "$(cat "$work/host.log")"
  pings host enclave
}

Killed_provisioner_is_started_anew_and_the_tunnel_goes_on() {
  local process
  two_ends tcp
  enter enclave env LOG_LEVEL=debug "$daemon" up -f wg0 >"$work/enclave.log" 2>&1 &
  wait_for 20 grep -q 'public key: ' "$work/enclave.log"
  ours host up --wait wg0
  process=$(provisioner_at enclave)
  kill -9 "$process"
  pings host enclave
  wait_for 20 has_another_provisioner enclave "$process" || fail "it is not started anew: $(cat "$work/enclave.log")"
  grep -q 'it was killed by signal 9; it is started anew' "$work/enclave.log" || fail "not said: $(cat "$work/enclave.log")"
  # A verifier that comes later finds it.
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
  # Of the verifier's: what was learned stays, and is learned anew when it is time.
  process=$(provisioner_at host)
  kill -9 "$process"
  wait_for 20 has_another_provisioner host "$process" || fail "the verifier's is not started anew"
  pings host enclave
}

host_has_another_key_than() { [ -n "$(show host peers)" ] && [ "$(show host peers)" != "$1" ]; } # KEY
has_another_provisioner() { [ -n "$(provisioner_at "$1")" ] && [ "$(provisioner_at "$1")" != "$2" ]; } # MACHINE PROCESS
