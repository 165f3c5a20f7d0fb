# shellcheck shell=bash
# The verbs of the end-to-end tests.
#
# A "machine" is a network namespace with a /run/wireguard of its own, so that every machine's interface may be
# called wg0, as in the README, and nothing of a test shows outside it. Machines have numbers in the order they are
# made, and everything else follows from the number:
#
#   machine   number   inner address   port
#   host      1        203.0.113.1     8172
#   enclave   2        203.0.113.2     51820
#   third     3        203.0.113.3     51821
#
# All that a test makes is removed when its process ends, however it ends: see clean_up.
#
# The verbs start few processes: inside an emulated guest each costs some 20 ms.
set -Eeuo pipefail

e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$e2e/../.." && pwd)
daemon=${WIREGUARD_VSOCK:-$root/out/wireguard-vsock}
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-e2e.XXXXXX")
# script(1) runs what it is given by $SHELL, and Debian's sh stays while that runs: `exec` goes before it.
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C SHELL=/bin/sh
umask 077
# What our program, wg(8) and other tools would take from who runs the tests.
unset "${!WG_@}" "${!DOTNET_GC@}" "${!DOTNET_gc@}" "${!OMP_@}" "${!LISTEN_@}" "${!WATCHDOG_@}" NOTIFY_SOCKET JOURNAL_STREAM LOG_LEVEL \
  NO_COLOR DOTNET_PROCESSOR_COUNT SUDO_UID SUDO_GID POSIXLY_CORRECT

machines=()
wires=0
# By machine: inner addresses, port, public key (base64), the daemon's process, the process that holds its namespaces;
# by MACHINE/PEER: its addresses on the wire to that peer.
declare -A inner=() inner6=() port=() public=() pid=() holder=() outer4=() outer6=()

# ---- results -------------------------------------------------------------------------------------------------------

fail() {
  echo "failed: $* ($(called_from))" >&2
  trap - ERR
  exit 1
}

# The lines of the test that led here, innermost first.
called_from() {
  local i
  for ((i = 2; i < ${#FUNCNAME[@]} - 1; i++)); do
    printf '%s%s:%d' "${place:-}" "${BASH_SOURCE[i]##*/}" "${BASH_LINENO[i - 1]}"
    local place=' < '
  done
}

# Subshells leave it to the shell that runs them.
failed_command() { [ "$BASHPID" != $$ ] || echo "failed: $1 ($(called_from))" >&2; }

# Shown beside the name of a test that passed: what was measured.
note() { echo "note: $*"; }

equal() { # WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# Whether what comes down a pipe has a line that grep finds. Unlike `grep -q` it reads to the end: a writer whose reader has left is
# ended by SIGPIPE if it has more to write, and `pipefail` then fails a pipe that has found its line. `make lint` looks for such readers.
has() { [ "$(grep -c "$@")" -gt 0 ]; } # GREP'S ARGUMENTS

# For what this machine cannot do: counted and printed as a test that did not run.
skip() { # WHY
  echo "skipped: $*"
  trap - ERR
  exit 77
}

at_least() { # WHAT LEAST ACTUAL
  (($3 >= $2)) || fail "$1: expected at least $2, got $3"
}

at_most() { # WHAT MOST ACTUAL
  (($3 <= $2)) || fail "$1: expected at most $2, got $3"
}

least() { echo $(($1 < $2 ? $1 : $2)); } # NUMBER NUMBER

# The command must fail, and say why in exactly one line, kept in $refusal.
refused_in_one_line() { # COMMAND...
  if refusal=$("$@" 2>&1 </dev/null); then fail "was not refused: $*"; fi
  equal "lines said by '$*' ($refusal)" 1 "$(grep -c . <<<"$refusal" || :)"
}

# That line must match, too.
refused_with() { # PATTERN COMMAND...
  refused_in_one_line "${@:2}"
  grep -qE -- "$1" <<<"$refusal" || fail "expected '$1', got '$refusal'"
}

# A stopwatch: sets $elapsed to the seconds since START, which is an earlier ${EPOCHREALTIME/./}.
since() { # START
  local us=$((${EPOCHREALTIME/./} - $1))
  printf -v elapsed '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

# A pipe without a writer: to read from it is to wait.
mkfifo "$work/never"
exec {never}<>"$work/never"
pause() { read -rt "$1" -u "$never" || :; } # SECONDS

wait_for() { # SECONDS COMMAND...: try it until it succeeds
  local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/./} < end)) || return 1
    pause 0.05
  done
}

# ---- machines and wires --------------------------------------------------------------------------------------------

# Replaces this shell by COMMAND at the machine. In the background, `$!` is then the command's own process.
enter() { # MACHINE COMMAND...
  local machine=$1
  shift
  exec nsenter --target "${holder[$machine]}" --net --mount -- "$@"
}

at() (enter "$@")

new_machines() { # NAME...
  local machine n
  mkdir -p /run/wireguard
  for machine; do
    machines+=("$machine")
    n=${#machines[@]}
    inner[$machine]=203.0.113.$n
    inner6[$machine]=fd77::$n
    port[$machine]=$((n == 1 ? 8172 : 51818 + n))
    mkdir "$work/$machine"
    ip netns add "$machine-$$"
    ip -n "$machine-$$" link set lo up
    hold "$machine"
    new_key "$machine"
  done
}

# `ip netns exec` gives a command a mount namespace of its own, and the namespaces live as long as it does. No connection of the
# machine's own gets a port of the daemon's as its ephemeral one: the daemon could not listen again after its link was down.
hold() { # MACHINE
  ip netns exec "$1-$$" sh -c 'mount --bind "$0" /run/wireguard &&
    echo 8172,51820-51839 >/proc/sys/net/ipv4/ip_local_reserved_ports && : >"$0/held" && exec sleep infinity' "$work/$1" &
  holder[$1]=$!
  wait_for 30 [ -e "$work/$1/held" ] || fail "no namespaces for $1"
  rm "$work/$1/held"
}

new_key() { # NAME
  wg genkey >"$work/$1.key"
  public[$1]=$(wg pubkey <"$work/$1.key")
}

wire() { # A B: a cable between two machines, with addresses of both families
  local a=$1 b=$2 n=$((++wires))
  ip -n "$a-$$" link add "to-$b" type veth peer name "to-$a" netns "$b-$$"
  outer4[$a/$b]=10.77.$n.1 outer4[$b/$a]=10.77.$n.2
  outer6[$a/$b]=2001:db8:$n::1 outer6[$b/$a]=2001:db8:$n::2
  plug_in "$a" "$b"
  plug_in "$b" "$a"
}

plug_in() { # MACHINE PEER
  ip -n "$1-$$" address add "${outer4[$1/$2]}/24" dev "to-$2"
  ip -n "$1-$$" address add "${outer6[$1/$2]}/64" dev "to-$2" nodad
  ip -n "$1-$$" link set "to-$2" up
}

# The keys as the control socket spells them.
hex() { base64 -d | od -An -v -tx1 | tr -d ' \n'; }
public_hex() { hex <<<"${public[$1]}"; } # NAME

endpoint_of() { # MACHINE FROM NETWORK: where FROM finds MACHINE
  case $3 in
    vsock) echo "0.0.0.1:${port[$1]}" ;;
    *6) echo "[${outer6[$1/$2]}]:${port[$1]}" ;;
    *) echo "${outer4[$1/$2]}:${port[$1]}" ;;
  esac
}

# ---- daemons -------------------------------------------------------------------------------------------------------

# The kernel's command line is given at boot and is the same in containers: see guest/build.sh.
in_guest() { [[ " $(</proc/cmdline) " = *' wireguard_vsock_guest '* ]]; }

# An AF_VSOCK socket on the machine that runs the tests could reach its hypervisor.
keep_vsock_in_guests() { # NETWORK
  [ "$1" != vsock ] || in_guest || fail "AF_VSOCK is for guests only"
}

# Not with wg(8), which removes a socket that does not answer: it might be the one that is being made.
is_ready() { [ -S "$work/$1/wg0.sock" ] && uapi "$1" 'get=1\n\n' | has -x errno=0; }

# What `start` runs the daemon by, such as prlimit.
within=()
# Options that `start` gives ours.
with=()

# NETWORK is one of ours, or wireguard-go for Debian's.
start() { # MACHINE NETWORK
  local command=("$daemon" -f -n "$2" ${with[@]+"${with[@]}"} wg0)
  keep_vsock_in_guests "$2"
  [ "$2" != wireguard-go ] || command=(wireguard-go -f wg0)
  [ "$2" = wireguard-go ] || [ -x "$daemon" ] || fail "no $daemon: run make first"
  LOG_LEVEL=${LOG_LEVEL:-debug} WG_PROCESS_FOREGROUND='' enter "$1" ${within[@]+"${within[@]}"} "${command[@]}" >>"$work/$1.log" 2>&1 &
  pid[$1]=$!
  wait_for 30 is_ready "$1" || fail "the daemon at $1 did not become ready"
}

configure() { # MACHINE: its key, port and addresses; the link goes up
  at "$1" wg set wg0 private-key "$work/$1.key" listen-port "${port[$1]}"
  ip -n "$1-$$" address add "${inner[$1]}/24" dev wg0
  ip -n "$1-$$" address add "${inner6[$1]}/64" dev wg0 nodad
  ip -n "$1-$$" link set wg0 up
}

# Without a NETWORK the peer has no endpoint: it must connect first.
introduce() { # MACHINE PEER [NETWORK]
  local where=()
  [ -z "${3:-}" ] || where=(endpoint "$(endpoint_of "$2" "$1" "$3")")
  at "$1" wg set wg0 peer "${public[$2]}" allowed-ips "${inner[$2]}/32,${inner6[$2]}/128" ${where[@]+"${where[@]}"}
}

# Daemons at host and enclave, with their keys, ports and addresses.
start_both() { # NETWORK [NETWORK OF THE ENCLAVE'S DAEMON]
  start host "$1"
  start enclave "${2:-$1}"
  configure host
  configure enclave
}

# host and enclave, each with the other's endpoint.
tunnel() { # NETWORK [NETWORK OF THE ENCLAVE'S DAEMON]
  new_machines host enclave
  [ "$1" = vsock ] || wire host enclave
  start_both "$1" "${2:-$1}"
  introduce host enclave "$1"
  introduce enclave host "$1"
}

# host in the middle, enclave and third each on a wire of its own; neighbours have each other's endpoints.
star() { # NETWORK
  local machine
  new_machines host enclave third
  for machine in enclave third; do
    [ "$1" = vsock ] || wire host $machine
  done
  for machine in host enclave third; do
    start $machine "$1"
    configure $machine
  done
  for machine in enclave third; do
    introduce host $machine "$1"
    introduce $machine host "$1"
  done
}

# host -- the tunnel -- enclave -- a network of 1,500 bytes -- third. This network has no offloads: third sees packets segmented and
# with checksums, as on a wire between machines.
tunnel_to_a_network() { # NETWORK
  new_machines host enclave third
  wire host enclave
  wire enclave third
  behind4=${outer4[third/enclave]} behind6=${outer6[third/enclave]}
  start_both "$1"
  introduce host enclave "$1"
  introduce enclave host
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]},${inner6[enclave]},$behind4,$behind6"
  ip -n "host-$$" route add "$behind4" dev wg0
  ip -n "host-$$" -6 route add "$behind6" dev wg0 src "${inner6[host]}"
  at enclave sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  at enclave ethtool -K to-third tx off tso off gso off tx-udp-segmentation off >/dev/null
  at third ethtool -K to-enclave tx off gro off >/dev/null
  ip -n "third-$$" route add "${inner[host]}" via "${outer4[enclave/third]}"
  ip -n "third-$$" -6 route add "${inner6[host]}" via "${outer6[enclave/third]}"
}

# Waits until the network behind the tunnel is reached.
ping_behind() {
  local to
  for to in "$behind4" "$behind6"; do
    wait_for 30 at host ping -q -c 1 -W 1 "$to" || fail "$to is not reached"
  done
}

is_gone() { [ ! -e "/proc/$1" ] || [ "$(awk '{print $3}' "/proc/$1/stat")" = Z ]; }

# Its wire drops everything, and neither end is told.
drop_everything() { # MACHINE
  at "$1" nft 'table inet outage {
    chain in { type filter hook input priority 0; iifname to-host drop
    }
    chain out { type filter hook output priority 0; oifname to-host drop
    }
  }'
}

# The enclave dies silently, and comes back: it does not know its old connections, and does not even reset them.
lose_power() { # NETWORK
  drop_everything enclave
  stop enclave
  sleep 1
  start enclave "$1"
  configure enclave
  introduce enclave host
  at enclave nft flush table inet outage
  at enclave nft 'add rule inet outage out tcp flags & rst == rst drop'
}

daemon_of() { # MACHINE: the one process that has wg0 on its command line
  local process
  for process in $(ip netns pids "$1-$$"); do
    if grep -qa wg0 "/proc/$process/cmdline"; then echo "$process"; fi
  done
}

stop() { # MACHINE: kill -9, as a crash would
  kill -9 "${pid[$1]}"
  wait "${pid[$1]}" 2>/dev/null || :
}

# Waits for the daemon's own end, and gives its exit code.
ends_within() { # SECONDS MACHINE
  local began=${EPOCHREALTIME/./} elapsed
  wait_for "$1" is_gone "${pid[$2]}" || fail "the daemon at $2 still runs after $1 s"
  since "$began"
  note "ended after $elapsed s"
}

# By the queues of its interface, of which each lane has one: there are as many as its runtime has counted processors, up to 16. That is
# not always what nproc(1) says, since the runtime heeds quotas of cgroups.
lane_count() { find "/proc/${pid[$1]}/fd" -lname /dev/net/tun | wc -l; } # MACHINE

fd_count() { fd_count_of "${pid[$1]}"; } # MACHINE
fd_count_of() { # PROCESS...
  local process
  for process; do find "/proc/$process/fd" -mindepth 1; done | wc -l
}

# Closed descriptors go when lanes have let go of them, superseded and unauthenticated connections after 10 s: the rest is a leak.
fds_are_at_most() { # NUMBER MACHINE
  wait_for 20 eval "((\$(fd_count $2) <= $1))" || fail "$(fd_count "$2") descriptors at $2, not $1"
}

# Processor time that the daemon has used so far.
processor_ms() {
  local ticks
  ticks=$(awk '{print $14 + $15}' "/proc/${pid[$1]}/stat")
  echo $((ticks * 1000 / $(getconf CLK_TCK)))
}
rss_kib() { rss_kib_of "${pid[$1]}"; } # MACHINE
rss_kib_of() { # PROCESS...
  local process
  for process; do cat "/proc/$process/status"; done | awk '$1 == "VmRSS:" {n += $2} END {print n + 0}'
}

# ---- what a process may do ------------------------------------------------------------------------------------------

status_of() { awk -v field="$2:" '$1 == field {print $2}' "/proc/$1/status"; }                    # PROCESS FIELD
of_threads() { awk -v field="$2:" '$1 == field {print $2}' "/proc/$1/task"/*/status | sort -u; } # PROCESS FIELD: its values, each once

# As /proc has them: hexadecimal, a bit for each.
no_capability=0000000000000000
# shellcheck disable=SC2034 # for tests
net_raw=0000000000002000

confined() { # PROCESS CAPABILITIES
  local set
  at_least "threads to look at" 2 "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)"
  equal "no_new_privs" 1 "$(of_threads "$1" NoNewPrivs)"
  equal "filters of system calls" 2 "$(of_threads "$1" Seccomp)"
  for set in CapEff CapPrm CapBnd; do equal "$set" "$2" "$(of_threads "$1" "$set")"; done
  for set in CapInh CapAmb; do equal "$set" "$no_capability" "$(of_threads "$1" "$set")"; done
  concealed "$1"
}

# What is not dumpable is not shown to those who lack CAP_SYS_PTRACE, not even to the same user. Another process must be shown to them,
# or this tells nothing: by its environment, since Yama may keep them from its memory for a reason of its own.
concealed() { # PROCESS
  local other
  equal "size of a core file" "0 0" "$(awk '/^Max core file size/ {print $5, $6}' "/proc/$1/limits")"
  "${curious[@]}" sleep 60 &
  other=$!
  wait_for 10 is_shown $other environ || fail "no process is shown to those who lack CAP_SYS_PTRACE"
  kill $other
  wait $other || :
  ! is_shown "$1" environ || fail "its environment is open"
  ! is_shown "$1" mem || fail "its memory is open"
  ! is_gone "$1" || fail "it has ended"
}

# Without CAP_SYS_PTRACE, and without the two that are enough for an environment since Linux 6.16.
curious=(setpriv '--bounding-set=-sys_ptrace,-sys_admin,-perfmon' '--inh-caps=-sys_ptrace,-sys_admin,-perfmon')
is_shown() { "${curious[@]}" sh -c ': <"/proc/$1/$2"' - "$1" "$2" 2>/dev/null; } # PROCESS FILE

# Ours, run by a user without any right. It is copied to where everybody may read it: the checkout may be its owner's alone.
as_nobody() { # MACHINE ARGUMENT...
  [ -e "$work/nobody" ] || install -D -m 755 "$daemon" "$work/nobody/wireguard-vsock"
  chmod 711 "$work" "$work/nobody"
  at "$1" setpriv --reuid=65534 --regid=65534 --clear-groups "$work/nobody/wireguard-vsock" "${@:2}"
}

# ---- tunnels from files ---------------------------------------------------------------------------------------------

# Machines whose /run/wireguard-vsock and /etc are their own, so that tests see what is left there.
file_machines() { # NAME...
  local machine
  new_machines "$@"
  mkdir -p /run/wireguard-vsock
  for machine; do
    mkdir "$work/run-$machine" "$work/etc-$machine"
    echo "nameserver 192.0.2.53" >"$work/etc-$machine/resolv.conf"
    at "$machine" mount --bind "$work/run-$machine" /run/wireguard-vsock
    at "$machine" mount --bind "$work/etc-$machine" /etc
  done
}

file_of() { echo "$work/etc-$1/wireguard/wg0.conf"; } # MACHINE

# wg0's file, without an endpoint where the network is "".
write_file() { # MACHINE PEER NETWORK ALLOWED-IPS [MORE LINES OF [Interface]]
  mkdir -p "$work/etc-$1/wireguard"
  cat >"$(file_of "$1")" <<END
[Interface]
Network = $3
Address = ${inner[$1]}/24, ${inner6[$1]}/64
PrivateKey = $(cat "$work/$1.key")
ListenPort = ${port[$1]}
${5:-}
[Peer]
PublicKey = ${public[$2]}
AllowedIPs = $4
Endpoint = $(endpoint_of "$2" "$1" "$3")
END
}

ours() { # MACHINE ARGUMENT...
  at "$1" env PATH="$work/bin:$PATH" "$daemon" "${@:2}"
}

# host and enclave, each with a file that has the other's endpoint.
two_files() { # NETWORK [MORE LINES OF THE HOST'S [Interface]]
  file_machines host enclave
  wire host enclave
  write_file host enclave "$1" 203.0.113.0/24,fd77::/64 "${2:-}"
  write_file enclave host "$1" 203.0.113.0/24,fd77::/64
}

processes_at() { # MACHINE [WORD]: processes of ours; with that word first on their command lines
  local process words
  for process in $(ip netns pids "$1-$$"); do
    [ "$(readlink "/proc/$process/exe")" = "$(readlink -f "$daemon")" ] || continue
    mapfile -td '' words <"/proc/$process/cmdline" 2>/dev/null || continue
    if [ -z "${2:-}" ] || [ "${words[1]:-}" = "$2" ]; then echo "$process"; fi
  done
}

daemon_at() { processes_at "$1" -n; }     # MACHINE: the daemon that `up` has started
supervisor_at() { processes_at "$1" up; } # MACHINE: the `up` that stays with it, if one does

provisioner_at() { # MACHINE: what exchanges keys for a supervisor
  local process
  for process in $(processes_at "$1"); do if is_provisioner "$process"; then echo "$process"; fi; done
}

is_provisioner() { grep -qa '^wireguard-vsock: provisioner of ' "/proc/$1/cmdline"; } # PROCESS

no_daemon_at() { [ -z "$(processes_at "$1")" ]; }

# All of ours there ends at once, as in a crash of the machine. One that follows another's end may have gone before its turn.
crash() { # MACHINE
  local found
  found=$(processes_at "$1")
  [ -n "$found" ] || fail "nothing of ours runs at $1"
  # shellcheck disable=SC2086 # one word a process
  kill -9 $found 2>/dev/null || :
  wait_for 10 no_daemon_at "$1" || fail "something of ours outlives SIGKILL at $1"
}

# Everything that `up` changes: links, addresses, routes and rules of both families, the folders of /run, resolv.conf.
system_of() { # MACHINE
  local family
  ip -n "$1-$$" -j link show | tr ',{' '\n' | grep -E '"(ifname|mtu)"'
  for family in -4 -6; do
    ip -n "$1-$$" $family -o address show | grep -v 'inet6 fe80' | sed 's/^[0-9]*: //'
    ip -n "$1-$$" $family route show table all | grep -v fe80
    ip -n "$1-$$" $family rule show
  done
  ls "$work/$1" "$work/run-$1"
  cat "$work/etc-$1/resolv.conf" 2>/dev/null || echo "no resolv.conf"
}

nothing_is_left() { # MACHINE SYSTEM-BEFORE
  local difference
  wait_for 30 no_daemon_at "$1" || fail "a daemon outlives down at $1"
  difference=$(diff <(echo "$2") <(system_of "$1")) || fail "something is left at $1:"$'\n'"$difference"
}

refused() { refused_with "$2" ours "$1" "${@:3}"; } # MACHINE PATTERN ARGUMENT...

# ---- guests of Firecracker and Cloud Hypervisor --------------------------------------------------------------------

# A machine on a wire of its own stands for the guest, and vmm.pl for its monitor.
declare -A vmm=()

socket_of() { echo "$work/vm-$1/v.sock"; } # GUEST
unix_endpoint() { echo "unix:$(socket_of "$1"):${port[$1]}"; }

vmm_for() { # GUEST: its wire to the host, and its monitor
  wire host "$1"
  vmm "$1"
}

vmm() { # GUEST
  mkdir -p "$(dirname "$(socket_of "$1")")"
  enter host perl "$e2e/vmm.pl" "$(socket_of "$1")" "tcp:${outer4[$1/host]}=${outer4[host/$1]}" "${port[host]}" 2>>"$work/vmm-$1.log" &
  vmm[$1]=$!
  wait_for 10 [ -S "$(socket_of "$1")" ] || fail "no monitor: $(cat "$work/vmm-$1.log")"
}

end_vmm() { # GUEST
  kill "${vmm[$1]}"
  wait_for 10 is_gone "${vmm[$1]}" || fail "the monitor of $1 does not end"
}

# ---- traffic -------------------------------------------------------------------------------------------------------

pings() { # FROM TO [PING'S OPTIONS...]
  local from=$1 to=$2
  shift 2
  at "$from" ping -q -c 3 -i 0.2 -W 5 "$@" "${inner[$to]}" >"$work/ping" 2>&1 || fail "ping from $from to $to: $(cat "$work/ping")"
}

pings6() { # FROM TO
  at "$1" ping -6 -q -c 3 -i 0.2 -W 5 "${inner6[$2]}" >"$work/ping" 2>&1 || fail "ping -6 from $1 to $2: $(cat "$work/ping")"
}

ping_once() { at "$1" ping -q -c 1 -W 1 "${inner[$2]}"; }

no_ping() { # FROM TO
  if at "$1" ping -q -c 2 -i 0.5 -W 2 "${inner[$2]}" >/dev/null 2>&1; then fail "a ping from $1 reached $2"; fi
}

flows_within() { # SECONDS FROM TO
  local began=${EPOCHREALTIME/./} elapsed
  wait_for "$1" ping_once "$2" "$3" || fail "no traffic from $2 to $3 within $1 s"
  since "$began"
  note "$2 reaches $3 after $elapsed s"
}

# Random bytes over TCP through the tunnel, their checksum compared at the far end; to its inner address, or to another of its.
copy_checksummed() { # FROM TO MEGABYTES [ADDRESS]
  local sum began elapsed to=${4:-${inner[$2]}}
  [[ $to != *:* ]] || to="[$to]"
  head -c "${3}M" /dev/urandom >"$work/sent"
  sum=$(sha256sum <"$work/sent")
  at "$2" socat -b 65536 -u TCP6-LISTEN:7000,reuseaddr,ipv6only=0 "CREATE:$work/received" &
  local receiver=$!
  wait_for 30 listens "$2" 7000 || fail "no listener for the copy"
  began=${EPOCHREALTIME/./}
  at "$1" socat -b 65536 -u "OPEN:$work/sent" "TCP:$to:7000"
  wait "$receiver"
  since "$began"
  equal "checksum of $3 MB from $1 to $2" "$sum" "$(sha256sum <"$work/received")"
  rm "$work/sent" "$work/received"
  note "$3 MB $1-$2 in $elapsed s"
}

# Trains of datagrams, each train sent with one system call and compared byte by byte. One in a hundred may be lost. More are lost
# if an end is not scheduled for some 10 ms, when its queue of 200 packets is full: hence eight tries, counted in $tries, each with
# longer pauses between the trains.
trains_arrive() { # FROM TO TRAINS DATAGRAMS SIZE [ADDRESS [KIND: send or options]]
  local count=$(($3 * $4)) receiver came damaged
  # shellcheck disable=SC2034 # read by tests that count bytes
  for tries in {1..8}; do
    at "$2" "$e2e/datagrams.pl" receive 7001 $count 2 >"$work/datagrams" &
    receiver=$!
    wait_for 30 listens "$2" 7001 -u || fail "no listener for the datagrams"
    at "$1" "$e2e/datagrams.pl" "${7:-send}" "${6:-${inner[$2]}}" 7001 "$3" "$4" "$5" $((1 << tries))
    wait "$receiver"
    read -r came damaged _ <"$work/datagrams"
    equal "damaged datagrams from $1 to $2" 0 "$damaged"
    ((came < count * 99 / 100)) || return 0
  done
  fail "datagrams from $1 to $2: expected at least $((count * 99 / 100)), got $came"
}

# New one-way flows, each over a session of its own: later packets must not overtake those that wait for the session.
new_flows_keep_their_order() { # FROM TO NETWORK FLOWS
  local receiver came damaged late i
  at "$2" "$e2e/datagrams.pl" receive 7001 1000000000 10 >"$work/datagrams" &
  receiver=$!
  wait_for 30 listens "$2" 7001 -u || fail "no listener for the datagrams"
  for ((i = 0; i < $4; i++)); do
    at "$1" wg set wg0 peer "${public[$2]}" remove
    introduce "$1" "$2" "$3"
    at "$1" "$e2e/datagrams.pl" flow "${inner[$2]}" 7001 300 30 100 $((i * 300))
  done
  wait "$receiver"
  read -r came damaged late <"$work/datagrams"
  note "$came datagrams of $(($4 * 300)) in $4 flows, $late late"
  at_least "datagrams that came" $(($4 * 150)) "$came"
  equal "damaged datagrams" 0 "$damaged"
  equal "datagrams that came behind a later one of their flow" 0 "$late"
}

# Captures an interface into $work/capture, until end_capture. In immediate mode each packet is in the file at once; else tcpdump may
# end with a second's worth of them still in the kernel's ring. A place of the ring is as large as the longest packet that is kept:
# `-s` for no more than is needed gives many more places, of which a busy tcpdump needs them.
capture() { # MACHINE INTERFACE TCPDUMP'S ARGUMENTS...
  # An earlier file would be taken for this one, until this one has begun.
  rm -f "$work/capture" "$work/tcpdump"
  enter "$1" tcpdump -q -U --immediate-mode -B 65536 -i "$2" -w "$work/capture" "${@:3}" 2>"$work/tcpdump" &
  capture=$!
  wait_for 30 grep -q listening "$work/tcpdump" || fail "no capture: $(cat "$work/tcpdump")"
}

# Waits until it has seen what was sent before now: when its file no longer grows, or after 4 s of continuous traffic.
capture_settles() {
  local size=none
  for _ in {1..10}; do
    pause 0.4
    [ "$size" != "$(stat -c %s "$work/capture")" ] || break
    size=$(stat -c %s "$work/capture")
  done
}

end_capture() {
  capture_settles
  kill "$capture"
  wait "$capture" || :
}

# How many TCP and UDP checksums of the capture have that status.
summed() { # correct or incorrect
  local pattern='\(correct\)|\[udp sum ok\]'
  [ "$1" = correct ] || pattern='\(incorrect|\[bad udp cksum'
  tcpdump -nvv -r "$work/capture" 2>/dev/null | grep -cE "$pattern" || :
}

listens() { # MACHINE PORT [ss OPTION, -t or -u]
  [ -n "$(at "$1" ss -Hln "${3:--t}" "sport = :$2")" ]
}

# Serves one client, and then ends, which frees its port.
iperf3_server() { # MACHINE: sets $server
  enter "$1" iperf3 -s -1 >/dev/null 2>&1 &
  server=$!
  wait_for 30 listens "$1" 5201 || fail "no iperf3 server"
}

# Megabits a second of one iperf3 TCP stream.
throughput() { # FROM TO SECONDS
  iperf3_server "$2"
  at "$1" timeout $(($3 + 20)) iperf3 -f m -c "${inner[$2]}" -t "$3" >"$work/iperf" 2>&1 || fail "iperf3: $(cat "$work/iperf")"
  wait_for 30 is_gone "$server" || fail "the iperf3 server at $2 does not end"
  awk '$NF == "receiver" {for (i = 1; i < NF; i++) if ($i == "Mbits/sec") {printf "%d\n", $(i - 1); exit}}' "$work/iperf"
}

# Traffic in the background for as long as the test runs, or until `end_load`.
load() { # FROM TO
  iperf3_server "$2"
  load_server=$server
  enter "$1" iperf3 -c "${inner[$2]}" -t 300 >/dev/null 2>&1 &
  load=$!
  sleep 1
}

# The server too: it learns of the client's end only if the tunnel still works, and holds its port until then.
end_load() {
  kill "$load" "$load_server" 2>/dev/null || :
  wait "$load" "$load_server" 2>/dev/null || :
}

show() { at "$1" wg show wg0 "${@:2}"; }
field() { show "$1" "$2" | cut -f 2-; } # MACHINE FIELD, of its only peer
received() { show "$1" transfer | awk '{n += $2} END {print n + 0}'; }
handshake_of() { show "$1" latest-handshakes | awk -v key="${public[$2]}" '$1 == key {print $2}'; }

# One conversation with the control socket; `\n` in the request stands for a line's end.
uapi() { # MACHINE REQUEST
  printf '%b' "$2" | socat -t 2 - "UNIX-CONNECT:$work/$1/wg0.sock"
}

# Its own status, and that of its only peer.
takes_superpackets() { [ "$(uapi "$1" 'status=1\n\n' | grep -c '^superpackets=true')" = 2 ]; } # MACHINE

counter() { uapi "$1" 'counters=1\n\n' | sed -n "s/^$2=//p"; } # MACHINE NAME

errno_of() { uapi "$1" "$2" | sed -n 's/^errno=//p'; }
# What is configured, without what traffic changes: a line for the interface and one a peer, in no particular order.
configuration() {
  uapi "$1" 'get=1\n\n' | grep -Ev '^(last_handshake_time|[rt]x_bytes|errno|$)' |
    awk -F = '$1 == "public_key" {peer = $2} {print peer, $0}' | sort
}

# Every request on standard input, a line each with `\n` within it, is refused with an errno, and none changes anything.
# They go through one connection, which each of them must survive.
all_refused() { # MACHINE
  local before asked answers requests=() i
  before=$(configuration "$1")
  mapfile -t requests
  printf -v asked 'set=1\\n%s\\n\\n' "${requests[@]}"
  mapfile -t answers < <(errno_of "$1" "$asked")
  for i in "${!requests[@]}"; do
    [[ ${answers[i]:-} =~ ^-[1-9][0-9]*$ ]] || fail "'${requests[i]}' was answered with errno=${answers[i]:-}"
  done
  equal "answers" ${#requests[@]} ${#answers[@]}
  unchanged_since "$before" "$1" "what was refused"
}

unchanged_since() { # CONFIGURATION MACHINE WHAT
  local difference
  difference=$(diff <(echo "$1") <(configuration "$2")) || fail "configuration changed after $3:"$'\n'"$difference"
}

# ---- the end -------------------------------------------------------------------------------------------------------

show_logs() {
  local machine
  for machine in ${machines[@]+"${machines[@]}"}; do
    echo "--- $machine: wg show"
    timeout 5 nsenter --target "${holder[$machine]}" --net --mount wg show 2>&1 || :
    echo "--- $machine: log"
    tail -n 25 "$work/$machine.log" 2>/dev/null || :
  done
}

# Only processes inside the namespaces made here, and jobs of this shell, are ended.
end_processes() {
  local machine found
  for machine in ${machines[@]+"${machines[@]}"}; do
    found=$(ip netns pids "$machine-$$" 2>/dev/null || :)
    # shellcheck disable=SC2086 # one word a process
    [ -z "$found" ] || kill -9 $found 2>/dev/null || :
  done
  found=$(jobs -p)
  # shellcheck disable=SC2086
  [ -z "$found" ] || kill -9 $found 2>/dev/null || :
  wait 2>/dev/null || :
}

clean_up() {
  local status=$? machine
  trap '' INT TERM
  trap - ERR
  set +e
  [ $status = 0 ] || [ $status = 77 ] || show_logs
  # The shell's own remarks on the jobs it ends.
  exec 2>/dev/null
  end_processes
  for machine in ${machines[@]+"${machines[@]}"}; do ip netns delete "$machine-$$"; done
  rm -rf "$work"
  exit $status
}

trap clean_up EXIT
trap 'echo "failed: out of time" >&2; exit 124' INT TERM
trap 'failed_command "$BASH_COMMAND"' ERR
