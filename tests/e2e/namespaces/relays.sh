# shellcheck shell=bash
# A relay of the streams cannot read them, and what it can do to them is bounded.
# shellcheck disable=SC2034 # `with` is what `start` reads

Connection_that_dies_right_after_its_handshake_is_dialled_with_a_backoff() {
  local dialled
  behind_a_relay close
  at host ping -q -i 0.1 -w 6 "${inner[enclave]}" >/dev/null 2>&1 || :
  dialled=$(grep -c called "$work/relay")
  at_least "connections in 6 s" 2 "$dialled"
  at_most "connections in 6 s" 6 "$dialled"
  note "$dialled connections in 6 s"
}

# One packet is lost, which the relay has, and what is answered before the next one of the host's comes.
Frame_that_is_delivered_on_another_connection_takes_a_peer_over_until_the_next_frame_only() {
  local before sent came
  behind_a_relay withhold 15
  pings host enclave
  before=$(host_ports)
  at host ping -i 0.2 -c 75 -W 1 "${inner[enclave]}" >"$work/ping" || :
  grep -q delivered "$work/relay" || fail "the relay did nothing"
  read -r sent came < <(awk '/packets transmitted/ {print $1, $4}' "$work/ping")
  at_least "pings of $sent" $((sent - 3)) "$came"
  equal "the connection" "$before" "$(host_ports)"
  wait_for 30 grep -q closed "$work/relay" || fail "the relay's own connection stays: $(cat "$work/relay")"
  note "$came of $sent pings; $(grep -c 'came back' "$work/relay") times something went to the relay"
}

# ---- verbs ---------------------------------------------------------------------------------------------------------

# The host's connections to the enclave go through a relay in front of it; the enclave knows of no endpoint.
behind_a_relay() { # RELAY'S MODE [COUNT]
  new_machines host enclave
  wire host enclave
  with=(--streams 1)
  start_both tcp4
  introduce enclave host
  introduce host enclave
  enter enclave "$e2e/tampering_relay.pl" "$1" 9999 "${outer4[enclave/host]}" "${port[enclave]}" "${@:2}" >"$work/relay" &
  wait_for 30 listens enclave 9999 || fail "no relay"
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[enclave/host]}:9999"
}

host_ports() { at host ss -Htn state established "dport = :9999" | awk '{print $3}' | sort; }
