#!/bin/bash
# scripts/release.sh: what is published of the build in $OUT, in out/release under names that say the version and the kind of machine,
# with what it was built with (*.buildinfo) and SHA256SUMS of all. make release calls it; for another RUNTIME it adds to the same folder.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
to=out/release
name=wireguard-vsock-$VERSION-$RUNTIME
mkdir -p "$to"
install -m 755 "$OUT/wireguard-vsock" "$to/$name"
install -m 644 "$OUT/wireguard-vsock.cdx.json" "$to/$name.cdx.json"
install -m 644 "$OUT/wireguard-vsock-$VERSION-image.tar" "$to/$name-image.tar"
for file in "$OUT/wireguard-vsock_$VERSION-1_"*.deb "$OUT/wireguard-vsock-$VERSION-1."*.rpm "$OUT"/WireGuard.*."$VERSION".{nupkg,snupkg}; do
  [ ! -e "$file" ] || install -m 644 "$file" "$to/"
done
scripts/buildinfo.sh >"$to/$name.buildinfo"
(cd "$to" && LC_ALL=C && sha256sum -- *"$VERSION"* >SHA256SUMS)
ls -l "$to"
