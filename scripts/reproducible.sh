#!/bin/bash
# Whether what make makes of these sources has the same bytes when they are built again: from a clone in a deeper folder, with another
# umask, locale, time zone, user and folder of packages. out/ has the first build; a make of out/ that has been does not run again.
# The last line is "N passed, M failed".
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-reproducible.XXXXXX")
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKEOVERRIDES RUNTIME CPU PACKAGES SOURCE_DATE_EPOCH
version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
targets=(all sbom deb rpm)
there=$work/a/deeper/folder/checkout

logged() { # COMMAND...
  "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; echo "0 passed, 1 failed"; exit 1; }
}

# What was changed and not committed is built here, so it is built there.
cp "$(git rev-parse --git-path index)" "$work/index"
GIT_INDEX_FILE=$work/index git add --all
tree=$(GIT_INDEX_FILE=$work/index git write-tree)
git clone -q --no-checkout . "$there"
git -C "$there" read-tree "$tree"
git -C "$there" checkout-index --all

logged make "${targets[@]}"

mkdir "$work/tmp"
ln -s "$(dotnet nuget locals global-packages --list | sed 's/^global-packages: //')" "$work/packages"
# Turkish has an i of its own, and a German comma would do: what formats by the locale shows.
mkdir "$work/locales"
logged localedef -i tr_TR -f UTF-8 "$work/locales/tr_TR.UTF-8"
elsewhere=(env USER=nobody LOGNAME=nobody LOCPATH="$work/locales" LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 TZ=Pacific/Kiritimati
  TMPDIR="$work/tmp" NUGET_PACKAGES="$work/packages" XZ_DEFAULTS=-T2)
(umask 077 && logged "${elsewhere[@]}" make -C "$there" "${targets[@]}")

passed=0
failed=0
for file in out/{wireguard-vsock,man/wireguard-vsock.8,man/wireguard-vsock.conf.5,wireguard-vsock.cdx.json} \
  out/wireguard-vsock_"$version"-1_*.deb out/wireguard-vsock-"$version"-1.*.rpm; do
  if scripts/compare.sh "$file" "$there/$file" >"$work/differences"; then
    passed=$((passed + 1))
    echo "PASS ${file#out/} has the same bytes when built again"
  else
    failed=$((failed + 1))
    echo "FAIL ${file#out/} has other bytes when built again"
    sed 's/^/  | /' "$work/differences"
  fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
