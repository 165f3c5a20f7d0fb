# shellcheck shell=bash
# What `make verify` makes of what stands beside a release. That it builds the same bytes, scripts/reproducible.sh shows.

# A release that says so; and who made it, if given.
published() { # [MAINTAINER]
  version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' "$root/Directory.Build.props")
  release=$work/release
  mkdir -p "$release"
  echo "not a package" >"$release/wireguard-vsock_$version-1_amd64.deb"
  printf 'version: %s\nmaintainer: %s\n' "$version" "${1:-}" >"$release/wireguard-vsock-$version-linux-x64.buildinfo"
}

gives_up_with() { # TEXT VARIABLE=VALUE
  local code=0
  git -C "$root" rev-parse -q --verify HEAD >/dev/null || skip "these sources are no git checkout"
  (cd "$root" && env "$2" scripts/verify.sh HEAD) >"$work/said" 2>&1 </dev/null || code=$?
  equal "exit code ($(cat "$work/said"))" 2 $code
  grep -q "$1" "$work/said" || fail "said: $(cat "$work/said")"
}

A_maintainer_that_make_or_rpmbuild_would_run_is_refused() {
  local maintainer
  for maintainer in "\$(shell touch $work/ran)" "x'; touch $work/ran; '" "%(touch $work/ran)" 'a <b@c>/e; s/' ''; do
    published "$maintainer"
    gives_up_with 'no name and address' "FILE=$release/wireguard-vsock_$version-1_amd64.deb"
  done
  [ ! -e "$work/ran" ] || fail "it was run"
}

Sums_that_name_nothing_are_no_success() {
  published
  : >"$release/SHA256SUMS"
  gives_up_with 'names nothing to compare' "SUMS=$release/SHA256SUMS"
  echo "0000  wireguard-vsock-$version-linux-x64.buildinfo" >"$release/SHA256SUMS"
  gives_up_with 'names nothing to compare' "SUMS=$release/SHA256SUMS"
}
