# shellcheck shell=bash
# Metrics for Prometheus, read by others' programs.

need_promtool() {
  PATH=$PATH:$root/out/prometheus/usr/bin
  command -v promtool >/dev/null || skip "no promtool can be had here"
}

scrape() { # MACHINE [ADDRESS]
  at "$1" curl -sfS --max-time 20 "http://${2:-127.0.0.1:9586}/metrics"
}

tells() { scrape "$1" | has -F -- "$2"; } # MACHINE TEXT

metric() { # MACHINE NAME [LABELS]: its only sample's value
  scrape "$1" | sed -n "s/^$2{.*${3:-}.*} //p"
}

with_metrics() { # [ADDRESS]
  # shellcheck disable=SC2034 # for start
  with=(--metrics "${1:-127.0.0.1:9586}" --metrics-allowed-ips=on)
}

Promtool_finds_nothing_wrong_with_metrics() {
  need_promtool
  with_metrics
  tunnel tcp
  pings host enclave
  scrape host >"$work/metrics"
  promtool check metrics <"$work/metrics" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
  equal "remarks" "" "$(cat "$work/said")"
  note "$(grep -vc '^#' "$work/metrics") samples"
}

Promtool_takes_the_alert_rules() {
  need_promtool
  promtool check rules "$root/packaging/prometheus/wireguard-vsock.rules.yml" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
  (cd "$root/packaging/prometheus" && promtool test rules wireguard-vsock.rules.test.yml) >"$work/said" 2>&1 || fail "$(cat "$work/said")"
}

# A rule on a series that is not there would never fire.
Alert_rules_are_about_series_that_there_are() {
  need_promtool
  with_metrics
  tunnel tcp
  enter host "$daemon" relay --listen udp:52000 --to "udp:${outer4[enclave/host]}:1" --metrics 127.0.0.1:9587 &
  wait_for 10 listens host 9587 || fail "no metrics of the relay"
  scrape host >"$work/metrics"
  scrape host 127.0.0.1:9587 >"$work/metrics.relay"
  promtool check metrics <"$work/metrics.relay" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
  cat "$work/metrics" "$work/metrics.relay" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' >"$work/names"
  grep -oE 'wireguard_[a-z_]+' "$root/packaging/prometheus/wireguard-vsock.rules.yml" | sort -u >"$work/named"
  at_least "series named" 5 "$(wc -l <"$work/named")"
  equal "series that there are not" "" "$(grep -vxFf "$work/names" "$work/named" || :)"
}

Metrics_agree_with_wg() {
  with_metrics
  tunnel tcp
  pings host enclave
  # shellcheck disable=SC2317 # called by name
  agrees() {
    [ "$(metric host wireguard_sent_bytes_total) $(metric host wireguard_received_bytes_total)" = \
      "$(show host transfer | awk '{print $3, $2}')" ]
  }
  wait_for 20 agrees || fail "$(scrape host | grep bytes) $(show host transfer)"
  equal "handshake" "$(handshake_of host enclave)" "$(metric host wireguard_latest_handshake_seconds)"
  tells host "wireguard_latest_handshake_seconds{interface=\"wg0\",public_key=\"${public[enclave]}\",allowed_ips=\"${inner[enclave]}/32,${inner6[enclave]}/128\"}" ||
    fail "labels: $(scrape host | grep latest)"
  equal "sessions" 1 "$(metric host wireguard_vsock_peer_has_session)"
  equal "lanes" "$(cat "/proc/${pid[host]}/task"/*/comm | grep -c '^lane')" "$(scrape host | grep -c '^wireguard_vsock_lane_busy_seconds_total')"
  at_least "connections" 1 "$(metric host wireguard_vsock_peer_connections)"
}

# The enclave's daemon is killed: its connections end, and others take their place.
Reconnects_and_drops_are_counted() {
  with_metrics
  tunnel tcp
  pings host enclave
  equal "reconnects" 0 "$(metric host wireguard_vsock_peer_reconnects_total)"
  stop enclave
  start enclave tcp
  configure enclave
  introduce enclave host tcp
  flows_within 20 enclave host
  at_least "reconnects" 1 "$(metric host wireguard_vsock_peer_reconnects_total)"
  # Nobody has this address.
  ip -n "host-$$" route add 198.51.100.0/24 dev wg0
  at host ping -q -c 3 -i 0.2 -W 1 198.51.100.1 >/dev/null 2>&1 || :
  at_least "drops" 3 "$(metric host wireguard_vsock_drops_total no_peer_for_packet)"
}

Lanes_are_busy_when_there_is_traffic_and_else_not() {
  with_metrics
  tunnel tcp
  pings host enclave
  busy() { scrape host | awk '/^wireguard_vsock_lane_busy_seconds_total/ {n += $2} END {printf "%d\n", n * 1000}'; }
  local idle loaded before
  before=$(busy)
  pause 3
  idle=$(($(busy) - before))
  before=$(busy)
  throughput host enclave 3 >"$work/rate"
  loaded=$(($(busy) - before))
  note "lanes busy for $idle ms of 3 s idle, $loaded ms of 3 s loaded"
  at_most "busy when idle, ms" 600 "$idle"
  at_least "busy when loaded, ms" $((idle + 300)) "$loaded"
}

Nothing_else_is_served() {
  with_metrics
  new_machines host
  start host tcp
  status() { at host curl -s -o "$work/body" -w '%{http_code}' "$@"; }
  equal "the root" 404 "$(status http://127.0.0.1:9586/)"
  equal "a POST" 405 "$(status -X POST http://127.0.0.1:9586/metrics)"
  equal "a body" 400 "$(status -d x=y http://127.0.0.1:9586/metrics)"
  equal "HTTP/1.0" 400 "$(status -0 http://127.0.0.1:9586/metrics)"
  equal "a HEAD" 405 "$(status -I http://127.0.0.1:9586/metrics)"
  equal "a scrape" 200 "$(status http://127.0.0.1:9586/metrics)"
  equal "allowed IPs of nobody" 0 "$(grep -c allowed_ips "$work/body" || :)"
  equal "what listens" 127.0.0.1:9586 "$(at host ss -Hltn 'sport = :9586' | awk '{print $4}')"
}

Metrics_are_for_this_machine() {
  new_machines host
  local address
  for address in 0.0.0.0:9586 192.0.2.1:9586 '[::]:9586' localhost:9586 unix:metrics vsock:3:1; do
    refused_in_one_line at host "$daemon" -f -n tcp --metrics "$address" wg0
  done
  # Another program has the port.
  enter host socat TCP4-LISTEN:9586,bind=127.0.0.1,fork SYSTEM:true &
  wait_for 10 listens host 9586 || fail "no listener"
  refused_with 'metrics cannot be served at 127.0.0.1:9586: Address already in use' \
    at host "$daemon" -f -n tcp --metrics 127.0.0.1:9586 wg0
  [ ! -e "$work/host/wg0.sock" ] || fail "a control socket is left"
}

Garbage_and_slow_readers_do_no_harm() {
  with_metrics
  tunnel tcp
  many_peers 2000
  local what
  for what in '' 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n' '\r\n\r\n\r\n' 'GET /metrics HTTP/1.1\r\nHost:'; do
    enter host "$e2e/hold.pl" 9586 40 "$what" >"$work/held" &
    wait_for 20 grep -q held "$work/held" || fail "not connected"
    : >"$work/held"
    tells host 'wireguard_vsock_up{' || fail "no answer beside '$what'"
    pings host enclave
  done
  head -c 1M /dev/urandom | at host timeout 20 socat -u - TCP:127.0.0.1:9586 2>/dev/null || :
  tells host 'wireguard_vsock_up{' || fail "no answer after garbage"
  wait_for 60 eval "((\$(at host ss -Htn state established 'sport = :9586' | wc -l) == 0))" || fail "connections stay"
}

many_peers() { # NUMBER
  {
    echo set=1
    head -c $(($1 * 32)) /dev/urandom | od -An -v -tx1 -w32 | tr -d ' ' | sed 's/^/public_key=/'
    echo
  } | socat -t 20 - "UNIX-CONNECT:$work/host/wg0.sock" >"$work/set"
  grep -qx errno=0 "$work/set" || fail "peers were refused"
}

Five_thousand_peers_are_told_of_while_traffic_flows() {
  need_promtool
  with_metrics unix:/run/wireguard/metrics
  tunnel tcp
  many_peers 5000
  pings host enclave
  at host ping -q -c 50 -i 0.05 "${inner[enclave]}" >"$work/ping" &
  local pinging=$! i began elapsed
  began=${EPOCHREALTIME/./}
  for i in 1 2 3; do
    at host curl -sf --max-time 60 --unix-socket /run/wireguard/metrics http://localhost/metrics >"$work/metrics.$i" || fail "no answer"
  done
  since "$began"
  wait "$pinging" || fail "no ping meanwhile: $(cat "$work/ping")"
  equal "samples of a family" 5001 "$(grep -c '^wireguard_sent_bytes_total{' "$work/metrics.3")"
  promtool check metrics <"$work/metrics.3" >"$work/said" 2>&1 || fail "$(head -n 3 "$work/said")"
  note "3 scrapes of $(stat -c %s "$work/metrics.3") bytes in $elapsed s; pings meanwhile: $(sed -n 's/^rtt //p' "$work/ping")"
  equal "mode of the socket" 666 "$(stat -c %a "$work/host/metrics")"
}
