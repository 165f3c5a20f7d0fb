# shellcheck shell=bash
# The examples that packages hold, as far as they can be tried without Nitro, nitro-cli or Kubernetes, none of which is at hand.
# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

# With keys in the places of those that the reader is to put.
without_mistakes() { # FILE...
  sed -i "s|[A-Z]*-PUBLIC-KEY|$(wg genkey | wg pubkey)|; s|[A-Z]*-PRIVATE-KEY|$(wg genkey)|" "$@"
  "$daemon" check "$@"
}

Examples_for_Kubernetes_ask_for_no_more_than_they_say() {
  # Debian's: another python in PATH has modules of its own.
  /usr/bin/python3 "$e2e/packages/manifests.py" "$root/packaging/kubernetes" "$work" || fail "see above"
  without_mistakes "$work/wg0.conf" "$work/relay.conf"
}

Configurations_of_the_enclave_and_its_parent_are_without_mistakes() {
  cp "$root"/packaging/enclave/*.conf "$work/"
  wg genkey >"$work/enclave-host.key"
  without_mistakes "$work/enclave.conf" "$work/parent-tunnel.conf" "$work/parent-relay.conf"
}
