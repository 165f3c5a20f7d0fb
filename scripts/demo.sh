#!/bin/bash
# The main job on one machine: two network namespaces, "host" and "enclave", and a tunnel between them with fresh keys.
# It pings through the tunnel, moves 100 MB, compares checksums, shows both ends, and leaves nothing behind.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

daemon=${WIREGUARD_VSOCK:-$(cd "$(dirname "$0")/.." && pwd)/out/wireguard-vsock}
megabytes=100

if [ -t 1 ]; then bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'; else bold='' faint='' plain=''; fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
stop() {
  echo "demo: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || stop "network namespaces need root: run it as root"
[ -x "$daemon" ] || stop "no $daemon: run make"

work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-demo.XXXXXX")

# The names of the namespaces end in our process id, so that they are unique. All processes in them were started here.
clean_up() {
  local name process
  trap '' INT TERM
  set +e
  for name in host enclave; do
    for process in $(ip netns pids $name-$$ 2>/dev/null); do kill -9 "$process" 2>/dev/null; done
    ip netns delete $name-$$ 2>/dev/null
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Runs a command in a namespace. Each has a /run/wireguard of its own, as two machines would, so both tunnels are wg0.
at() { # host|enclave COMMAND...
  ip netns exec "$1-$$" sh -c 'mount --bind "$0" /run/wireguard && exec "$@"' "$work/$1" "${@:2}"
}

# The same, and shows it as one would type it.
run() { # host|enclave COMMAND...
  printf '  %s%-7s #%s %s\n' "$faint" "$1" "$plain" "${*:2}" | sed "s|$work/||g; s|$daemon|wireguard-vsock|"
  at "$@"
}

make_namespaces() {
  local name
  mkdir -p /run/wireguard
  for name in host enclave; do
    mkdir "$work/$name"
    ip netns add $name-$$
    ip -n $name-$$ link set lo up
    (umask 077 && wg genkey >"$work/$name.key")
  done
}

# /sys tells whether VSOCK loops back, where a connection might not: without the module, a guest's kernel hands
# CID 1 to its hypervisor.
choose_network() {
  if [ -d /sys/module/vsock_loopback ]; then
    network=vsock host_endpoint=0.0.0.1:8172 enclave_endpoint=0.0.0.1:51820
    step "Over AF_VSOCK: the module vsock_loopback is loaded, so both ends meet at CID 1"
  else
    network=tcp host_endpoint=192.0.2.1:8172 enclave_endpoint=192.0.2.2:51820
    step "Over TCP: the module vsock_loopback is not loaded (modprobe vsock_loopback, to see AF_VSOCK)"
    ip -n host-$$ link add cable type veth peer name cable netns enclave-$$
    ip -n host-$$ address add 192.0.2.1/24 dev cable
    ip -n enclave-$$ address add 192.0.2.2/24 dev cable
    ip -n host-$$ link set cable up
    ip -n enclave-$$ link set cable up
  fi
}

bring_up() { # NAME PORT ADDRESS PEER PEER-ADDRESS PEER-ENDPOINT
  run "$1" "$daemon" --network $network wg0
  run "$1" ip address add dev wg0 "$3" peer "$5"
  run "$1" wg set wg0 private-key "$work/$1.key" listen-port "$2" peer "$(wg pubkey <"$work/$4.key")" allowed-ips 0.0.0.0/0 endpoint "$6"
  run "$1" ip link set up dev wg0
}

is_listening() { [ -n "$(ip netns exec host-$$ ss -Hltn 'sport = :7000')" ]; }

move_data() {
  local sent received began took tries=100
  head -c ${megabytes}M /dev/urandom >"$work/sent"
  sent=$(sha256sum <"$work/sent" | cut -c 1-64)
  at host socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$work/received" &
  local receiver=$!
  until is_listening; do
    sleep 0.05
    ((tries--)) || stop "there is no listener at the host"
  done
  began=${EPOCHREALTIME/./}
  at enclave socat -u "OPEN:$work/sent" TCP:203.0.113.1:7000
  wait $receiver
  took=$((${EPOCHREALTIME/./} - began))
  received=$(sha256sum <"$work/received" | cut -c 1-64)
  echo "  sent      $sent"
  echo "  received  $received"
  [ "$sent" = "$received" ] || stop "the checksums differ"
  printf '  %d MB in %d.%02d s, %d Mbit/s, checksums equal\n' $megabytes $((took / 1000000)) $((took / 10000 % 100)) $((megabytes * 8388608 / took))
}

make_namespaces
choose_network

step "Both ends, as in the README"
bring_up host 8172 203.0.113.1 enclave 203.0.113.2 $enclave_endpoint
bring_up enclave 51820 203.0.113.2 host 203.0.113.1 $host_endpoint

step "Ping"
run enclave ping -c 3 -i 0.2 -W 10 203.0.113.1 | sed -n '/#/p; /bytes from/s/^/  /p; /rtt/s/^/  /p; /loss/s/^/  /p'

step "$megabytes MB from the enclave to the host"
move_data

for name in host enclave; do
  step "wg show at the $name"
  at $name wg show | sed 's/^/  /'
done

step "The demo worked"
