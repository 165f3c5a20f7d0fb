# shellcheck shell=bash
# A tunnel takes up changes of its file.

Reload_takes_up_what_has_changed_and_nothing_else_notices() {
  local handshake pinger
  two_files tcp "MTU = 1400"
  ours enclave up wg0
  ours host up --wait wg0
  handshake=$(handshake_of host enclave)
  # Whatever the reload ended or interrupted would show here.
  at host ping -q -i 0.01 -c 300 -W 5 "${inner[enclave]}" >"$work/ping" &
  pinger=$!
  sleep 0.5
  new_key third
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.9.0.0/24\n' "${public[third]}" >>"$(file_of host)"
  sed -i "s/^MTU.*/MTU = 1380/; s/^Address.*/&, 10.55.0.1\/24/" "$(file_of host)"
  ours host reload wg0
  equal "MTU" 1380 "$(at host cat /sys/class/net/wg0/mtu)"
  ip -n "host-$$" -o address show dev wg0 | has 10.55.0.1/24 || fail "no new address"
  ip -n "host-$$" route show dev wg0 | has '^10.9.0.0/24 scope link' || fail "no new route"
  equal "peers" 2 "$(show host peers | wc -l)"

  # And back, with the first address gone: the routes that the kernel takes with it come again.
  sed -i "s/, 10.55.0.1\/24//; s/10.9.0.0\/24/10.9.1.0\/24/; s/^ListenPort.*/ListenPort = 8172/" "$(file_of host)"
  ours host reload wg0
  if ip -n "host-$$" -o address show dev wg0 | has 10.55; then fail "the address is still there"; fi
  equal "routes" "10.9.1.0/24 203.0.113.0/24" "$(ip -n "host-$$" route show dev wg0 | awk '{print $1}' | sort | paste -sd' ')"
  sed -i '/^\[Peer\]/,$!b; /'"${public[third]//\//\\/}"'/d; /10.9.1.0/d' "$(file_of host)"
  sed -i '$d' "$(file_of host)"
  ours host reload wg0
  equal "peers" "${public[enclave]}" "$(show host peers)"
  wait $pinger || fail "ping: $(cat "$work/ping")"
  grep -q ' 0% packet loss' "$work/ping" || fail "lost: $(cat "$work/ping")"
  equal "the handshake's time" "$handshake" "$(handshake_of host enclave)"
  ours host down wg0
}

Reload_takes_up_default_routes_and_gives_them_back() {
  local before
  two_files tcp
  for machine in host enclave; do
    ip -n "$machine-$$" route delete 10.77.1.0/24
    ip -n "$machine-$$" route add default dev "to-$([ $machine = host ] && echo enclave || echo host)"
  done
  ours enclave up wg0
  ours host up --wait wg0
  before=$(system_of host)
  sed -i 's/^AllowedIPs.*/&, 0.0.0.0\/0, ::\/0/' "$(file_of host)"
  ours host reload wg0
  equal fwmark 0xca6c "$(show host fwmark)"
  equal rules 2 "$(ip -n "host-$$" -6 rule show | grep -c '^3276[45]:')"
  ours host reload wg0
  equal rules 2 "$(ip -n "host-$$" rule show | grep -c '^3276[45]:')"
  pings host enclave
  sed -i 's/, 0.0.0.0\/0, ::\/0//' "$(file_of host)"
  ours host reload wg0
  equal fwmark off "$(show host fwmark)"
  equal system "$before" "$(system_of host)"
  pings host enclave
}

# As by `wg syncconf`; but a port that was free to choose stays.
Reload_resets_what_was_taken_out_of_the_file() {
  local chosen
  two_files tcp "FwMark = 7"
  ours host up wg0
  equal fwmark 0x7 "$(show host fwmark)"
  sed -i '/^FwMark/d; /^ListenPort/d' "$(file_of host)"
  ours host reload wg0
  equal fwmark off "$(show host fwmark)"
  chosen=$(show host listen-port)
  [ "$chosen" != 8172 ] || fail "the port stays"
  ours host reload wg0
  equal port "$chosen" "$(show host listen-port)"
  ours host down wg0
}

A_generated_key_stays_and_other_changes_are_refused() {
  local key before
  two_files tcp
  sed -i 's/^PrivateKey.*/PrivateKey = generate/' "$(file_of host)"
  key=$(ours host up wg0 | sed -n 's/^public key: //p')
  equal "public key" "$key" "$(show host public-key)"
  ours host reload wg0
  equal "public key" "$key" "$(show host public-key)"
  before=$(configuration host)
  sed -i 's/^Network.*/Network = udp/' "$(file_of host)"
  refused host "Network has changed" reload wg0
  sed -i 's/^Network.*/Network = tcp\nMTU = 1/' "$(file_of host)"
  if ours host reload wg0 2>/dev/null; then fail "a mistake was taken up"; fi
  unchanged_since "$before" host "reloads that were refused"
  sed -i 's/^MTU.*/Streams = 1/; s/^AllowedIPs.*/AllowedIPs = 10.3.0.0\/16/' "$(file_of host)"
  ours host reload wg0 2>"$work/said"
  grep -q 'warning: Streams' "$work/said" || fail "said: $(cat "$work/said")"
  equal "allowed IPs" 10.3.0.0/16 "$(field host allowed-ips)"
}

Sighup_reloads_a_tunnel_in_the_foreground() {
  local mtu
  two_files tcp
  enter host "$daemon" up -f wg0 &
  wait_for 30 grep -qs '^state=up' "$work/run-host/wg0" || fail "not up"
  for mtu in 1300 1310; do
    sed -i "/^MTU/d; s/^Network.*/&\nMTU = $mtu/" "$(file_of host)"
    kill -HUP $!
    wait_for 30 at host grep -qx $mtu /sys/class/net/wg0/mtu || fail "SIGHUP did not reload"
  done
  ours host down wg0
  wait_for 30 no_daemon_at host || fail "it outlives down"
}

# It has neither the file nor the rights to take it up.
Sighup_to_a_daemon_in_the_background_says_what_reloads_and_ends_nothing() {
  local mtu said='SIGHUP changes nothing: wireguard-vsock reload wg0 takes up what has changed'
  two_files tcp
  ours enclave up wg0
  at host env LOG_LEVEL=error "$daemon" up --wait wg0 2>"$work/host.log"
  mtu=$(at host cat /sys/class/net/wg0/mtu)
  sed -i "s/^Network.*/&\nMTU = 1300/" "$(file_of host)"
  kill -HUP "$(daemon_at host)"
  wait_for 30 grep -qF "(wg0) " "$work/host.log" || fail "it says nothing"
  grep -qF "$said" "$work/host.log" || fail "it says: $(cat "$work/host.log")"
  equal "MTU" "$mtu" "$(at host cat /sys/class/net/wg0/mtu)"
  pings host enclave
  ours host reload wg0
  equal "MTU" 1300 "$(at host cat /sys/class/net/wg0/mtu)"
  ours host down wg0
}
