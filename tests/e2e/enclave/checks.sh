# shellcheck shell=sh
# checks.sh FACT: checks one fact, at the host. They come in this order, and each finds what the ones before it left.
# Dash, with `set -e`: a command that fails fails the fact.

# Boots an enclave, anew where an emulated start hangs, and waits for its end; what it said is in /console then. On a busy machine an
# emulated one is slow: the time limit is that of the fact.
enclave() { # NAME [COMMAND: run again and again as long as the enclave runs]
  trap 'kill -9 $emulator 2>/dev/null || :' EXIT
  trap 'exit 124' TERM
  for try in 1 2 3; do
    start_enclave "$1"
    if loads; then break; fi
    echo "the enclave did not come up, try $try"
    kill -9 $emulator 2>/dev/null || :
    wait $emulator || :
  done
  while [ -d "/proc/$emulator" ]; do
    ${2:-:} || :
    sleep 0.5
  done
  tr -d '\r' </console.raw >/console
}

# Its first program runs.
loads() {
  left=300
  until grep -q '^loader: ' /console.raw; do
    left=$((left - 1))
    [ $left -gt 0 ] && [ -d "/proc/$emulator" ] || return 1
    sleep 0.5
  done
}

start_enclave() { # NAME
  if [ -e /dev/kvm ]; then accelerator=kvm processor=host; else accelerator=tcg processor=max,la57=off; fi
  : >/console.raw
  qemu-system-x86_64 -M pc,accel=$accelerator -cpu $processor -m 512 -nodefaults -no-user-config -display none -no-reboot \
    -L /usr/share/qemu -L /usr/share/seabios -kernel /vmlinux -initrd "/$1.cpio" \
    -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off random.trust_cpu=on no_timer_check tsc=reliable" \
    -serial file:/console.raw -device vhost-vsock-pci,guest-cid=6 </dev/null >/enclave.emulator 2>&1 &
  emulator=$!
}

says() { grep -qxF -e "$1" /console; }

The_host_comes_up_by_one_file() {
  wireguard-vsock up /host.conf
  wireguard-vsock show
  /server serve >/served 2>&1 &
}

An_enclave_with_nothing_else_moves_20_MB_through_its_tunnel() {
  enclave given
  says 'moved 20 MB each way'
  says 'wireguard-vsock: /test ended with 0'
  [ "$(tail -n 1 /served)" = 'served 20 MB each way' ]
}

# Its only way to tell its public key is its console.
An_enclave_that_generates_its_key_moves_20_MB_through_its_tunnel() {
  wireguard-vsock set host peer "$(wireguard-vsock show host peers)" remove
  enclave generated take_key
  says 'moved 20 MB each way'
  says 'wireguard-vsock: /test ended with 3'
}

take_key() {
  [ -z "$(wireguard-vsock show host peers)" ] || return 0
  key=$(tr -d '\r' </console.raw | sed -n 's/^public key: //p')
  [ -z "$key" ] || wireguard-vsock set host peer "$key" allowed-ips 203.0.113.2/32
}

An_enclave_whose_tunnel_cannot_come_up_says_why_and_reboots() {
  enclave mistaken
  grep -q "^enclave.conf:8:1: Endpiont: .*Endpoint" /console
  says 'wireguard-vsock: wireguard-vsock ended with 1'
}

The_host_goes_down_and_leaves_nothing() {
  wireguard-vsock down host
  [ ! -e /sys/class/net/host ]
  [ ! -e /run/wireguard-vsock/host ]
}

show_logs() {
  echo "--- the enclave's console"
  tail -n 25 /console.raw
  echo "--- the host"
  wireguard-vsock show --long
  tail -n 5 /served /enclave.emulator
}

"$@"
