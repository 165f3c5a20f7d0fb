# shellcheck shell=bash
# `up` is killed at each of its system calls of a kind. The next `up` leaves what one that was not killed leaves, and `down` nothing.

Up_may_be_killed_when_it_writes_its_state() { killed_at rename unlink flock; }
Up_may_be_killed_when_it_speaks_to_the_kernel() { killed_at sendto; }
Up_may_be_killed_when_it_starts_a_process() { killed_at clone3 vfork wait4 pipe2; }
Up_may_be_killed_when_it_writes() { killed_at write; }

killed_at() { # SYSTEM-CALL...
  local call n down up kills=0
  command -v strace >/dev/null || skip "no strace"
  two_files tcp "DNS = 10.0.0.1
PreUp = true
PostUp = true"
  sed -i 's/^AllowedIPs.*/AllowedIPs = 10.9.0.0\/24, 0.0.0.0\/0, ::\/0/' "$(file_of host)"
  ip -n "host-$$" route add default dev to-enclave
  down=$(system_of host)
  ours host up wg0 2>/dev/null
  up=$(system_of host)
  ours host down wg0 2>/dev/null
  nothing_is_left host "$down"
  for call; do
    for ((n = 1; n < 100; n++)); do
      # Only the thread that does the steps is traced: neither the daemon nor hooks.
      if at host strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" "$daemon" up wg0 2>/dev/null; then
        ours host down wg0 2>/dev/null
        break
      fi
      kills=$((kills + 1))
      # Every other time `down` finds what was left: a tunnel, or none.
      if ((n % 2)); then
        ours host down wg0 2>/dev/null || [ ! -e "$work/run-host/wg0" ] || fail "down failed after a kill at $call $n"
      else
        # It may have been done but for the end of its process.
        ours host up wg0 2>"$work/said" || grep -q 'is up already' "$work/said" ||
          fail "up failed after a kill at $call $n: $(cat "$work/said")"
        equal "daemons after a kill at $call $n" 1 "$(daemon_at host | wc -l)"
        equal "system after a kill at $call $n" "$up" "$(system_of host)"
        ours host down wg0 2>/dev/null
      fi
      # A killed process leaves its lock's file, which means nothing, until the next one has gone.
      nothing_is_left host "$down"
    done
  done
  at_least kills 1 $kills
  note "killed $kills times"
}
