# shellcheck shell=bash
# A tunnel that learns its peers: a prover in a machine of its own, which shows no document (Provision = unattested), and a verifier
# that knows nothing but where it is.

Verifier_knows_nothing_but_the_address_and_the_prover_nothing_but_the_verifiers_key() {
  local before key
  two_ends tcp
  before=$(system_of enclave)
  ours enclave up wg0 >"$work/said"
  key=$(sed -n 's/^public key: //p' "$work/said")
  equal "lines that up says" 1 "$(wc -l <"$work/said")"
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  at host wg show wg0 | has 'latest handshake' || fail "wg shows no handshake: $(at host wg show wg0)"
  ours host show wg0 | has "attested: unattested: .* tcp:10.77.1.2:51821" || fail "show does not say where it was attested: $(ours host show wg0)"
  equal "the key that was learned" "$key" "$(show host peers)"
  equal "the prover's peer" "${public[host]}" "$(show enclave peers)"
  equal "the prover's address" 203.0.113.2/24 "$(addresses enclave)"
  equal "the prover's endpoint" "10.77.1.1:0" "$(ours enclave show wg0 endpoints | cut -f 2)"
  ours host down wg0
  ours enclave down wg0
  nothing_is_left enclave "$before"
}

# 10,000 exchanges that come to nothing, of all kinds, from a third machine: what works goes on, a real verifier gets through, and
# nothing is left of it.
Garbage_exchanges_keep_no_verifier_out_and_leave_nothing_behind() {
  local fds rss flood began
  two_ends tcp
  new_machines third
  wire third enclave
  ours enclave up wg0 >"$work/said"
  ours host up --wait wg0
  pings host enclave
  pid[enclave]=$(provisioner_at enclave) # garbage is for it alone
  fds=$(fd_count enclave)
  # A first flood, not measured, lets the heap grow to the size it works at. What grows after it is a leak.
  at third "$e2e/garbage_exchanges.pl" 2000 0 "${outer4[enclave/third]}" "$(provision_port enclave)" >"$work/garbage"
  rss=$(rss_kib enclave)
  enter third "$e2e/garbage_exchanges.pl" 10000 2 "${outer4[enclave/third]}" "$(provision_port enclave)" >"$work/garbage" 2>&1 &
  flood=$!
  sleep 1
  at host ping -q -i 0.1 -c 50 -W 2 "${inner[enclave]}" >"$work/pings" || fail "pings during the flood: $(cat "$work/pings")"
  ours host down wg0
  began=${EPOCHREALTIME/./}
  ours host up --wait wg0
  since "$began"
  ! is_gone "$flood" || fail "the flood ended too early: $(cat "$work/garbage")"
  at_most "seconds until the verifier was taken" 15 "${elapsed%.*}"
  pings host enclave
  wait "$flood" || fail "$(cat "$work/garbage")"
  equal "exchanges made by the flood" 10000 "$(cut -d' ' -f1 "$work/garbage")"
  at_least "requests that were responded to" 20 "$(cut -d' ' -f2 "$work/garbage")"
  fds_are_at_most $((fds + 3)) enclave
  at_most "KiB of memory after the flood ($rss before)" $((rss + 16384)) "$(rss_kib enclave)"
  equal "peers of the prover" "${public[host]}" "$(show enclave peers)"
  equal "the provisioner" "${pid[enclave]}" "$(provisioner_at enclave)"
  note "the verifier was taken after $elapsed s of up; $rss KiB after a first flood, $(rss_kib enclave) after all"
}

# From the verifier's own machine its source is the flood's: its key is what tells it apart.
A_flood_from_the_verifiers_own_address_does_not_keep_it_out() {
  local flood
  two_ends tcp
  ours enclave up wg0 >"$work/said"
  enter host "$e2e/garbage_exchanges.pl" 100000 2 "${outer4[enclave/host]}" "$(provision_port enclave)" >"$work/garbage" 2>&1 &
  flood=$!
  sleep 1
  ours host up --wait=60 wg0
  ! is_gone "$flood" || fail "the flood ended too early: $(cat "$work/garbage")"
  pings host enclave
  kill "$flood"
  wait "$flood" || :
}

Prover_that_is_started_anew_has_a_new_key_and_traffic_goes_on_by_itself() {
  local network before
  two_ends tcp
  for network in tcp udp; do
    sed -i "s/^Network.*/Network = $network/" "$(file_of host)" "$(file_of enclave)"
    [ $network = tcp ] || echo PersistentKeepalive = 1 >>"$(file_of host)"
    ours enclave up wg0 >/dev/null
    ours host up --wait wg0
    before=$(show host peers)
    crash enclave
    ours enclave up wg0 >/dev/null
    # Over UDP nothing tells that it is gone, but 15 s without an answer.
    flows_within "$([ $network = tcp ] && echo 20 || echo 40)" host enclave
    [ "$(show host peers)" != "$before" ] || fail "it has no new key"
    equal "peers of the host" 1 "$(show host peers | wc -l)"
    pings enclave host
    ours host down wg0
    ours enclave down wg0
  done
}

# Over UDP, with nothing to be sent: a link that is down and up again ends the session without a wait of minutes.
Idle_verifier_notices_over_udp_that_the_prover_was_started_anew() {
  local before
  two_ends udp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  before=$(show host peers)
  ip -n "host-$$" link set wg0 down
  crash enclave
  ours enclave up wg0 >/dev/null
  ip -n "host-$$" link set wg0 up
  wait_for 60 host_has_another_key_than "$before" || fail "the prover is not attested anew: $(ours host show wg0)"
  equal "peers of the host" 1 "$(show host peers | wc -l)"
  equal "its keepalive" 25 "$(show host persistent-keepalive | cut -f 2)"
  wait_for 20 has_session || fail "no session with it: $(ours host show wg0)"
}

Verifier_that_is_started_anew_is_taken_again() {
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  crash host
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  equal "the prover's peer" "${public[host]}" "$(show enclave peers)"
  # Neither end minds that the other was there first.
  ours enclave down wg0
  ours host down wg0
  enter host "$daemon" up --wait=60 wg0 2>"$work/host.log" &
  pid[host]=$!
  wait_for 10 host_awaits 'Connection refused' || fail "the host does not say what it waits for: $(ours host show wg0)"
  ours enclave up wg0 >/dev/null
  wait "${pid[host]}" || fail "$(cat "$work/host.log")"
  pings host enclave
}

Two_provers_have_one_verifier_which_may_have_other_peers() {
  local machine
  file_machines host enclave third fourth
  for machine in enclave third fourth; do wire host $machine; done
  write_prover enclave tcp "${public[host]}"
  write_prover third tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  add_section third "tcp:${outer4[third/host]}:$(provision_port third)"
  # The fourth is known by its key, and knows nothing of provisioning.
  write_file fourth host tcp 203.0.113.1/32
  sed -i '/^Address/s/,.*//' "$(file_of fourth)"
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' "${public[fourth]}" "${inner[fourth]}" >>"$(file_of host)"
  for machine in enclave third fourth; do ours $machine up wg0 >/dev/null; done
  ours host up --wait wg0
  for machine in enclave third; do
    pings host $machine
    pings $machine host
  done
  pings fourth host
  equal "peers" 3 "$(show host peers | wc -l)"
  equal "attested peers" 2 "$(ours host show wg0 | grep -c '^  attested: ')"
  # One that is started anew is no matter to the others.
  crash third
  ours third up wg0 >/dev/null
  flows_within 20 host third
  pings host enclave
  pings fourth host
}

Verifier_whose_key_is_not_named_is_refused_and_told_why() {
  two_ends tcp
  new_key other
  write_prover enclave tcp "${public[other]}"
  ours enclave up wg0 >/dev/null
  ours host up wg0
  wait_for 10 host_awaits "ProvisionFrom does not name this verifier's key" || fail "not said: $(ours host show wg0)"
  equal "peers of the prover" "" "$(show enclave peers)"
  equal "peers of the verifier" "" "$(show host peers)"
  ours host down wg0
  refused_with "is not attested within 2 s: .*ProvisionFrom does not name" ours host up --wait=2 wg0
  ours host up wg0
  # It is named from now on.
  write_prover enclave tcp "${public[other]}, ${public[host]}"
  ours enclave reload wg0
  flows_within 30 host enclave
  # And no more.
  write_prover enclave tcp "${public[other]}"
  ours enclave reload wg0
  equal "peers of the prover" "" "$(show enclave peers)"
  equal "its addresses" "" "$(addresses enclave)"
}

First_verifier_is_the_only_one_until_the_prover_ends() {
  two_ends tcp
  write_prover enclave tcp first
  ours enclave up wg0 2>/dev/null >/dev/null
  ours host up --wait wg0
  pings host enclave
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
  ours host down wg0
  new_key host
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours host up wg0
  wait_for 10 host_awaits "another verifier was first" || fail "not said: $(ours host show wg0)"
  crash enclave
  ours enclave up wg0 2>/dev/null >/dev/null
  flows_within 30 host enclave
}

Offer_that_takes_something_is_refused_whole() {
  local before lines
  two_ends tcp "DNS = 192.0.2.1
[Peer]
PublicKey = $(wg genkey | wg pubkey)
AllowedIPs = 10.1.0.0/16"
  ours enclave up wg0 >/dev/null
  before=$(system_of enclave)$(configuration enclave)
  for lines in 'OfferAllowedIPs = 10.1.2.0/24' 'OfferAddress = 10.1.0.7/24' \
    'OfferAddress = 10.5.0.1/24\nOfferAllowedIPs = 10.5.0.1/32' 'OfferAddress = 127.0.0.1/8'; do
    write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "$(printf '%b' "$lines")"
    refused_with 'is not attested within 2 s' ours host up --wait=2 wg0
    equal "what the prover has after '$lines'" "$before" "$(system_of enclave)$(configuration enclave)"
  done
  # A step that fails is undone with all that was done before it: an address of IPv6 where the kernel has none.
  at enclave sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1
  before=$(system_of enclave)$(configuration enclave)
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "OfferAddress = 10.5.0.2/24, fd77::2/64"
  refused_with 'is not attested within 2 s: .*cannot give wg0 the address fd77::2/64' ours host up --wait=2 wg0
  equal "what the prover has after a step has failed" "$before" "$(system_of enclave)$(configuration enclave)"
  # What the prover's own file says is not taken from an offer.
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" 'OfferDNS = 10.0.0.1
OfferMTU = 1300'
  ours host up --wait wg0
  pings host enclave
  equal "MTU" 1300 "$(at enclave cat /sys/class/net/wg0/mtu)"
  grep -q 192.0.2.1 "$work/etc-enclave/resolv.conf" || fail "its own DNS server is gone"
  if grep -q 10.0.0.1 "$work/etc-enclave/resolv.conf"; then fail "the DNS server that was offered is taken"; fi
}

# The prover reaches the verifier through a router, by its default route, which a shorter prefix that is offered covers.
Offer_that_takes_the_path_to_the_verifier_is_refused_whole() {
  local before
  file_machines host router enclave
  wire enclave router
  wire router host
  at router sysctl -qw net.ipv4.ip_forward=1
  ip -n "enclave-$$" route add default via "${outer4[router/enclave]}"
  ip -n "host-$$" route add "${outer4[enclave/router]}/32" via "${outer4[router/host]}"
  # A peer of its own file keeps what it has: it is no verifier until an offer is taken.
  write_prover enclave tcp "${public[host]}" "[Peer]
PublicKey = ${public[host]}"
  ours enclave up wg0 >/dev/null
  before=$(system_of enclave)$(configuration enclave)
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" 'OfferAllowedIPs = 10.0.0.0/8'
  refused_with 'is not attested within [0-9]* s: .*the offer takes the path to the verifier itself' ours host up --wait=4 wg0
  equal "what the prover has after the refusal" "$before" "$(system_of enclave)$(configuration enclave)"
  equal "notes of a verifier" "" "$(uapi enclave 'status=1\n\n' | grep '^provisioned_at=' || :)"
  # An address whose network covers the path does the same.
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" "OfferAddress = 10.9.0.1/8"
  refused_with 'is not attested within [0-9]* s: .*the offer takes the path to the verifier itself' ours host up --wait=4 wg0
  equal "what the prover has after the second refusal" "$before" "$(system_of enclave)$(configuration enclave)"
  # A default route goes past the path by its mark.
  write_verifier tcp "tcp:${outer4[enclave/router]}:$(provision_port enclave)" 'OfferAllowedIPs = 0.0.0.0/0'
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  at_least "time that the verifier was taken" 1 "$(uapi enclave 'status=1\n\n' | sed -n 's/^provisioned_at=//p')"
}

# `wireguard-vsock set` and `wg set` change it without a reload.
Key_that_is_changed_by_set_is_the_one_that_is_shown() {
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  new_key other
  ours enclave set wg0 private-key "$work/other.key"
  flows_within 60 host enclave
  equal "the key that was learned" "${public[other]}" "$(show host peers)"
  # So is a verifier's, which attests its peers with the new one.
  new_key another
  ours host set wg0 private-key "$work/another.key"
  wait_for 20 host_awaits "ProvisionFrom does not name this verifier's key" || fail "it goes on with the key before: $(ours host show wg0)"
}

Prover_keeps_what_the_next_verifier_has_offered_when_the_first_is_taken_out() {
  file_machines host enclave third
  wire host enclave
  wire third enclave
  write_prover enclave tcp "${public[host]}, ${public[third]}"
  # The second has the same file, with what is its own.
  write_verifier tcp "tcp:${outer4[enclave/third]}:$(provision_port enclave)"
  mkdir -p "$work/etc-third/wireguard"
  sed "s|^Address.*|Address = ${inner[third]}/24|; s|^PrivateKey.*|PrivateKey = $(cat "$work/third.key")|" \
    "$(file_of host)" >"$(file_of third)"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "OfferMTU = 1300"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  ours third up --wait wg0
  pings third enclave
  equal MTU 1300 "$(at enclave cat /sys/class/net/wg0/mtu)"
  write_prover enclave tcp "${public[third]}"
  ours enclave reload wg0
  equal "the prover's peer" "${public[third]}" "$(show enclave peers)"
  equal "the prover's address" "${inner[enclave]}/24" "$(addresses enclave)"
  [ "$(at enclave cat /sys/class/net/wg0/mtu)" != 1300 ] || fail "it keeps the MTU of the verifier that is gone"
  pings third enclave
  pings enclave third
}

# Its process takes up the file when the daemon has its keys and peers, even if an address cannot be set.
Reload_that_fails_half_way_is_followed_by_the_provisioning_thread() {
  two_ends tcp
  new_key other
  write_prover enclave tcp "${public[other]}" "Address = ${inner[enclave]}/24"
  ours enclave up wg0 >/dev/null
  at enclave sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1
  write_prover enclave tcp "${public[host]}" "Address = ${inner[enclave]}/24, fd77::2/64"
  refused_with 'cannot give wg0 the address fd77::2/64' ours enclave reload wg0
  ours host up wg0 2>"$work/said"
  grep -q "tcp:${outer4[enclave/host]}:$(provision_port enclave) is not attested yet: .* show wg0 tells" "$work/said" ||
    fail "up does not say what is missing: $(cat "$work/said")"
  wait_for 20 host_awaits 'cannot give wg0 the address' || fail "the file before is still followed: $(ours host show wg0)"
  # A prover that becomes a verifier is another tunnel, and that is what is said.
  sed -i '/^Provision/d' "$(file_of enclave)"
  printf '[Peer]\nAttest = tcp:192.0.2.1:7\nAttestUnattested = yes\nAllowedIPs = 10.9.0.0/24\n' >>"$(file_of enclave)"
  refused_with "Provision has changed, which a reload cannot take up" ours enclave reload wg0
}

Dns_and_default_routes_that_were_offered_go_with_the_tunnel() {
  local before
  two_ends tcp "" "OfferDNS = 203.0.113.1, example.com
OfferAllowedIPs = 0.0.0.0/0, ::/0
OfferAddress = 203.0.113.2/24, fd77::2/64"
  ip -n "enclave-$$" route add default dev to-host
  before=$(system_of enclave)
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  grep -q '^nameserver 203.0.113.1' "$work/etc-enclave/resolv.conf" || fail "no DNS server: $(cat "$work/etc-enclave/resolv.conf")"
  equal rules 2 "$(ip -n "enclave-$$" rule show | grep -c '^3276[45]:')"
  # A reload keeps all of it.
  ours enclave reload wg0
  grep -q '^nameserver 203.0.113.1' "$work/etc-enclave/resolv.conf" || fail "a reload took the DNS server"
  pings host enclave
  equal "the prover's addresses" 203.0.113.2/24 "$(addresses enclave)"
  ours enclave down wg0
  nothing_is_left enclave "$before"
  # A process that was killed leaves it to down.
  ours enclave up wg0 >/dev/null
  flows_within 30 host enclave
  crash enclave
  ours enclave down wg0
  nothing_is_left enclave "$before"
}

Reload_adds_and_removes_sections_and_changes_what_is_asked_for() {
  local key
  file_machines host enclave third
  wire host enclave
  wire host third
  write_prover enclave tcp "${public[host]}"
  write_prover third tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours third up wg0 >/dev/null
  ours host up --wait wg0
  key=$(show host peers)
  add_section third "tcp:${outer4[third/host]}:$(provision_port third)"
  ours host reload wg0
  flows_within 20 host third
  equal "the key of the other" "$key" "$(show host peers | grep -xF "$key")"
  pings host enclave
  # Another offer is brought at once.
  sed -i 's/^AllowedIPs = 203.0.113.2.*/&\nOfferMTU = 1300/' "$(file_of host)"
  kill -HUP "$(supervisor_at host)"
  wait_for 20 at enclave grep -qx 1300 /sys/class/net/wg0/mtu || fail "the offer that was changed is not taken"
  # What is asked for has changed: the peer is removed at once, and not learned any more.
  sed -i '0,/^AttestUnattested.*/s//PCR0 = '"$(printf 'a%.0s' {1..96})"'/' "$(file_of host)"
  ours host reload wg0
  equal "the key, once it does not hold" "" "$(show host peers | grep -xF "$key" || :)"
  wait_for 10 host_awaits "tcp:${outer4[enclave/host]}" || fail "not awaited: $(ours host show wg0)"
  pings host third
  # A section is gone.
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours host reload wg0
  flows_within 20 host enclave
  equal "peers" 1 "$(show host peers | wc -l)"
  sed -i '/^Provision/d' "$(file_of enclave)"
  refused_with "Provision has changed, which a reload cannot take up" ours enclave reload wg0
}

# The prover holds its answer back meanwhile, and what it is offered stays. Keys of what was read before are wiped at a reload.
Reload_while_a_peer_is_being_attested_ends_nothing() {
  local psk prover
  psk=$(wg genpsk)
  file_machines host enclave
  wire host enclave
  write_prover enclave tcp "${public[host]}" "[Peer]
PublicKey = ${public[host]}
PresharedKey = $psk"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "PresharedKey = $psk
OfferAddress = ${inner[enclave]}/24"
  ours enclave up wg0 >/dev/null 2>&1
  prover=$(supervisor_at enclave)
  kill -STOP "$prover"
  ours host up wg0 2>/dev/null
  sleep 1
  sed -i "s|^AllowedIPs = .*|AllowedIPs = ${inner[enclave]}/32, 198.51.100.7/32|" "$(file_of host)"
  ours host reload wg0
  # It looks each second whether there was one.
  sleep 2
  kill -CONT "$prover"
  wait_for 20 has_session || fail "it is not learned: $(ours host show wg0)"
  pings host enclave
  show host allowed-ips | has 198.51.100.7/32 || fail "it has the allowed IPs of before: $(show host allowed-ips)"
}

Command_behind_a_prover_starts_once_a_verifier_is_there() {
  two_ends tcp
  enter enclave "$daemon" up wg0 -- sh -c 'ip -o -4 address show dev wg0 >"$0"; exec sleep 300' "$work/started" 2>"$work/enclave.log" &
  pid[enclave]=$!
  wait_for 30 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/enclave.log")"
  pause 1
  [ ! -e "$work/started" ] || fail "it has started before a verifier was there"
  ours host up --wait wg0
  wait_for 10 grep -q 203.0.113.2/24 "$work/started" || fail "it has not started: $(cat "$work/enclave.log")"
  pings host enclave
  kill "${pid[enclave]}"
  ends_within 20 enclave
  # A signal ends what waits.
  ours host down wg0
  rm "$work/started"
  enter enclave "$daemon" up wg0 -- touch "$work/started" 2>"$work/enclave.log" &
  pid[enclave]=$!
  wait_for 30 listens enclave "$(provision_port enclave)" || fail "$(cat "$work/enclave.log")"
  kill "${pid[enclave]}"
  status=0
  wait "${pid[enclave]}" || status=$?
  equal "exit code" 143 $status
  [ ! -e "$work/started" ] || fail "it has started"
  # With --wait it waits for a session, and not for ever.
  status=0
  ours enclave up --wait=1 wg0 -- touch "$work/started" 2>"$work/said" || status=$?
  equal "exit code" 1 $status
  grep -q 'no verifier has completed an exchange within 1 s' "$work/said" || fail "said: $(cat "$work/said")"
  [ ! -e "$work/started" ] || fail "it has started"
  # No verifier is answered while the tunnel goes down, nor peers are learned.
  echo "PreDown = ss -Hltn >$work/listeners" >>"$(file_of enclave)"
  if ours enclave up --wait=1 wg0 -- true 2>"$work/said"; then fail "no verifier is no failure"; fi
  equal "listeners while it goes down" "" "$(grep ":$(provision_port enclave) " "$work/listeners" || :)"
}

Background_form_behaves_as_up_always_did() {
  local before line process
  two_ends tcp "PostUp = echo hook >&2
PreUp = cut -d ' ' -f 6 /proc/self/stat >$work/hook-session"
  before=$(system_of enclave)
  ours enclave up wg0 >"$work/out" 2>"$work/err"
  grep -qx 'public key: .\{44\}' "$work/out" || fail "said: $(cat "$work/out")"
  equal "what hooks say" $'[#] echo hook >&2\nhook' "$(grep -v 'unattested\|hook-session' "$work/err")"
  equal "supervisors and daemons" "1 1" "$(supervisor_at enclave | wc -l) $(daemon_at enclave | wc -l)"
  # Its hooks are in the session of who called, so that they have the terminal; it goes into one of its own once it is up.
  equal "the session of a hook" "$(session_of self)" "$(cat "$work/hook-session")"
  for process in $(processes_at enclave); do
    equal "the session of what stays" "$process" "$(session_of "$process")"
    # It holds nothing of who started it.
    equal "its folder" / "$(readlink "/proc/$process/cwd")"
    for line in 0 1 2; do equal "descriptor $line" /dev/null "$(readlink "/proc/$process/fd/$line")"; done
  done
  refused_with "wg0 is up already" ours enclave up wg0
  kill -TERM "$(supervisor_at enclave)"
  nothing_is_left enclave "$before"

  # What fails is said, and undone.
  sed -i 's/^PostUp.*/PostUp = false/' "$(file_of enclave)"
  if ours enclave up wg0 >/dev/null 2>"$work/err"; then fail "a hook that fails is no failure"; fi
  grep -q 'PostUp ended with code 1: false' "$work/err" || fail "said: $(cat "$work/err")"
  nothing_is_left enclave "$before"
  sed -i 's/^PostUp.*/PostUp = sleep 3/' "$(file_of enclave)"

  # A signal to the command that waits, and its end, are that of what it has started.
  enter enclave "$daemon" up wg0 >"$work/out" 2>"$work/err" &
  line=$!
  wait_for 30 grep -q 'sleep 3' "$work/err" || fail "said: $(cat "$work/err")"
  kill -INT $line
  if wait $line; then fail "it was not interrupted"; fi
  nothing_is_left enclave "$before"
  enter enclave "$daemon" up wg0 >"$work/out" 2>"$work/err" &
  line=$!
  wait_for 30 grep -q 'sleep 3' "$work/err" || fail "said: $(cat "$work/err")"
  kill -9 $line
  wait $line || :
  nothing_is_left enclave "$before"

  # LOG_LEVEL keeps its output.
  sed -i '/^PostUp/d' "$(file_of enclave)"
  LOG_LEVEL=debug ours enclave up wg0 >"$work/out" 2>"$work/err"
  LOG_LEVEL=debug ours host up --wait wg0 >"$work/host-out" 2>"$work/host-err"
  wait_for 10 grep -q 'Provisioned by the verifier' "$work/err" || fail "no log: $(cat "$work/err")"
  equal "lines without the word" 0 "$(grep -c 'DEBUG: (wg0)' "$work/err" || :)"
  grep -q '(wg0 (unattested)) .* - Handshake' "$work/err" || grep -q '(wg0 (unattested))' "$work/err" || fail "no word: $(cat "$work/err")"
  grep -q 'DEBUG: (wg0) .*tcp:.* is ' "$work/host-err" || fail "no line of the verifier: $(cat "$work/host-err")"
}

Guest_behind_its_monitors_socket_is_provisioned() {
  file_machines host enclave
  vmm_for enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier unix "unix:$(socket_of enclave):$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 20 host enclave
}

Prover_behind_a_raw_relay_is_provisioned() {
  local relay
  file_machines host near enclave
  wire host near
  wire near enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[near/host]}:4001" "Endpoint = ${outer4[near/host]}:4000"
  enter near "$daemon" relay --raw --listen tcp:4001 --to "tcp:${outer4[enclave/near]}:$(provision_port enclave)" 2>>"$work/near.log" &
  relay=$!
  enter near "$daemon" relay --raw --listen tcp:4000 --to "tcp:${outer4[enclave/near]}:${port[enclave]}" 2>>"$work/near.log" &
  wait_for 30 listens near 4001 || fail "$(cat "$work/near.log")"
  wait_for 30 listens near 4000 || fail "$(cat "$work/near.log")"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 20 host enclave
  # Traffic needs the first of the two relays no more.
  kill $relay
  pings host enclave
}

# As docs/attestation.md has it: the exchange over TCP, the tunnel over UDP to the port that the prover has told.
Verifier_beyond_two_relays_needs_no_endpoint() {
  file_machines host near enclave
  wire host near
  wire near enclave
  write_prover enclave tcp "${public[host]}"
  write_verifier udp "tcp:${outer4[near/host]}:4001"
  enter near "$daemon" relay --raw --listen tcp:4001 --to "tcp:${outer4[enclave/near]}:$(provision_port enclave)" 2>>"$work/near.log" &
  enter near "$daemon" relay --listen "udp:${port[enclave]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}" 2>>"$work/near.log" &
  wait_for 30 listens near 4001 || fail "$(cat "$work/near.log")"
  wait_for 30 listens near "${port[enclave]}" -u || fail "$(cat "$work/near.log")"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  moves 2 host enclave
  crash enclave
  ours enclave up wg0 >/dev/null
  flows_within 60 host enclave
}

Port_of_provisioning_that_is_taken_is_said_and_tried_again() {
  local stray
  two_ends tcp
  enter enclave socat "TCP6-LISTEN:$(provision_port enclave),reuseaddr,ipv6only=0,fork" SYSTEM:'sleep 300' &
  stray=$!
  wait_for 10 listens enclave "$(provision_port enclave)" || fail "no stray listener"
  LOG_LEVEL=debug ours enclave up wg0 >/dev/null 2>"$work/err"
  wait_for 10 grep -q 'it is tried again each second' "$work/err" || fail "not said: $(cat "$work/err")"
  sleep 2
  equal "lines about it" 1 "$(grep -c 'it is tried again each second' "$work/err")"
  ours host up wg0
  kill $stray
  wait $stray || :
  flows_within 40 host enclave
}

Key_of_another_peer_is_not_learned() {
  local key
  two_ends tcp
  ours enclave up wg0 >"$work/said"
  key=$(sed -n 's/^public key: //p' "$work/said")
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.9.0.0/24\n' "$key" >>"$(file_of host)"
  ours host up wg0
  wait_for 10 host_awaits "is another peer's" || fail "not said: $(ours host show wg0)"
  equal "its allowed IPs" 10.9.0.0/24 "$(field host allowed-ips)"
}

Tunnel_that_learns_nothing_has_no_thread_for_it_and_one_that_does_hardly_uses_it() {
  local before
  two_files tcp
  ours host up wg0
  equal "threads that learn" 0 "$(thread_count host)"
  ours host down wg0
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/host]}:$(provision_port enclave)"
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  equal "threads that learn" "1 1" "$(thread_count host) $(thread_count enclave)"
  before=$(thread_ms host)
  sleep 10
  note "in 10 s the verifier's thread needs $(($(thread_ms host) - before)) ms"
  at_most "ms of a processor in 10 s" 200 $(($(thread_ms host) - before))
}

# The default route that is taken would carry the prover's own answers, which have to reach a verifier behind a router.
Verifier_behind_a_router_may_offer_a_default_route() {
  file_machines host enclave
  new_machines third
  wire host third
  wire enclave third
  at third sysctl -qw net.ipv4.ip_forward=1
  ip -n "host-$$" route add default via "${outer4[third/host]}"
  ip -n "enclave-$$" route add default via "${outer4[third/enclave]}"
  write_prover enclave tcp "${public[host]}"
  write_verifier tcp "tcp:${outer4[enclave/third]}:$(provision_port enclave)" 'OfferAllowedIPs = 0.0.0.0/0'
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  pings host enclave
  pings enclave host
  # It answers later connections too.
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
}

# Both are led to one prover, as somebody between them may do: it takes the offer of one.
One_prover_is_not_taken_for_two_peers() {
  local taken
  two_ends tcp
  ip -n "enclave-$$" address add 10.99.0.2/32 dev to-host
  ip -n "host-$$" route add 10.99.0.2/32 via "${outer4[enclave/host]}"
  cat >>"$(file_of host)" <<END

[Peer]
Attest = tcp:10.99.0.2:$(provision_port enclave)
AttestUnattested = yes
AllowedIPs = 203.0.113.7/32
END
  ours enclave up wg0 >/dev/null
  ours host up wg0
  wait_for 20 host_awaits "is another peer's" || fail "not said: $(ours host show wg0)"
  taken=$(addresses enclave)
  equal "the peer's allowed IPs and the prover's address" "$(show host allowed-ips | cut -f 2)" "${taken%/*}/32"
  pause 6
  equal "the prover's address after further attempts" "$taken" "$(addresses enclave)"
  equal "peers" 1 "$(show host peers | wc -l)"
}

# What faces the network when keys are exchanged has the tunnel's key, and nothing else.
Exchange_has_a_process_of_its_own_which_is_confined() {
  local machine process task set rss
  two_ends tcp
  ours enclave up wg0 >/dev/null
  ours host up --wait wg0
  for machine in host enclave; do
    process=$(provisioner_at "$machine")
    equal "provisioners of $machine" 1 "$(wc -l <<<"$process")"
    for task in "/proc/$process/task"/*; do
      equal "no_new_privs of $(cat "$task/comm")" 1 "$(status_of "$task" NoNewPrivs)"
      equal "filter of $(cat "$task/comm")" 2 "$(status_of "$task" Seccomp)"
      # CAP_NET_RAW, for the mark.
      for set in CapEff CapPrm CapBnd; do equal "$set of $(cat "$task/comm")" 0000000000002000 "$(status_of "$task" "$set")"; done
      for set in CapInh CapAmb; do equal "$set of $(cat "$task/comm")" 0000000000000000 "$(status_of "$task" "$set")"; done
    done
    # Neither interface nor control socket, nor what leads to routes: its sockets, and the one to its supervisor.
    for task in "/proc/$process/fd"/*; do
      case $(readlink "$task") in
        /dev/null | /dev/urandom | socket:* | anon_inode:*) ;;
        *) fail "a descriptor of $machine's provisioner leads to $(readlink "$task")" ;;
      esac
    done
    find "/proc/$process/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' >"$work/sockets"
    equal "netlink sockets of $machine's provisioner" "" "$(at "$machine" awk '{print $NF}' /proc/net/netlink | grep -xFf "$work/sockets" || :)"
    rss=$(awk '$1 == "VmRSS:" {print $2}' "/proc/$process/status")
    note "$machine's provisioner has $rss KiB of memory"
    at_most "KiB of $machine's provisioner" 40960 "$rss"
  done
  equal "who listens for verifiers" "$(provisioner_at enclave)" \
    "$(at enclave ss -Hltnp "sport = :$(provision_port enclave)" | sed 's/.*pid=\([0-9]*\).*/\1/' | sort -u)"
  # A signal that a service manager sends to all is for the supervisor.
  kill -TERM "$(provisioner_at host)"
  sleep 1
  is_provisioner "$process" || fail "it has ended"
  # It goes with its supervisor, however that ends.
  kill -9 "$(supervisor_at enclave)"
  wait_for 10 no_daemon_at enclave || fail "the provisioner outlives its supervisor"
}

Killed_provisioner_is_started_anew_and_the_tunnel_goes_on() {
  local process
  two_ends tcp
  enter enclave env LOG_LEVEL=debug "$daemon" up -f wg0 >"$work/enclave.log" 2>&1 &
  wait_for 20 grep -q 'public key: ' "$work/enclave.log"
  ours host up --wait wg0
  process=$(provisioner_at enclave)
  kill -9 "$process"
  pings host enclave
  wait_for 20 has_another_provisioner enclave "$process" || fail "it is not started anew: $(cat "$work/enclave.log")"
  grep -q 'it was killed by signal 9; it is started anew' "$work/enclave.log" || fail "not said: $(cat "$work/enclave.log")"
  # A verifier that comes later finds it.
  ours host down wg0
  ours host up --wait wg0
  pings host enclave
  # Of the verifier's: what was learned stays, and is learned anew when it is time.
  process=$(provisioner_at host)
  kill -9 "$process"
  wait_for 20 has_another_provisioner host "$process" || fail "the verifier's is not started anew"
  pings host enclave
}

# ---- verbs of this file --------------------------------------------------------------------------------------------------

status_of() { awk -v "name=$2:" '$1 == name {print $2}' "$1/status"; } # FOLDER OF /PROC, FIELD

has_another_provisioner() { [ -n "$(provisioner_at "$1")" ] && [ "$(provisioner_at "$1")" != "$2" ]; } # MACHINE PROCESS

session_of() { awk '{print $6}' "/proc/$1/stat"; } # PROCESS

host_awaits() { ours host show wg0 | has "^  awaited: .*$1"; } # PATTERN

host_has_another_key_than() { [ -n "$(show host peers)" ] && [ "$(show host peers)" != "$1" ]; } # KEY
has_session() { [ "$(show host latest-handshakes | cut -f 2)" != 0 ]; }

# A tunnel's threads by that name, and what they have used of a processor.
thread_count() { cat "/proc/$(supervisor_at "$1")"/task/*/comm | grep -c '^provisioning' || :; }
thread_ms() {
  local task
  for task in "/proc/$(supervisor_at "$1")"/task/*; do
    if grep -q '^provisioning' "$task/comm"; then awk '{print int($1 / 1000000)}' "$task/schedstat"; fi
  done
}

refused_with() { # PATTERN COMMAND...
  if "${@:2}" >"$work/refused" 2>&1; then fail "was not refused: ${*:2}"; fi
  grep -q -- "$1" "$work/refused" || fail "expected '$1', got '$(cat "$work/refused")'"
}

addresses() { ip -n "$1-$$" -o -4 address show dev wg0 | awk '{print $4}' | paste -sd' '; } # MACHINE

provision_port() { echo $((port[$1] + 1)); } # MACHINE

write_prover() { # MACHINE NETWORK PROVISION-FROM [MORE LINES]
  mkdir -p "$work/etc-$1/wireguard"
  cat >"$(file_of "$1")" <<END
[Interface]
Network = $2
PrivateKey = generate
ListenPort = ${port[$1]}
Provision = unattested
ProvisionFrom = $3
${4:-}
END
}

write_verifier() { # NETWORK ATTEST [MORE LINES]
  mkdir -p "$work/etc-host/wireguard"
  cat >"$(file_of host)" <<END
[Interface]
Network = $1
Address = ${inner[host]}/24
PrivateKey = $(cat "$work/host.key")
ListenPort = ${port[host]}
END
  add_section enclave "$2" "${3:-}"
}

add_section() { # MACHINE ATTEST [MORE LINES]
  cat >>"$(file_of host)" <<END

[Peer]
Attest = $2
AttestUnattested = yes
AllowedIPs = ${inner[$1]}/32
${3:-}
END
}

# host attests enclave over TCP.
two_ends() { # NETWORK [MORE LINES OF THE PROVER] [MORE LINES OF THE VERIFIER]
  file_machines host enclave
  wire host enclave
  write_prover enclave "$1" "${public[host]}" "${2:-}"
  write_verifier "$1" "tcp:${outer4[enclave/host]}:$(provision_port enclave)" "${3:-}"
}
