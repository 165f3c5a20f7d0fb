# shellcheck shell=bash
# The units, in a Debian that systemd has booted, in the network namespace of the machine "host".

# shellcheck source=tests/e2e/packages/verbs
. "$e2e/packages/verbs"

units=$root/packaging/systemd

exposure() { # UNIT
  systemd-analyze security --offline=true --no-pager "$1" 2>&1 | sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p'
}

Units_expose_little() {
  local tunnel relay
  tunnel=$(exposure "$units/wireguard-vsock@.service")
  relay=$(exposure "$units/wireguard-vsock-relay@.service")
  note "tenths: tunnel $tunnel, relay $relay"
  at_least "exposure of the tunnel that is told, in tenths" 1 "${tunnel:-0}"
  at_least "exposure of the relay that is told, in tenths" 1 "${relay:-0}"
  at_most "exposure of the tunnel, in tenths" 29 "$tunnel"
  at_most "exposure of the relay, in tenths" 14 "$relay"
}

Units_are_valid() {
  debian
  install -m 755 "$daemon" "$work/debian/usr/bin/wireguard-vsock"
  install -m 644 -t "$work/debian/etc/systemd/system" "$units"/*.service
  inside systemd-analyze verify --man=no wireguard-vsock@wg0.service wireguard-vsock-relay@r.service >"$work/said" 2>&1 || fail "$(cat "$work/said")"
  equal "remarks" "" "$(grep wireguard "$work/said" || :)"
}

# ---- a booted system ----------------------------------------------------------------------------------------------------

# Debian with our program and units; boots at the machine "host".
system_at_host() {
  local began=${EPOCHREALTIME/./} elapsed
  command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn"
  debian
  install -m 755 "$daemon" "$work/debian/usr/bin/wireguard-vsock"
  install -m 644 -t "$work/debian/etc/systemd/system" "$units"/*.service
  chmod 755 "$work/debian"
  mkdir -p "$work/debian/etc/wireguard" "$work/debian/etc/wireguard-vsock/relay"
  # What a test's short waits need, and no waiting for a network that nobody brings up.
  inside systemctl mask systemd-networkd-wait-online.service systemd-resolved.service getty.target console-getty.service >/dev/null 2>&1
  systemd-nspawn --quiet --register=no --keep-unit --directory "$work/debian" --machine "wgvsock$$" --boot \
    --network-namespace-path "/run/netns/host-$$" --capability CAP_NET_ADMIN --bind /dev/net/tun --console pipe \
    >"$work/console" 2>&1 </dev/null &
  container=$!
  # clean_up is told how the test ended.
  trap 'ended=$?; trap - ERR; stop_system; set +e; (exit $ended); clean_up' EXIT
  wait_for 60 finds_first_process || skip "no systemd boots here: $(tail -n 3 "$work/console")"
  wait_for 60 is_booted || fail "it does not boot: $(systemctl_there status --no-pager 2>&1 | sed -n 1,20p; tail -n 5 "$work/console")"
  since "$began"
  note "booted in $elapsed s"
}

finds_first_process() {
  first=$(pgrep -P "$container" -n) && [ "$(cat "/proc/$first/comm" 2>/dev/null)" = systemd ]
}

there() { nsenter --target "$first" --mount --uts --ipc --net --pid --root --wd -- "$@"; }

systemctl_there() { there systemctl "$@"; }

is_booted() { there sh -c '[ -S /run/systemd/private ]' && [[ $(systemctl_there is-system-running 2>&1) =~ running|degraded ]]; }

stop_system() {
  [ -z "${container:-}" ] || {
    kill -KILL "${first:-$container}" 2>/dev/null
    kill "$container" 2>/dev/null
    wait "$container" 2>/dev/null
    rmdir "/run/systemd/nspawn/propagate/wgvsock$$" 2>/dev/null
  } || :
}

is_there() { # UNIT STATE
  [ "$(systemctl_there is-active "$1")" = "$2" ]
}

property() { systemctl_there show --property="$2" --value "$1"; } # UNIT PROPERTY

said_there() { there journalctl --no-pager -q -o cat "$@"; }

# The enclave calls; the file is the host's.
tunnel_as_a_service() { # [MORE LINES OF THE HOST'S [Interface]]
  new_machines host enclave
  wire host enclave
  start enclave tcp
  configure enclave
  introduce enclave host tcp
  system_at_host
  cat >"$work/debian/etc/wireguard/wg0.conf" <<END
[Interface]
Network = tcp
Address = ${inner[host]}/24, ${inner6[host]}/64
PrivateKey = $(cat "$work/host.key")
ListenPort = ${port[host]}
${1:-}
[Peer]
PublicKey = ${public[enclave]}
AllowedIPs = ${inner[enclave]}/32, ${inner6[enclave]}/128
END
}

A_tunnel_runs_as_a_service_in_its_sandbox() {
  local unit=wireguard-vsock@wg0
  tunnel_as_a_service "Metrics = unix:/run/wireguard/wg0.metrics"
  systemctl_there start "$unit" || fail "$(systemctl_there status --no-pager "$unit"; said_there -u "$unit")"
  is_there "$unit" active || fail "it is $(systemctl_there is-active "$unit")"
  flows_within 20 enclave host
  # Others of the system see the control socket and the metrics, and what was done.
  there wg show wg0 latest-handshakes | has "${public[enclave]}" || fail "wg sees nothing"
  there ls -l /run/wireguard /run/wireguard-vsock >"$work/ls"
  grep -q 'wg0.metrics' "$work/ls" || fail "no metrics: $(cat "$work/ls")"
  wait_for 20 eval '[[ $(property '$unit' StatusText) == "1 of 1 peer has a session"* ]]' || fail "status: $(property $unit StatusText)"
  equal "watchdog" 30s "$(property $unit WatchdogUSec)"
  equal "filters of system calls" 2 "$(status_of "$(main_process $unit)" Seccomp)"
  equal "capabilities" 0000000000003000 "$(status_of "$(main_process $unit)" CapEff)"

  # A reload takes the file up, and says what is wrong with it.
  sed -i 's/^AllowedIPs.*/&, 198.51.100.0\/24/' "$work/debian/etc/wireguard/wg0.conf"
  systemctl_there reload "$unit" || fail "no reload: $(said_there -u "$unit")"
  ip -n "host-$$" route | has 198.51.100.0/24 || fail "no new route"
  echo nonsense >>"$work/debian/etc/wireguard/wg0.conf"
  if systemctl_there reload "$unit" 2>/dev/null; then fail "a reload of nonsense succeeded"; fi
  is_there "$unit" active || fail "a reload of nonsense ended it"
  # The file's mistakes are whole lines for people; that nothing was changed is an error.
  said_there -p err -u "$unit" | has 'has mistakes, so nothing was changed' || fail "the journal has no error: $(said_there -u "$unit")"
  sed -i '$d' "$work/debian/etc/wireguard/wg0.conf"

  # A daemon that hangs is started anew.
  mkdir -p "$work/debian/run"
  there mkdir -p "/run/systemd/system/$unit.service.d"
  there sh -c "printf '[Service]\nWatchdogSec=5\nTimeoutAbortSec=1\n' >/run/systemd/system/$unit.service.d/test.conf"
  systemctl_there daemon-reload
  systemctl_there restart "$unit" || fail "no restart: $(said_there -u "$unit")"
  local process hangs
  wait_for 20 eval "process=\$(main_process $unit)" || fail "it has no process"
  pause 7
  equal "process, when it does not hang" "$process" "$(main_process $unit)"
  for hangs in daemon supervisor; do
    if [ $hangs = daemon ]; then kill -STOP "$(pgrep -P "$process")"; else kill -STOP "$process"; fi
    wait_for 60 eval "p=\$(main_process $unit) && [ -n \"\$p\" ] && [ \$p != $process ]" || fail "it is not started anew ($hangs)"
    wait_for 30 is_there "$unit" active || fail "it does not come up again: $(said_there -u "$unit")"
    flows_within 30 enclave host
    process=$(main_process $unit)
  done

  # All its processes get SIGTERM at once, which is no failure.
  systemctl_there stop "$unit"
  equal "result" success "$(property $unit Result)"
  is_there "$unit" inactive || fail "it is $(systemctl_there is-active "$unit")"
  if ip -n "host-$$" link show wg0 2>/dev/null; then fail "the interface is left"; fi
  equal "what is left" "" "$(there find /run/wireguard /run/wireguard-vsock -type s -o -type f)"
}

main_process() { # UNIT: as this machine numbers it
  local inner
  inner=$(property "$1" MainPID)
  [ "${inner:-0}" != 0 ] || return 1
  # grep fails where a process ends while it looks.
  { grep -lE "^NSpid:.*[[:space:]]$inner\$" /proc/[0-9]*/status 2>/dev/null || :; } | while IFS=/ read -r _ _ process _; do
    [ "$(readlink "/proc/$process/ns/pid")" != "$(readlink "/proc/$first/ns/pid")" ] || echo "$process"
  done
}

# It sets src_valid_mark, rules, and a table; and all is undone.
A_default_route_works_in_the_sandbox() {
  local unit=wireguard-vsock@wg0 before
  tunnel_as_a_service
  sed -i 's/^AllowedIPs.*/AllowedIPs = 0.0.0.0\/0, ::\/0/' "$work/debian/etc/wireguard/wg0.conf"
  before=$(ip -n "host-$$" rule show; at host cat /proc/sys/net/ipv4/conf/all/src_valid_mark)
  systemctl_there start "$unit" || fail "$(systemctl_there status --no-pager "$unit"; said_there -u "$unit")"
  ip -n "host-$$" rule show | has 'suppress_prefixlength 0' || fail "no rule"
  equal "src_valid_mark" 1 "$(at host cat /proc/sys/net/ipv4/conf/all/src_valid_mark)"
  flows_within 20 enclave host
  systemctl_there stop "$unit"
  equal "rules and src_valid_mark" "$before" "$(ip -n "host-$$" rule show; echo "${before##*$'\n'}")"
}

# What the sandbox forbids fails, and the drop-in allows it.
Hooks_need_the_drop_in() {
  local unit=wireguard-vsock@wg0 drop_in
  tunnel_as_a_service "PostUp = echo hooked >/etc/hooked
DNS = 192.0.2.53
SocketGroup = 54321"
  if systemctl_there start "$unit" 2>/dev/null; then fail "the sandbox let a hook write into /etc"; fi
  if ip -n "host-$$" link show wg0 2>/dev/null; then fail "the interface is left"; fi
  drop_in=$work/debian/etc/systemd/system/wireguard-vsock@.service.d
  mkdir -p "$drop_in"
  cp "$units/wireguard-vsock-hooks.conf" "$drop_in"
  systemctl_there daemon-reload
  systemctl_there reset-failed "$unit"
  systemctl_there start "$unit" || fail "$(said_there -u "$unit")"
  equal "what the hook wrote" hooked "$(cat "$work/debian/etc/hooked")"
  grep -q 192.0.2.53 "$work/debian/etc/resolv.conf" || fail "no DNS server"
  equal "group" 54321 "$(there stat -c %g /run/wireguard/wg0.sock)"
  systemctl_there stop "$unit"
}

# A peer in the world, over UDP, to an enclave behind a stream; the relay runs as nobody in particular.
A_relay_runs_as_a_service_in_its_sandbox() {
  local unit=wireguard-vsock-relay@world process
  new_machines host enclave third
  wire host enclave
  wire host third
  start enclave tcp4
  start third udp4
  configure enclave
  configure third
  at enclave wg set wg0 peer "${public[third]}" allowed-ips "${inner[third]}"
  at third wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}" endpoint "${outer4[host/third]}:51820"
  system_at_host
  cat >"$work/debian/etc/wireguard-vsock/relay/world.conf" <<END
[General]
Metrics = unix:/run/wireguard-vsock-relay/world/metrics

[Relay]
Listen = udp:51820
Peer = ${public[enclave]} = tcp:${outer4[enclave/host]}:${port[enclave]}
END
  chmod 755 "$work/debian/etc/wireguard-vsock" "$work/debian/etc/wireguard-vsock/relay"
  chmod 644 "$work/debian/etc/wireguard-vsock/relay/world.conf"
  systemctl_there start "$unit" || fail "$(systemctl_there status --no-pager "$unit"; said_there -u "$unit")"
  flows_within 20 third enclave
  process=$(main_process $unit)
  at_least "its user" 60000 "$(status_of "$process" Uid)"
  equal "capabilities" "$no_capability" "$(status_of "$process" CapEff)"
  wait_for 20 eval '[ -n "$(property '$unit' StatusText)" ]' || fail "no status"
  note "status: $(property $unit StatusText)"
  at host curl -sf --unix-socket "$work/debian/run/wireguard-vsock-relay/world/metrics" http://localhost/metrics >"$work/metrics" 2>&1 ||
    there ls /run/wireguard-vsock-relay/world | has metrics || fail "no metrics"

  # A rule that is the same keeps its connections; a mistake changes nothing.
  printf '\n[Relay]\nListen = tcp:52000\nTo = udp:%s:1\n' "${outer4[third/host]}" >>"$work/debian/etc/wireguard-vsock/relay/world.conf"
  systemctl_there reload "$unit" || fail "no reload"
  wait_for 10 listens host 52000 || fail "the new rule is not there"
  equal "process" "$process" "$(main_process $unit)"
  echo nonsense >>"$work/debian/etc/wireguard-vsock/relay/world.conf"
  systemctl_there reload "$unit" || :
  pings third enclave
  wait_for 10 eval 'said_there -u '$unit' | has "has mistakes"' || fail "the journal says nothing of mistakes: $(said_there -u "$unit")"
  is_there "$unit" active || fail "a reload of nonsense ended it"
  systemctl_there stop "$unit"
  is_there "$unit" inactive || fail "it is $(systemctl_there is-active "$unit"): $(said_there -u "$unit")"
}
