# shellcheck shell=bash
# Builds for other processors than this one, run by QEMU's emulation of their user space.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

arm64() { qemu-aarch64-static -L "$root/out/sysroot-arm64" "$root/out/linux-arm64/$1" "${@:2}"; } # PROGRAM ARGUMENT...

Build_for_arm64_makes_the_same_keys() {
  arm64 wireguard-vsock --version >"$work/said"
  grep -qF "wireguard-vsock v$version" "$work/said" || fail "--version said $(cat "$work/said")"
  grep -qF "for linux-arm64" "$work/said" || fail "--version said $(cat "$work/said")"
  arm64 wireguard-vsock genkey >"$work/key"
  equal "public key" "$(wg pubkey <"$work/key")" "$(arm64 wireguard-vsock pubkey <"$work/key")"
  cmp "$root/out/man/wireguard-vsock.8" "$root/out/linux-arm64/man/wireguard-vsock.8"
}

Test_vectors_pass_on_arm64() {
  arm64 WireGuard.Vectors >"$work/said" || fail "$(cat "$work/said")"
  equal "tests that passed" 10 "$(grep -c '^passed: ' "$work/said")"
}

Packages_for_arm64_name_their_architecture() {
  again deb "$work/deb" RUNTIME=linux-arm64
  equal "architecture of the deb" arm64 "$(dpkg-deb -f "$work"/deb/*.deb Architecture)"
  equal "what lintian says" "" "$(lintian --allow-root --fail-on none "$work"/deb/*.deb 2>&1)"
  again rpm "$work/rpm" RUNTIME=linux-arm64
  equal "architecture of the rpm" aarch64 "$(rpm -qp --qf '%{ARCH}' "$work"/rpm/*.rpm)"
}

on_x86() { qemu-x86_64-static -cpu "$1" "$2" --version 2>"$work/complaint" >"$work/said"; } # PROCESSOR PROGRAM

refused_by() { # PROCESSOR PROGRAM
  # The program aborts: a core of the emulator helps nobody.
  if (ulimit -c 0 && cd "$work" && on_x86 "$1" "$2") 2>/dev/null; then fail "$2 runs on $1"; fi
  grep -qF 'The required instruction sets are not supported by the current CPU.' "$work/complaint" || fail "$(cat "$work/complaint")"
}

Build_runs_where_AVX_is_masked_and_says_why_it_runs_on_nothing_less() {
  [ "$(uname -m)" = x86_64 ] || skip "this machine builds for arm64"
  on_x86 Nehalem-v1 "$root/out/wireguard-vsock" || fail "$(cat "$work/complaint")"
  refused_by core2duo "$root/out/wireguard-vsock"
}

Build_for_better_processors_says_why_it_does_not_run_on_lesser_ones() {
  [ "$(uname -m)" = x86_64 ] || skip "this machine builds for arm64"
  on_x86 max "$root/out/x86-64-v3/wireguard-vsock" || fail "$(cat "$work/complaint")"
  refused_by Nehalem-v1 "$root/out/x86-64-v3/wireguard-vsock"
}

make_refuses() { # LINE VARIABLE=VALUE...
  local said
  if said=$(env -u MAKEFLAGS -u MAKEOVERRIDES make -C "$root" -n "${@:2}" 2>&1); then fail "make ${*:2} was not refused"; fi
  [[ $said = *"$1"* ]] || fail "make ${*:2} said: $said"
}

Make_refuses_processors_that_it_does_not_know() {
  make_refuses 'CPU=pentium is none of: x86-64-v2 x86-64-v3 x86-64-v4 native' CPU=pentium
  make_refuses 'CPU=x86-64-v3 is a kind of x86-64' CPU=x86-64-v3 RUNTIME=linux-arm64
  make_refuses 'RUNTIME=linux-arm is none of: linux-x64 linux-arm64' RUNTIME=linux-arm
}
