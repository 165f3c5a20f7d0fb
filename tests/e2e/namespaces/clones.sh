# shellcheck shell=bash
# A cloned machine ends its sessions, closes its connections and starts new ones; traffic goes on.

SIGUSR2_ends_sessions_and_traffic_goes_on_over_tcp() { begins_anew_at tcp signal; }
SIGUSR2_ends_sessions_and_traffic_goes_on_over_udp() { begins_anew_at udp signal; }
Cloned_on_the_control_socket_ends_sessions_and_traffic_goes_on() { begins_anew_at tcp operation; }
A_hypervisors_disruption_marker_ends_sessions_and_traffic_goes_on() { begins_anew_at tcp marker; }

signal() { kill -USR2 "${pid[host]}"; }
operation() { equal "answer to cloned=1" 0 "$(errno_of host 'cloned=1\n\n')"; }
# In place, as a hypervisor does: the file is mapped.
marker() { vmclock 4 5 | dd of="$work/vmclock" conv=notrunc status=none; }

# The page that a hypervisor offers as /dev/vmclock0: magic, size 4096, version 1, counter and time, sequence, disruption marker.
vmclock() { # SEQUENCE MARKER, a digit each
  printf 'VCLK\0\020\0\0\001\0\001\0'
  # shellcheck disable=SC2059 # digits, within escapes
  printf "\\00$1\\0\\0\\0\\0$2\\0\\0\\0\\0\\0\\0\\0"
  head -c 4072 /dev/zero
}

begins_anew_at() { # NETWORK WORD
  local before
  vmclock 2 7 >"$work/vmclock"
  WG_VSOCK_VMCLOCK=$work/vmclock tunnel "$1"
  pings host enclave
  before=$(connections)
  wait_for 30 is_a_second_later "$(handshake_of host enclave)"
  enter host ping -q -i 0.2 -c 25 -W 2 "${inner[enclave]}" >"$work/pings" &
  local steady=$!
  sleep 0.5
  "$2"
  wait_for 30 grep -q 'suspended or cloned: all sessions end' "$work/host.log" || fail "no session ended"
  equal "times that sessions ended" 1 "$(grep -c 'suspended or cloned: all sessions end' "$work/host.log")"
  flows_within 10 host enclave
  pings enclave host
  (($(handshake_of host enclave) > began)) || fail "the session is the old one"
  [ "$1" = udp ] || [ "$before" != "$(connections)" ] || fail "the connections are the old ones"
  wait $steady || :
  at_least "pings of 25 answered" 15 "$(sed -n 's/.*transmitted, \([0-9]*\) received.*/\1/p' "$work/pings")"
  if is_gone "${pid[host]}"; then fail "the daemon has ended"; fi
}

connections() { at host ss -Htn state established | awk '{print $3, $4}' | sort; }

# The time of a handshake is shown in seconds.
is_a_second_later() { # THAN
  began=$1
  (($(date +%s) > $1))
}
