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

Image_for_arm64_holds_programs_for_arm64() {
  again image "$work/arm64" RUNTIME=linux-arm64
  container "$work/arm64/wireguard-vsock-$version-image.tar" --arch arm64
  equal "architecture" arm64 "$(store inspect --format '{{.OCIv1.Architecture}}' --type image "localhost/wireguard-vsock:$version")"
  equal "public key" "$(wg pubkey <<<"$(printf 'A%.0s' {1..43})=")" \
    "$(qemu-aarch64-static -L "$image" "$image/usr/bin/wireguard-vsock" pubkey <<<"$(printf 'A%.0s' {1..43})=")"
}
