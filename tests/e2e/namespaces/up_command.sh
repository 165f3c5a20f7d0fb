# shellcheck shell=bash
# Tunnels that are waited for, and tunnels in the foreground: up --wait, up -f, up FILE -- COMMAND.

Wait_returns_when_every_peer_has_answered() {
  two_files tcp
  ours host up wg0
  # The enclave calls; neither end sends anything else.
  ours enclave up --wait wg0
  [ "$(handshake_of enclave host)" != 0 ] || fail "there was no handshake"
  ours host down wg0
  # Without endpoints, any peer will do: the host waits to be called.
  sed -i '/^Endpoint/d' "$(file_of host)"
  ours host up --wait=60 wg0
  ours host down wg0
}

Wait_says_which_peer_is_missing_and_why() {
  local before
  two_files tcp
  before=$(system_of host)
  new_key nobody
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.9.9.9/32\nEndpoint = %s:9\n' "${public[nobody]}" "${outer4[enclave/host]}" >>"$(file_of host)"
  ours enclave up wg0
  if ours host up --wait=2 wg0 2>"$work/said"; then fail "it did not wait"; fi
  equal "lines said" 1 "$(wc -l <"$work/said")"
  grep -qF "${public[nobody]}, ${outer4[enclave/host]}:9, within 2 s: " "$work/said" || fail "said: $(cat "$work/said")"
  grep -qi "refused" "$work/said" || fail "no reason is said: $(cat "$work/said")"
  # It went down again, so that one may simply try again.
  nothing_is_left host "$before"
  if ours host up --wait=1 wg0 -- touch "$work/ran" 2>/dev/null; then fail "it did not wait"; fi
  [ ! -e "$work/ran" ] || fail "the command ran without a tunnel"
  nothing_is_left host "$before"
}

A_command_runs_behind_the_tunnel_and_its_code_is_ours() {
  local before status
  two_files tcp "DNS = 10.0.0.1
Table = auto"
  before=$(system_of enclave)
  ours host up wg0
  ours enclave up --wait wg0 -- ping -q -c 1 -W 5 "${inner[host]}"
  nothing_is_left enclave "$before"
  for status in 0 7; do
    code_is $status sh -c "exit $status"
  done
  # shellcheck disable=SC2016 # the inner shell's
  code_is 137 sh -c 'kill -9 $$'
  code_is 127 /no/such/program 2>/dev/null
  nothing_is_left enclave "$before"
}

code_is() { # CODE COMMAND...: behind the enclave's tunnel
  local code=0
  ours enclave up wg0 -- "${@:2}" || code=$?
  equal "exit code of ${*:2}" "$1" $code
}

foreground() { # MACHINE ARGUMENT...: sets $foreground
  enter "$1" env PATH="$work/bin:$PATH" LOG_LEVEL=debug "$daemon" "${@:2}" >"$work/foreground" 2>&1 &
  foreground=$!
}

is_up() { grep -q '^state=up' "$work/run-$1/wg0"; } # MACHINE

ends_with() { # CODE
  local code=0
  wait_for 30 is_gone "$foreground" || fail "it did not end: $(cat "$work/foreground")"
  wait "$foreground" || code=$?
  equal "exit code ($(cat "$work/foreground"))" "$1" $code
}

In_the_foreground_it_lasts_until_a_signal_a_down_or_the_links_end() {
  local before way
  two_files tcp "PostDown = touch $work/post-down"
  before=$(system_of host)
  ours enclave up wg0
  for way in TERM INT down delete; do
    rm -f "$work/post-down"
    foreground host up -f wg0
    wait_for 30 is_up host || fail "not up: $(cat "$work/foreground")"
    pings host enclave
    case $way in
      down) ours host down wg0 2>/dev/null ;;
      delete) ip -n "host-$$" link delete wg0 ;;
      *) kill -$way "$foreground" ;;
    esac
    ends_with 0
    [ -e "$work/post-down" ] || fail "PostDown did not run after $way"
    nothing_is_left host "$before"
  done
}

# Whatever prevents that it is taken down as it should be: the process ends, and its daemon with it.
In_the_foreground_it_ends_whatever_is_in_the_way() {
  local before trouble code lock
  two_files tcp "DNS = 10.0.0.1
PreDown = ! [ -e $work/pre-down ]"
  before=$(system_of host)
  for trouble in pre-down removed damaged locked; do
    foreground host up -f wg0
    wait_for 30 is_up host || fail "not up: $(cat "$work/foreground")"
    code=0
    case $trouble in
      pre-down) touch "$work/pre-down" ;;
      removed) rm "$work/run-host/wg0" ;;
      damaged) echo nonsense >"$work/run-host/wg0" ;;
      locked)
        code=1
        flock -o "$work/run-host/wg0:lock" sleep 100 &
        lock=$!
        wait_for 30 eval '! flock -n "$work/run-host/wg0:lock" true' || fail "no lock"
        ;;
    esac
    kill -TERM "$foreground"
    ends_with $code
    if [ $trouble = locked ]; then
      grep -q 'another up, down or reload of wg0' "$work/foreground" || fail "said: $(cat "$work/foreground")"
      kill $lock
      ours host down wg0 2>/dev/null
    fi
    rm -f "$work/pre-down"
    nothing_is_left host "$before"
  done
}

A_tunnel_that_cannot_stay_goes_down_though_a_hook_fails() {
  local before
  two_files tcp "DNS = 10.0.0.1
PreDown = false
PostDown = touch $work/post-down"
  before=$(system_of host)
  ours host up wg0 -- true 2>"$work/said"
  grep -q 'PreDown ended with code 1: false' "$work/said" || fail "said: $(cat "$work/said")"
  [ -e "$work/post-down" ] || fail "PostDown did not run"
  nothing_is_left host "$before"
  # Nor does the hook take the place of what is said of the peers.
  if ours host up --wait=1 wg0 2>"$work/said"; then fail "it did not wait"; fi
  grep -qF "no handshake with ${public[enclave]}" "$work/said" || fail "said: $(cat "$work/said")"
  nothing_is_left host "$before"
}

A_tunnel_that_goes_ends_its_command() {
  local before
  two_files tcp
  before=$(system_of host)
  # shellcheck disable=SC2016 # the inner shell's
  foreground host up wg0 -- sh -c 'trap "echo got TERM; exit 5" TERM; echo running; while :; do sleep 0.1; done'
  wait_for 30 grep -q running "$work/foreground" || fail "not running: $(cat "$work/foreground")"
  ip -n "host-$$" link delete wg0
  ends_with 5
  grep -q 'got TERM' "$work/foreground"
  nothing_is_left host "$before"
  # A signal that comes before the command has been started means that it is not.
  sed -i "s/^ListenPort.*/&\nPreUp = touch $(sed 's/[/]/\\&/g' <<<"$work/pre-up"); sleep 1/" "$(file_of host)"
  foreground host up wg0 -- echo running
  wait_for 30 [ -e "$work/pre-up" ]
  kill -TERM "$foreground"
  ends_with 143
  if grep -q '^running' "$work/foreground"; then fail "the command was started"; fi
  nothing_is_left host "$before"
}

In_the_background_a_signal_undoes_what_was_done() {
  local before
  two_files tcp "PostUp = touch $work/post-up; sleep 1"
  before=$(system_of host)
  foreground host up wg0
  wait_for 30 [ -e "$work/post-up" ] || fail "not up: $(cat "$work/foreground")"
  kill -TERM "$foreground"
  ends_with 1
  nothing_is_left host "$before"
}
