#!/bin/bash
# scripts/compare.sh FILE FILE: whether two builds of a program or a package have the same bytes; if not, says which parts differ.
set -euo pipefail
export LC_ALL=C
cmp -s "$1" "$2" && exit 0
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-compare.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The sections of a program that differ, by place, length or bytes.
sections() { # FILE
  local name type offset size
  readelf -SW "$1" | sed -nE 's/^ *\[ *[0-9]+\] +(\S+) +(\S+) +\S+ +(\S+) +(\S+) .*/\1 \2 \3 \4/p' | while read -r name type offset size; do
    [ "$type" != NOBITS ] || continue
    echo "section $name at 0x$offset, 0x$size bytes: $(
      dd if="$1" iflag=skip_bytes,count_bytes skip=$((0x$offset)) count=$((0x$size)) status=none | sha256sum | cut -c 1-16
    )"
  done
}

# A list of what is in the file, a line a part, with the hash of its bytes.
parts() { # FILE FOLDER
  mkdir "$2"
  case $1 in
    *.deb)
      dpkg-deb -R "$1" "$2"
      ar t "$1"
      dpkg-deb --fsys-tarfile "$1" | tar -tv --full-time
      ;;
    *.rpm)
      rpm -qp --nosignature --xml "$1" | grep -v 'sha\|md5\|Sigmd5' || :
      (cd "$2" && rpm2cpio "$1" | cpio -idm --quiet)
      ;;
    *.tar)
      tar -xf "$1" -C "$2"
      tar -tvf "$1" --full-time
      ;;
    *.nupkg | *.snupkg)
      unzip -q -d "$2" "$1"
      unzip -v "$1" | tail -n +2
      ;;
    *) if readelf -h "$1" >/dev/null 2>&1; then sections "$1"; else cat "$1"; fi ;;
  esac
  (cd "$2" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
}

parts "$(realpath "$1")" "$work/1" >"$work/1.parts" 2>&1 || echo "$1 cannot be read"
parts "$(realpath "$2")" "$work/2" >"$work/2.parts" 2>&1 || echo "$2 cannot be read"
echo "$1 has $(stat -c %s "$1") bytes, $2 has $(stat -c %s "$2"); they differ from byte $(cmp "$1" "$2" 2>&1 | sed -n 's/.* \([0-9]*\), line.*/\1/p') on"
diff "$work/1.parts" "$work/2.parts" | sed -n '1,40p'
exit 1
