# shellcheck shell=bash disable=SC2154,SC2034 # the verbs and what they set are those of tests/e2e/lib.sh
# One set-up: traffic, a storm of what schedule.pl says, a calm in which everything has to come back, and what is looked at then.
#
#   INVARIANT      what is a violation
#   corrupted      a byte of a transfer, or of a datagram, is not the one that was sent
#   order          a block, or a datagram of a flow, comes behind a later one or twice. When a connection is replaced, or datagrams are on
#                  the path, datagrams of a flow may overtake each other: see judge_late
#   ends           a transfer is broken off, or has not ended within the bound once the path is back; or a flow does not come again; or
#                  a daemon does not end at SIGTERM
#   death          a process ends that was not ended, or with another code than 0 at SIGTERM
#   memory         after a quiet time a machine's processes have more than 24 MiB above what they had before
#   descriptors    after a quiet time they have another number, connections with the peer not counted, or more than 16 of these
#   nonces         a nonce was sealed under twice: the build with doors ends at that
#
# The bound: a dead connection is noticed within 20 s (TCP_USER_TIMEOUT), the dial after it comes within 30 s (the largest backoff), an
# initiation that was lost is sent again after 5 s. What is under way takes 10 s more, or on a machine that is busy some times that: 90 s
# and twice the longest cut. TCP inside the tunnel then waits for its own backoff: it doubles with each segment that is lost, so it lasts
# as long as all that was lost in turn, at most the storm, and 120 s (TCP_RTO_MAX). Transfers have that much longer.
invariants=(corrupted order ends death memory descriptors nonces)

violation() { # INVARIANT TEXT
  echo "$1 $(date -u +%T) $2" >>"$work/traffic/violations"
  say "violation: $1: $2"
}

say() { echo "note: $setup: $*"; }

run_setup() { # SETUP SECONDS SEED
  local began=$SECONDS storm=$2 seed=$3 round=0 left
  setup=$1
  chaos=$root/tests/chaos
  mkdir "$work/traffic"
  chmod 755 "$work" "$work/traffic"
  : >"$work/traffic/violations"
  find_cgroups
  trap 'leave $?' EXIT
  [ -n "$cgroups" ] || say "no control group for memory can be made here: memory is not made short"
  make_setup "$setup"
  note_baseline
  # A round ends in a calm, which takes some 40 s where all is well.
  while left=$(($2 - (SECONDS - began) - 40)) && [ $round = 0 ] || ((left >= 60)); do
    storm=$((left < 20 ? 20 : left > 180 ? 140 : left))
    one_round $((seed + round)) "$storm"
    round=$((round + 1))
  done
  report_invariants $round
}

# A group is removed when nothing is in it.
leave() { # STATUS
  set +e
  # What an action said that ended the run.
  [ "$1" = 0 ] || tail -n 5 "$work/actions.log" 2>/dev/null
  end_processes 2>/dev/null
  remove_cgroups
  (exit "$1")
  clean_up
}

one_round() { # SEED SECONDS
  local longest=$((total < 600 ? 6 : 40)) starts
  starts=$(all_starts)
  start_load
  storm "$@" $longest
  calm $((90 + 2 * longest)) $(($2 < 120 ? $2 : 120))
  judge_late $(($(all_starts) - starts))
  quiet
}

all_starts() { local n sum=0; for n in "${started[@]}"; do sum=$((sum + n)); done; echo $sum; }

# ---- traffic -----------------------------------------------------------------------------------------------------------

# In a guest the processor is emulated.
start_load() { if [ "$setup" = vsock ]; then start_traffic 1 60000 250; else start_traffic 2 600000 60; fi; }

# How many datagrams have come so far of each flow: "MACHINE FLOW COUNT" lines.
datagrams() {
  local machine
  for machine in "${ends[@]}"; do
    [ ! -e "$work/traffic/at-$machine" ] || sed "s/^/$machine /" "$work/traffic/at-$machine" | cut -d ' ' -f 1-3
  done
}

every_flow_came() { [ "$(datagrams | wc -l)" -ge $((${#senders[@]} * 4)) ]; }

all_flows_came() { # MORE THAN BEFORE
  every_flow_came && awk -v more="$1" 'NR == FNR {had[$1, $2] = $3; n++; next} {if ($3 - had[$1, $2] >= more) grown++} END {exit grown < n || n == 0}' \
    "$work/datagrams-before" <(datagrams)
}

# ---- the storm ---------------------------------------------------------------------------------------------------------

# A machine that is busy falls behind: what has not begun by the end then does not begin.
storm() { # SEED SECONDS LONGEST
  local began=${EPOCHREALTIME/./} at action first words
  local -A under_way=()
  perl "$chaos/schedule.pl" "$setup" "$@" >"$work/schedule"
  while read -r at action first words; do
    watch_until $((began + ${at/./} * 100000))
    since "$began"
    if [ "$action" = end ]; then
      [ -n "${under_way[$first $words]:-}" ] || continue
      unset "under_way[$first $words]"
    else
      ((${elapsed%.*} < $2)) || continue
      under_way[$action $first]=yes
    fi
    say "$elapsed $action $first${words:+ $words}"
    # shellcheck disable=SC2086 # one word an argument
    if [ "$action" = end ]; then act "end_$first" $words; else act "do_$action" "$first" $words; fi
    deliberate_fault "$elapsed"
  done <"$work/schedule"
  watch_until ${EPOCHREALTIME/./}
  # What it leaves has to be there when all has come back, and a daemon that is started again does not have it.
  [ "$break" != leak ] || leak
}

# How many actions were begun or ended, and how many of them by kind did not do all of their steps.
tried=0
declare -A not_done=()

# All steps of an action, in this shell: of each that fails ERR tells, but only where nothing looks at the action's own result.
act() { # COMMAND...
  local missed=''
  trap 'miss "$BASH_COMMAND"' ERR
  set +e
  "$@" 2>>"$work/actions.log"
  set -e
  trap 'failed_command "$BASH_COMMAND"' ERR
  tried=$((tried + 1))
  [ -n "$missed" ] || return 0
  not_done[${1#*_}]=$((${not_done[${1#*_}]:-0} + 1))
  say "not done: $*: $missed"
}

# Subshells leave it to the shell that runs them. The first is where it went wrong, later ones may follow from it.
miss() { [ "$BASHPID" != $$ ] || missed=${missed:-$1 (${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]})}; } # STEP

watch_until() { # TIME
  while look_for_the_dead && ((${EPOCHREALTIME/./} < $1)); do pause 0.2; done
}

look_for_the_dead() {
  local machine status
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    [ "${alive[$machine]}" = yes ] || continue
    is_gone "${pid[$machine]}" 2>/dev/null || continue
    status=0
    wait "${pid[$machine]}" 2>/dev/null || status=$?
    violation death "$machine ended by itself with $status: $(tail -n 3 "$work/$machine.log" | tr '\n' '|')"
    wait_for 15 no_daemon_at "$machine" || violation death "a daemon at $machine outlives what had started it"
    bring_up "$machine"
  done
}

# One that the schedule has not, so that what is checked is seen to fail.
deliberate_fault() { # SECONDS
  [ "$faulty" = no ] && ((${1%.*} >= 10)) || return 0
  case $break in
    death)
      # While it is ended, there is nothing to die.
      [ "${alive[host]}" = yes ] || return 0
      kill -9 "${pid[host]}"
      ;;
    # What the build with doors says when it has found one.
    nonce) echo 'NONCE REPEATED, on purpose' >>"$work/host.log" ;;
    *) return 0 ;;
  esac
  faulty=yes
}

# Connections to the control socket that stay, and peers that nobody removes.
leak() {
  local i
  for i in {1..12}; do
    socat "UNIX-CONNECT:$work/host/wg0.sock" "EXEC:sleep 600" 2>/dev/null &
  done
  for i in {1..40000}; do
    printf 'public_key=%064x\nallowed_ip=10.%d.%d.%d/32\n' $((i * 7919)) $((i / 65536 + 202)) $((i / 256 % 256)) $((i % 256))
  done >"$work/many"
  { echo set=1 && cat "$work/many" && echo; } | socat -t 20 - "UNIX-CONNECT:$work/host/wg0.sock" >/dev/null
}

# ---- the calm ----------------------------------------------------------------------------------------------------------

calm() { # BOUND FOR DATAGRAMS, AND HOW MUCH LONGER FOR TRANSFERS, IN SECONDS
  local began=${EPOCHREALTIME/./} fault
  say "calm"
  datagrams >"$work/datagrams-before"
  finish_transfers
  wait_watching "$1" all_flows_came 40 || violation ends "flows that do not come again within $1 s: before $(tr '\n' ';' <"$work/datagrams-before") now $(datagrams | tr '\n' ';')"
  since "$began"
  say "flows came again $elapsed s after the storm"
  wait_watching $(($1 + $2 - ${elapsed%.*})) no_client_runs || :
  since "$began"
  say "transfers ended $elapsed s after the storm"
  while read -r fault; do violation ends "after $elapsed s of calm: $fault"; done < <(traffic_faults)
  end_traffic
}

wait_watching() { # SECONDS COMMAND...
  local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@"; do
    look_for_the_dead
    ((${EPOCHREALTIME/./} < end)) || return 1
    pause 0.3
  done
}

# ---- what is left --------------------------------------------------------------------------------------------------------

declare -A base_memory=() base_files=()

# Of all its processes. A connection has one descriptor, and a relay's link one for each stream and each connected socket.
# shellcheck disable=SC2046 # one word a process
memory_of() { rss_kib_of $(processes_at "$1"); } # MACHINE
# shellcheck disable=SC2046
files_of() { fd_count_of $(processes_at "$1"); } # MACHINE
connections_of() { # MACHINE
  local process
  if is_relay "$1"; then
    # Sockets that are connected, whatever they are.
    for process in $(processes_at "$1"); do
      { at "$1" ss -Htunp state established; at "$1" ss -H --vsock -p state established; } 2>/dev/null | grep -o "pid=$process,fd=[0-9]*"
    done | sort -u | wc -l
  else
    uapi "$1" 'status=1\n\n' | grep -c '^connection=' || :
  fi
}

files_without_connections() { echo $(($(files_of "$1") - $(connections_of "$1"))); } # MACHINE

note_baseline() {
  local machine faults break=''
  start_load
  wait_for 60 every_flow_came || fail "no traffic before the storm: $(datagrams | tr '\n' ';')"
  pause 4
  finish_transfers
  wait_for 60 no_client_runs || fail "transfers do not end before the storm"
  faults=$(traffic_faults)
  [ -z "$faults" ] || fail "before the storm: $faults"
  end_traffic
  judge_late "$(all_starts)"
  pause 1
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    base_memory[$machine]=$(memory_of "$machine")
    base_files[$machine]=$(files_without_connections "$machine")
    say "$machine before: ${base_memory[$machine]} KiB, ${base_files[$machine]} descriptors, $(connections_of "$machine") connections"
  done
}

# Superseded and unauthenticated connections are closed after 10 s, a relay's links after 20.
quiet() {
  local machine memory
  # The rules that they began with.
  for machine in ${relays[@]+"${relays[@]}"}; do
    write_relay_file "$machine"
    kill -HUP "${pid[$machine]}"
  done
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    wait_watching 60 files_are_back "$machine" ||
      violation descriptors "$machine has $(files_of "$machine"), of them $(connections_of "$machine") connections; before ${base_files[$machine]} without connections: $(list_files "$machine")"
    memory=$(memory_of "$machine")
    ((memory <= base_memory[$machine] + 24576)) || violation memory "$machine has $memory KiB, ${base_memory[$machine]} before"
    say "$machine after: $memory KiB, $(files_of "$machine") descriptors, $(connections_of "$machine") connections"
  done
}

files_are_back() { # MACHINE
  local connections
  connections=$(connections_of "$1")
  ((connections <= 16 && $(files_of "$1") - connections == base_files[$1]))
}

list_files() { # MACHINE
  local process
  for process in $(processes_at "$1"); do find "/proc/$process/fd" -mindepth 1 -printf '%l\n'; done | sed 's/[0-9]\{3,\}/N/' | sort | uniq -c | tr '\n' ';'
}

# ---- results -----------------------------------------------------------------------------------------------------------

report_invariants() { # ROUNDS
  local invariant count machine kind again='' missed=''
  judge_logs
  for machine in "${!started[@]}"; do again+=" $machine ${started[$machine]}"; done
  say "$1 rounds; in the last $(cat "$work"/traffic/tcp-* | awk '{n += $2} END {print n + 0}') transfers and $(datagrams | awk '{n += $3} END {print n + 0}') datagrams came; starts:$again"
  for kind in "${!not_done[@]}"; do missed+=" $kind ${not_done[$kind]}"; done
  say "actions begun or ended: $tried; not done, or in part:${missed:- none}; connections reset: $were_reset"
  for invariant in "${invariants[@]}"; do
    count=$(grep -c "^$invariant " "$work/traffic/violations" || :)
    if [ "$count" != 0 ]; then
      echo "FAIL $setup $invariant: $count violations, the first: $(grep "^$invariant " "$work/traffic/violations" | sed -n 1p | cut -d ' ' -f 2- | cut -c 1-600)"
    elif [ "$invariant" = nonces ] && ! has_doors; then
      echo "SKIP $setup nonces: this build does not record them"
    else
      echo "PASS $setup $invariant"
    fi
  done
  [ ! -s "$work/traffic/violations" ] || keep_logs
}

# When a connection is replaced or one more joins it, or datagrams are on the path, some may overtake others, as on any network: two in a
# thousand, and 24 for each start of a daemon or relay, which sends what has waited on the first connection while a second one joins. One
# joins also where nothing was started: of 3,270 datagrams over VSOCK 44 came late then, which is the most that was seen.
judge_late() { # STARTS
  local late=$work/traffic/late count came
  came=$(datagrams | awk '{n += $3} END {print n + 0}')
  touch "$late"
  count=$(grep -c ' of flow ' "$late" || :)
  say "$count late of some $came datagrams, in $1 starts"
  ((count <= came / 500 + 24 * $1 + 48)) || violation order "$count late datagrams of $came, in $1 starts: $(sed -n 1p "$late")"
  cat "$late" >>"$work/traffic/all-late"
  rm "$late"
}

judge_logs() {
  local machine line
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    while read -r line; do violation nonces "$machine: $line"; done < <(grep -a 'NONCE REPEATED' "$work/$machine.log" | sed -n 1,3p)
    while read -r line; do violation death "$machine: $line"; done < <(grep -aE 'Unhandled [Ee]xception|SIGSYS|core dumped|Stack overflow|Process terminated' "$work/$machine.log" | sed -n 1,3p)
  done
}

# Its text is in UTF-16.
has_doors() { [ "$(tr -d '\0' <"$daemon" | grep -ac 'NONCE REPEATED')" != 0 ]; }

# In a guest there is only the console.
keep_logs() {
  local file
  if [ -n "$kept" ]; then
    mkdir -p "$kept"
    cp "$work"/*.log "$work/schedule" "$work"/traffic/* "$kept/" 2>/dev/null || :
    say "logs and schedule are in $kept"
  fi
  sed -n '1,30s/^/  | /p' "$work/traffic/violations"
  for file in "$work"/*.log; do
    echo "  | --- ${file##*/}"
    tail -n 15 "$file" | cut -c 1-300 | sed 's/^/  | /'
  done
}
