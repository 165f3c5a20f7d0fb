# shellcheck shell=bash
# How a guest is made and booted, for the suites that need one: Debian's cloud kernel under QEMU's software emulation, with an
# initramfs made here. It needs neither KVM nor a processor of a certain make. Sourced by */boot, which names itself in $suite.
#
# The kernel's package is downloaded once and unpacked in out/guest, or out/guest-backports. No AF_VSOCK socket is opened on this
# machine.
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

guest=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$guest/../../.." && pwd)
daemon=${WIREGUARD_VSOCK:-$root/out/wireguard-vsock}
cache=${GUEST_CACHE:-$root/out/guest}
# Where the emulator's files are, in folders as in the root: this machine's own, unless newer_release has others.
emulator_root=/
newer=
# Seconds until a guest that was started is to say that it is up: it takes 4 on an idle machine, and a start that hangs is tried anew.
up_limit=${GUEST_UP_LIMIT:-300}
work=$(mktemp -d "${TMPDIR:-/tmp}/wireguard-guest.XXXXXX")
emulator=

give_up() {
  echo "FAIL $suite: $*"
  exit 1
}

end_emulator() {
  [ -n "$emulator" ] || return 0
  kill "$emulator" 2>/dev/null || :
  wait "$emulator" 2>/dev/null || :
  emulator=
}

clean_up() {
  trap '' INT TERM
  end_emulator
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 124' INT TERM

# Exit code 77 is for what cannot run here, and is counted as skipped.
if [ "$(uname -m)" != x86_64 ]; then
  echo "the guest is x86-64, this machine is not"
  exit 77
fi
[ -x "$daemon" ] || give_up "no $daemon: run make first"

# ---- the kernel ------------------------------------------------------------------------------------------------------

# From here on the guest has a kernel of 6.8 or later, which has a driver for Nitro's secure module, and an emulator that goes with it:
# that of Debian 12 leaves flags after cmpxchg16b at which such a kernel panics. There both come from backports, unpacked in a folder of
# their own; later releases of Debian have them.
newer_release() {
  # shellcheck source=/dev/null
  [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] || return 0
  # shellcheck source=scripts/backports.sh
  . "$root/scripts/backports.sh"
  newer=$backports_release
  cache+=-backports
  emulator_root=$cache/emulator
}

# apt-get or apt-cache, of the release that the guest is made from.
packages() { # PROGRAM WORD...
  if [ -n "$newer" ]; then backports "$cache" "$@"; else "$@"; fi
}

update_lists() {
  if [ -n "$newer" ]; then open_backports "$cache"; else apt-get update -qq; fi >/dev/null 2>&1 || :
}

cloud_kernel() {
  packages apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | sed -n 1p
}

# PACKAGE... unpacked in FOLDER, which is there when all of it is.
unpack() { # FOLDER PACKAGE...
  local to=$1 package
  shift
  # Nothing but what is made here: the folder beside it may hold other files.
  rm -rf "$cache/download" "$to" "$to.new"
  mkdir -p "$cache/download"
  (cd "$cache/download" && packages apt-get download -qq "${@/%/${newer:+/$newer}}" >/dev/null 2>&1) || return 1
  for package in "$cache"/download/*.deb; do dpkg -x "$package" "$to.new" || return 1; done
  rm -r "$cache/download"
  mv "$to.new" "$to"
}

fetch_kernel() {
  local package
  [ ! -e "$cache/vmlinux" ] || [ ! -e "$emulator_root" ] || return 0
  mkdir -p "$cache"
  # Backports' lists are fetched first, which this machine has not.
  [ -z "$newer" ] || update_lists
  package=$(cloud_kernel) || :
  if [ -z "$package" ]; then
    update_lists
    package=$(cloud_kernel) || :
  fi
  [ -n "$package" ] || give_up "no package linux-image-cloud-amd64 to take a kernel from"
  rm -f "$cache/vmlinux"
  unpack "$cache/files" "$package" || {
    # The list of packages may be older than the packages.
    update_lists
    package=$(cloud_kernel)
    unpack "$cache/files" "$package"
  } || give_up "could not download $package"
  # Later packages have their modules under usr/lib, and leave the link from lib to another package.
  [ -e "$cache/files/lib/modules" ] || {
    mkdir -p "$cache/files/lib"
    ln -s ../usr/lib/modules "$cache/files/lib/modules"
  }
  depmod -b "$cache/files" "$(ls "$cache/files/lib/modules")"
  [ -z "$newer" ] || {
    unpack "$emulator_root" qemu-system-x86 qemu-system-common qemu-system-data seabios || give_up "could not download QEMU of $newer"
    close_backports "$cache"
  }
  uncompress_kernel "$cache"/files/boot/vmlinuz-* "$cache/vmlinux"
}

# QEMU enters an uncompressed kernel directly (by its PVH note), which saves the emulated decompression.
uncompress_kernel() { # VMLINUZ VMLINUX
  local magic program offset offsets
  while read -r magic program; do
    mapfile -t offsets < <(grep -abo -P "$magic" "$1" | cut -d : -f 1 | sed -n 1,3p)
    for offset in ${offsets[@]+"${offsets[@]}"}; do
      tail -c +$((offset + 1)) "$1" | $program -dqc >"$work/vmlinux" 2>/dev/null || :
      if [ "$(head -c 4 "$work/vmlinux" | tail -c 3)" = ELF ]; then
        mv "$work/vmlinux" "$2"
        return
      fi
    done
  done <<'END'
\x02\x21\x4c\x18 lz4
\x28\xb5\x2f\xfd zstd
\xfd7zXZ\x00 xz
END
  give_up "could not uncompress $1"
}

# ---- what a guest holds ----------------------------------------------------------------------------------------------

# Files at their own paths, and the libraries they are linked to.
put() { # ROOT FILE...
  local to=$1
  shift
  cp -nL --parents "$@" "$to"
  put_libraries_of "$to" "$@"
}

put_libraries_of() { # ROOT FILE...: a script has none, which is no error
  local to=$1 file
  shift
  for file; do
    { ldd "$file" 2>/dev/null || :; } | { grep -o '/[^ ]*' || :; } | xargs -r -I{} cp -nL --parents {} "$to"
  done
}

# Programs by their names, wherever this machine has them.
put_programs() { # ROOT NAME...
  local to=$1 name path
  shift
  for name; do
    path=$(type -P "$name") || give_up "no $name; run scripts/setup.sh test vm"
    put "$to" "$path"
  done
}

# Perl's own modules, those of perl-base, and the libraries that they load.
put_perl() { # ROOT
  local to=$1 folder
  perl -MSocket -MFcntl -MErrno -MIO::Handle -e 'print map {"$_\n"} @INC' | while read -r folder; do
    case $folder in */perl-base) cp -rL --parents "$folder" "$to" ;; esac
  done
}

# Modules, uncompressed, with those they need before them.
put_modules() { # ROOT MODULE...
  local to=$1 module path release
  release=$(ls "$cache/files/lib/modules")
  shift
  for module; do modprobe -d "$cache/files" -S "$release" --show-depends "$module"; done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r path; do
    module=$(basename "$path" .xz)
    case $path in
      *.xz) xz -dc "$path" ;;
      *) cat "$path" ;;
    esac >"$to/modules/$module"
    echo "$module" >>"$to/modules/order"
  done
}

# One that is opened by name at run time, so that ldd does not list it.
library() { ldconfig -p | awk -v name="$1" '$1 == name && !n++ {print $NF}'; } # NAME

# An emulator for a guest's own guests, with the files that it opens for them.
put_emulator() { # ROOT
  local to=$1 file
  cp "$cache/vmlinux" "$to/"
  (cd "$emulator_root" && cp -nL --parents usr/bin/qemu-system-x86_64 usr/share/seabios/bios-256k.bin \
    usr/share/qemu/{pvh,kvmvapic,linuxboot_dma}.bin "$to/")
  put_libraries_of "$to" "$emulator_root/usr/bin/qemu-system-x86_64"
  # A module in some builds.
  for file in "$emulator_root"/usr/lib/*/qemu/accel-tcg-x86_64.so; do
    [ ! -e "$file" ] || (cd "$emulator_root" && cp -nL --parents "${file#"${emulator_root%/}/"}" "$to/")
  done
}

# The daemon, the programs that every guest needs, and INIT as its first process.
make_root() { # ROOT INIT MODULE...
  local to=$1 init=$2
  shift 2
  mkdir -p "$to"/{bin,modules,proc,sys,dev,tmp,run,etc,var,root,usr/bin}
  ln -s ../run "$to/var/run"
  cp "$(command -v busybox)" "$to/bin/busybox"
  # Busybox's own shell would take its applets for ip and ping, whatever PATH says.
  put "$to" /usr/bin/dash
  ln -s ../usr/bin/dash "$to/bin/sh"
  ln -s /proc/mounts "$to/etc/mtab"
  put_programs "$to" ip wg ping iperf3 socat
  put "$to" "$(library libcrypto.so.3)"
  install -m 755 "$daemon" "$to/usr/bin/wireguard-vsock"
  put_libraries_of "$to" "$daemon"
  # A script that stands for the daemon may call another program.
  [ -z "${GUEST_EXTRA:-}" ] || put "$to" "$GUEST_EXTRA"
  put_modules "$to" "$@"
  cp "$guest/begin.sh" "$to/"
  install -m 755 "$init" "$to/init"
}

pack() { # ROOT ARCHIVE
  (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >"$2"
}

# ---- the run -----------------------------------------------------------------------------------------------------------

# The word on the kernel's command line is what tells a test that this is our guest: lib.sh's in_guest.
emulate() { # ARCHIVE MEGABYTES SECONDS
  local own=${emulator_root%/}/usr modules=()
  if [ "$emulator_root" != / ]; then modules=(env QEMU_MODULE_DIR="$(echo "$own"/lib/*/qemu)"); fi
  timeout -k 5 "$3" "${modules[@]}" "$own/bin/qemu-system-x86_64" -L "$own/share/qemu" -L "$own/share/seabios" \
    -accel tcg,thread=multi,tb-size=512 -M pc -cpu max,la57=off -smp 2 -m "$2" -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$cache/vmlinux" -initrd "$1" \
    -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off random.trust_cpu=on no_timer_check tsc=reliable wireguard_vsock_guest" \
    -serial "file:$work/console" </dev/null >"$work/emulator" 2>&1 &
  emulator=$!
}

# Without this, a start that hangs would take all of the time that the tests have. It ends with the emulator.
watch_start() { # EMULATOR
  local i
  for ((i = 0; i < up_limit; i++)); do
    if [ ! -e "/proc/$1" ] || grep -q '^guest: up' "$work/console"; then return 0; fi
    sleep 1
  done
  kill "$1" 2>/dev/null || :
}

# Prints results as they come. Returns 0 when the guest came to its end, 2 when it did not come up.
run_guest() { # ARCHIVE MEGABYTES SECONDS
  local status=0 follower watch
  : >"$work/console"
  emulate "$@"
  watch_start "$emulator" &
  watch=$!
  tail -n +1 -f --pid=$emulator "$work/console" |
    sed -un 's/\r//g; /^\(PASS\|FAIL\|SKIP\|note:\|failed:\|  |\) /p; /^guest: /s/^guest: /  (guest) /p; s/^demo: //p' | tee "$work/results" &
  follower=$!
  wait "$emulator" || status=$?
  emulator=
  wait $watch || :
  wait $follower || :
  grep -q '^guest: done' "$work/console" && return 0
  # Before the first test has run, the test environment failed.
  if grep -qE '^(PASS|FAIL|SKIP) ' "$work/results"; then
    show_console 30
    give_up "the guest did not finish (status $status, $3 s allowed)"
  fi
  return 2
}

show_console() { # LINES
  tail -q -n "$1" "$work/console" "$work/emulator" | tr -d '\r' | sed 's/^/  | /'
}

# All of it, a second time if the guest does not come up.
boot() { # ARCHIVE MEGABYTES SECONDS
  echo "  (image built, $(du -m "$1" | cut -f 1) MB)"
  run_guest "$@" && return
  echo "  (the guest did not come up; once more)"
  show_console 5
  run_guest "$@" && return
  show_console 30
  give_up "the guest did not come up"
}
