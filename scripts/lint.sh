#!/bin/bash
# C#: its style, which the build looks after, its format, the order of its usings, and lines of more than 130 columns.
# Scripts: shellcheck, and pipes whose reader leaves early.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is found is shown, and fails.
none() { # WHAT COMMAND...
  ! "${@:2}" || {
    echo "lint: $1" >&2
    return 1
  }
}

unsorted_usings() {
  find src tests bench \( -name obj -o -name bin \) -prune -o -name '*.cs' -print0 | xargs -0 awk '
    FNR == 1 {last = ""}
    /^using [A-Za-z0-9_.]+;/ {
      key = ($2 ~ /^System[.;]/ ? 0 : 1) tolower($2)
      sub(/;$/, "", key)
      if (key < last) {print FILENAME ": " $0}
      last = key
    }'
}

scripts=(scripts/*.sh packaging/stage packaging/build-* packaging/deb/p*[tm] completions/*.bash .ci/run tests/*/run tests/chaos/soak
  tests/chaos/flood tests/chaos/*.sh tests/e2e/*.sh
  tests/e2e/*/*.sh tests/e2e/*/*verbs tests/e2e/*/boot tests/e2e/*/prepare tests/e2e/vsock/init tests/e2e/*/*.init
  bench/run bench/report bench/publish bench/profile bench/scale bench/startup bench/*.sh bench/vsock/run bench/vsock/*.sh)
# Dash has no pipefail.
mapfile -t bash_scripts < <(grep -LE '^# shellcheck shell=sh$|^#!/bin/(busybox )?sh' "${scripts[@]}")

none "C# has lines of more than 130 columns" env LC_ALL=C.UTF-8 \
  grep -rnE --include='*.cs' --exclude-dir=obj --exclude-dir=bin '^.{131,}' src tests bench
# Such a reader ends its writer by SIGPIPE, now and then: with pipefail the pipe has failed. Tests say `| has`, others `sed -n 1p`.
pipe='(^|[^|])[|] *([A-Z_]+=[^ ]* )?'
none "a pipe's reader may leave before its writer has ended" \
  grep -nE -e "${pipe}e?grep +(-[^ ]+ +)*(-[a-zA-Z]*[qm]|--quiet|--max-count)" -e "${pipe}head\\b" \
  -e "${pipe}sed +[^|]*[/0-9; ']q[; '0-9]" -e "${pipe}awk +[^|]*\\bexit\\b *[;}]" "${bash_scripts[@]}"
printf '%s\0' "${scripts[@]}" | xargs -0 -n 8 -P "$(nproc)" shellcheck
none "usings are not in order: System's first" grep . <(unsorted_usings)
for folder in src tests bench; do dotnet format whitespace --folder "$folder" --verify-no-changes --verbosity quiet; done
# Usings that nothing needs, and what else .editorconfig warns of: of src any build tells, of tests only this one, since it takes long.
# Such usings are found only where a documentation file is made.
dotnet build WireGuardVsock.slnx -c Release -p:EnforceCodeStyleInBuild=true -p:GenerateDocumentationFile=true --nologo --verbosity quiet
