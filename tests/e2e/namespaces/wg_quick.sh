# shellcheck shell=bash
# wg-quick up and down, with WG_QUICK_USERSPACE_IMPLEMENTATION.

# wg-quick gives the daemon the interface's name alone, so the network is said by a script in front of it.
prepare_wg_quick() { # NETWORK
  new_machines host enclave
  wire host enclave
  mkdir "$work/bin"
  printf '#!/bin/sh\nexec "%s" -n %s "$@"\n' "$daemon" "$1" >"$work/bin/userspace"
  chmod +x "$work/bin/userspace"
  wg_quick=wg-quick
  prefer_userspace
}

# Where the kernel has its own WireGuard, wg-quick takes that, whatever it is told. It looks for `ip` beside itself first.
prefer_userspace() {
  if ! ip -n "host-$$" link add probe type wireguard 2>/dev/null; then return; fi
  ip -n "host-$$" link delete probe
  cp "$(command -v wg-quick)" "$work/bin/wg-quick"
  printf '#!/bin/sh\ncase "$*" in *"type wireguard"*) exit 1;; esac\nexec %s "$@"\n' "$(command -v ip)" >"$work/bin/ip"
  chmod +x "$work/bin/ip"
  wg_quick=$work/bin/wg-quick
}

configuration_file() { # MACHINE PEER ALLOWED-IPS [MORE LINES OF [Interface]]
  mkdir -p "$work/etc-$1"
  cat >"$work/etc-$1/wg0.conf" <<END
[Interface]
Address = ${inner[$1]}/24, ${inner6[$1]}/64
PrivateKey = $(cat "$work/$1.key")
ListenPort = ${port[$1]}
${4:-}
[Peer]
PublicKey = ${public[$2]}
AllowedIPs = $3
Endpoint = $(endpoint_of "$2" "$1" tcp4)
END
}

quick() { # MACHINE up|down
  at "$1" env WG_QUICK_USERSPACE_IMPLEMENTATION="$work/bin/userspace" \
    unshare -m sh -c '[ ! -d /sys/module/wireguard ] || mount -t tmpfs none /sys/module; exec "$@"' sh \
    "$wg_quick" "$2" "$work/etc-$1/wg0.conf" >>"$work/$1.log" 2>&1
}

daemons_at() { # MACHINE
  local process
  for process in $(ip netns pids "$1-$$"); do
    if grep -qa wg0 "/proc/$process/cmdline"; then echo "$process"; fi
  done
}

no_daemon_at() { [ -z "$(daemons_at "$1")" ]; }

up_and_down() {
  quick host up
  quick enclave up
  pings host enclave
  pings6 enclave host
  copy_checksummed enclave host 5
  for machine in host enclave; do
    at_least "a daemon at $machine" 1 "$(daemons_at $machine | wc -l)"
    quick $machine down
    wait_for 30 no_daemon_at $machine || fail "a daemon outlives wg-quick down at $machine"
    if ip -n "$machine-$$" link show wg0 2>/dev/null; then fail "wg0 outlives wg-quick down"; fi
    [ ! -e "$work/$machine/wg0.sock" ] || fail "the control socket outlives wg-quick down"
  done
}

Wg_quick_brings_a_tcp_tunnel_up_and_down_again_and_again() {
  prepare_wg_quick tcp
  configuration_file host enclave 203.0.113.0/24,fd77::/64
  configuration_file enclave host 203.0.113.0/24,fd77::/64
  up_and_down
  up_and_down
}

Wg_quick_sends_everything_through_a_tcp_tunnel_by_firewall_mark() { everything_through tcp; }
Wg_quick_sends_everything_through_a_udp_tunnel_by_firewall_mark() { everything_through udp; }

# Only a default route leads to the peer: an outer packet without wg-quick's mark would go into the tunnel itself.
everything_through() { # NETWORK
  prepare_wg_quick "$1"
  for machine in host enclave; do
    peer=$([ $machine = host ] && echo enclave || echo host)
    ip -n "$machine-$$" route delete 10.77.1.0/24
    ip -n "$machine-$$" route add default dev "to-$peer"
    configuration_file $machine "$peer" 0.0.0.0/0,::/0
  done
  up_and_down
}

Wg_quick_honours_mtu_table_and_hooks() {
  prepare_wg_quick tcp
  configuration_file host enclave 203.0.113.2/32,fd77::2/128 "MTU = 1300
FwMark = 0x77
PostUp = touch $work/up-%i
PostDown = touch $work/down-%i"
  configuration_file enclave host 203.0.113.1/32,fd77::1/128 "Table = off"
  quick host up
  quick enclave up
  equal mtu 1300 "$(cat_at host /sys/class/net/wg0/mtu)"
  equal fwmark 0x77 "$(show host fwmark)"
  pings host enclave
  quick host down
  [ -e "$work/up-wg0" ] || fail "PostUp did not run"
  [ -e "$work/down-wg0" ] || fail "PostDown did not run"
  quick enclave down
}

cat_at() { at "$1" cat "$2"; }

Wg_quick_strip_feeds_syncconf() {
  prepare_wg_quick tcp
  configuration_file host enclave 203.0.113.2/32
  configuration_file enclave host 203.0.113.1/32
  quick host up
  quick enclave up
  pings host enclave
  at host "$wg_quick" strip "$work/etc-host/wg0.conf" >"$work/stripped"
  echo "PersistentKeepalive = 9" >>"$work/stripped"
  at host wg syncconf wg0 "$work/stripped"
  equal keepalive 9 "$(field host persistent-keepalive)"
  pings host enclave
}
