#!/bin/bash
# Fetches Debian's wireguard-go from bookworm-backports without touching the system: a source list and package lists of
# its own, beside the machine's. Prints the program's path and its package's version, separated by a tab:
#
#   bench/wireguard-go.sh CACHE
#
# Where backports cannot be had it prints the installed one, and says so on standard error.
set -euo pipefail
release=bookworm-backports
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

# Where this machine gets Debian from: the first entry that serves the release's main packages.
archive() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$3 == "main" && $2 ~ /^[a-z]+$/ {print $1; exit}'
}

apt() {
  apt-get -qq -o Dir::Etc::SourceList="$cache/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$cache/lists" \
    -o Dir::Cache="$cache/apt" -o APT::Sandbox::User=root "$@"
}

fetch() {
  local uri options='' keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  command -v apt-get >/dev/null || return 1
  uri=$(archive)
  [ -n "$uri" ] || return 1
  [ ! -e "$keyring" ] || options="[signed-by=$keyring] "
  echo "deb $options$uri $release main" >"$cache/sources.list"
  mkdir -p "$cache/lists/partial" "$cache/apt/archives/partial"
  apt update || return 1
  (cd "$cache" && apt download "wireguard-go/$release") || return 1
  dpkg-deb -x "$cache"/wireguard-go_*.deb "$cache/root"
  rm -rf "$cache/lists" "$cache/apt"
}

unpacked
if (fetch) >"$cache/log" 2>&1; then unpacked; fi
echo "bench: no wireguard-go from $release (see $cache/log); using the installed one" >&2
found "$(command -v wireguard-go)" "$(dpkg-query -W -f '${Version}' wireguard-go 2>/dev/null || echo unknown)"
