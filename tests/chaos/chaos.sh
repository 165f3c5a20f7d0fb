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
# initiation that was lost is sent again after 5 s. Meanwhile TCP inside the tunnel waits for up to as long as it was cut off, twice
# (its own backoff). What is under way takes 10 s more, or on a machine that is busy some times that: 90 s and twice the longest cut.
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
  end_processes 2>/dev/null
  remove_cgroups
  (exit "$1")
  clean_up
}

one_round() { # SEED SECONDS
  local longest=$((total < 600 ? 6 : 40)) clients=()
  rm -f "$work/traffic/finish" "$work"/traffic/tcp-*
  start_traffic
  storm "$@" $longest
  calm $((90 + 2 * longest))
  quiet
}

# ---- traffic -----------------------------------------------------------------------------------------------------------

# In a guest the processor is emulated.
rate_of() { if [ "$setup" = vsock ]; then echo 60000; else echo 600000; fi; }

traffic() { # MACHINE WORD...
  local machine=$1
  shift
  CHAOS_BREAK=$break enter "$machine" perl "$chaos/traffic.pl" "$@" 2>>"$work/traffic.log" &
}

# Of each pair two transfers at a time (one in a guest) are driven from either end, and datagrams flow both ways.
start_traffic() {
  local machine peer n=0
  senders=() clients=() receivers=()
  for machine in "${ends[@]}"; do
    traffic "$machine" serve 7000 "$work/traffic"
    receivers+=($!)
    traffic "$machine" receive 7001 "$work/traffic" "at-$machine"
    receivers+=($!)
  done
  for machine in "${ends[@]}"; do
    wait_for 60 listens "$machine" 7000 || fail "no listener at $machine: $(cat "$work/traffic.log")"
  done
  for machine in "${ends[@]}"; do
    for peer in $(peers_of "$machine"); do
      for _ in 1 $([ "$setup" = vsock ] || echo 2); do
        traffic "$machine" transfers "${inner[$peer]}" 7000 $((++n)) "$(rate_of)" "$work/traffic"
        clients+=($!)
      done
      traffic "$machine" flows "${inner[$peer]}" 7001 $((100 * (${#senders[@]} + 1))) 4 "$([ "$setup" = vsock ] && echo 250 || echo 60)" "$work/traffic"
      senders+=($!)
    done
  done
}

end_of() { # PROCESS...
  kill "$@" 2>/dev/null || :
  wait "$@" 2>/dev/null || :
}

# How many datagrams have come so far of each flow: "MACHINE FLOW COUNT" lines.
datagrams() {
  local machine
  for machine in "${ends[@]}"; do sed "s/^/$machine /" "$work/traffic/at-$machine" 2>/dev/null | cut -d ' ' -f 1-3; done
}

all_flows_came() { # MORE THAN BEFORE
  awk -v more="$1" 'NR == FNR {had[$1, $2] = $3; n++; next} {if ($3 - had[$1, $2] >= more) grown++} END {exit grown < n || n == 0}' \
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
    if [ "$action" = end ]; then
      "end_$first" $words || say "not done: end $first $words"
    else
      "do_$action" "$first" $words || say "not done: $action $first $words"
    fi 2>>"$work/actions.log"
    deliberate_fault "$elapsed"
  done <"$work/schedule"
  watch_until ${EPOCHREALTIME/./}
}

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
    death) kill -9 "${pid[host]}" ;;
    # What the build with doors says when it has found one.
    nonce) echo 'NONCE REPEATED, on purpose' >>"$work/host.log" ;;
    leak) leak ;;
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

calm() { # BOUND, IN SECONDS
  local began=${EPOCHREALTIME/./} file
  say "calm"
  datagrams >"$work/datagrams-before"
  touch "$work/traffic/finish"
  wait_watching "$1" no_client_runs || for file in "$work"/traffic/tcp-*; do
    grep -q '^ended' "$file" || violation ends "after $1 s of calm: flow ${file##*-}: $(<"$file")"
  done
  since "$began"
  say "all transfers ended $elapsed s after the storm"
  wait_watching "$1" all_flows_came 40 || violation ends "flows that do not come again within $1 s: before $(tr '\n' ';' <"$work/datagrams-before") now $(datagrams | tr '\n' ';')"
  since "$began"
  say "all flows came again $elapsed s after the storm"
  end_of "${clients[@]}" "${senders[@]}"
  # What is under way.
  pause 1.5
  end_of "${receivers[@]}"
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

no_client_runs() { local client; for client in "${clients[@]}"; do is_gone "$client" 2>/dev/null || return 1; done; }

# ---- what is left --------------------------------------------------------------------------------------------------------

declare -A base_memory=() base_files=()

# Of all its processes. A connection has one descriptor, and a relay's link one for each stream and each connected socket.
memory_of() { # MACHINE
  local process
  for process in $(processes_at "$1"); do awk '$1 == "VmRSS:" {print $2}' "/proc/$process/status"; done | awk '{n += $1} END {print n + 0}'
}
files_of() { # MACHINE
  local process
  for process in $(processes_at "$1"); do ls "/proc/$process/fd"; done | wc -l
}
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
  local machine clients=() senders=() receivers=() break=''
  start_traffic
  datagrams >"$work/datagrams-before"
  wait_for 60 all_flows_come_first || fail "no traffic before the storm: $(datagrams | tr '\n' ';')"
  pause 4
  touch "$work/traffic/finish"
  wait_for 60 no_client_runs || fail "transfers do not end before the storm"
  end_of "${clients[@]}" "${senders[@]}" "${receivers[@]}"
  pause 1
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do
    base_memory[$machine]=$(memory_of "$machine")
    base_files[$machine]=$(files_without_connections "$machine")
    say "$machine before: ${base_memory[$machine]} KiB, ${base_files[$machine]} descriptors, $(connections_of "$machine") connections"
  done
}

all_flows_come_first() { [ "$(datagrams | wc -l)" -ge "$((${#senders[@]} * 4))" ]; }

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
  local invariant count machine again=''
  judge_late
  judge_logs
  for machine in "${!started[@]}"; do again+=" $machine ${started[$machine]}"; done
  say "$1 rounds; in the last $(cat "$work"/traffic/tcp-* | awk '{n += $2} END {print n + 0}') transfers and $(datagrams | awk '{n += $3} END {print n + 0}') datagrams came; starts:$again"
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

# When a connection is replaced or one more joins it, or datagrams are on the path, some may overtake others, as on any network: one in a
# hundred, and 24 for each start of a daemon or relay, which sends what has waited on the first connection while a second one joins.
judge_late() {
  local late=$work/traffic/late count came starts=0 more
  [ -e "$late" ] || return 0
  count=$(grep -c ' of flow ' "$late" || :)
  came=$(datagrams | awk '{n += $3} END {print n + 0}')
  for more in "${started[@]}"; do starts=$((starts + more)); done
  say "$count late of some $came datagrams"
  ((count <= came / 100 + 24 * starts)) || violation order "$count late datagrams of $came: $(sed -n 1p "$late")"
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
