#!/bin/bash
# scripts/verify.sh VERSION: builds a release again, in an empty folder, and compares it byte by byte with what was published. make calls it.
#
#   VERSION   0.6.0, whose tag is v0.6.0, or a commit
#   FILE=     published files: the program, *.deb, *.rpm, *-image.tar, *.nupkg, *.snupkg, *.cdx.json
#   SUMS=     or a SHA256SUMS that names them
#
# A *.buildinfo beside them says what they were built with: where this machine has other things, that is said. With neither FILE nor SUMS
# it prints the sums of the program and the packages that it built. Exit code: 0 all the same, 1 something differs, 2 it could not be tried.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
root=$PWD
unset MAKEFLAGS MAKEOVERRIDES RUNTIME CPU PACKAGES OUT BINARY SOURCE_DATE_EPOCH
wanted=${1:-}
name_and_address='^[A-Za-z0-9 .,@+_<>-]+$'
give_up() { echo "verify: $*" >&2 && exit 2; }

commit=$(git rev-parse -q --verify "refs/tags/v$wanted^{commit}" || git rev-parse -q --verify "$wanted^{commit}") ||
  give_up "this repository has no tag v$wanted, and no commit of that name: git fetch --tags?"
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-verify.XXXXXX")
trap 'rm -rf "$work"' EXIT
checkout=$work/wireguard-vsock
git clone -q --no-checkout . "$checkout"
git -C "$checkout" checkout -q --detach "$commit"
version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' "$checkout/Directory.Build.props")
echo "verify: version $version, commit $commit"

runtime_of() { # FILE
  case ${1##*/} in
    *amd64* | *x86_64* | *linux-x64*) echo linux-x64 ;;
    *arm64* | *aarch64*) echo linux-arm64 ;;
    *.nupkg | *.snupkg | *.tar | *.json) echo "$native" ;;
    *) if [ -e "$1" ] && [[ $(readelf -h "$1" 2>/dev/null) = *AArch64* ]]; then echo linux-arm64; else echo "$native"; fi ;;
  esac
}

# The target of make, and the file that it makes, for a published one.
built_as() { # FILE RUNTIME
  local folder=$checkout/out
  [ "$2" = "$native" ] || folder+=/$2
  case ${1##*/} in
    *.deb) echo deb "$folder/${1##*/}" ;;
    *.rpm) echo rpm "$folder/${1##*/}" ;;
    *.nupkg | *.snupkg) echo pack "$checkout/out/${1##*/}" ;;
    *.cdx.json) echo sbom "$folder/wireguard-vsock.cdx.json" ;;
    *image.tar) echo image "$folder/wireguard-vsock-$version-image.tar" ;;
    *) echo all "$folder/wireguard-vsock" ;;
  esac
}

case $(uname -m) in aarch64 | arm64) native=linux-arm64 ;; *) native=linux-x64 ;; esac
files=() beside=
declare -A targets published
if [ -n "${SUMS:-}" ]; then
  SUMS=$(cd "$here" && realpath "$SUMS")
  beside=${SUMS%/*}
  while read -r sum file || [ -n "$sum" ]; do
    file=${file#\*}
    [[ $file != *.buildinfo ]] || continue
    files+=("$file")
    published[$file]=$sum
  done <"$SUMS"
  [ ${#files[@]} != 0 ] || give_up "$SUMS names nothing to compare"
elif [ -n "${FILE:-}" ]; then
  for file in $FILE; do
    file=$(cd "$here" && realpath "$file")
    [ -f "$file" ] || give_up "no file $file"
    files+=("$file")
    beside=${file%/*}
  done
else
  files=(wireguard-vsock "wireguard-vsock_$version-1_amd64.deb" "wireguard-vsock-$version-1.x86_64.rpm")
  [ "$native" = linux-x64 ] || files=(wireguard-vsock "wireguard-vsock_$version-1_arm64.deb" "wireguard-vsock-$version-1.aarch64.rpm")
fi

for file in "${files[@]}"; do
  runtime=$(runtime_of "$file")
  read -r target _ < <(built_as "$file" "$runtime")
  targets[$runtime]+=" $target"
done

for runtime in "${!targets[@]}"; do
  said=("RUNTIME=$runtime")
  # Who stands in the packages is as the release says: a name and an address, since make and rpmbuild would run what is more.
  theirs=$beside/wireguard-vsock-$version-$runtime.buildinfo
  if [ -n "$beside" ] && [ -e "$theirs" ]; then
    maintainer=$(sed -n 's/^maintainer: //p' "$theirs")
    [[ $maintainer =~ $name_and_address ]] || give_up "the maintainer in $theirs is no name and address"
    said+=("MAINTAINER=$maintainer")
  fi
  mapfile -t made < <(tr ' ' '\n' <<<"${targets[$runtime]}" | sort -u | grep .)
  echo "verify: making ${made[*]} for $runtime"
  make -C "$checkout" "${said[@]}" "${made[@]}" >"$work/log" 2>&1 </dev/null || { tail -n 40 "$work/log" && give_up "make failed"; }
  make -C "$checkout" -s "${said[@]}" buildinfo >"$work/$runtime.buildinfo"
  echo "verify: built for $runtime with"
  sed 's/^/  /' "$work/$runtime.buildinfo"
  if [ -n "$beside" ] && [ -e "$theirs" ]; then
    if diff "$theirs" "$work/$runtime.buildinfo" >"$work/others"; then
      echo "verify: the release was built with the same"
    else
      echo "verify: the release was built with others (<) than this machine has (>)"
      grep '^[<>]' "$work/others" | sed 's/^/  /'
    fi
  fi
done

differ=0
for file in "${files[@]}"; do
  read -r _ built < <(built_as "$file" "$(runtime_of "$file")")
  [ -e "$built" ] || { echo "DIFFERS ${file##*/}: the build makes no such file" && differ=1 && continue; }
  sum=$(sha256sum <"$built" | cut -d ' ' -f 1)
  if [ -n "${SUMS:-}" ]; then
    if [ "${published[$file]}" = "$sum" ]; then
      echo "SAME $file $sum"
    else
      echo "DIFFERS $file: published ${published[$file]}, here $sum" && differ=1
    fi
  elif [ -n "${FILE:-}" ]; then
    if "$root/scripts/compare.sh" "$file" "$built" >"$work/differences"; then
      echo "SAME ${file##*/} $sum"
    else
      echo "DIFFERS ${file##*/}: here $sum" && differ=1
      sed 's/^/  /' "$work/differences"
    fi
  else
    echo "$sum  ${file##*/}"
  fi
done
exit $differ
