# shellcheck shell=bash
# `wireguard-vsock attest`: public documents of real enclaves at their own times, and addresses where nobody answers.

documents=$root/tests/WireGuard.Attestation.Tests/Documents
pcr0_of_1=f4d48b81a460c9916d1e685119074bf24660afd3e34fae9fca0a0d28d9d5599936332687e6f66fc890ac8cf150142d8b

Document_of_a_real_enclave_is_verified_by_hand() {
  "$daemon" attest --file "$documents/real-1.bin" --at 2022-10-13T08:58:02Z --pcr0 "$pcr0_of_1" >"$work/said"
  grep -qxF 'module: i-020b6af9246d90e92-enc0183d09086c24190' "$work/said" || fail "$(cat "$work/said")"
  grep -qxF "pcr0: $pcr0_of_1 (as asked)" "$work/said" || fail "$(cat "$work/said")"
  # Through a pipe as well, and as an object.
  "$daemon" attest --file /dev/stdin --at 2022-10-13T08:58:02Z --pcr0 "$pcr0_of_1" --json <"$documents/real-1.bin" >"$work/said"
  grep -q '"holds": true' "$work/said" || fail "$(cat "$work/said")"
}

Document_that_does_not_hold_is_code_1_with_a_line_for_each_reason() {
  refused_for 2022-10-13T09:08:02Z 'it was made 600 s ago, over 300 s' --pcr0 "$pcr0_of_1"
  refused_for 2022-10-13T08:58:02Z "its PCR0 is $pcr0_of_1, which is not pinned" --pcr0 "${pcr0_of_1//f/e}"
  refused_for 2022-10-13T08:58:02Z "if it is the image that you built, ask for --pcr0 $pcr0_of_1"
  document=debug-mode refused_for 2022-10-12T13:50:06Z 'its enclave runs in debug mode' --pcr0 "$(printf '%096d' 0)"
  document=other-root refused_for 2024-12-13T09:05:45Z "its root is not AWS's root G1" --pcr0 "$(printf '%096d' 0)"
}

refused_for() { # TIME REASON ARGUMENTS...
  local status=0
  "$daemon" attest --file "$documents/${document:-real-1}.bin" --at "$1" "${@:3}" >"$work/said" 2>"$work/refused" || status=$?
  equal "the exit code" 1 $status
  grep -q "^wireguard-vsock: attest: .*$2" "$work/refused" || fail "no '$2' in: $(cat "$work/refused")"
  grep -q '^not verified; ' "$work/said" || fail "it does not say that nothing is verified: $(cat "$work/said")"
}

# Each bit of a document counts: the unit tests flip all of them.
Changed_document_is_not_verified() {
  local at
  for at in 100 1200 4600; do
    cp "$documents/real-1.bin" "$work/changed"
    printf '\xa5' | dd of="$work/changed" bs=1 seek=$at conv=notrunc status=none
    if "$daemon" attest --file "$work/changed" --at 2022-10-13T08:58:02Z --pcr0 "$pcr0_of_1" >/dev/null 2>"$work/refused"; then
      fail "a document with another byte at $at is taken"
    fi
    grep -q '^wireguard-vsock: attest: ' "$work/refused" || fail "it does not say why: $(cat "$work/refused")"
  done
}

Nobody_at_the_address_is_said() {
  # shellcheck disable=SC2016
  refused_with 'cannot connect to tcp:127.0.0.1:9' \
    unshare -n bash -c 'ip link set lo up; exec "$@"' - "$daemon" attest tcp:127.0.0.1:9 --pcr0 "$pcr0_of_1"
}

# The verifier needs it, and nothing else of OpenSSL.
Missing_libcrypto_is_said_in_a_line() {
  local status=0
  # shellcheck disable=SC2016
  unshare -m bash -e -c '
    for library in $(ldconfig -p | sed -n "s/.*libcrypto\.so\.3 .*=> //p"); do mount --bind /dev/null "$library"; done
    exec "$@"' - "$daemon" attest --file "$documents/real-1.bin" --at 2022-10-13T08:58:02Z --pcr0 "$pcr0_of_1" \
    >"$work/said" 2>"$work/refused" || status=$?
  equal "the exit code" 1 $status
  grep -q '^wireguard-vsock: .*libcrypto\.so\.3 ' "$work/refused" || fail "$(cat "$work/refused")"
  equal "how many lines it said" 1 "$(wc -l <"$work/refused")"
  ! grep -q 'as asked' "$work/said" || fail "it says that something holds: $(cat "$work/said")"
}
