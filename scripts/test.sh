#!/bin/bash
# Runs the suites named and adds their results up: scripts/test.sh unit|namespaces|vsock|vm|enclave|packages... [pattern of e2e tests]
# The last line is "N passed, M failed", with ", K skipped" when some did not run, and the exit code says the same.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
skipped=0

heading() { printf '\n== %s\n' "$*"; }

count() { # PASSED FAILED SKIPPED
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
}

# Sums the numbers that stand behind a word in the test runner's summaries, of which there may be none.
summed() { # WORD FILE
  sed -nE "s/^(Passed|Failed|Skipped)! +- .*$1: *([0-9]+).*/\2/p" "$2" | awk '{n += $1} END {print n + 0}'
}

unit_tests() {
  local project log status bad
  log=$(mktemp)
  for project in tests/*.Tests; do
    heading "unit tests: $(basename "$project")"
    status=0
    dotnet test "$project" --nologo --verbosity quiet --logger 'console;verbosity=minimal' 2>&1 </dev/null | tee "$log" || status=$?
    bad=$(summed Failed "$log")
    # A project that does not build, or a runner that dies, has no summary; it counts as one failure.
    [ $status = 0 ] || [ "$bad" != 0 ] || bad=1
    count "$(summed Passed "$log")" "$bad" "$(summed Skipped "$log")"
  done
  rm -f "$log"
}

end_to_end() { # SUITE
  local log status=0 line
  log=$(mktemp)
  heading "end to end: $1"
  tests/e2e/run "^$1/.*${pattern:-}" 2>&1 </dev/null | tee "$log" || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1) || :
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
    unit | namespaces | vsock | vm | enclave | packages) suites+=("$word") ;;
    *) pattern=$word ;;
  esac
done

for suite in "${suites[@]}"; do
  if [ "$suite" = unit ]; then unit_tests; else end_to_end "$suite"; fi
done

heading "all together"
result="$passed passed, $failed failed"
[ $skipped = 0 ] || result+=", $skipped skipped"
echo "$result"
[ $failed = 0 ] && [ $((passed + skipped)) -gt 0 ]
