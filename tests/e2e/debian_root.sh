#!/bin/bash
# debian_root.sh FOLDER: unpacks a small Debian of this machine's release, with systemd, libcrypto and wireguard-tools, into FOLDER.
# It is made once, from where this machine gets its own packages, and kept in out/debian-root.tar. Exit code 77: it cannot be made here.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
kept=$root/out/debian-root.tar
work=$(mktemp -d "${TMPDIR:-/tmp}/debian-root.XXXXXX")
trap 'rm -rf "$work"' EXIT

make_root() {
  local release sources libssl
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  mapfile -t sources < <(grep -lsw "$release" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
  if [ ${#sources[@]} = 0 ] || ! command -v mmdebstrap >/dev/null; then
    echo "no Debian root: this needs Debian and mmdebstrap" >&2
    exit 77
  fi
  # From Debian 13 on it has another name.
  libssl=$(apt-cache --names-only search '^libssl3(t64)?$' | cut -d ' ' -f 1 | sort | tail -n 1)
  # How this machine reaches its mirror: a proxy, or one whose lists are older than they should be.
  apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$work/apt.conf" || :
  mmdebstrap --quiet --variant=essential --include="systemd,$libssl,wireguard-tools" --aptopt="$work/apt.conf" \
    "$release" "$work/root.tar" "${sources[@]}" >&2
  mv "$work/root.tar" "$kept.new"
  mv "$kept.new" "$kept"
}

mkdir -p "$root/out" "$1"
exec 9>"$root/out/debian-root.lock"
flock 9
[ -e "$kept" ] || make_root
tar -xf "$kept" -C "$1" --numeric-owner
