# shellcheck shell=bash
# The container image, loaded from its archive into a store of the test's own.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

archive() { echo "$root/out/wireguard-vsock-$version-image.tar"; }

store() { buildah --root "$work/layers" --runroot "$work/run" --storage-driver vfs "$@"; }

# Sets $image to where the files of a container of it are.
container() { # ARCHIVE [OPTION...]
  local name
  name=$(store from --quiet "${@:2}" "docker-archive:$1")
  image=$(store mount "$name")
}

in_image() { chroot --userspec=65532:65532 "$image" "$@"; }

Image_runs_with_nothing_else_and_without_privilege() {
  container "$(archive)"
  equal "programs" "wireguard-go-vsock wireguard-vsock" "$(cd "$image/usr/bin" && echo *)"
  [ ! -e "$image/bin" ] || fail "the image has a /bin"
  in_image /usr/bin/wireguard-vsock --version >"$work/said"
  grep -qF "wireguard-vsock v$version" "$work/said" || fail "--version said $(cat "$work/said")"
  in_image /usr/bin/wireguard-vsock genkey >"$work/key"
  equal "public key" "$(wg pubkey <"$work/key")" "$(in_image /usr/bin/wireguard-vsock pubkey <"$work/key")"
  note "the archive has $(($(stat -c %s "$(archive)") / 1000000)) MB"
}

Container_of_the_image_starts_the_program() {
  local name
  name=$(store from --quiet "docker-archive:$(archive)")
  equal "entry point" '[/usr/bin/wireguard-vsock]' "$(store inspect --format '{{.OCIv1.Config.Entrypoint}}' "$name")"
  store run --isolation chroot "$name" /usr/bin/wireguard-vsock genkey >"$work/key"
  wg pubkey <"$work/key" >/dev/null
}

# As tunnel.yaml has it: its root is read-only, but for /run; of capabilities there are NET_ADMIN, NET_RAW, and, to get in here, SYS_CHROOT; the
# kernel's settings are read-only.
as_a_pod() { # MACHINE ARGUMENT...
  mkdir -p "$image"/{proc,sys,dev/net,etc/wireguard}
  touch "$image/dev/net/tun"
  # shellcheck disable=SC2016 # the inner shell's
  enter "$1" unshare --mount sh -ec 'image=$0
    mount --bind "$image" "$image"
    mount -t tmpfs run "$image/run"
    mount --rbind /proc "$image/proc"
    mount --bind /proc/sys "$image/proc/sys"
    mount -o remount,bind,ro "$image/proc/sys"
    mount --bind /dev/net/tun "$image/dev/net/tun"
    mount -o remount,bind,ro "$image"
    exec setpriv --bounding-set -all,+net_admin,+net_raw,+sys_chroot --inh-caps -all --no-new-privs \
      chroot "$image" /usr/bin/wireguard-vsock "$@"' "$image" "${@:2}"
}

Image_makes_a_tunnel_with_the_rights_of_its_pod() {
  container "$(archive)"
  new_machines host
  sed -n '/^  wg0.conf: |/,/^---/{s/^    //p}' "$root/packaging/kubernetes/tunnel.yaml" |
    sed "s|PODS-PRIVATE-KEY|$(wg genkey)|; s|SERVERS-PUBLIC-KEY|${public[host]}|; s|vpn.example.org|192.0.2.1|" >"$work/wg0.conf"
  mkdir -p "$image/etc/wireguard"
  install -m 400 "$work/wg0.conf" "$image/etc/wireguard/wg0.conf"
  as_a_pod host up -f /etc/wireguard/wg0.conf >"$work/up" 2>&1 &
  local pod=$!
  wait_for 60 at host ip link show dev wg0 up || fail "no interface: $(cat "$work/up")"
  wait_for 30 eval '[[ $(at host ip -o -4 address show dev wg0) = *203.0.113.2/24* ]]' || fail "no address: $(cat "$work/up")"
  # What the pod's probe does.
  wait_for 30 nsenter --target "$pod" --net --mount --root="/proc/$pod/root" /usr/bin/wireguard-vsock show wg0 ||
    fail "does not show it: $(cat "$work/up")"
  equal "capabilities" 0000000000043000 "$(status_of "$pod" CapEff)"
  equal "capabilities of its daemon" "$net_raw" "$(status_of "$(pgrep -P "$pod")" CapEff)"
  kill "$pod"
  wait "$pod" || :
  if at host ip link show dev wg0 >/dev/null 2>&1; then fail "the interface stays: $(cat "$work/up")"; fi
}

# As relay.yaml has it, with a name that is one: another user than root, no capability, and a root that is read-only.
Image_relays_with_the_rights_of_its_pod() {
  container "$(archive)"
  new_machines host
  mkdir -p "$image/etc/relay"
  printf '%s\n' '[Relay]' 'Listen = udp:51820' 'To = tcp:192.0.2.1:51820' >"$image/etc/relay/relay.conf"
  chmod 755 "$image" "$image/etc/relay"
  chmod 644 "$image/etc/relay/relay.conf"
  # shellcheck disable=SC2016 # the inner shell's
  enter host unshare --mount sh -ec 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
    exec chroot --userspec=65532:65532 "$0" /usr/bin/wireguard-vsock relay /etc/relay/relay.conf' "$image" >"$work/relay" 2>&1 &
  local pod=$!
  wait_for 60 listens host 51820 -u || fail "does not listen: $(cat "$work/relay")"
  equal "capabilities" "$no_capability" "$(status_of "$pod" CapEff)"
  kill "$pod"
  wait "$pod" || fail "ended with $?: $(cat "$work/relay")"
}

Image_for_arm64_holds_programs_for_arm64() {
  again image "$work/arm64" RUNTIME=linux-arm64
  container "$work/arm64/wireguard-vsock-$version-image.tar" --arch arm64
  equal "architecture" arm64 "$(store inspect --format '{{.OCIv1.Architecture}}' --type image "localhost/wireguard-vsock:$version")"
  equal "public key" "$(wg pubkey <<<"$(printf 'A%.0s' {1..43})=")" \
    "$(qemu-aarch64-static -L "$image" "$image/usr/bin/wireguard-vsock" pubkey <<<"$(printf 'A%.0s' {1..43})=")"
}
