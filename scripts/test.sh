#!/bin/bash
# Runs the suites named and adds their results up:
#
#   scripts/test.sh unit|fuzz|interleavings|namespaces|vsock|vm|enclave|packages|reproducible|chaos... [pattern of e2e tests]
#
# The last line is "N passed, M failed", with ", K skipped" when some did not run, and the exit code says the same.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
skipped=0
failures=

heading() { printf '\n== %s\n' "$*"; }

# What failed, each with the first lines that it wrote, so that the end of a long run tells what is wrong.
remember_failures() { # WHAT LOG
  failures+=$(awk -v what="$1" -v most=15 '
    function tell(  i) {
      if (name == "") return
      printf "%s: %s\n", what, name
      for (i = 0; i < lines; i++) print text[i]
      name = ""
    }
    /^FAIL |^ *Failed [A-Z]/ { tell(); name = $0; lines = 0; next }
    /^ +\| note: / { next }
    /^ +/ { if (name != "" && lines < most) text[lines++] = $0; next }
    { tell() }
    END { tell() }' "$2")
  [ -z "$failures" ] || [ "${failures: -1}" = $'\n' ] || failures+=$'\n'
}

count() { # PASSED FAILED SKIPPED
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
}

# Sums the numbers that stand behind a word in the test runner's summaries, of which there may be none.
summed() { # WORD FILE
  sed -nE "s/^(Passed|Failed|Skipped)! +- .*$1: *([0-9]+).*/\2/p" "$2" | awk '{n += $1} END {print n + 0}'
}

# The projects side by side; each one's output comes when it has ended.
unit_tests() {
  local project logs status bad built=--no-build
  local -A process=()
  logs=$(mktemp -d)
  # What does not build is told of by the project that needs it.
  dotnet build WireGuardVsock.slnx -c Release --nologo --verbosity quiet </dev/null || built=
  for project in tests/*.Tests; do
    dotnet test "$project" -c Release $built --nologo --verbosity quiet --logger 'console;verbosity=minimal' \
      >"$logs/${project##*/}" 2>&1 </dev/null &
    process[$project]=$!
    # Two that build would be in each other's way.
    [ -n "$built" ] || wait $! || :
  done
  for project in tests/*.Tests; do
    status=0
    wait "${process[$project]}" || status=$?
    heading "unit tests: ${project##*/}"
    cat "$logs/${project##*/}"
    remember_failures "unit tests" "$logs/${project##*/}"
    bad=$(summed Failed "$logs/${project##*/}")
    # A project that does not build, or a runner that dies, has no summary; it counts as one failure.
    [ $status = 0 ] || [ "$bad" != 0 ] || bad=1
    count "$(summed Passed "$logs/${project##*/}")" "$bad" "$(summed Skipped "$logs/${project##*/}")"
  done
  rm -r "$logs"
}

# A suite that says in its last line how many tests passed, failed and were skipped. Without that line it counts as one failure.
counted() { # HEADING COMMAND...
  local log status=0 line
  log=$(mktemp)
  heading "$1"
  "${@:2}" 2>&1 </dev/null | tee "$log" || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1) || :
  remember_failures "$1" "$log"
  rm -f "$log"
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+))? ]]; then
    count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-0}"
    [ $status = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || count 0 1 0
  else
    count 0 1 0
  fi
}

suites=()
pattern=
for word; do
  case $word in
    unit | fuzz | interleavings | namespaces | vsock | vm | enclave | packages | reproducible | chaos) suites+=("$word") ;;
    *) pattern=$word ;;
  esac
done

durations=
for suite in "${suites[@]}"; do
  began=$SECONDS
  case $suite in
    unit) unit_tests ;;
    # Each target from its corpus, for so long that a reader that was broken meanwhile is found. The same inputs each time, so that
    # what fails is what was changed: `make fuzz` looks for new ones.
    fuzz) FUZZ_SEED=1 counted "fuzzing" tests/Fuzz/run 20 ;;
    reproducible) counted "the same bytes when built again" scripts/reproducible.sh ;;
    # The same schedule each time, likewise: `make chaos` takes others.
    chaos) counted "chaos" tests/chaos/run --seconds 180 --seed 1 ;;
    interleavings) counted "interleavings" tests/Interleavings/run 60 ;;
    *) counted "end to end: $suite" tests/e2e/run "^$suite/.*${pattern:-}" ;;
  esac
  printf -v durations '%s%6d s  %s\n' "$durations" $((SECONDS - began)) "$suite"
done

[ -z "$failures" ] || heading "what failed"
printf '%s' "$failures"
heading "all together"
printf '%s' "$durations"
result="$passed passed, $failed failed"
[ $skipped = 0 ] || result+=", $skipped skipped"
echo "$result"
[ $failed = 0 ] && [ $((passed + skipped)) -gt 0 ]
