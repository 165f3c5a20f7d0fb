# shellcheck shell=bash disable=SC2034 # what a test sets, the verbs of lib.sh read
# What a process of ours may still do once it runs: /proc tells of each of its threads, and the build of `make doors` tries what is
# forbidden, as code would that an attacker has put there.

doors=$root/out/wireguard-vsock-doors

# With CAP_NET_BIND_SERVICE.
with_low_ports=0000000000002400

with_doors() {
  [ -x "$doors" ] || fail "no $doors: tests/e2e/run builds it"
  daemon=$doors
}

# What doors make, in a /tmp that is the host's own: other tests have this machine's. The daemon itself may be under it.
file_of_doors=/tmp/wireguard-vsock-door
with_own_tmp() {
  new_machines host
  at host sh -ec 'exec 9<"$0"; mount -t tmpfs none /tmp; mkdir -p "$0"; mount -c --bind /proc/self/fd/9 "$0"' "${daemon%/*}"
}

Every_thread_of_a_daemon_over_tcp_is_confined() { daemon_is_confined tcp; }
Every_thread_of_a_daemon_over_udp_is_confined() { daemon_is_confined udp; }

# No `up` has started it, so that it may be given a low port at any time.
daemon_is_confined() { # NETWORK
  tunnel "$1"
  pings host enclave
  confined "${pid[host]}" "$with_low_ports"
  at host wg set wg0 listen-port 500
  wait_for 10 listens_at_500 "$1" || fail "it does not listen on a port below 1024"
  at host "$daemon" show wg0 --long | has -E '^  sandbox: on: no_new_privs, CAP_NET_BIND_SERVICE CAP_NET_RAW, .*[0-9]+ system calls$' \
    || fail "$(at host "$daemon" show wg0 --long)"
  at host "$daemon" show wg0 --json | has '"sandbox": "on: ' || fail "no word of it in JSON"
  uapi host 'get=1\n\n' | has sandbox && fail "get tells of it"
  grep -q 'Sandbox on: no_new_privs' "$work/host.log" || fail "no word of it in the log"
}

listens_at_500() { # NETWORK
  case $1 in
    udp) listens host 500 -u ;;
    *) listens host 500 ;;
  esac
}

Daemon_over_unix_sockets_has_what_folders_of_others_take() {
  new_machines host
  start host unix
  configure host
  confined "${pid[host]}" 0000000000000003
}

Tunnel_has_low_ports_only_if_its_file_has_one() {
  two_files tcp
  ours host up "$(file_of host)"
  confined "$(daemon_at host)" "$net_raw"
  ours host down wg0
  sed -i 's/^ListenPort = .*/ListenPort = 443/' "$(file_of host)"
  ours host up "$(file_of host)"
  confined "$(daemon_at host)" "$with_low_ports"
  ours host down wg0
}

Sandbox_can_be_switched_off_and_that_is_said() {
  with=(--sandbox=off)
  new_machines host
  LOG_LEVEL=error start host tcp
  equal "filters of system calls" 0 "$(of_threads "${pid[host]}" Seccomp)"
  equal "no_new_privs" 0 "$(of_threads "${pid[host]}" NoNewPrivs)"
  grep -q 'The sandbox is off' "$work/host.log" || fail "no word of it in the log"
  at host "$daemon" show wg0 --long | has '^  sandbox: off: as was asked for' || fail "$(at host "$daemon" show wg0 --long)"
  at host "$daemon" show wg0 --json | has '"sandbox": "off: ' || fail "no word of it in JSON"
}

File_switches_the_sandbox_off() {
  two_files tcp 'Sandbox = off'
  ours host up "$(file_of host)"
  equal "filters of system calls" 0 "$(of_threads "$(daemon_at host)" Seccomp)"
  ours host down wg0
  ours host up --sandbox=on "$(file_of host)"
  confined "$(daemon_at host)" "$net_raw"
  ours host down wg0
}

Data_flow_under_full_load_over_tcp() { full_load tcp; }
Data_flow_under_full_load_over_udp() { full_load udp; }

# While nearly all is changed that can be.
full_load() { # NETWORK
  with=(--metrics 127.0.0.1:9586)
  tunnel "$1"
  load host enclave
  at host wg set wg0 fwmark 7
  at host wg set wg0 fwmark 0
  printf '127.0.0.1 localhost\n%s enclave.example\n' "${outer4[enclave/host]}" >"$work/hosts"
  enter_hosts host
  at host "$daemon" set wg0 peer "${public[enclave]}" endpoint "enclave.example:${port[enclave]}"
  at host curl -s http://127.0.0.1:9586/metrics | has '^wireguard' || fail "no metrics"
  kill -USR2 "${pid[host]}"
  flows_within 30 host enclave
  at enclave wg set wg0 listen-port 4500
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[enclave/host]}:4500"
  flows_within 30 host enclave
  ip -n "host-$$" link set wg0 down
  ip -n "host-$$" link set wg0 mtu 1300
  ip -n "host-$$" link set wg0 up
  flows_within 30 host enclave
  kill -STOP "${pid[host]}"
  kill -CONT "${pid[host]}"
  flows_within 30 host enclave
  end_load
  note "$(throughput host enclave 3) Mbit/s"
  copy_checksummed host enclave 20
  confined "${pid[host]}" "$with_low_ports"
  kill "${pid[host]}"
  ends_within 10 host
  wait "${pid[host]}" || fail "it ended with $?"
  [ ! -e "$work/host/wg0.sock" ] || fail "the control socket is left"
}

# Above net.core.rmem_max it takes CAP_NET_ADMIN to have such buffers, which the daemon has until it is confined. The kernel doubles
# what it is asked for.
large=$((2 * 7 * 1024 * 1024))

buffers_at() { # MACHINE PORT: of its sockets, each pair once
  at "$1" ss -Huanm "sport = :$2" | grep -o 'skmem:([^)]*)' | sed -E 's/.*,rb([0-9]+),.*,tb([0-9]+),.*/\1 \2/' | sort -u
}

# Of 16 that are set aside: the first was when the link came up.
open_often() { # TIMES
  local i
  for ((i = 1; i <= $1; i++)); do
    if ((i % 3)); then
      at host wg set wg0 listen-port $((4500 + i))
    else
      ip -n "host-$$" link set wg0 down
      wait_for 10 eval "! listens host $((4500 + i - 1)) -u" || fail "it listens while the link is down"
      at host wg set wg0 listen-port $((4500 + i))
      ip -n "host-$$" link set wg0 up
      wait_for 10 listens host $((4500 + i)) -u || fail "it does not listen at $((4500 + i))"
    fi
    equal "buffers at the opening $i after the first" "$large $large" "$(buffers_at host $((4500 + i)))"
  done
}

Buffers_over_udp_are_large_each_time_the_port_is_opened() {
  local fds i
  tunnel udp
  pings host enclave
  fds=$(fd_count host)
  equal "buffers at first" "$large $large" "$(buffers_at host "${port[host]}")"
  open_often 15
  pings host enclave
  ! grep -q rmem_max "$work/host.log" || fail "said: $(grep rmem_max "$work/host.log")"
  # Then none is left that was set aside. It works, is said once, and nothing has leaked.
  for i in 4601 4602 4603; do at host wg set wg0 listen-port $i; done
  pings host enclave
  if (($(cat /proc/sys/net/core/rmem_max) < large / 2)); then
    equal "lines that say so" 1 "$(grep -c 'ERROR.*rmem_max.*7340032' "$work/host.log")"
    [ "$(buffers_at host 4603)" != "$large $large" ] || fail "the buffers are large without the right to have them so"
  fi
  fds_are_at_most $((fds - 15 * 2 * $(lane_count host))) host
}

Buffers_over_udp_are_large_for_ever_without_a_sandbox() {
  with=(--sandbox=off)
  new_machines host
  start host udp
  configure host
  open_often 18
}

# A hosts file of the machine's own, also for the daemon that runs there.
enter_hosts() { at "$1" mount --bind "$work/hosts" /etc/hosts; }

Relay_is_confined() {
  new_machines host
  enter host env LOG_LEVEL=debug "$daemon" relay --listen tcp:7000 --to tcp:127.0.0.1:7001 >"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 listens host 7000 || fail "$(cat "$work/host.log")"
  wait_for 10 grep -q 'Sandbox on:' "$work/host.log" || fail "$(cat "$work/host.log")"
  confined "${pid[host]}" "$no_capability"
  kill "${pid[host]}"
  ends_within 10 host
}

Relay_s_sandbox_is_switched_off_by_its_file() {
  new_machines host
  printf '%s\n' '[General]' 'Sandbox = off' '[Relay]' 'Listen = tcp:7000' 'To = tcp:127.0.0.1:7001' >"$work/relay.conf"
  enter host "$daemon" relay "$work/relay.conf" >"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 listens host 7000 || fail "$(cat "$work/host.log")"
  equal "filters of system calls" 0 "$(of_threads "${pid[host]}" Seccomp)"
  grep -q 'The sandbox is off' "$work/host.log" || fail "no word of it in the log"
}

# Root has started it, with all capabilities.
Relay_takes_up_at_SIGHUP_what_it_has_kept_and_the_rest_at_a_restart() {
  new_machines host
  enter host socat TCP-LISTEN:7001,bind=127.0.0.1,reuseaddr,fork PIPE &
  wait_for 30 listens host 7001 || fail "nobody echoes"
  relay_rules tcp:7000
  start_relay
  confined "${pid[host]}" "$no_capability"
  echoes TCP:127.0.0.1:7000
  relay_rules tcp:7000 tcp:7002
  kill -HUP "${pid[host]}"
  wait_for 30 listens host 7002 || fail "the new rule is not in force: $(cat "$work/host.log")"
  echoes TCP:127.0.0.1:7002
  is_refused "unix:$work/v.sock:5000" 'Unix sockets'
  is_refused tcp:443 'a port below 1024'
  is_refused vsock:5000 'vsock sockets'
  [ ! -e "$work/v.sock_5000" ] || fail "it listens at a Unix socket"
  ! listens host 443 || fail "it listens at a port below 1024"
  confined "${pid[host]}" "$no_capability"
  relay_rules tcp:7000 tcp:7002 "unix:$work/v.sock:5000" tcp:443
  kill "${pid[host]}"
  ends_within 10 host
  start_relay
  wait_for 30 [ -S "$work/v.sock_5000" ] || fail "it does not listen at the Unix socket: $(cat "$work/host.log")"
  # CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE and CAP_CHOWN.
  confined "${pid[host]}" 0000000000000403
  echoes "UNIX-CONNECT:$work/v.sock_5000"
  echoes TCP:127.0.0.1:443
  relay_rules tcp:7000 tcp:80 "unix:$work/vm.sock:5000"
  kill -HUP "${pid[host]}"
  wait_for 30 [ -S "$work/vm.sock_5000" ] || fail "the new rule is not in force: $(cat "$work/host.log")"
  echoes "UNIX-CONNECT:$work/vm.sock_5000"
  echoes TCP:127.0.0.1:80
}

# if_nametoindex(3) asks for sockets of IP, which such a relay is not given.
Relay_without_IP_outlives_a_file_that_names_an_interface() {
  new_machines host
  printf '%s\n' '[Relay]' "Listen = unix:$work/v.sock:5000" "To = unix:$work/w.sock:5001" >"$work/relay.conf"
  LOG_LEVEL=debug enter host "$daemon" relay "$work/relay.conf" >"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 [ -S "$work/v.sock_5000" ] || fail "it does not listen: $(cat "$work/host.log")"
  wait_for 10 eval '[ "$(of_threads "${pid[host]}" Seccomp)" = 2 ]' || fail "it has no filter: $(cat "$work/host.log")"
  sed -i 's/^To = .*/To = udp:[fe80::1%lo]:51820/' "$work/relay.conf"
  kill -HUP "${pid[host]}"
  wait_for 30 grep -qF "$work/relay.conf:3:" "$work/host.log" || fail "the file is not refused: $(cat "$work/host.log")"
  printf '%s\n' '[Relay]' "Listen = unix:$work/vm.sock:5000" "To = unix:$work/w.sock:5001" >"$work/relay.conf"
  kill -HUP "${pid[host]}"
  wait_for 30 [ -S "$work/vm.sock_5000" ] || fail "it has ended, or takes no file: $(cat "$work/host.log")"
}

# The log names the place of the rule, and the others go on.
is_refused() { # ADDRESS WORDS
  relay_rules tcp:7000 tcp:7003 "$1"
  kill -HUP "${pid[host]}"
  wait_for 30 grep -qF "$work/relay.conf:9:1: [Relay]: it takes $2, which the relay has given up: restart it" "$work/host.log" \
    || fail "$1: not refused: $(tail -n 5 "$work/host.log")"
  wait_for 30 grep -q 'relay.conf needs a restart of the relay, so nothing was changed' "$work/host.log" || fail "$1: $(tail -n 5 "$work/host.log")"
  echoes TCP:127.0.0.1:7000
  echoes TCP:127.0.0.1:7002
  ! listens host 7003 || fail "$1: half of the file was taken up"
}

relay_rules() { # ADDRESS...: a rule for each, to who echoes
  local address
  for address; do printf '%s\n' '[Relay]' "Listen = $address" 'To = tcp:127.0.0.1:7001' 'Raw = on'; done >"$work/relay.conf"
}

start_relay() {
  LOG_LEVEL=debug enter host "$daemon" relay "$work/relay.conf" >>"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 30 listens host 7000 || fail "$(cat "$work/host.log")"
  wait_for 10 eval '[ "$(of_threads "${pid[host]}" Seccomp)" = 2 ]' || fail "it has no filter: $(cat "$work/host.log")"
}

echoes() { equal "what $1 says" hello "$(echo hello | at host socat -t 10 - "$1")"; } # ADDRESS

# Who is asked does not answer.
Attest_is_confined_before_it_hears_anything() {
  new_machines host
  enter host socat -u TCP-LISTEN:7000,reuseaddr,fork OPEN:/dev/null >/dev/null 2>&1 &
  wait_for 30 listens host 7000 || fail "nobody listens"
  enter host "$daemon" attest tcp:127.0.0.1:7000 >"$work/host.log" 2>&1 &
  pid[host]=$!
  wait_for 10 eval '[ "$(of_threads "${pid[host]}" Seccomp)" = 2 ]' || fail "it has no filter: $(cat "$work/host.log")"
  confined "${pid[host]}" "$no_capability"
}

# By the kernel at once, with SIGSYS (31).
Forbidden_calls_end_the_process() {
  with_doors
  local door
  for door in execve execveat fork ptrace mount setns unshare seccomp socket_packet socket_raw socket_alg open_write tunsetiff \
    mprotect kill tgkill dumpable fcntl; do
    killed_by "door=$door"
  done
  [ "$(uname -m)" != x86_64 ] || killed_by door=x32
  ! at host test -e "$file_of_doors" || fail "it made a file"
  # Where nothing keeps it from that, it does.
  with=(--sandbox=off)
  start host tcp
  refuses open_write 0
  at host test -e "$file_of_doors" || fail "the door makes no $file_of_doors"
}

Forbidden_calls_of_a_lane_end_the_process() {
  with_doors
  local door
  for door in execve fork socket_packet open_write mprotect; do killed_by "door_lane=$door"; done
}

killed_by() { # DOOR: of a new daemon
  # A machine of its own for each would take longer.
  [ -n "${holder[host]:-}" ] || with_own_tmp
  start host tcp
  ip -n "host-$$" link set wg0 up
  printf 'set=1\n%s\n\n' "$1" | at host socat -t 1 - "UNIX-CONNECT:/run/wireguard/wg0.sock" >/dev/null 2>&1 || :
  # Lanes have a turn when there is a packet.
  ip -n "host-$$" address add 203.0.113.1/24 dev wg0 2>/dev/null || :
  at host ping -q -c 1 -W 1 203.0.113.9 >/dev/null 2>&1 || :
  wait_for 10 is_gone "${pid[host]}" || fail "$1: the process lives on: $(tail -n 3 "$work/host.log")"
  local code=0
  wait "${pid[host]}" || code=$?
  equal "$1: how it ended" $((128 + 31)) "$code"
}

# What the C library may ask for and can do without, and what capabilities and Landlock guard: errno is EPERM, EACCES or such.
Calls_that_libraries_may_make_are_refused() {
  with_doors
  with_own_tmp
  start host tcp
  refuses clone3 -38
  refuses socket_unix -97
  refuses socket_netlink -97
  refuses mmap -1
  refuses prlimit -1
  refuses bind_to_device -1
  if at host "$daemon" show wg0 --long | has 'sandbox: .*Landlock [0-9]'; then
    refuses open_folder -13
    at host touch "$file_of_doors"
    refuses unlink -13
    at host rm "$file_of_doors"
  fi
  confined "${pid[host]}" "$with_low_ports"
}

# By the netlink sockets that are open: it takes CAP_NET_ADMIN.
Routes_cannot_be_changed_over_tcp() { no_routes tcp; }
Routes_cannot_be_changed_over_udp() { no_routes udp; }

no_routes() { # NETWORK
  with_doors
  new_machines host
  start host "$1"
  refuses route -1
  stop host
  # They can where nothing is taken.
  with=(--sandbox=off)
  start host "$1"
  [ "$(errno_of host 'set=1\ndoor=route\n\n')" != -1 ] || fail "the door does not try it"
}

refuses() { equal "$1" "$2" "$(errno_of host "set=1\ndoor=$1\n\n")"; } # DOOR ERRNO

Doors_are_not_in_the_ordinary_build() {
  new_machines host
  start host tcp
  equal "errno of door=execve" -22 "$(errno_of host 'set=1\ndoor=execve\n\n')"
  # By what they have as UTF-8; other literals of C# are UTF-16.
  grep -qaF "$file_of_doors" "$doors" || fail "this does not tell whether a build has doors"
  ! grep -qaF "$file_of_doors" "$daemon" || fail "the build has doors"
}
