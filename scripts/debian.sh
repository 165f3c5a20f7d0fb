#!/bin/bash
# scripts/debian.sh TARGET PACKAGES [mmdebstrap's options...]: packages of this machine's release of Debian, separated by commas, with
# those they need, in TARGET (a folder, or a *.tar). They come from where the machine gets its own; nothing of the machine changes.
# PACKAGES may have `libssl`, which is called libssl3 or, from Debian 13 on, libssl3t64. Exit code 77: it cannot be done here.
set -euo pipefail
target=$1 packages=$2
shift 2

# shellcheck source=/dev/null
. /etc/os-release
mapfile -t sources < <(grep -lsw "${VERSION_CODENAME:-none}" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
if [ ${#sources[@]} = 0 ] || ! command -v mmdebstrap >/dev/null; then
  echo "debian.sh: this needs Debian and mmdebstrap" >&2
  exit 77
fi
libssl=$(apt-cache --names-only search '^libssl3(t64)?$' | cut -d ' ' -f 1 | sort | tail -n 1)
if [[ $packages == *libssl* && -z $libssl ]]; then
  echo "debian.sh: apt's lists name no libssl3: run apt-get update" >&2
  exit 1
fi
packages=${packages//libssl/$libssl}
# How this machine reaches its mirror: a proxy, or one whose lists are older than they should be.
options=$(mktemp)
trap 'rm -f "$options"' EXIT
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$options" || :
mkdir -p "$(dirname "$target")"
mmdebstrap --quiet --include="$packages" --aptopt="$options" "$@" "$VERSION_CODENAME" "$target" "${sources[@]}" >&2
