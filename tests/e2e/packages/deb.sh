# shellcheck shell=bash
# The package for Debian and Ubuntu, in a Debian of its own.

# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

deb() { echo "$root/out/wireguard-vsock_$version-1_$(dpkg --print-architecture).deb"; }

Deb_installs_upgrades_and_is_purged_without_a_trace() {
  debian
  files_of "$work/debian" >"$work/before"
  cp "$(deb)" "$work/debian/tmp/first.deb"
  inside dpkg -i /tmp/first.deb >"$work/dpkg" 2>&1 || fail "dpkg -i: $(cat "$work/dpkg")"
  equal "state" "install ok installed" "$(inside dpkg-query -W -f '${Status}' wireguard-vsock)"
  equal "files that are not as they were packed" "" "$(inside dpkg --verify wireguard-vsock)"
  has_units lib/systemd/system
  runs_inside

  again deb "$work/higher" VERSION="$version.1"
  cp "$work"/higher/*.deb "$work/debian/tmp/second.deb"
  inside dpkg -i /tmp/second.deb >"$work/dpkg" 2>&1 || fail "upgrade: $(cat "$work/dpkg")"
  equal "version" "$version.1-1" "$(inside dpkg-query -W -f '${Version}' wireguard-vsock)"
  runs_inside

  # What is the owner's stays.
  (umask 077 && mkdir -p "$work/debian/etc/wireguard" && echo "[Interface]" >"$work/debian/etc/wireguard/mine.conf")
  inside dpkg -r wireguard-vsock >"$work/dpkg" 2>&1 || fail "dpkg -r: $(cat "$work/dpkg")"
  inside dpkg -P wireguard-vsock >"$work/dpkg" 2>&1 || fail "dpkg -P: $(cat "$work/dpkg")"
  [ -e "$work/debian/etc/wireguard/mine.conf" ] || fail "a configuration was removed"
  rm "$work/debian/etc/wireguard/mine.conf"
  files_of "$work/debian" >"$work/after"
  diff "$work/before" "$work/after" || fail "files came or went"
  if inside dpkg-query -W wireguard-vsock >/dev/null 2>&1; then fail "dpkg still knows it"; fi
}

Deb_has_the_same_bytes_when_built_again() {
  again deb "$work/again"
  cmp "$(deb)" "$work"/again/*.deb
}

Deb_names_what_its_program_is_made_of() {
  dpkg-deb -x "$(deb)" "$work/unpacked"
  has_bill "$work/unpacked"
}

Lintian_finds_nothing_in_the_deb() {
  equal "what lintian says" "" "$(lintian --allow-root --fail-on none "$(deb)" 2>&1)"
}
