# shellcheck shell=sh
# checks.sh FACT: checks one fact, at the host. They come in this order, and each finds what the ones before it left.
# Dash, with `set -e`: a command that fails fails the fact.

# COMMAND, one line: runs it at the enclave, shows what it says, returns its status.
enclave() {
  echo "$1" | socat -t 50 - VSOCK-CONNECT:6:9006 >/tmp/answer 2>/tmp/no-answer || return 125
  sed '$d' /tmp/answer
  return "$(sed -n '$s/^status //p' /tmp/answer)"
}

# Waits until a TCP port has a listener here.
listens() { # PORT
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ! grep -qs "$(printf ':%04X' "$1") [0-9A-F]*:0000 0A" /proc/net/tcp /proc/net/tcp6 || return 0
    sleep 0.5
  done
  return 1
}

Raw_vsock_connects_host_and_enclave_both_ways() {
  # The host dialled the enclave to start this; now in the other direction.
  socat -u VSOCK-LISTEN:9002 CREATE:/tmp/raw &
  sleep 0.5
  enclave 'echo from CID 6 | socat -u - VSOCK-CONNECT:2:9002'
  wait $!
  [ "$(cat /tmp/raw)" = "from CID 6" ]
}

# ---- the README's quick start -----------------------------------------------------------------------------------------

new_keys() {
  wg genkey >/tmp/host.key
  wg genkey >/tmp/enclave.key
  enclave "echo $(cat /tmp/enclave.key) >/tmp/enclave.key"
  wg pubkey </tmp/host.key >/tmp/host.pub
  wg pubkey </tmp/enclave.key >/tmp/enclave.pub
}

start_host() { # DAEMON'S ARGUMENTS
  LOG_LEVEL=debug wireguard-vsock "$@" >>/tmp/daemon.log 2>&1
}

start_enclaves() {
  enclave "LOG_LEVEL=debug wireguard-vsock wg0 >>/tmp/daemon.log 2>&1"
}

# A removed control socket ends a daemon within a second; an emulated machine may take longer.
end_daemons() {
  rm -f /run/wireguard/wg0.sock
  enclave 'rm -f /run/wireguard/wg0.sock'
  wg0_goes
  enclave 'for i in 1 2 3 4 5 6 7 8 9 10; do [ -e /sys/class/net/wg0 ] || exit 0; sleep 0.5; done; exit 1'
}

wg0_goes() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -e /sys/class/net/wg0 ] || return 0
    sleep 0.5
  done
  return 1
}

Quick_start_at_the_enclave_succeeds() {
  new_keys
  start_enclaves
  enclave "ip address add dev wg0 203.0.113.2 peer 203.0.113.1"
  enclave "wg set wg0 private-key /tmp/enclave.key listen-port 51820 peer $(cat /tmp/host.pub) allowed-ips 0.0.0.0/0 endpoint 0.0.0.2:8172"
  enclave "ip link set up dev wg0"
}

Quick_start_at_the_host_succeeds() {
  start_host wg0
  ip address add dev wg0 203.0.113.1 peer 203.0.113.2
  wg set wg0 private-key /tmp/host.key listen-port 8172 peer "$(cat /tmp/enclave.pub)" allowed-ips 203.0.113.2/32 endpoint 0.0.0.6:51820
  ip link set up dev wg0
}

First_ping_by_the_host_is_answered() {
  ping -q -c 1 -W 30 203.0.113.2
}

Both_ping_each_other_through_the_vsock() {
  ping -q -c 5 -i 0.2 -W 5 203.0.113.2
  enclave 'ping -q -c 5 -i 0.2 -W 5 203.0.113.1'
  ping -q -c 3 -i 0.2 -W 5 -M do -s 1392 203.0.113.2
  enclave 'ping -q -c 3 -i 0.2 -W 5 -M do -s 1392 203.0.113.1'
}

Iperf3_moves_data_both_ways() {
  enclave 'iperf3 -s -D </dev/null >/dev/null 2>&1'
  enclave '/bin/sh -e /checks.sh listens 5201'
  timeout 60 iperf3 -c 203.0.113.2 -t 3 -f m >/tmp/there
  timeout 60 iperf3 -c 203.0.113.2 -t 3 -f m -R >/tmp/back
  echo "note: $(rate /tmp/there) Mbit/s to the enclave, $(rate /tmp/back) back"
}

rate() { awk '$NF == "receiver" {print $(NF - 2)}' "$1"; }

Copy_from_the_enclave_arrives_unchanged() {
  socat -u TCP-LISTEN:7000 CREATE:/tmp/received &
  listens 7000
  enclave 'head -c 8388608 /dev/urandom >/tmp/sent && socat -u OPEN:/tmp/sent TCP:203.0.113.1:7000 && sha256sum </tmp/sent' >/tmp/sum
  wait $!
  [ "$(sha256sum </tmp/received)" = "$(cat /tmp/sum)" ]
  rm /tmp/received
}

Wg_shows_both_ends() {
  wg show wg0 >/tmp/shown
  grep -q 'endpoint: 0.0.0.6:' /tmp/shown
  grep -q 'latest handshake: ' /tmp/shown
  grep -q 'transfer: .*MiB received, .*MiB sent' /tmp/shown
  enclave 'wg show wg0' >/tmp/shown
  grep -q 'endpoint: 0.0.0.2:' /tmp/shown
  grep -q 'latest handshake: ' /tmp/shown
}

First_ping_by_the_enclave_is_answered() {
  end_daemons
  Quick_start_at_the_enclave_succeeds
  Quick_start_at_the_host_succeeds
  enclave 'ping -q -c 1 -W 30 203.0.113.1'
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
}

Restarted_enclave_is_back_within_10_s() {
  enclave 'kill -9 $(pidof wireguard-vsock); sleep 0.5'
  start_enclaves
  enclave "ip address add dev wg0 203.0.113.2 peer 203.0.113.1"
  enclave "wg set wg0 private-key /tmp/enclave.key listen-port 51820 peer $(cat /tmp/host.pub) allowed-ips 0.0.0.0/0 endpoint 0.0.0.2:8172"
  enclave "ip link set up dev wg0"
  enclave 'ping -q -c 1 -W 30 203.0.113.1'
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
}

# The enclave's kernel calls from a random 32-bit port, of which wg(8) can read the 16-bit ones only.
Peer_that_called_from_a_32_bit_port_is_shown_by_wg() {
  end_daemons
  new_keys
  start_enclaves
  start_host wg0
  ip address add dev wg0 203.0.113.1 peer 203.0.113.2
  wg set wg0 private-key /tmp/host.key listen-port 8172 peer "$(cat /tmp/enclave.pub)" allowed-ips 0.0.0.0/0
  ip link set up dev wg0
  enclave "ip address add dev wg0 203.0.113.2 peer 203.0.113.1"
  enclave "wg set wg0 private-key /tmp/enclave.key listen-port 51820 peer $(cat /tmp/host.pub) allowed-ips 0.0.0.0/0 endpoint 0.0.0.2:8172"
  enclave "ip link set up dev wg0"
  enclave 'ping -q -c 2 -W 10 203.0.113.1'
  ping -q -c 2 -W 5 203.0.113.2
  wg show
  wg show all dump
  wg showconf wg0
  wg show wg0 endpoints | grep '0\.0\.0\.6:[0-9]*$'
  echo "note: wg shows $(wg show wg0 endpoints | cut -f 2)"
}

Both_daemons_end_when_asked() {
  end_daemons
}

# ---- the enclave behind a Unix socket, as Firecracker shows it ---------------------------------------------------------------

guest_socket=/run/vm/v.sock

# Our daemon at the host knows the socket alone; vmm.pl has the AF_VSOCK sockets of the host.
behind_a_socket() {
  end_daemons
  new_keys
  mkdir -p /run/vm
  if [ ! -S $guest_socket ]; then
    perl /vmm.pl $guest_socket vsock:6 8172 </dev/null >/tmp/vmm.log 2>&1 &
    echo $! >/tmp/vmm.pid
  fi
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -S $guest_socket ] || break; sleep 0.5; done
  start_host -n unix wg0
  ip address add dev wg0 203.0.113.1 peer 203.0.113.2
  wireguard-vsock set wg0 private-key /tmp/host.key listen-port 8172 \
    peer "$(cat /tmp/enclave.pub)" allowed-ips 203.0.113.2/32 endpoint unix:$guest_socket:51820
  ip link set up dev wg0
}

set_up_the_enclave() {
  start_enclaves
  enclave "ip address add dev wg0 203.0.113.2 peer 203.0.113.1"
  enclave "wg set wg0 private-key /tmp/enclave.key listen-port 51820 peer $(cat /tmp/host.pub) allowed-ips 0.0.0.0/0 endpoint 0.0.0.2:8172"
  enclave "ip link set up dev wg0"
}

says() { # PATTERN: within 20 s
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ! wireguard-vsock show wg0 --long | grep -q "$1" || return 0
    sleep 1
  done
  wireguard-vsock show wg0 --long
  return 1
}

Guest_behind_a_Unix_socket_refuses_until_it_listens() {
  behind_a_socket
  ping -q -c 1 -W 1 203.0.113.2 || :
  says 'no handshake: refused by /run/vm/v.sock: nothing listens on port 51820 in the guest'
  set_up_the_enclave
  # The delay between attempts has grown meanwhile.
  ping -q -c 1 -W 30 203.0.113.2 || ping -q -c 1 -W 30 203.0.113.2
  wireguard-vsock show wg0 --long | grep 'connection: unix:/run/vm/v.sock:51820, *dialled'
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
}

Guest_behind_a_Unix_socket_calls_its_host() {
  behind_a_socket
  set_up_the_enclave
  enclave 'ping -q -c 1 -W 30 203.0.113.1'
  wireguard-vsock show wg0 --long | grep 'connection: unix:/run/vm/v.sock:0, *accepted'
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
  enclave 'iperf3 -s -D </dev/null >/dev/null 2>&1 || :'
  enclave '/bin/sh -e /checks.sh listens 5201'
  timeout 60 iperf3 -c 203.0.113.2 -t 2 -f m >/tmp/there
  timeout 60 iperf3 -c 203.0.113.2 -t 2 -f m -R >/tmp/back
  echo "note: $(rate /tmp/there) Mbit/s to the guest, $(rate /tmp/back) back"
}

Reset_of_a_guests_connections_is_over_within_10_s() {
  kill -USR1 "$(cat /tmp/vmm.pid)"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if ping -q -c 1 -W 1 203.0.113.2; then break; fi
  done
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
  enclave 'ping -q -c 3 -i 0.2 -W 5 203.0.113.1'
  end_daemons
  [ ! -e ${guest_socket}_8172 ]
}

# ---- the kernel's own WireGuard, over UDP ---------------------------------------------------------------------------------

in_kernel() { ip netns exec kernel "$@"; }

beside_the_kernel() { # OUR ENDPOINT FOR IT, ITS ENDPOINT FOR US: each may be empty
  # What a fact that failed has left.
  leave_the_kernel
  lay_the_cable
  wg genkey >/tmp/ours.key
  wg genkey >/tmp/kernels.key
  wg genpsk >/tmp/psk
  in_kernel ip link delete wgk 2>/dev/null || :
  in_kernel ip link add wgk type wireguard
  in_kernel wg set wgk private-key /tmp/kernels.key listen-port 51820 \
    peer "$(wg pubkey </tmp/ours.key)" preshared-key /tmp/psk allowed-ips 0.0.0.0/0 ${2:+endpoint $2}
  in_kernel ip address add dev wgk 203.0.113.2 peer 203.0.113.1
  in_kernel ip link set wgk up
  start_host -n udp wg0
  wg set wg0 private-key /tmp/ours.key listen-port 51821 \
    peer "$(wg pubkey </tmp/kernels.key)" preshared-key /tmp/psk allowed-ips 0.0.0.0/0 ${1:+endpoint $1}
  ip address add dev wg0 203.0.113.1 peer 203.0.113.2
  ip link set wg0 up
}

lay_the_cable() {
  [ ! -e /run/netns/kernel ] || return 0
  ip netns add kernel
  ip link add cable type veth peer name cable netns kernel
  ip address add 192.0.2.1/30 dev cable
  ip link set cable up
  in_kernel ip address add 192.0.2.2/30 dev cable
  in_kernel ip link set cable up
  in_kernel ip link set lo up
}

leave_the_kernel() {
  rm -f /run/wireguard/wg0.sock
  wg0_goes
}

Kernel_answers_our_initiation() {
  beside_the_kernel 192.0.2.2:51820 ''
  ping -q -c 3 -i 0.2 -W 10 203.0.113.2
  in_kernel ping -q -c 3 -i 0.2 -W 5 203.0.113.1
  leave_the_kernel
}

Kernel_initiates_and_we_answer() {
  beside_the_kernel '' 192.0.2.1:51821
  in_kernel ping -q -c 3 -i 0.2 -W 10 203.0.113.1
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
  leave_the_kernel
}

Kernel_and_we_move_data_both_ways() {
  beside_the_kernel 192.0.2.2:51820 192.0.2.1:51821
  in_kernel iperf3 -s -D
  in_kernel /bin/sh -e /checks.sh listens 5201
  timeout 60 iperf3 -c 203.0.113.2 -t 2 -f m >/tmp/there
  timeout 60 iperf3 -c 203.0.113.2 -t 2 -f m -R >/tmp/back
  in_kernel wg show wgk | grep 'latest handshake'
  echo "note: $(rate /tmp/there) Mbit/s to the kernel, $(rate /tmp/back) back"
  leave_the_kernel
}

Kernel_and_we_handshake_again_after_a_new_key() {
  beside_the_kernel 192.0.2.2:51820 192.0.2.1:51821
  ping -q -c 1 -W 10 203.0.113.2
  wg genkey >/tmp/ours.key
  in_kernel wg set wgk peer "$(in_kernel wg show wgk peers)" remove
  in_kernel wg set wgk peer "$(wg pubkey </tmp/ours.key)" preshared-key /tmp/psk allowed-ips 0.0.0.0/0 endpoint 192.0.2.1:51821
  wg set wg0 private-key /tmp/ours.key
  in_kernel ping -q -c 3 -i 0.2 -W 15 203.0.113.1
  ping -q -c 3 -i 0.2 -W 5 203.0.113.2
  leave_the_kernel
}

# ---- a relay at the host, which has no key: the enclave's tunnel ends at the kernel's WireGuard -----------------------------

# The kernel's end is 203.0.113.1, the enclave's 203.0.113.2.
with_a_relay() { # THE ENCLAVE'S ENDPOINT, THE KERNEL'S ENDPOINT, or "", RELAY'S ARGUMENTS...
  leave_the_kernel
  lay_the_cable
  new_keys
  enclave 'rm -f /run/wireguard/wg0.sock; for i in 1 2 3 4 5 6 7 8 9 10; do [ -e /sys/class/net/wg0 ] || exit 0; sleep 0.5; done; exit 1'
  # The keys are new: an argument may name one.
  if [ -e /tmp/relay.pid ]; then kill "$(cat /tmp/relay.pid)" || :; fi
  of_enclave=$1 of_kernel=$2
  shift 2
  eval "set -- $*"
  LOG_LEVEL=debug wireguard-vsock relay "$@" </dev/null >>/tmp/relay.log 2>&1 &
  echo $! >/tmp/relay.pid
  in_kernel ip link delete wgk 2>/dev/null || :
  in_kernel ip link add wgk type wireguard
  in_kernel wg set wgk private-key /tmp/host.key listen-port 51820 \
    peer "$(cat /tmp/enclave.pub)" allowed-ips 203.0.113.2/32 ${of_kernel:+endpoint $of_kernel}
  in_kernel ip address add dev wgk 203.0.113.1 peer 203.0.113.2
  in_kernel ip link set wgk up
  start_enclaves
  enclave "ip address add dev wg0 203.0.113.2 peer 203.0.113.1"
  enclave "wg set wg0 private-key /tmp/enclave.key listen-port 51820 peer $(cat /tmp/host.pub) allowed-ips 0.0.0.0/0 ${of_enclave:+endpoint $of_enclave}"
  enclave "ip link set up dev wg0"
}

copies_to_the_kernel() {
  in_kernel socat -u TCP-LISTEN:7000 CREATE:/tmp/received &
  in_kernel /bin/sh -e /checks.sh listens 7000
  enclave 'head -c 4194304 /dev/urandom >/tmp/sent && socat -u OPEN:/tmp/sent TCP:203.0.113.1:7000 && sha256sum </tmp/sent' >/tmp/sum
  wait $!
  [ "$(sha256sum </tmp/received)" = "$(cat /tmp/sum)" ]
  rm /tmp/received
}

Enclave_reaches_the_kernels_WireGuard_through_a_relay() {
  with_a_relay 0.0.0.2:51820 '' --listen vsock:51820 --to udp:192.0.2.2:51820
  enclave 'ping -q -c 3 -i 0.2 -W 20 203.0.113.1'
  in_kernel ping -q -c 3 -i 0.2 -W 10 203.0.113.2
  copies_to_the_kernel
}

Kernels_WireGuard_reaches_the_enclave_through_a_relay_by_its_key() {
  # shellcheck disable=SC2016 # expanded once the key is made
  with_a_relay '' 192.0.2.1:51830 --listen udp:51830 --peer '"$(cat /tmp/enclave.pub)"=vsock:6:51820'
  in_kernel ping -q -c 3 -i 0.2 -W 20 203.0.113.2
  enclave 'ping -q -c 3 -i 0.2 -W 10 203.0.113.1'
  copies_to_the_kernel
  kill "$(cat /tmp/relay.pid)"
}

show_logs() {
  echo "--- host"
  wg show 2>&1 || :
  tail -n 25 /tmp/daemon.log 2>/dev/null || :
  in_kernel wg show 2>/dev/null || :
  tail -n 15 /tmp/relay.log 2>/dev/null || :
  echo "--- enclave"
  enclave 'wg show; tail -n 25 /tmp/daemon.log' 2>&1 || :
}

"$@"
