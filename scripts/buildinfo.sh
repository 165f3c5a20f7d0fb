#!/bin/bash
# scripts/buildinfo.sh: with what this machine builds this checkout for $RUNTIME, a line a fact: the SDK, what Debian's packages put into
# the program, and the packages whose tools write it and its packages. make release keeps it beside what it made, and make verify compares.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
# As the AOT compiler looks for one.
driver=$(command -v clang || command -v gcc)
linker=ld objcopy=objcopy target=()
if [ "$RUNTIME" = linux-arm64 ] && [ "$(uname -m)" = x86_64 ]; then
  linker=aarch64-linux-gnu-ld objcopy=aarch64-linux-gnu-objcopy target=(--target=aarch64-linux-gnu)
fi

# NAME=VERSION of the package that a file is of; where /lib is /usr/lib, packages know it by either name.
package() { # FILE
  local path name
  path=$(realpath "$1")
  name=$(dpkg-query -S "$path" "${path#/usr}" 2>/dev/null | sed -n '1s/: .*//p') || :
  if [ -n "$name" ]; then dpkg-query -W -f '${Package}=${Version}\n' "$name"; else echo "no package"; fi
}

commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit+=" and changes"
cat <<END
version: $VERSION
commit: $commit
runtime: $RUNTIME
maintainer: $MAINTAINER
source date epoch: $SOURCE_DATE_EPOCH
system: $(. /etc/os-release && echo "$PRETTY_NAME")
SDK: $(dotnet --version)
AOT compiler and runtime: $(sed -n 's|.*<LinkedRuntimeVersion>\(.*\)</LinkedRuntimeVersion>.*|\1|p' Directory.Packages.props)
END
for file in Scrt1.o crti.o crtbeginS.o libgcc.a libc_nonshared.a crtendS.o crtn.o; do
  path=$("$driver" "${target[@]}" -print-file-name="$file")
  [ -e "$path" ] || continue
  echo "linked: $file of $(package "$path"), sha256 $(sha256sum <"$path" | cut -c 1-16)"
done
{
  for tool in "$driver" "$linker" "$objcopy" dpkg-deb gzip xz rpmbuild jq buildah; do
    path=$(command -v "$tool") || continue
    package "$path"
  done
  # What the linker compresses with, what packages are compressed with, and what the image has.
  for library in libz.so.1 liblzma.so.5 libc.so.6 libcrypto.so.3; do
    package "$(ldconfig -p | sed -n "s|.*$library .* => ||p" | sed -n 1p)"
  done
} | sort -u | sed 's/^/package: /'
