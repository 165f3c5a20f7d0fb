# shellcheck shell=bash disable=SC2154,SC2034 # the verbs and what they set are those of tests/e2e/lib.sh
# What is done to a set-up: do_ACTION TARGET [WORD], and end_ACTION TARGET for what lasts. schedule.pl says when.

# Daemons' processes with their limits, by machine; what floods it.
declare -A hard_limit=() flood_of=()

# ---- processes ---------------------------------------------------------------------------------------------------------

do_kill() { # MACHINE: as a crash would
  alive[$1]=no
  kill -9 "${pid[$1]}" 2>/dev/null || :
  wait "${pid[$1]}" 2>/dev/null || :
  wait_for 15 no_daemon_at "$1" || violation death "a daemon at $1 outlives what had started it"
}
end_kill() { bring_up "$1"; }

do_term() { # MACHINE
  local status=0
  alive[$1]=no
  kill -TERM "${pid[$1]}"
  wait_for 30 is_gone "${pid[$1]}" || violation ends "SIGTERM did not end $1 within 30 s"
  wait "${pid[$1]}" 2>/dev/null || status=$?
  [ $status = 0 ] || violation death "$1 ended with $status at SIGTERM: $(tail -n 1 "$work/$1.log")"
  wait_for 15 no_daemon_at "$1" || violation death "a daemon at $1 outlives what had started it"
}
end_term() { bring_up "$1"; }

# All of them, or a supervisor would miss its daemon's answers.
do_freeze() { # MACHINE
  stopped[$1]=yes
  signal_all STOP "$1"
}
end_freeze() {
  signal_all CONT "$1"
  stopped[$1]=''
  [ -z "${outdated[$1]}" ] || apply "$1"
  outdated[$1]=''
}

signal_all() { # SIGNAL MACHINE
  local process
  for process in $(processes_at "$2"); do kill "-$1" "$process" 2>/dev/null || :; done
}

# ---- the path ----------------------------------------------------------------------------------------------------------

# Both ends of a wire, as "machine peer" lines.
ends_of_wire() { printf '%s %s\n%s %s\n' "${1%/*}" "${1#*/}" "${1#*/}" "${1%/*}"; } # A/B

# ss shows what it has reset, which is nothing where the kernel cannot (INET_DIAG_DESTROY), or nothing is connected.
were_reset=0
do_reset() { # A/B
  local a b count=0
  while read -r a b; do count=$((count + $(at "$a" ss -HK dst "${outer4[$b/$a]}" | wc -l))); done < <(ends_of_wire "$1")
  were_reset=$((were_reset + count))
  [ $count != 0 ]
}

drop_arriving() { # MACHINE PEER TABLE WHICH
  at "$1" nft "add table inet $3_$2; add chain inet $3_$2 in { type filter hook prerouting priority -300; }; add rule inet $3_$2 in iifname to-$2 $4 drop"
}

# Nothing arrives, and nobody is told.
do_cut() { # A/B
  local a b
  while read -r a b; do
    drop_arriving "$a" "$b" cut ''
  done < <(ends_of_wire "$1")
}
end_cut() {
  local a b
  while read -r a b; do at "$a" nft delete table inet "cut_$b"; done < <(ends_of_wire "$1")
}

# So many packets of a hundred are lost, and no more than MBIT/S pass, the rest waiting for up to 300 ms; where the kernel has netem, 10
# to 30 ms of delay too.
do_shape() { # A/B PERCENT MBIT/S
  local a b
  while read -r a b; do
    drop_arriving "$a" "$b" loss "numgen random mod 100 < $2"
    tc -n "$a-$$" qdisc replace dev "to-$b" root netem delay 20ms 10ms rate "${3}mbit" 2>/dev/null ||
      tc -n "$a-$$" qdisc replace dev "to-$b" root tbf rate "${3}mbit" burst 64kb latency 300ms
  done < <(ends_of_wire "$1")
}
end_shape() {
  local a b
  while read -r a b; do
    at "$a" nft delete table inet "loss_$b"
    tc -n "$a-$$" qdisc delete dev "to-$b" root
  done < <(ends_of_wire "$1")
}

# ---- configuration -----------------------------------------------------------------------------------------------------

apply_all() { local machine; for machine in "${ends[@]}"; do apply "$machine"; done; }

do_key() { new_key "$1" && apply_all; } # MACHINE

do_secret() { # MACHINE: with all of its peers
  local peer
  for peer in $(peers_of "$1"); do new_secret "$1" "$peer"; done
  apply_all
}

do_port() { # MACHINE: one of two
  local others=([8172]=51830 [51830]=8172 [51820]=51831 [51831]=51820)
  port[$1]=${others[${port[$1]}]}
  apply_all
}

# Another address on the wire. The old one goes first: with it go all that are secondary to it, as one of the same network is.
do_renumber() { # MACHINE
  local peer old new
  for peer in $(peers_of "$1"); do
    old=${outer4[$1/$peer]}
    new=${old%.*}.$(((${old##*.} + 100) % 200))
    ip -n "$1-$$" address delete "$old/24" dev "to-$peer"
    ip -n "$1-$$" address add "$new/24" dev "to-$peer"
    # shellcheck disable=SC2004 # it is no arithmetic
    outer4[$1/$peer]=$new
  done
  apply_all
}

junk_peers() { # a file's sections; their keys are random
  local i
  for i in {1..60}; do
    printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.201.%d.0/24\n' "$(head -c 32 /dev/urandom | base64)" "$i"
  done
}

do_peers() { # MACHINE: sixty more, for a while
  junk_peers >"$work/junk-$1"
  if [ "${style[$1]}" = file ]; then
    write_whole_file "$1" "$(<"$work/junk-$1")"
    reload_file "$1"
  else
    at "$1" timeout 30 wg addconf wg0 "$work/junk-$1"
  fi
}
end_peers() { apply "$1"; }

# Removed and made again: its session ends.
do_remove() { # MACHINE
  local peer
  for peer in $(peers_of "$1"); do at "$1" timeout 30 wg set wg0 peer "${public[$peer]}" remove; done
  apply "$1"
}

do_mtu() { # MACHINE BYTES
  mtu_of[$1]=$2
  if [ "${style[$1]}" = file ]; then apply "$1"; else ip -n "$1-$$" link set wg0 mtu "$2"; fi
}

do_reload() { # MACHINE
  if is_relay "$1"; then
    # A rule more, of a network that its sandbox has left to it, and at the next one less.
    local more='[Relay]\nListen = tcp:127.0.0.1:9009\nTo = udp:127.0.0.1:9\n'
    [ "$setup" != vsock ] || more='[Relay]\nListen = vsock:9009\nTo = vsock:1:9\n'
    if grep -q 9009 "$work/$1.conf"; then write_relay_file "$1"; else write_relay_file "$1" "$more"; fi
    kill -HUP "${pid[$1]}"
  elif [ "${style[$1]}" = file ]; then
    reload_file "$1"
  else
    at "$1" timeout 30 wg showconf wg0 >"$work/shown-$1"
    at "$1" timeout 30 wg syncconf wg0 "$work/shown-$1"
    # VSOCK's ports above 65535, and a peer that called, are not in it as they were.
    apply "$1"
  fi
}

do_address() { ip -n "$1-$$" address flush dev wg0 scope global; } # MACHINE
end_address() { ip -n "$1-$$" address replace "${inner[$1]}/24" dev wg0; file_routes "$1"; }

# The routes of a file go with the address whose network they are in.
file_routes() { [ "${style[$1]}" != file ] || apply "$1"; } # MACHINE

# A rule comes before every route.
do_route() { # MACHINE
  local peer
  for peer in $(peers_of "$1"); do ip -n "$1-$$" rule add to "${inner[$peer]}" blackhole priority 100; done
}
end_route() {
  local peer
  for peer in $(peers_of "$1"); do ip -n "$1-$$" rule delete to "${inner[$peer]}" blackhole priority 100; done
}

do_move() { # MACHINE
  ip -n "$1-$$" link set wg0 netns "in_$1-$$"
  ip -n "in_$1-$$" link set wg0 up
}
end_move() {
  ip -n "in_$1-$$" link set wg0 netns "$1-$$"
  dress "$1"
  file_routes "$1"
}

# ---- too little, and too much --------------------------------------------------------------------------------------------

# Descriptors: so many more than it has now.
do_files() { # MACHINE MORE
  local process have
  for process in $(processes_at "$1"); do
    have=$(find "/proc/$process/fd" -mindepth 1 | wc -l)
    hard_limit[$process]=$(awk '/^Max open files/ {print $4 ":" $5}' "/proc/$process/limits")
    prlimit --pid "$process" --nofile="$((have + $2)):${hard_limit[$process]#*:}"
  done
}
end_files() {
  local process
  # One that was started meanwhile has its own.
  for process in $(processes_at "$1"); do
    [ -z "${hard_limit[$process]:-}" ] || prlimit --pid "$process" --nofile="${hard_limit[$process]}"
  done
}

# Memory: a control group for each machine, whose limit is what is in it now and 3 MiB. The kernel ends what needs more than that, which
# is then a death like any other.
cgroups=
memory_limit=
memory_used=
find_cgroups() {
  if in_guest && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    cgroups=/sys/fs/cgroup memory_limit=memory.max memory_used=memory.current
    # Elsewhere `run` does that, and undoes it.
    ! in_guest || echo +memory 2>/dev/null >$cgroups/cgroup.subtree_control || :
    grep -qw memory $cgroups/cgroup.subtree_control || cgroups=
  elif [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
    cgroups=/sys/fs/cgroup/memory memory_limit=memory.limit_in_bytes memory_used=memory.usage_in_bytes
  fi
  [ -n "$cgroups" ] || return 0
  mkdir "$cgroups/chaos-$$-probe" 2>/dev/null || { cgroups='' && return; }
  rmdir "$cgroups/chaos-$$-probe"
}

cgroup_of() { echo "$cgroups/chaos-$$-$1"; } # MACHINE

confine() { # MACHINE PROCESS
  [ -n "$cgroups" ] || return 0
  mkdir -p "$(cgroup_of "$1")"
  echo "$2" >"$(cgroup_of "$1")/cgroup.procs"
}

remove_cgroups() {
  local machine
  [ -n "$cgroups" ] || return 0
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    wait_for 10 rmdir "$(cgroup_of "$machine")" || :
  done
}

do_memory() { # MACHINE
  local now
  [ -n "$cgroups" ] || return 1
  now=$(<"$(cgroup_of "$1")/$memory_used")
  echo $((now + (3 << 20))) >"$(cgroup_of "$1")/$memory_limit"
}
end_memory() {
  [ -n "$cgroups" ] || return 0
  echo "$(($(getconf PAGE_SIZE) * (1 << 40)))" >"$(cgroup_of "$1")/$memory_limit"
}

do_flood() { # MACHINE KIND: from its start to its end; bounded also where the end does not come
  local network=tcp address=1 to=${port[$1]} key rate=300 sources=(10.128.{1..4}.{1..4})
  if [ "$setup" = vsock ]; then
    network=vsock rate=30 sources=()
    if is_relay "$1"; then to=9001; fi
  else
    address=${outer4[$1/crowd]}
    if [ "$1" = far ]; then network=udp rate=2000; fi
  fi
  key=$(public_hex "$([ "$1" = host ] && echo host || echo enclave)")
  if [ "$2" = garbage ]; then
    from_the_crowd perl "$e2e/flood.pl" garbage 20 $network "$address" "$to" ${sources[@]+"${sources[@]}"}
  else
    from_the_crowd perl "$chaos/attack.pl" initiations $network "$address" "$to" "$key" 20 $rate
  fi
  flood_of[$1]=$!
}
end_flood() { # one that is gone has found fault with what it saw, or has flooded for too short a time
  kill "${flood_of[$1]}"
  wait "${flood_of[$1]}" 2>/dev/null || :
}

from_the_crowd() { # COMMAND...
  if [ "$setup" = vsock ]; then "$@" >/dev/null 2>>"$work/crowd.log" & else enter crowd "$@" >/dev/null 2>>"$work/crowd.log" & fi
}
