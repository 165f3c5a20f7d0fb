# shellcheck shell=bash
# The package for Fedora, Amazon Linux 2023 and the like. None of them is at hand: it is installed by rpm into a root with a list of
# packages of its own, whose files are Debian's, beside a package that provides what Amazon Linux 2023 provides.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

rpm_of_build() { echo "$root/out/wireguard-vsock-$version-1.$(uname -m).rpm"; }

into() { rpm --root "$work/debian" --dbpath /var/lib/rpm "$@"; }

# glibc 2.34, OpenSSL 3 and a shell, by the names that rpm knows their parts by.
platform() {
  local i
  mkdir "$work/platform"
  {
    printf '%s\n' 'Name: platform' 'Version: 2023' 'Release: 1' 'Summary: What Amazon Linux 2023 provides' 'License: MIT' 'BuildArch: noarch'
    printf 'Provides: %s\n' /bin/sh 'libcrypto.so.3()(64bit)' 'rtld(GNU_HASH)' \
      'libc.so.6()(64bit)' 'libm.so.6()(64bit)' 'ld-linux-x86-64.so.2()(64bit)'
    for i in 2.5 3 3.2 3.4 {4..34}; do
      printf 'Provides: %s(GLIBC_2.%s)(64bit)\n' libc.so.6 "$i" libm.so.6 "$i" ld-linux-x86-64.so.2 "$i"
    done
    printf '%s\n' '%description' 'For a test.' '%files'
  } >"$work/platform/platform.spec"
  rpmbuild -bb --define "_topdir $work/platform" "$work/platform/platform.spec" >"$work/rpmbuild" 2>&1 || fail "$(cat "$work/rpmbuild")"
}

Rpm_installs_upgrades_and_is_erased_without_a_trace() {
  debian
  platform
  # Folders that are there on such a machine.
  mkdir -p "$work/debian/usr/share/licenses" "$work/debian/usr/lib/systemd/system"
  files_of "$work/debian" >"$work/before"
  into --initdb
  if into -i "$(rpm_of_build)" >"$work/said" 2>&1; then fail "installed where nothing of what it needs is"; fi
  grep -qF 'libcrypto.so.3()(64bit) is needed' "$work/said" || fail "does not ask for libcrypto: $(cat "$work/said")"
  into -i "$work"/platform/RPMS/noarch/*.rpm
  into -i "$(rpm_of_build)"
  equal "files that are not as they were packed" "" "$(into -V wireguard-vsock)"
  has_units usr/lib/systemd/system
  runs_inside

  again rpm "$work/higher" VERSION="$version.1"
  into -U "$work"/higher/*.rpm
  equal "version" "$version.1-1" "$(into -q --qf '%{VERSION}-%{RELEASE}' wireguard-vsock)"
  runs_inside

  into -e wireguard-vsock
  into -e platform
  files_of "$work/debian" >"$work/after"
  diff "$work/before" "$work/after" || fail "files came or went"
}

Rpm_has_the_same_bytes_when_built_again() {
  again rpm "$work/again"
  cmp "$(rpm_of_build)" "$work"/again/*.rpm
}

Rpm_names_what_its_program_is_made_of() {
  mkdir "$work/unpacked"
  rpm2cpio "$(rpm_of_build)" >"$work/archive"
  (cd "$work/unpacked" && cpio -idm --quiet <"$work/archive")
  has_bill "$work/unpacked"
}

Rpmlint_finds_nothing_in_the_rpm() {
  rpmlint --config "$root/packaging/rpm/rpmlint.toml" "$(rpm_of_build)" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
  grep -q ' 0 errors, 0 warnings' "$work/said" || fail "$(cat "$work/said")"
}
