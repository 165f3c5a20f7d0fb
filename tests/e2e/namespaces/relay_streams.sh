# shellcheck shell=bash
# What a relay makes of bytes on a stream: frames, bad frames, and streams of any other kind.
# shellcheck source=tests/e2e/namespaces/relay_verbs
. "$e2e/namespaces/relay_verbs"

Frames_go_on_byte_for_byte_with_either_checksum() {
  chain host near enclave
  relay near --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000"
  "$e2e/frames.pl" 3000 >"$work/frames"
  at enclave socat -u TCP-LISTEN:7000,reuseaddr "CREATE:$work/received" &
  local receiver=$!
  wait_for 30 listens enclave 7000 || fail "no listener"
  at host socat -b 65536 -u "OPEN:$work/frames" "TCP:${outer4[near/host]}:${port[near]}"
  wait $receiver
  cmp "$work/frames" "$work/received" || fail "the frames that came are others"
  # And in the other direction, whose beginning is the near end's first message.
  head -c $((6 + 148)) "$work/frames" >"$work/first"
  at enclave socat -b 65536 TCP-LISTEN:7000,reuseaddr "OPEN:$work/frames!!CREATE:$work/first.received" &
  receiver=$!
  wait_for 30 listens enclave 7000 || fail "no listener"
  (
    cat "$work/first"
    sleep 3
  ) | at host socat - "TCP:${outer4[near/host]}:${port[near]}" >"$work/received"
  wait $receiver
  cmp "$work/frames" "$work/received" || fail "the frames that came back are others"
  cmp "$work/first" "$work/first.received" || fail "the first frame is another"
}

Bad_frame_closes_its_connection_and_reaches_nobody() {
  local kind
  chain host near enclave
  relay near --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000"
  at enclave socat -u TCP-LISTEN:7000,reuseaddr,fork "OPEN:$work/received,creat,append" &
  wait_for 30 listens enclave 7000 || fail "no listener"
  for kind in length type checksum garbage; do
    "$e2e/frames.pl" 1 $kind >"$work/bad"
    # socat ends when the relay closes, well before its time is over.
    local began=${EPOCHREALTIME/./}
    at host timeout 9 socat -t 20 "OPEN:$work/bad,ignoreeof!!OPEN:$work/answer,creat,append" "TCP:${outer4[near/host]}:${port[near]}" ||
      fail "a bad $kind does not end its connection"
    since "$began"
  done
  [ ! -s "$work/answer" ] || fail "the relay answered"
  [ ! -s "$work/received" ] || fail "$(stat -c %s "$work/received") bytes of bad frames were passed on"
}

Raw_streams_are_carried_as_they_are() {
  local i receivers=()
  chain host near enclave
  relay near --raw --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000"
  head -c 20M /dev/urandom >"$work/sent"
  # Each answers with a checksum once the other has ended its own direction.
  at enclave socat TCP-LISTEN:7000,reuseaddr,fork SYSTEM:sha256sum &
  wait_for 30 listens enclave 7000 || fail "no listener"
  for i in 1 2 3; do
    at host socat -t 30 -b 65536 - "TCP:${outer4[near/host]}:${port[near]}" <"$work/sent" >"$work/sum.$i" &
    receivers+=($!)
  done
  for i in 1 2 3; do
    wait "${receivers[i - 1]}" || fail "the copy failed"
    equal "checksum" "$(sha256sum <"$work/sent")" "$(cat "$work/sum.$i")"
  done
}

Raw_stream_that_says_nothing_is_closed_after_30_s() {
  local began elapsed
  chain host near enclave
  relay near --raw --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000"
  at enclave socat -u TCP-LISTEN:7000,reuseaddr,fork OPEN:/dev/null &
  wait_for 30 listens enclave 7000 || fail "no listener"
  began=${EPOCHREALTIME/./}
  at host timeout 50 socat -t 1 - "TCP:${outer4[near/host]}:${port[near]}" <"$work/never" || fail "it was not closed"
  since "$began"
  at_least "seconds" 29 "${elapsed%.*}"
  at_most "seconds" 40 "${elapsed%.*}"
}
