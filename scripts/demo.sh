#!/bin/bash
# The main job on one machine: two network namespaces, "host" and "enclave", and a tunnel between them with fresh keys.
# It pings through the tunnel, moves 100 MB, compares checksums and shows both ends.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

program=${WIREGUARD_VSOCK:-$(cd "$(dirname "$0")/.." && pwd)/out/wireguard-vsock}
megabytes=100

stop() {
  echo "demo: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || stop "network namespaces need root: run it as root"
[ -x "$program" ] || stop "no $program: run make"

# With processes, mounts and interfaces of its own, which end with it: so it leaves nothing behind.
[ "${1:-}" = inside ] || exec unshare --mount --net --pid --fork --kill-child --mount-proc "$0" inside
trap 'exit 130' INT TERM
mount -t tmpfs none /run
mkdir /run/demo
cd /run/demo
ip netns add enclave

if [ -t 1 ]; then bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'; else bold='' faint='' plain=''; fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

at() { if [ "$1" = host ]; then "${@:2}"; else ip netns exec "$@"; fi; } # host|enclave COMMAND...

# The same, and shows it as one would type it.
run() { # host|enclave COMMAND...
  printf '  %s%-7s #%s %s\n' "$faint" "$1" "$plain" "${*:2}" | sed "s|$program|wireguard-vsock|"
  at "$@" | sed 's/^/  /'
}

# /sys tells whether VSOCK loops back, where a connection might not: without the module, a guest's kernel hands
# CID 1 to its hypervisor.
if [ -d /sys/module/vsock_loopback ]; then
  network=vsock endpoint=1:8172
  step "Over AF_VSOCK: the module vsock_loopback is loaded, so both ends meet at CID 1"
else
  network=tcp endpoint=192.0.2.1:8172
  step "Over TCP: the module vsock_loopback is not loaded (modprobe vsock_loopback, to see AF_VSOCK)"
  ip link add cable type veth peer name cable netns enclave
  ip address add 192.0.2.1/24 dev cable
  ip -n enclave address add 192.0.2.2/24 dev cable
  ip link set cable up
  ip -n enclave link set cable up
fi

for name in host enclave; do (umask 077 && "$program" genkey >$name.key); done
cat >host.conf <<END
[Interface]
Network = $network
PrivateKeyFile = host.key
Address = 203.0.113.1/24
ListenPort = 8172

[Peer]
PublicKey = $("$program" pubkey <enclave.key)
AllowedIPs = 203.0.113.2/32
END
cat >enclave.conf <<END
[Interface]
Network = $network
PrivateKeyFile = enclave.key
Address = 203.0.113.2/24

[Peer]
PublicKey = $("$program" pubkey <host.key)
AllowedIPs = 203.0.113.1/32
Endpoint = $endpoint
END
for name in host enclave; do
  step "$name.conf"
  sed 's/^/  /' $name.conf
done

step "Both ends, as in the README"
run host "$program" up host.conf
run enclave "$program" up --wait enclave.conf

step "Ping"
run enclave ping -c 3 -i 0.2 203.0.113.1

step "$megabytes MB from the enclave to the host"
head -c ${megabytes}M /dev/urandom >sent
at host socat -u TCP-LISTEN:7000 CREATE:received &
until [ -n "$(at host ss -Hltn 'sport = :7000')" ]; do sleep 0.05; done
began=${EPOCHREALTIME/./}
at enclave socat -u OPEN:sent TCP:203.0.113.1:7000
wait $!
took=$((${EPOCHREALTIME/./} - began))
sha256sum sent received | sed 's/^/  /'
cmp sent received || stop "the checksums differ"
printf '  %d MB in %d.%02d s, %d Mbit/s\n' $megabytes $((took / 1000000)) $((took / 10000 % 100)) $((megabytes * 8388608 / took))

for name in host enclave; do
  step "What the $name can tell"
  run $name "$program" show --long $name
done

step "A program behind the tunnel, which goes down with it"
run enclave "$program" down enclave
run enclave "$program" up --wait enclave.conf -- ping -c 1 203.0.113.1

step "The demo worked"
