#!/bin/bash
# Installs the Debian packages that are missing for what is named, and nothing where nothing is missing:
#
#   scripts/setup.sh [build] [run] [test] [vm] [packages] [rpm] [sbom] [image] [arm64] [bench] [lint] [fuzz]      (build and run, if nothing is named)
#
# Without root it says which command installs them.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

# A tool (or a file, by its whole path) and the package it comes in. `a|b` is satisfied by either.
needs() { # PURPOSE
  case $1 in
    build)
      cat <<'END'
clang|gcc            clang
objcopy              binutils
/usr/include/zlib.h  zlib1g-dev
END
      ;;
    run)
      cat <<'END'
wg                   wireguard-tools
ip                   iproute2
ping                 iputils-ping
socat                socat
libcrypto.so.3       libssl3
END
      ;;
    test)
      needs run
      cat <<'END'
wireguard-go         wireguard-go
iperf3               iperf3
tshark               tshark
tcpdump              tcpdump
nft                  nftables
sysctl               procps
setpriv              util-linux
ethtool              ethtool
insmod               kmod
perl                 perl-base
objdump              binutils
mandoc               mandoc
strace               strace
groff                groff-base
curl                 curl
END
      ;;
    vm)
      needs run
      cat <<'END'
qemu-system-x86_64   qemu-system-x86
/usr/share/seabios/bios-256k.bin seabios
busybox              busybox-static
iperf3               iperf3
modprobe             kmod
cpio                 cpio
lz4                  lz4
zstd                 zstd
xz                   xz-utils
gcc                  gcc
/usr/include/stdio.h libc6-dev
END
      ;;
    packages)
      needs rpm
      needs sbom
      needs image
      needs arm64
      cat <<'END'
lintian              lintian
rpmlint              rpmlint
unzip                unzip
systemd-analyze      systemd
systemd-nspawn       systemd-container
pgrep                procps
/usr/share/i18n/locales/tr_TR locales
/usr/lib/python3/dist-packages/yaml python3-yaml
END
      ;;
    rpm) echo "rpmbuild rpm" ;;
    sbom) printf '%s\n' "jq jq" "readelf binutils" ;;
    image) echo "buildah buildah" ;;
    arm64)
      cat <<'END'
clang                clang
aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
/usr/aarch64-linux-gnu/lib/Scrt1.o libc6-dev-arm64-cross
qemu-aarch64-static  qemu-user-static
mmdebstrap           mmdebstrap
END
      ;;
    # Either counts system calls; perf costs less.
    bench) echo "perf|strace strace" ;;
    lint) echo "shellcheck shellcheck" ;;
    fuzz) echo "afl-fuzz afl++" ;;
    *)
      echo "setup.sh: '$1' is none of build, run, test, vm, packages, rpm, sbom, image, arm64, bench, lint, fuzz" >&2
      exit 2
      ;;
  esac
}

is_there() { # TOOLS
  local tool
  for tool in ${1//|/ }; do
    case $tool in
      /*) [ ! -e "$tool" ] || return 0 ;;
      lib*.so.*) [[ $(ldconfig -p) != *"$tool"* ]] || return 0 ;;
      *) ! command -v "$tool" >/dev/null || return 0 ;;
    esac
  done
  return 1
}

missing_packages() { # PURPOSE...
  local purpose tools package
  for purpose; do
    needs "$purpose" | while read -r tools package; do is_there "$tools" || echo "$package"; done
  done | sort -u
}

install_packages() { # PACKAGE...
  if [ "$(id -u)" != 0 ]; then
    echo "setup.sh: missing: $*; install with: sudo apt-get install $*" >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null; then
    echo "setup.sh: missing, as Debian names them: $*; install them with your distribution's tool" >&2
    exit 1
  fi
  echo "setup.sh: installing $*"
  export DEBIAN_FRONTEND=noninteractive
  local log
  log=$(mktemp)
  # The list of packages may be older than the packages: fetch it anew when an installation fails.
  if ! apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm -f "$log"
      echo "setup.sh: could not install $*" >&2
      exit 1
    fi
  fi
  rm -f "$log"
}

# dotnet looks at global.json: the version there, or a later patch of it.
need_sdk() {
  local wanted
  ! (cd "$(dirname "$0")/.." && dotnet --version >/dev/null 2>&1) || return 0
  wanted=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$(dirname "$0")/../global.json")
  cat >&2 <<END
setup.sh: no .NET SDK $wanted, or a later patch of it, found. Debian does not package it; either
  - add Microsoft's package feed for your Debian release and run: apt-get install dotnet-sdk-10.0
  - or run Microsoft's dotnet-install.sh script with --version $wanted, and put ~/.dotnet in PATH.
END
  exit 1
}

[ $# -gt 0 ] || set -- build run
mapfile -t packages < <(missing_packages "$@")
[ ${#packages[@]} = 0 ] || install_packages "${packages[@]}"
case " $* " in *" build "*) need_sdk ;; esac
