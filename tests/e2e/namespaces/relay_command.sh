# shellcheck shell=bash
# `wireguard-vsock relay` between real peers: ours over TCP, wireguard-go over UDP. It runs without a single capability.
#
#   host -- near -- far -- enclave        each on a wire with the next; relays run at near and far, or at near alone
# shellcheck disable=SC2034 # `with` is what `start` reads

# ---- one peer behind it ------------------------------------------------------------------------------------------------

# What a datagram cannot carry: neither superpackets nor short checksums are negotiated, and the session lasts.
Two_relays_with_udp_between_carry_20_MB_each_way() {
  local machine
  tunnel_through_two_relays udp
  for machine in host enclave; do : >"$work/$machine.log"; done
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 40 1200
  pings enclave host
  wait_for 20 eval '(($(streams_to enclave) == 1))' || fail "$(streams_to enclave) connections to the enclave"
  for machine in host enclave; do
    if takes_superpackets $machine; then fail "superpackets from $machine"; fi
    if grep -qE 'No answer to the handshake|Nothing heard since' "$work/$machine.log"; then fail "a session was lost at $machine"; fi
  done
  # A HELLO each way in a session, and nothing that lanes have sent.
  for machine in near far; do
    [[ $(report $machine) =~ ' links; received '.*'; dropped: '[12]' too_long' ]] || fail "$machine: $(report $machine)"
  done
}

# Its socket is the virtual machine's: it comes with the folder, follows the monitor's owner, and is made again.
Relay_listens_where_a_guest_appears_later() {
  chain near
  # As root: another may not give the socket away.
  LOG_LEVEL=debug enter near "$daemon" relay --listen "unix:$work/vm/v.sock:51830" --to udp:192.0.2.1:1 >>"$work/near.log" 2>&1 &
  relays[near]=$!
  wait_for 30 grep -q "Cannot listen at $work/vm/v.sock_51830: its folder is not there" "$work/near.log" || fail "not told"
  mkdir "$work/vm"
  wait_for 10 [ -S "$work/vm/v.sock_51830" ] || fail "it does not listen in the folder: $(cat "$work/near.log")"
  : >"$work/vm/v.sock"
  chown 12346:23457 "$work/vm/v.sock"
  wait_for 10 eval "[ '12346 23457' = \"\$(stat -c '%u %g' $work/vm/v.sock_51830)\" ]" || fail "its owner did not follow"
  rm "$work/vm/v.sock_51830"
  wait_for 10 [ -S "$work/vm/v.sock_51830" ] || fail "it is not made again"
  kill "${relays[near]}"
  wait_for 10 [ ! -e "$work/vm/v.sock_51830" ] || fail "it outlives the relay"
}

# Enclaves on streams, the world on UDP: each connection has a socket of its own at the relay.
Enclaves_reach_wireguard_go_in_the_world() {
  local machine
  chain host near enclave
  new_machines third
  wire near third
  start host wireguard-go
  configure host
  relay near --listen "tcp:${port[near]}" --to "udp:${outer4[host/near]}:${port[host]}"
  for machine in enclave third; do
    start $machine tcp4
    configure $machine
    reached_by host $machine
    reached_by $machine host near
    flows_within 30 $machine host
  done
  for machine in enclave third; do
    copy_checksummed $machine host 20
    copy_checksummed host $machine 20
    pings host $machine
  done
  equal "addresses of the two at wireguard-go" 2 "$(field host endpoints | sort -u | wc -l)"
  equal "host of these" "${outer4[near/host]}" "$(field host endpoints | sed 's/:.*//' | sort -u)"
  trains_arrive enclave host 50 40 1200
  if takes_superpackets enclave; then fail "superpackets to wireguard-go"; fi
}

Wireguard_go_in_the_world_reaches_an_enclave() {
  chain host near enclave
  start_both wireguard-go tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  pings enclave host
  trains_arrive host enclave 50 40 1200
  trains_arrive enclave host 50 40 1200
  wait_for 20 eval '(($(streams_to enclave) == 1))' || fail "$(streams_to enclave) connections to the enclave"
}

Relay_over_ipv6_and_by_name() {
  chain host near enclave
  start_both udp6 tcp6
  echo "${outer6[enclave/near]} enclave.example.org" >"$work/hosts"
  at near mount --bind "$work/hosts" /etc/hosts
  relay near --listen "udp:[${outer6[near/host]}]:${port[near]}" --to "tcp:enclave.example.org:${port[enclave]}"
  at host wg set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}" endpoint "[${outer6[near/host]}]:${port[near]}"
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
}

# The path passes everything: superpackets are used, through two relays too.
Streams_on_both_sides_carry_superpackets() {
  local machine
  tunnel_through_two_relays tcp
  for machine in host enclave; do
    wait_for 30 takes_superpackets $machine || fail "no superpackets from $machine"
  done
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  trains_arrive host enclave 50 40 1200
  wait_for 30 eval "((\$(streams_to enclave) == $(lane_count)))" || fail "$(streams_to enclave) connections to the enclave"
  flows_within 30 enclave host
}

# Guests of Firecracker and Cloud Hypervisor: the enclave's machine is one, as a multiplexer of their kind shows it at near. What goes
# to it and what comes from it are two rules of one file.
Guests_behind_a_unix_socket_are_reached_and_reach_the_world() {
  chain host near enclave
  start_both wireguard-go tcp4
  enter near perl "$e2e/vmm.pl" "$work/v.sock" "tcp:${outer4[enclave/near]}=${outer4[near/enclave]}" 51830 &
  wait_for 30 [ -S "$work/v.sock" ] || fail "no multiplexer"
  cat >"$work/relay.conf" <<END
[Relay]
Listen = udp:${port[near]}
To = unix:$work/v.sock:${port[enclave]}

[Relay]
Listen = unix:$work/v.sock:51830
To = udp:${outer4[host/near]}:${port[host]}
END
  relay near "$work/relay.conf"
  wait_for 30 [ -S "$work/v.sock_51830" ] || fail "the relay does not listen: $(tail -n 3 "$work/near.log")"
  wait_for 30 listens near "${port[near]}" -u || fail "the relay does not listen: $(tail -n 3 "$work/near.log")"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  copy_checksummed host enclave 10
  copy_checksummed enclave host 10
  # The other way, in a session of its own.
  at host wg set wg0 peer "${public[enclave]}" remove
  at enclave wg set wg0 peer "${public[host]}" remove
  introduce host enclave
  introduce enclave host
  at enclave wg set wg0 peer "${public[host]}" endpoint "${outer4[near/enclave]}:51830"
  pings enclave host
  copy_checksummed enclave host 10
  copy_checksummed host enclave 10
}

# ---- many enclaves behind one port ---------------------------------------------------------------------------------------

One_port_leads_to_several_enclaves_by_their_keys() {
  local machine before
  several_enclaves
  for machine in host third; do
    flows_within 30 $machine enclave
    flows_within 30 $machine other
  done
  copy_checksummed host enclave 10
  copy_checksummed other host 10
  copy_checksummed enclave third 10
  copy_checksummed third other 10
  wait_for 20 eval '[ "$(streams_to enclave) $(streams_to other)" = "2 2" ]' || fail "$(streams_to enclave) and $(streams_to other) connections"
  # A source that moves, in the middle of its sessions: the messages that come from the new one name their enclaves by index.
  before=$(handshake_of enclave host)
  at host wg set wg0 listen-port 9999
  pings host enclave
  pings host other
  copy_checksummed enclave host 5
  equal "the session" "$before" "$(handshake_of enclave host)"
}

# The caller's connection to the relay may outlast the enclave's program; the next one reads no short checksums.
Enclave_that_is_restarted_without_extensions_is_reached_through_the_same_relay() {
  chain host near enclave
  start_both tcp4
  relay near --listen "tcp:${port[near]}" --peer "${public[enclave]}=tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  wait_for 30 takes_superpackets host || fail "no superpackets to the enclave"
  copy_checksummed host enclave 5
  stop enclave
  with=(--superpackets=off)
  start enclave tcp4
  configure enclave
  reached_by enclave host
  flows_within 40 host enclave
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
  if takes_superpackets host; then fail "superpackets to an enclave that takes none"; fi
}

# Silence, and no stream, for what is for nobody behind it.
Stranger_gets_silence_from_a_relay_with_peers() {
  local before sent replies
  several_enclaves
  flows_within 30 host enclave
  flows_within 30 host other
  before="$(streams_to enclave) $(streams_to other)"
  at host ping -q -i 0.2 -c 40 -W 2 "${inner[enclave]}" >"$work/pings" &
  local steady=$!
  at third "$e2e/flood.pl" garbage 3 udp "${outer4[near/third]}" "${port[near]}" >"$work/flood"
  # Right by type and length, and for a key that is nobody's here.
  new_key nobody
  at third wg set wg0 peer "${public[enclave]}" remove peer "${public[other]}" remove
  at third wg set wg0 peer "${public[nobody]}" allowed-ips 203.0.113.99 endpoint "${outer4[near/third]}:${port[near]}"
  capture third to-near -Q in udp
  if at third ping -q -c 2 -i 1 -W 3 203.0.113.99 >/dev/null 2>&1; then fail "an answer from nobody"; fi
  end_capture
  equal "answers" "" "$(tcpdump -n -r "$work/capture" 2>/dev/null | sed -n 1,3p)"
  wait $steady || fail "pings: $(cat "$work/pings")"
  grep -q ' 0% packet loss' "$work/pings" || fail "lost: $(cat "$work/pings")"
  equal "connections" "$before" "$(streams_to enclave) $(streams_to other)"
  at_least "datagrams of the flood" 1000 "$(cat "$work/flood")"
  pings host other
}

# The third machine sends the host's own initiation from thousands of addresses. Each could be somebody's.
Initiations_from_spoofed_sources_make_few_streams_and_a_peer_gets_in() {
  local most=0 now
  several_enclaves
  capture near to-host -Q in udp
  flows_within 30 host enclave
  capture_settles
  tshark -r "$work/capture" -Y 'udp.length == 156' -T fields -e udp.payload 2>/dev/null | sed -n 1p >"$work/initiation"
  end_capture
  grep -q '^01000000' "$work/initiation" || fail "no initiation was captured"
  ip -n "third-$$" route add local 10.66.0.0/16 dev lo
  ip -n "near-$$" route add 10.66.0.0/16 via "${outer4[third/near]}"
  enter third "$e2e/spoof.pl" 25 "${outer4[near/third]}" "${port[near]}" 10.66 <"$work/initiation" >"$work/spoofed" &
  local flood=$!
  sleep 3
  # A peer that the relay does not know yet: another port, another session.
  at host wg set wg0 listen-port 9999 peer "${public[enclave]}" remove
  reached_by host enclave near
  flows_within 20 host enclave
  for _ in {1..20}; do
    now=$(streams_to enclave)
    most=$((now > most ? now : most))
    sleep 0.2
  done
  pings host enclave
  if is_gone $flood; then fail "the flood is over"; fi
  wait $flood
  at_least "initiations of the flood" 10000 "$(cat "$work/spoofed")"
  # What came before the relay was under load, and what may wait for an answer.
  at_most "connections to the enclave" 300 "$most"
  wait_for 15 eval '(($(streams_to enclave) <= 4))' || fail "$(streams_to enclave) connections afterwards"
  note "$(cat "$work/spoofed") initiations, at most $most connections"
}

# ---- its end, and its beginning ------------------------------------------------------------------------------------------

Killed_under_load_and_started_again_traffic_goes_on_within_2_s() {
  chain host near enclave
  start_both wireguard-go tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  survives_a_kill host enclave
}

# The end on a stream dials again, and at once: its connection had lasted.
Killed_relay_is_dialled_again_within_2_s() {
  chain host near enclave
  start_both udp4 tcp4
  relay near --listen "tcp:${port[near]}" --to "udp:${outer4[host/near]}:${port[host]}"
  reached_by host enclave
  reached_by enclave host near
  survives_a_kill enclave host
}

# What it had learned of indices is gone: the next handshake tells it anew, which the peer begins 15 s after it has gone unanswered.
Killed_relay_with_peers_is_back_with_the_next_handshake() {
  several_enclaves
  flows_within 30 host enclave
  load host enclave
  kill_relay near
  several_enclaves_relay
  flows_within 30 host enclave
  end_load
  pings host other
}

SIGHUP_takes_up_rules_and_leaves_those_that_stay() {
  local before
  chain host near enclave
  start_both wireguard-go tcp4
  rules "udp:${port[near]}"
  relay near "$work/relay.conf"
  wait_for 30 listens near "${port[near]}" -u || fail "the relay does not listen: $(tail -n 3 "$work/near.log")"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  before=$(at enclave ss -Htn state established "( sport = :${port[enclave]} )")
  # A mistake is said, and changes nothing.
  rules "udp:${port[near]}" udp:none
  kill -HUP "${relays[near]}"
  wait_for 30 grep -q 'udp:none' "$work/near.log" || fail "nothing is said of the mistake: $(tail -n 3 "$work/near.log")"
  pings host enclave
  rules "udp:${port[near]}" udp:9999
  kill -HUP "${relays[near]}"
  wait_for 30 listens near 9999 -u || fail "the new rule is not in force: $(tail -n 3 "$work/near.log")"
  pings host enclave
  equal "the connection" "$(addresses_of "$before")" "$(addresses_of "$(at enclave ss -Htn state established "( sport = :${port[enclave]} )")")"
  rules udp:9999
  kill -HUP "${relays[near]}"
  wait_for 30 eval '! listens near "${port[near]}" -u' || fail "the old rule is still in force: $(tail -n 3 "$work/near.log")"
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[near/host]}:9999"
  flows_within 30 host enclave
}

rules() { # ADDRESS...: a rule for each, to the enclave
  local address
  for address; do
    printf '%s\n' '[Relay]' "Listen = $address" "To = tcp:${outer4[enclave/near]}:${port[enclave]}" ''
  done >"$work/relay.conf"
}

addresses_of() { awk '{print $3, $4}' <<<"$1" | sort; }

# ---- limits, and what is no message ------------------------------------------------------------------------------------

Connections_are_limited_by_source_and_in_all() {
  local i
  chain host near enclave
  new_machines third
  wire near third
  relay near --raw --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000" --max-per-source 3 --max-connections 4
  at enclave socat -u TCP-LISTEN:7000,reuseaddr,fork,backlog=64 OPEN:/dev/null &
  wait_for 30 listens enclave 7000 || fail "no listener"
  for i in {1..6}; do at host socat -t 1 - "TCP:${outer4[near/host]}:${port[near]}" <"$work/never" & done
  wait_for 20 eval '(($(report_of near "links;*") == 3))' || fail "of one source: $(report near)"
  for i in {1..6}; do at third socat -t 1 - "TCP:${outer4[near/third]}:${port[near]}" <"$work/never" & done
  wait_for 20 eval '(($(report_of near "links;*") == 4))' || fail "of two sources: $(report near)"
  at_least "refused" 1 "$(report_of near too_many_connections)"
  at_most "connections to the enclave" 4 "$(at enclave ss -Htn state established '( sport = :7000 )' | wc -l)"
}

Idle_links_end_and_come_back() {
  chain host near enclave
  start_both udp4 tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}" --idle 12
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
  equal "links" 1 "$(report_of near 'links;*')"
  # A keepalive 10 s after the last ping is the last message.
  wait_for 40 eval '(($(report_of near "links;*") == 0))' || fail "the link stays: $(report near)"
  wait_for 10 eval '(($(streams_to enclave) == 0))' || fail "the connection stays"
  pings host enclave
}

Datagrams_that_are_no_messages_get_silence() {
  chain host near enclave
  start_both udp4 tcp4
  relay near --listen "udp:${port[near]}" --to "tcp:${outer4[enclave/near]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  # Every length up to a datagram's of 1,500 bytes, and the types' own with others' lengths.
  # shellcheck disable=SC2016 # perl's
  at host perl -MSocket -e '
    my ($address, $port) = @ARGV;
    socket(my $s, AF_INET, SOCK_DGRAM, 0) or die;
    connect($s, pack_sockaddr_in($port, inet_aton($address))) or die;
    for my $length (0 .. 1472) {
      for my $type (0x04030201, 0, 1, 2, 3, 5) {
        next if ($type == 1 && $length == 148) || ($type == 2 && $length == 92) || ($type == 3 && $length == 64);
        send($s, substr(pack("V", $type) . "x" x $length, 0, $length), 0);
      }
      select undef, undef, undef, 0.002 unless $length % 20;
    }
    select undef, undef, undef, 0.5;
    print "answered\n" if defined recv($s, my $answer, 65536, MSG_DONTWAIT);' "${outer4[near/host]}" "${port[near]}" >"$work/answered"
  equal "answers" "" "$(cat "$work/answered")"
  equal "connections to the enclave" 0 "$(streams_to enclave)"
  at_least "datagrams that were no messages" 5000 "$(report_of near not_a_message)"
  flows_within 30 host enclave
}

What_cannot_be_relayed_is_said_in_a_line() {
  local text
  chain near
  at near socat -u UDP-LISTEN:9999,reuseaddr=0 OPEN:/dev/null &
  wait_for 30 listens near 9999 -u || fail "no listener"
  while read -r text; do
    # shellcheck disable=SC2086 # words
    refused_in_one_line at near "$daemon" relay ${text#*: }
    [[ $refusal == *"${text%%: *}"* ]] || fail "expected '${text%%: *}', got '$refusal'"
  done <<END
udp:9999: --listen udp:9999 --to tcp:192.0.2.1:1
192.0.2.99: --listen tcp:192.0.2.99:1000 --to tcp:192.0.2.1:1
udp:70000: --listen udp:70000 --to tcp:192.0.2.1:1
unix:relative:5: --listen udp:1000 --to unix:relative:5
--to: --listen udp:1000
key: --listen udp:1000 --peer short=tcp:192.0.2.1:1
--raw: --raw --listen udp:1000 --to tcp:192.0.2.1:1
--idel: --listen udp:1000 --to tcp:192.0.2.1:1 --idel=5
$work/nothing: $work/nothing
END
}

# ---- any stream ----------------------------------------------------------------------------------------------------------

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

# ---- verbs ---------------------------------------------------------------------------------------------------------------

declare -A relays=()

# MACHINE ARGUMENT...: in the background, without a capability; it listens when this returns.
relay() {
  local machine=$1 word last=''
  shift
  LOG_LEVEL=debug enter "$machine" setpriv --bounding-set=-all --inh-caps=-all "$daemon" relay "$@" >>"$work/$machine.log" 2>&1 &
  relays[$machine]=$!
  for word; do
    if [ "$last" = --listen ]; then
      wait_for 30 eval 'listens_on "$machine" "$word" || is_gone "${relays[$machine]}"' || :
      listens_on "$machine" "$word" || fail "the relay does not listen on $word: $(tail -n 3 "$work/$machine.log")"
    fi
    last=$word
  done
}

listens_on() { # MACHINE ADDRESS
  local path=${2#unix:}
  case $2 in
    tcp:*) listens "$1" "${2##*:}" -t ;;
    udp:*) listens "$1" "${2##*:}" -u ;;
    *) [ -S "${path%:*}_${path##*:}" ] ;;
  esac
}

# What it has carried and dropped, as it says when asked.
report() { # MACHINE
  local before
  before=$(grep -c '[0-9] links' "$work/$1.log" || :)
  kill -USR1 "${relays[$1]}"
  wait_for 30 eval "((\$(grep -c '[0-9] links' '$work/$1.log') > before))" || fail "the relay does not report"
  grep '[0-9] links' "$work/$1.log" | tail -n 1
}

# The number in front of a word of it.
report_of() { report "$1" | grep -oE "[0-9]+ $2" | sed 's/ .*//' | grep . || echo 0; } # MACHINE WORD

kill_relay() { # MACHINE: as a crash would
  kill -9 "${relays[$1]}"
  wait "${relays[$1]}" 2>/dev/null || :
}

chain() { # MACHINE...: each on a wire with the next
  local last='' machine
  new_machines "$@"
  for machine; do
    [ -z "$last" ] || wire "$last" "$machine"
    last=$machine
  done
}

# host and enclave over TCP to a relay each, which have NETWORK between them.
tunnel_through_two_relays() { # NETWORK
  chain host near far enclave
  start_both tcp4
  relay near --listen "tcp:${port[near]}" --to "$1:${outer4[far/near]}:${port[far]}"
  relay far --listen "$1:${port[far]}" --to "tcp:${outer4[enclave/far]}:${port[enclave]}"
  reached_by host enclave near
  reached_by enclave host
  flows_within 30 host enclave
}

# Like introduce, where the peer is found at a relay, or not at all.
reached_by() { # MACHINE PEER [RELAY'S MACHINE]
  introduce "$1" "$2"
  [ -z "${3:-}" ] || at "$1" wg set wg0 peer "${public[$2]}" endpoint "${outer4[$3/$1]}:${port[$3]}"
}

streams_to() { at "$1" ss -Htn state established "( sport = :${port[$1]} )" | wc -l; } # MACHINE

# host and third in the world, with wireguard-go; enclave and other behind one port at near.
several_enclaves() {
  local machine
  new_machines host near enclave other third
  for machine in host enclave other third; do wire near $machine; done
  for machine in enclave other; do
    start $machine tcp4
    configure $machine
  done
  several_enclaves_relay
  for machine in host third; do
    start $machine wireguard-go
    configure $machine
    for enclave in enclave other; do
      reached_by $machine $enclave near
      reached_by $enclave $machine
    done
  done
}

several_enclaves_relay() {
  relay near --listen "udp:${port[near]}" \
    --peer "${public[enclave]}=tcp:${outer4[enclave/near]}:${port[enclave]}" \
    --peer "${public[other]}=tcp:${outer4[other/near]}:${port[other]}"
}

# The clock runs from the new relay's start: what the crash itself costs is up to who starts it again.
survives_a_kill() { # FROM TO
  local arguments
  mapfile -d '' -t arguments < <(tr '\0' '\0' <"/proc/${relays[near]}/cmdline")
  flows_within 30 "$1" "$2"
  load "$1" "$2"
  # A connection that lasted is dialled again at once.
  sleep 10
  kill_relay near
  relay near "${arguments[@]:2}"
  flows_within 2 "$1" "$2"
  end_load
  pings "$2" "$1"
}
