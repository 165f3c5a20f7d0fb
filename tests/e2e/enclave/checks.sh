# shellcheck shell=sh
# checks.sh FACT: checks one fact, at the host. They come in this order, and each finds what the ones before it left.
# Dash, with `set -e`: a command that fails fails the fact.

# shellcheck source=tests/e2e/enclave/machine.sh
. /machine.sh

# Boots an enclave and waits for its end; what it said is in /console then.
enclave() { # NAME [COMMAND: run again and again as long as the enclave runs]
  trap 'kill -9 $emulator 2>/dev/null || :' EXIT
  trap 'exit 124' TERM
  start_enclave "$1"
  while [ -d "/proc/$emulator" ]; do
    ${2:-:} || :
    sleep 0.5
  done
  tr -d '\r' </console.raw >/console
}

says() { grep -qxF -e "$1" /console; }

The_host_comes_up_by_one_file() {
  wireguard-vsock up /host.conf
  wireguard-vsock show
  /carry serve >/served 2>&1 &
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

# ---- known by what they run ------------------------------------------------------------------------------------------------

attest() { wireguard-vsock attest vsock:6:51821 "$@"; }

pcr0=$(cat /demo/pcr0)
other_pcr0=$(printf '%096d' 1)

host_file() { # FILE PCR0
  sed "s/@PCR0@/$2/; s/signer.pem/module.pem/" /demo/host.conf.in >"$1"
}

moves_20_MB() {
  timeout 300 /carry 203.0.113.2 >/moved
  [ "$(cat /moved)" = 'moved 20 MB each way' ]
}

Attested_enclaves_image_has_libcrypto_and_no_libssl() {
  cpio -t </attested.cpio >/tmp/files
  grep -q '/libcrypto\.so\.3$' /tmp/files
  if grep libssl /tmp/files; then return 1; fi
}

Enclave_known_by_its_PCR0_moves_20_MB_each_way() {
  start_module module 0="$pcr0"
  start_enclave attested module
  host_file /known.conf "$pcr0"
  wireguard-vsock up /known.conf
  answers 203.0.113.2 300
  moves_20_MB
}

Show_tells_what_was_attested() {
  wireguard-vsock show known --long
  wireguard-vsock show known --long >/tmp/shown
  grep -q "attested: .*, module i-0123456789abcdef0-enc0123456789abcdef, vsock:6:51821" /tmp/shown
  grep -q "pcr0: $pcr0" /tmp/shown
}

Attest_by_hand_prints_the_key_of_an_enclave_that_holds() {
  attest --root /module.pem --pcr0 "$pcr0" >/tmp/answer
  cat /tmp/answer
  grep -qF "$(wireguard-vsock show known peers)" /tmp/answer
  grep -q "$pcr0" /tmp/answer
}

Attest_by_hand_says_what_does_not_hold() {
  status=0
  attest --root /module.pem --pcr0 "$other_pcr0" >/tmp/answer 2>&1 || status=$?
  cat /tmp/answer
  [ "$status" = 1 ]
  grep -q PCR0 /tmp/answer
  # AWS's root is the one that is built in.
  status=0
  attest --pcr0 "$pcr0" >/tmp/answer 2>&1 || status=$?
  cat /tmp/answer
  [ "$status" = 1 ]
  grep -q root /tmp/answer
}

Restarted_enclave_is_attested_anew_and_traffic_goes_on() {
  before=$(wireguard-vsock show known peers)
  end_enclave
  start_enclave attested module
  answers 203.0.113.2 300
  now=$(wireguard-vsock show known peers)
  [ -n "$now" ]
  [ "$now" != "$before" ]
  moves_20_MB
}

Enclave_with_another_PCR0_than_the_pinned_one_is_no_peer() {
  wireguard-vsock down known
  host_file /known.conf "$other_pcr0"
  wireguard-vsock up /known.conf
  left=60
  while [ $left -gt 0 ]; do
    left=$((left - 1))
    if wireguard-vsock show known | grep PCR0; then break; fi
    sleep 1
  done
  wireguard-vsock show known
  wireguard-vsock show known | grep -q PCR0
  [ -z "$(wireguard-vsock show known peers)" ]
  wireguard-vsock down known
}

# The relays have neither key nor configuration; a host beyond them would see TCP alone.
Enclave_beyond_relays_is_attested_and_moves_20_MB_each_way() {
  wireguard-vsock relay --raw --listen tcp:127.0.0.1:51821 --to vsock:6:51821 >/relay.log 2>&1 &
  wireguard-vsock relay --raw --listen tcp:127.0.0.1:51820 --to vsock:6:51820 >>/relay.log 2>&1 &
  host_file /beyond.conf "$pcr0"
  sed -i 's/^Attest = .*/Attest = tcp:127.0.0.1:51821\nEndpoint = 127.0.0.1:51820/; s/^Address/Network = tcp\nAddress/' /beyond.conf
  wireguard-vsock up /beyond.conf
  answers 203.0.113.2 300
  moves_20_MB
}

Restarted_enclave_beyond_relays_is_attested_anew_and_traffic_goes_on() {
  before=$(wireguard-vsock show beyond peers)
  end_enclave
  start_enclave attested module
  answers 203.0.113.2 300
  [ "$(wireguard-vsock show beyond peers)" != "$before" ]
  wireguard-vsock down beyond
}

Enclave_in_debug_mode_is_refused() {
  end_enclave
  start_module debug
  start_enclave attested debug
  # It listens for its verifiers a little later.
  left=60
  while [ $left -gt 0 ]; do
    left=$((left - 1))
    status=0
    attest --root /debug.pem --pcr0 "$pcr0" >/tmp/answer 2>&1 || status=$?
    if grep -q debug /tmp/answer; then break; fi
    sleep 1
  done
  cat /tmp/answer
  [ "$status" = 1 ]
  grep -q debug /tmp/answer
  end_enclave
}

# That of `make demo-attested`.
The_demo_shows_what_it_says() {
  /bin/sh -e /demo.sh
}

show_logs() {
  echo "--- the enclave's console"
  tail -n 25 /console.raw
  echo "--- the host"
  wireguard-vsock show --long
  tail -n 5 /served /enclave.emulator /module.log /debug.log /signer.log /relay.log 2>/dev/null || :
}

"$@"
