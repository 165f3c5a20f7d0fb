#!/bin/bash
# debian_root.sh FOLDER: unpacks a small Debian of this machine's release, with systemd, libcrypto and wireguard-tools, into FOLDER.
# It is made once, and kept in out/debian-root.tar. Exit code 77: it cannot be made here.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
kept=$root/out/debian-root.tar
mkdir -p "$root/out" "$1"
exec 9>"$root/out/debian-root.lock"
flock 9
if [ ! -e "$kept" ]; then
  "$root/scripts/debian.sh" "${kept%.tar}.new.tar" systemd,libssl,wireguard-tools --variant=essential 9>&-
  mv "${kept%.tar}.new.tar" "$kept"
fi
tar -xf "$kept" -C "$1" --numeric-owner
