#!/bin/bash
# Fetches Debian's wireguard-go from bookworm-backports without touching the system. Prints the program's path and its
# package's version, separated by a tab:
#
#   bench/wireguard-go.sh CACHE
#
# Where backports cannot be had it prints the installed one, and says so on standard error.
set -euo pipefail
# shellcheck source=scripts/backports.sh
. "$(dirname "$0")/../scripts/backports.sh"
cache=$1
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

version_of() { dpkg-deb -f "$1" Version; } # DEB

found() { # PATH VERSION
  printf '%s\t%s\n' "$1" "$2"
  exit 0
}

unpacked() {
  local deb
  for deb in "$cache"/wireguard-go_*.deb; do
    [ ! -e "$deb" ] || [ ! -x "$cache/root/usr/bin/wireguard-go" ] || found "$cache/root/usr/bin/wireguard-go" "$(version_of "$deb")"
  done
}

fetch() {
  open_backports "$cache" || return 1
  (cd "$cache" && backports "$cache" apt-get -qq download "wireguard-go/$backports_release") || return 1
  dpkg-deb -x "$cache"/wireguard-go_*.deb "$cache/root"
  close_backports "$cache"
}

unpacked
if (fetch) >"$cache/log" 2>&1; then unpacked; fi
echo "bench: no wireguard-go from $backports_release (see $cache/log); using the installed one" >&2
found "$(command -v wireguard-go)" "$(dpkg-query -W -f '${Version}' wireguard-go 2>/dev/null || echo unknown)"
