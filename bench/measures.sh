# shellcheck shell=bash disable=SC2154,SC2034 # names that network.sh and run set, and one that run uses
# How each is measured. A measure writes lines of "round row measure value" into the results.
#
#   one, reverse, eight   Mbit/s of payload at the receiver: one TCP stream, one in the other direction, eight
#   cpu                   processor seconds of both daemons for each GB that `one` and `reverse` carried
#   datagrams             Mbit/s of payload in UDP datagrams of 1,200 bytes, at the highest rate that loses under 0.5 %
#   idle                  mean round trip in us of 100 pings, 10 ms apart
#   loaded                mean round trip in us of a ping every 20 ms, beside one TCP stream
#   calls                 system calls of the busier daemon for each MB carried; it has a run of its own, as counting costs time
#   memory                peak resident memory in kB of the larger daemon, after all that: so it comes last

all_measures=(idle one reverse eight datagrams loaded calls memory)

record() { printf '%s\t%s\t%s\t%s\n' "$round" "$row" "$1" "$2" >>"$results"; } # MEASURE VALUE

# ---- iperf3 --------------------------------------------------------------------------------------------------------

listens() { [ -n "$(right ss -Hltn 'sport = :5201')" ]; }

serve() {
  right iperf3 -s -1 >/dev/null 2>&1 &
  server=$!
  wait_until 5 listens
}

# WITHIN, if not empty, are the words of a command that runs the client.
within=()

transfer() { # OPTIONS...: the report is in $work/report
  serve
  left timeout 60 ${within[@]+"${within[@]}"} iperf3 -J -c "$there" "$@" >"$work/report" 2>>"$work/said" || {
    grep '"error"' "$work/report" >>"$work/said" || :
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    return 1
  }
  wait "$server" || :
}

# A number out of the totals at the report's end.
reported() { # sum_received|sum NAME
  awk -v object="\"$1\":" -v name="\"$2\":" '
    $1 == object {inside = 1}
    inside && $1 == name {value = $2 + 0}
    /}/ {inside = 0}
    END {printf "%.6f\n", value}' "$work/report"
}

megabits() { awk -v bits="$(reported sum_received bits_per_second)" 'BEGIN {printf "%.1f\n", bits / 1e6}'; }

# ---- streams -------------------------------------------------------------------------------------------------------

# utime + stime of both daemons, in clock ticks.
ticks() {
  local pid sum=0
  for pid in ${daemons[@]+"${daemons[@]}"}; do
    sum=$((sum + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
  done
  echo $sum
}

stream() { # MEASURE OPTIONS...
  local measure=$1 before
  shift
  before=$(ticks)
  transfer -t "$seconds" "$@" || return 1
  record "$measure" "$(megabits)"
  [ ${#daemons[@]} = 0 ] || [ "$measure" = eight ] || record "cpu-$measure" \
    "$(awk -v t=$(($(ticks) - before)) -v hz="$(getconf CLK_TCK)" -v bytes="$(reported sum_received bytes)" \
      'BEGIN {printf "%.3f\n", t / hz / (bytes / 1e9)}')"
}

measure_one() { stream one; }
measure_reverse() { stream reverse -R; }
measure_eight() { stream eight -P 8; }

# ---- datagrams -----------------------------------------------------------------------------------------------------

# Paced every 200 us, not every 1,000 as iperf3 would, and with a buffer of 4 MB where the system allows it: the tunnel
# shall lose packets, not the receiving socket.
datagrams() { # RATE, bit/s, 0 for all it can: sets sent (bit/s), lost (%) and kept (Mbit/s received)
  local buffer
  buffer=$(cat /proc/sys/net/core/rmem_max)
  transfer -u -l 1200 -w $((buffer < 4194304 ? buffer : 4194304)) --pacing-timer 200 -t 1 -b "$1" || return 1
  sent=$(reported sum bits_per_second)
  lost=$(reported sum lost_percent)
  kept=$(awk -v s="$sent" -v l="$lost" 'BEGIN {printf "%.1f\n", s * (1 - l / 100) / 1e6}')
}

few_lost() { awk -v l="$lost" 'BEGIN {exit l >= 0.5}'; }

# A rate is too high when it loses too much twice: other load on the machine loses packets too.
carries() { datagrams "$1" && { few_lost || { datagrams "$1" && few_lost; }; }; }

# Between 1/64 of what iperf3 can send and all of it, in seven steps of equal ratio: to 3 %.
measure_datagrams() {
  local low high middle best=0 sent lost kept
  datagrams 0 || return 1
  if few_lost; then
    record datagrams "$kept"
    return
  fi
  high=$sent
  low=$(awk -v h="$high" 'BEGIN {print h / 64}')
  for _ in 1 2 3 4 5 6 7; do
    middle=$(awk -v l="$low" -v h="$high" 'BEGIN {printf "%.0f\n", sqrt(l * h)}')
    if carries "$middle"; then low=$middle best=$kept; else high=$middle; fi
  done
  record datagrams "$best"
}

# ---- round trips ---------------------------------------------------------------------------------------------------

mean_us() { awk -F / '/^rtt/ {printf "%.0f\n", $5 * 1000}' "$work/pings"; }

measure_idle() {
  left ping -q -c 100 -i 0.01 "$there" >"$work/pings" || return 1
  record idle "$(mean_us)"
}

measure_loaded() {
  local client status=0
  serve
  left iperf3 -c "$there" -t $((seconds + 1)) >/dev/null 2>>"$work/said" &
  client=$!
  sleep 0.7
  left ping -q -i 0.02 -w "$seconds" "$there" >"$work/pings" || status=1
  wait "$client" || status=1
  wait "$server" || :
  [ $status = 0 ] || return 1
  record loaded "$(mean_us)"
  record loaded-lost "$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$work/pings")"
}

# ---- system calls and memory ---------------------------------------------------------------------------------------

# perf counts with little cost, where the kernel has tracefs; strace stops the daemon at each call.
calls_counter() {
  if with_tracefs perf stat -e raw_syscalls:sys_enter true >/dev/null 2>&1; then echo perf; else echo strace; fi
}

# In a mount namespace of its own, with tracefs where perf looks for it.
with_tracefs() {
  unshare --mount sh -c '[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"' sh "$@"
}

measure_calls() {
  local side
  "calls_by_$(awk '$1 == "calls" {print $2}' out/bench/machine.tsv)" || return 1
  record calls "$(for side in 0 1; do cat "$work/calls.$side"; done |
    awk -v bytes="$(reported sum_received bytes)" '$1 > most {most = $1} END {printf "%.1f\n", most / (bytes / 1e6)}')"
}

calls_by_perf() {
  local side counted=(perf stat "-x," -e "raw_syscalls:sys_enter") status=0
  # `ip netns exec` has mounted a new /sys, so tracefs goes on that.
  within=(unshare --mount sh -c 'mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"' sh
    "${counted[@]}" -o "$work/perf.0" -p "${daemons[0]}" -- "${counted[@]}" -o "$work/perf.1" -p "${daemons[1]}" --)
  transfer -t 2 || status=1
  within=()
  for side in 0 1; do awk -F , '/sys_enter/ {print $1}' "$work/perf.$side" >"$work/calls.$side"; done
  return $status
}

calls_by_strace() {
  local side tracers=() status=0
  for side in 0 1; do
    strace -f -c -o "$work/strace.$side" -p "${daemons[$side]}" 2>>"$work/said" &
    tracers+=($!)
  done
  sleep 0.5
  transfer -t 2 || status=1
  kill -TERM "${tracers[@]}"
  wait "${tracers[@]}" || :
  for side in 0 1; do awk '$NF == "total" {print $4}' "$work/strace.$side" >"$work/calls.$side"; done
  return $status
}

measure_memory() {
  local pid
  record memory "$(for pid in "${daemons[@]}"; do awk '/^VmHWM/ {print $2}' "/proc/$pid/status"; done | sort -n | tail -n 1)"
}
