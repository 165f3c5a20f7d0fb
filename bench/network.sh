# shellcheck shell=bash
# Two network namespaces, left and right, joined by a veth, and what runs in them. All of it ends with the shell.
#
#             left                                    right
#   veth      192.0.2.1                               192.0.2.2
#   tunnel    203.0.113.1, port 51820                 203.0.113.2, port 51821
#   relay     127.0.0.1, port 51900

work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-bench.XXXXXX")
left=bench-left-$$
right=bench-right-$$
daemons=()
there=192.0.2.2

left() { ip netns exec "$left" "$@"; }
right() { ip netns exec "$right" "$@"; }

make_network() {
  local side
  for side in "$left" "$right"; do
    ip netns add "$side"
    ip -n "$side" link set lo up
  done
  ip -n "$left" link add wire type veth peer name wire netns "$right"
  ip -n "$left" address add 192.0.2.1/24 dev wire
  ip -n "$right" address add 192.0.2.2/24 dev wire
  ip -n "$left" link set wire up
  ip -n "$right" link set wire up
  (umask 077 && wg genkey >"$work/left.key" && wg genkey >"$work/right.key")
}

remove_network() {
  local side process
  trap '' INT TERM
  set +e
  exec 2>/dev/null
  for side in "$left" "$right"; do
    for process in $(ip netns pids "$side"); do kill -9 "$process"; done
    ip netns delete "$side"
  done
  rm -rf "$work"
}
trap remove_network EXIT
trap 'exit 130' INT TERM

wait_until() { # SECONDS COMMAND...
  local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/./} < end)) || return 1
    sleep 0.05
  done
}

# The interface's name ends in our process id, as its control socket stands where all of them do.
start_daemon() { # NAMESPACE INTERFACE COMMAND...
  local namespace=$1 interface=$2
  shift 2
  LOG_LEVEL=silent WG_PROCESS_FOREGROUND=1 ip netns exec "$namespace" "$@" "$interface" >>"$work/said" 2>&1 &
  daemons+=($!)
  wait_until 10 ip netns exec "$namespace" wg show "$interface"
}

configure() { # NAMESPACE INTERFACE MTU KEY PORT PEER'S-KEY ENDPOINT, or "" ADDRESS
  ip netns exec "$1" wg set "$2" private-key "$work/$4.key" listen-port "$5" \
    peer "$(wg pubkey <"$work/$6.key")" allowed-ips 0.0.0.0/0 ${7:+endpoint "$7"}
  ip -n "$1" address add "$8/24" dev "$2"
  ip -n "$1" link set "$2" mtu "$3" up
}

# The words of `command` are the daemon's; those of `far` that on the right, if it is another; those of `relay` what the left one's
# connections go through, if anything: then the right one answers where it is called from.
start_tunnel() { # MTU
  local mtu=$1 to=192.0.2.2:51821 from=192.0.2.1:51820
  [ ${#far[@]} != 0 ] || far=("${command[@]}")
  if [ ${#relay[@]} != 0 ]; then to=127.0.0.1:51900 from=''; fi
  start_daemon "$left" "bl$$" "${command[@]}" && start_daemon "$right" "br$$" "${far[@]}" || return 1
  if [ ${#relay[@]} != 0 ]; then
    LOG_LEVEL=error ip netns exec "$left" "${relay[@]}" >>"$work/said" 2>&1 &
    daemons+=($!)
    wait_until 10 eval '[ -n "$(left ss -Hltn "sport = :51900")" ]' || return 1
  fi
  configure "$right" "br$$" "$mtu" right 51821 left "$from" 203.0.113.2
  configure "$left" "bl$$" "$mtu" left 51820 right "$to" 203.0.113.1
  there=203.0.113.2
  left ping -q -c 1 -W 10 "$there" >>"$work/said"
}

stop_daemons() {
  [ ${#daemons[@]} = 0 ] || { kill "${daemons[@]}" && wait "${daemons[@]}"; } 2>>"$work/said" || :
  daemons=()
  there=192.0.2.2
}
