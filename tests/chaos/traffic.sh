# shellcheck shell=bash disable=SC2154,SC2034 # the verbs and what they set are those of tests/e2e/lib.sh
# The traffic of chaos and soak, by traffic.pl. Who uses it says which machines are $ends, and which peers each has: peers_of.

# Processes: those that make transfers and end by themselves, those that send datagrams, and what answers both.
clients=() senders=() receivers=()

traffic() { # MACHINE WORD...
  CHAOS_BREAK=${break:-} enter "$1" perl "$root/tests/chaos/traffic.pl" "${@:2}" 2>>"$work/traffic.log" &
}

# Of each pair so many transfers at a time are driven from either end, and datagrams flow both ways.
start_traffic() { # TRANSFERS, BYTES A SECOND OF EACH, MILLISECONDS BETWEEN BURSTS
  local machine peer i n=0
  rm -f "$work/traffic/finish" "$work"/traffic/tcp-* "$work"/traffic/at-*
  clients=() senders=() receivers=()
  for machine in "${ends[@]}"; do
    traffic "$machine" serve 7000 "$work/traffic"
    receivers+=($!)
    traffic "$machine" receive 7001 "$work/traffic" "at-$machine"
    receivers+=($!)
  done
  for machine in "${ends[@]}"; do
    wait_for 60 listens "$machine" 7000 || fail "no listener at $machine: $(<"$work/traffic.log")"
  done
  for machine in "${ends[@]}"; do
    for peer in $(peers_of "$machine"); do
      for ((i = 0; i < $1; i++)); do
        traffic "$machine" transfers "${inner[$peer]}" 7000 $((++n)) "$2" "$work/traffic"
        clients+=($!)
      done
      traffic "$machine" flows "${inner[$peer]}" 7001 $((100 * (${#senders[@]} + 1))) 4 "$3" "$work/traffic"
      senders+=($!)
    done
  done
}

finish_transfers() { touch "$work/traffic/finish"; }

no_client_runs() { local client; for client in "${clients[@]}"; do is_gone "$client" 2>/dev/null || return 1; done; }

# A line for each client that has not said that it ended, with a transfer at least, and for each other process that is gone: before the
# others are ended.
traffic_faults() {
  local n process
  for ((n = 1; n <= ${#clients[@]}; n++)); do
    grep -qs '^ended: [1-9]' "$work/traffic/tcp-$n" || echo "the transfers of flow $n did not end: $(cat "$work/traffic/tcp-$n" 2>&1)"
  done
  for process in "${senders[@]}" "${receivers[@]}"; do
    ! is_gone "$process" 2>/dev/null || echo "a process of the traffic is gone: $(tail -n 3 "$work/traffic.log" | tr '\n' '|')"
  done
}

end_traffic() {
  end_of "${clients[@]}" "${senders[@]}"
  # What is under way, and what receivers say of it each second.
  pause 1.5
  end_of "${receivers[@]}"
}

end_of() { # PROCESS...
  kill "$@" 2>/dev/null || :
  wait "$@" 2>/dev/null || :
}
