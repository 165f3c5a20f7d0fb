# shellcheck shell=bash
# After a session has ended, none of its keys is left in the memory of the process. tests/KeySearch plays the peer, so that it knows
# all of them: what both Diffie-Hellmans of each handshake gave, every chaining key and what was derived of it, the cookie, the
# transport keys; then /proc/PID/mem of the host's daemon is searched for them. As long as they are used, they are where the kernel
# keeps them to itself.

Secrets_of_a_removed_peer_are_nowhere_in_memory_over_udp() { forgets_when udp peer_is_removed; }
Secrets_of_a_removed_peer_are_nowhere_in_memory_over_tcp() { forgets_when tcp peer_is_removed; }
Secrets_of_sessions_are_nowhere_in_memory_once_the_link_is_down() { forgets_when tcp link_goes_down; }
Secrets_of_a_replaced_private_key_are_nowhere_in_memory() { forgets_when udp private_key_is_replaced; }

peer_is_removed() {
  at host wg set wg0 peer "${public[enclave]}" remove
  # Its device's own key stays.
  ended='^(preshared|static-static|cookie|call|answer)'
}

link_goes_down() {
  ip -n "host-$$" link set wg0 down
  ended='^(cookie|call|answer)'
}

# Sets another key, and then the first again: the search is for the secrets of the first time.
private_key_is_replaced() {
  new_key other
  at host wg set wg0 private-key "$work/other.key"
  ended='^(private-key|static-static|cookie|call|answer)'
}

forgets_when() { # NETWORK END
  two_sessions "$1"
  # What is searched is found as long as it is used; else the search would prove nothing.
  search
  for name in private-key preshared-key static-static call-transport-1 call-transport-2 answer-transport-1 answer-transport-2; do
    grep -q "^$name\[0..8\]" "$work/found" || fail "$name is not found while it is in use"
  done
  wait_for 60 lie_in_pages_of_their_own || fail "elsewhere than in locked pages: $(elsewhere)"
  note "$(grep -cE '^(call|answer)-transport.*(rw-p anonymous|\[heap\]) at [0-9a-f]+$' "$work/found") places of transport keys in libcrypto's contexts"
  "$2"
  # Lanes let go at their next turn; one search may take seconds.
  wait_for 60 nothing_is_left || fail "left in memory: $(grep -E "$ended" "$work/found")"
  note "$(grep -c '^secret' "$work/notes") secrets"
}

# A handshake in each direction: so there is a previous session. No key is made after that, as it might overwrite what is left of
# these.
two_sessions() { # NETWORK
  [ -x "$keysearch" ] || fail "no $keysearch: tests/e2e/run builds it"
  new_machines host enclave
  wire host enclave
  wg genpsk >"$work/preshared.key"
  # A line of the log goes deeper than a handshake, and would be written over what that leaves on the stack.
  LOG_LEVEL=silent start host "$1"
  configure host
  play answer "$1" "${outer4[enclave/host]}:51820"
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}" preshared-key "$work/preshared.key" \
    endpoint "${outer4[enclave/host]}:51820"
  send_something
  await answer
  play call "$1" "${outer4[host/enclave]}:8172"
  await call
  send_something
  at_least "bytes sent" 3000 "$(show host transfer | cut -f 3)"
  cat "$work/answer" "$work/call" >"$work/notes"
}

# There are no answers; packets are sealed all the same.
send_something() { at host ping -q -c 3 -i 0.2 -W 0.1 -s 1300 "${inner[enclave]}" >"$work/ping" 2>&1 || :; }

keysearch=$root/tests/KeySearch/bin/Release/net10.0/WireGuard.KeySearch

# Plays the enclave in the background.
play() { # call or answer, NETWORK WHERE
  enter enclave "$keysearch" "$1" "$2" "$3" \
    "$work/enclave.key" "$work/host.key" "$work/preshared.key" <"$work/never" >"$work/$1" 2>"$work/$1.error" &
}

# Until it has noted all.
await() { # call or answer
  wait_for 60 grep -qx done "$work/$1" || fail "$1: $(cat "$work/$1.error")"
}

search() { "$keysearch" search "${pid[host]}" "$work/notes" >"$work/found"; }

# Keys that last are in pages that are locked, wiped on fork and not dumped, and nowhere else: not even a part of one. Transport keys
# are in the contexts of libcrypto, too.
lie_in_pages_of_their_own() {
  search
  for name in private-key preshared-key static-static call-transport-1 call-transport-2 answer-transport-1 answer-transport-2; do
    grep -qE "^$name\\[0\\.\\.8\\] .* lo wf dd$" "$work/found" || return
  done
  [ -z "$(elsewhere)" ]
}

elsewhere() { grep -E '^(private-key|preshared-key|static-static|cookie)' "$work/found" | grep -v ' lo wf dd$' || :; }

nothing_is_left() {
  search
  ! grep -qE "$ended" "$work/found"
}
