# shellcheck shell=bash
# Many enclaves behind one port of a relay, by their keys; and relays that are killed.
# shellcheck disable=SC2034 # `with` is what `start` reads
# shellcheck source=tests/e2e/namespaces/relay_verbs
. "$e2e/namespaces/relay_verbs"

One_port_leads_to_several_enclaves_by_their_keys() {
  local machine before
  several_enclaves
  for machine in host third; do
    flows_within 30 $machine enclave
    flows_within 30 $machine other
  done
  copy_checksummed host enclave 10
  copy_checksummed other host 10
  copy_checksummed enclave third 10
  copy_checksummed third other 10
  wait_for 20 eval '[ "$(streams_to enclave) $(streams_to other)" = "2 2" ]' || fail "$(streams_to enclave) and $(streams_to other) connections"
  # A source that moves, in the middle of its sessions: the messages that come from the new one name their enclaves by index.
  before=$(handshake_of enclave host)
  at host wg set wg0 listen-port 9999
  pings host enclave
  pings host other
  copy_checksummed enclave host 5
  equal "the session" "$before" "$(handshake_of enclave host)"
}

# The caller's connection to the relay may outlast the enclave's program; the next one reads no short checksums.
Enclave_that_is_restarted_without_extensions_is_reached_through_the_same_relay() {
  chain host near enclave
  start_both tcp4
  relay near --listen "tcp:${port[near]}" --peer "${public[enclave]}=tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  wait_for 30 takes_superpackets host || fail "no superpackets to the enclave"
  copy_checksummed host enclave 5
  stop enclave
  with=(--superpackets=off)
  start enclave tcp4
  configure enclave
  reached_by enclave host
  flows_within 40 host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
  if takes_superpackets host; then fail "superpackets to an enclave that takes none"; fi
}

# Silence, and no stream, for what is for nobody behind it.
Stranger_gets_silence_from_a_relay_with_peers() {
  local before sent replies
  several_enclaves
  flows_within 30 host enclave
  flows_within 30 host other
  before="$(streams_to enclave) $(streams_to other)"
  at host ping -q -i 0.2 -c 40 -W 2 "${inner[enclave]}" >"$work/pings" &
  local steady=$!
  at third "$e2e/flood.pl" garbage 3 udp "${outer4[near/third]}" "${port[near]}" >"$work/flood"
  # Right by type and length, and for a key that is nobody's here.
  new_key nobody
  at third wg set wg0 peer "${public[enclave]}" remove peer "${public[other]}" remove
  at third wg set wg0 peer "${public[nobody]}" allowed-ips 203.0.113.99 endpoint "${outer4[near/third]}:${port[near]}"
  capture third to-near -Q in udp
  if at third ping -q -c 2 -i 1 -W 3 203.0.113.99 >/dev/null 2>&1; then fail "an answer from nobody"; fi
  end_capture
  equal "answers" "" "$(tcpdump -n -r "$work/capture" 2>/dev/null | sed -n 1,3p)"
  wait $steady || fail "pings: $(cat "$work/pings")"
  grep -q ' 0% packet loss' "$work/pings" || fail "lost: $(cat "$work/pings")"
  equal "connections" "$before" "$(streams_to enclave) $(streams_to other)"
  at_least "datagrams of the flood" 1000 "$(cat "$work/flood")"
  pings host other
}

# The third machine sends the host's own initiation from thousands of addresses. Each could be somebody's.
Initiations_from_spoofed_sources_make_few_streams_and_a_peer_gets_in() {
  local most=0 now
  several_enclaves
  capture near to-host -Q in udp
  flows_within 30 host enclave
  capture_settles
  tshark -r "$work/capture" -Y 'udp.length == 156' -T fields -e udp.payload 2>/dev/null | sed -n 1p >"$work/initiation"
  end_capture
  grep -q '^01000000' "$work/initiation" || fail "no initiation was captured"
  ip -n "third-$$" route add local 10.66.0.0/16 dev lo
  ip -n "near-$$" route add 10.66.0.0/16 via "${outer4[third/near]}"
  enter third "$e2e/spoof.pl" 25 "${outer4[near/third]}" "${port[near]}" 10.66 <"$work/initiation" >"$work/spoofed" &
  local flood=$!
  sleep 3
  # A peer that the relay does not know yet: another port, another session.
  at host wg set wg0 listen-port 9999 peer "${public[enclave]}" remove
  reached_by host enclave near
  flows_within 20 host enclave
  for _ in {1..20}; do
    now=$(streams_to enclave)
    most=$((now > most ? now : most))
    sleep 0.2
  done
  pings host enclave
  if is_gone $flood; then fail "the flood is over"; fi
  wait $flood
  at_least "initiations of the flood" 10000 "$(cat "$work/spoofed")"
  # What came before the relay was under load, and what may wait for an answer.
  at_most "connections to the enclave" 300 "$most"
  wait_for 15 eval '(($(streams_to enclave) <= 4))' || fail "$(streams_to enclave) connections afterwards"
  note "$(cat "$work/spoofed") initiations, at most $most connections"
}

# host and third in the world, with wireguard-go; enclave and other behind one port at near.
several_enclaves() {
  local machine
  new_machines host near enclave other third
  for machine in host enclave other third; do wire near $machine; done
  for machine in enclave other; do
    start $machine tcp4
    configure $machine
  done
  several_enclaves_relay
  for machine in host third; do
    start $machine wireguard-go
    configure $machine
    for enclave in enclave other; do
      reached_by $machine $enclave near
      reached_by $enclave $machine
    done
  done
}

several_enclaves_relay() {
  relay near --listen "udp:${port[near]}" \
    --peer "${public[enclave]}=tcp:${outer4[enclave/near]}:${port[enclave]}" \
    --peer "${public[other]}=tcp:${outer4[other/near]}:${port[other]}"
}

# ---- its end, and its beginning ------------------------------------------------------------------------------------------

Killed_under_load_and_started_again_traffic_goes_on_within_2_s() {
  chain host near enclave
  start_both wireguard-go tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  survives_a_kill host enclave
}

# The end on a stream dials again, and at once: its connection had lasted.
Killed_relay_is_dialled_again_within_2_s() {
  chain host near enclave
  start_both udp4 tcp4
  relay near --listen "tcp:${port[near]}" --to "udp:${outer4[host/near]}:${port[host]}"
  reached_by host enclave
  reached_by enclave host near
  survives_a_kill enclave host
}

# What it had learned of indices is gone: the next handshake tells it anew, which the peer begins 15 s after it has gone unanswered.
Killed_relay_with_peers_is_back_with_the_next_handshake() {
  several_enclaves
  flows_within 30 host enclave
  load host enclave
  kill_relay near
  several_enclaves_relay
  flows_within 30 host enclave
  end_load
  pings host other
}

kill_relay() { # MACHINE: as a crash would
  kill -9 "${relays[$1]}"
  wait "${relays[$1]}" 2>/dev/null || :
}

# The clock runs from the new relay's start: what the crash itself costs is up to who starts it again.
survives_a_kill() { # FROM TO
  local arguments
  mapfile -d '' -t arguments < <(tr '\0' '\0' <"/proc/${relays[near]}/cmdline")
  flows_within 30 "$1" "$2"
  load "$1" "$2"
  # A connection that lasted is dialled again at once.
  sleep 10
  kill_relay near
  relay near "${arguments[@]:2}"
  flows_within 2 "$1" "$2"
  end_load
  pings "$2" "$1"
}
