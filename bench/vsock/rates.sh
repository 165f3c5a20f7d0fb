# shellcheck shell=bash disable=SC2154 # the verbs and what they set are those of tests/e2e/lib.sh
# Runs inside the guest. VSOCK knows no network namespaces: both daemons are at CID 1, on different ports. Each note is
# "round what value": Mbit/s, or us.

Rates() {
  local round rate
  tunnel vsock
  pings host enclave
  for round in $(seq "$BENCH_ROUNDS"); do
    rate=$(bare_vsock "$BENCH_SECONDS")
    note "$round bare $rate"
    rate=$(throughput host enclave "$BENCH_SECONDS")
    note "$round one $rate"
    rate=$(throughput enclave host "$BENCH_SECONDS")
    note "$round reverse $rate"
    note "$round idle $(at host ping -q -c 50 -i 0.02 "${inner[enclave]}" | awk -F / '/^rtt/ {printf "%.0f\n", $5 * 1000}')"
  done
}

# What AF_VSOCK itself carries here in writes of 64 KB: Mbit/s of what the far end has read.
bare_vsock() { # SECONDS
  local listener bytes began elapsed_us
  socat -b 65536 -u VSOCK-LISTEN:9000 - | wc -c >"$work/bare" &
  listener=$!
  wait_for 20 vsock_listens 9000 || fail "no listener"
  began=${EPOCHREALTIME/./}
  # Socat's end, of which timeout tells with 124, is the end of the stream.
  timeout "$1" socat -b 65536 -u OPEN:/dev/zero VSOCK-CONNECT:1:9000 || [ $? = 124 ] || fail "no bare connection"
  wait $listener
  elapsed_us=$((${EPOCHREALTIME/./} - began))
  bytes=$(<"$work/bare")
  echo $((bytes * 8 / elapsed_us))
}

vsock_listens() { ss -H --vsock -l | has ":$1 "; }
