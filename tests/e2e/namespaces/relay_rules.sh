# shellcheck shell=bash
# A relay's rules and limits, what is no message, and what cannot be relayed.
# shellcheck source=tests/e2e/namespaces/relay_verbs
. "$e2e/namespaces/relay_verbs"

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

Connections_are_limited_by_source_and_in_all() {
  chain host near enclave
  new_machines third
  wire near third
  relay near --raw --listen "tcp:${port[near]}" --to "tcp:${outer4[enclave/near]}:7000" --max-per-source 3 --max-connections 4
  at enclave socat -u TCP-LISTEN:7000,reuseaddr,fork,backlog=64 OPEN:/dev/null &
  wait_for 30 listens enclave 7000 || fail "no listener"
  for _ in {1..6}; do at host socat -t 1 - "TCP:${outer4[near/host]}:${port[near]}" <"$work/never" & done
  wait_for 20 eval '(($(report_of near "links;*") == 3))' || fail "of one source: $(report near)"
  for _ in {1..6}; do at third socat -t 1 - "TCP:${outer4[near/third]}:${port[near]}" <"$work/never" & done
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
    refused_with "${text%%: *}" at near "$daemon" relay ${text#*: }
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
