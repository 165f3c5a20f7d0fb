# shellcheck shell=bash
# What wg(8) does, done by our own commands: beside the real wg, against our daemon and Debian's wireguard-go.

fields=(public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips latest-handshakes transfer
  persistent-keepalive dump)

# Variables for both programs.
variables=()

# What a command line prints and its exit code, of wg or ours, at host; $complaint is what it says on stderr.
answer() { # wg|ours ARGUMENTS...
  local program=$1 code=0
  shift
  [ "$program" = wg ] || program=$daemon
  at host env ${variables[@]+"${variables[@]}"} "$program" "$@" 2>"$work/complaint" </dev/null || code=$?
  echo "code $code"
}

says_the_same() {
  expected=$(answer wg "$@") && expected+=$(<"$work/complaint")
  actual=$(answer ours "$@") && actual+=$(<"$work/complaint")
  [ "$expected" = "$actual" ]
}

# Ours prints what wg prints, to the byte. Ages and counters may move between the two: then they are asked again.
same() { # ARGUMENTS...
  local expected actual
  wait_for 30 says_the_same "$@" || {
    says_the_same "$@" || :
    equal "${variables[*]-} $*" "$expected" "$actual"
  }
}

# Two interfaces at host, one of ours with peers of every kind, one of wireguard-go's; the first has a session with enclave.
two_daemons() { # NETWORK
  tunnel "$1"
  new_key a
  wg genpsk >"$work/psk"
  at host wg set wg0 fwmark 0x1234 \
    peer "${public[a]}" preshared-key "$work/psk" endpoint '[2001:db8::2]:2000' persistent-keepalive 25 \
    allowed-ips 10.1.0.0/16,fd00:1::/32,::1.2.3.4/128,0.0.0.0/0
  another_daemon
}

# wg1 of wireguard-go at host.
another_daemon() {
  LOG_LEVEL=silent WG_PROCESS_FOREGROUND=1 enter host wireguard-go -f wg1 >"$work/another.log" 2>&1 &
  wait_for 30 [ -S "$work/host/wg1.sock" ] || fail "no wireguard-go"
  wait_for 30 at host wg show wg1 || fail "wireguard-go does not answer"
  new_key b
  at host wg set wg1 private-key "$work/host.key" \
    peer "${public[enclave]}" endpoint '[fe80::1%lo]:7' allowed-ips 10.7.0.0/16 \
    peer "${public[b]}" endpoint '[::ffff:192.0.2.1]:9' persistent-keepalive 3661
}

Show_and_showconf_print_what_wg_prints() {
  local form field
  two_daemons udp
  pings host enclave
  for form in wg0 all; do
    for field in "${fields[@]}"; do same show $form "$field"; done
    same show $form
  done
  same show wg1
  same show wg1 dump
  same show
  same show interfaces
  same showconf wg0
  same showconf wg1
  for variables in WG_COLOR_MODE=always WG_COLOR_MODE=never WG_HIDE_KEYS=never WG_HIDE_KEYS=always WG_COLOR_MODE=auto; do
    same show
    same show wg1
  done
}

On_a_terminal_it_has_the_colours_of_wg_unless_NO_COLOR_is_set() {
  local plain coloured
  tunnel udp4
  at host ip link set wg0 down
  coloured=$(at host script -qec "exec wg show wg0" /dev/null)
  equal colours "$coloured" "$(at host script -qec "exec '$daemon' show wg0" /dev/null)"
  [[ $coloured = *$'\e[32m'* ]] || fail "wg has no colours on a terminal"
  plain=$(at host env NO_COLOR=1 script -qec "exec '$daemon' show wg0" /dev/null)
  equal "without colours" "$(at host wg show wg0)" "${plain//$'\r'/}"
  coloured=$(at host env NO_COLOR=1 WG_COLOR_MODE=always "$daemon" show wg0)
  [[ $coloured = *$'\e[32m'* ]] || fail "WG_COLOR_MODE=always does not win"
}

# Each line is a set for wg at one interface and for ours at the other: the same complaint, the same code, the same result.
Set_takes_what_wg_takes_and_complains_as_it_does() {
  local words line expected actual
  tunnel udp4
  another_daemon
  ip -n "host-$$" link set wg0 down # nothing is sent
  at host wg set wg0 listen-port 0 peer "${public[enclave]}" remove
  at host wg set wg1 private-key "$work/host.key" peer "${public[enclave]}" remove peer "${public[b]}" remove
  wg genpsk >"$work/psk"
  echo short >"$work/short"
  { cat "$work/psk" && echo x; } >"$work/long"
  variables=(WG_ENDPOINT_RESOLUTION_RETRIES=0)
  while IFS= read -r line; do
    eval "words=($line)"
    expected=$(answer wg set wg1 "${words[@]}") && expected+=$(<"$work/complaint")
    actual=$(answer ours set wg0 "${words[@]}") && actual+=$(<"$work/complaint")
    equal "set $line" "$expected" "$actual"
    equal "after set $line" "$(state wg1)" "$(state wg0)"
  done <<'END'
fwmark 0x10
fwmark 010
fwmark off
fwmark 0x
fwmark 4294967296
listen-port ''
listen-port x
private-key "$work/short"
private-key "$work/long"
private-key "$work/psk"
private-key /dev/null
private-key "$work/host.key"
peer abc
peer "${public[b]}"
peer "${public[b]}" preshared-key "$work/psk" endpoint 192.0.2.1:7 persistent-keepalive 25 allowed-ips 10.0.0.1/8,fd00::/8
peer "${public[b]}" allowed-ips ' 10.2.0.0/16 , 10.3.0.0/16'
peer "${public[b]}" allowed-ips 10.2.0.0/33
peer "${public[b]}" allowed-ips 10.2.0.0/
peer "${public[b]}" allowed-ips ,
peer "${public[b]}" allowed-ips x
peer "${public[b]}" allowed-ips ''
peer "${public[b]}" allowed-ips ::1.2.3.4/127 allowed-ips 10.7.7.7
peer "${public[b]}" persistent-keepalive 65536
peer "${public[b]}" persistent-keepalive off
peer "${public[b]}" preshared-key /dev/null
peer "${public[b]}" endpoint ''
peer "${public[b]}" endpoint 192.0.2.1
peer "${public[b]}" endpoint 192.0.2.1:
peer "${public[b]}" endpoint '[2001:db8::1'
peer "${public[b]}" endpoint '[2001:db8::1]'
peer "${public[b]}" endpoint 16:51820
peer "${public[b]}" endpoint nosuch.example:1
peer "${public[b]}" remove peer "${public[enclave]}" allowed-ips 0.0.0.0/0
peer "${public[enclave]}" remove
END
}

# What is configured, in wg's own words and no particular order: the port aside, which two interfaces cannot share.
state() { # INTERFACE
  at host wg show "$1" dump | awk -F '\t' 'NF == 4 {$3 = "port"} {print}' | tr ', \t' '\n' | sort
}

Keys_come_from_standard_input_and_pipes() {
  local program
  new_machines host
  start host udp4
  at host "$daemon" set wg0 private-key /dev/stdin <"$work/host.key"
  equal public-key "${public[host]}" "$(show host public-key)"
  wg genpsk >"$work/psk"
  new_key a
  at host "$daemon" set wg0 peer "${public[a]}" preshared-key <(cat "$work/psk")
  equal preshared-key "$(cat "$work/psk")" "$(field host preshared-keys)"
  # A program that fails gives no key, and takes none away.
  for program in wg ours; do
    equal "code of $program" 'code 1' "$(answer $program set wg0 private-key <(:))"
    equal "complaint of $program" 'Invalid length key in key file' "$(<"$work/complaint")"
    equal "code of $program" 'code 1' "$(answer $program set wg0 peer "${public[a]}" preshared-key <(:))"
    equal "complaint of $program" 'Invalid length key in key file' "$(<"$work/complaint")"
  done
  equal public-key "${public[host]}" "$(show host public-key)"
  equal preshared-key "$(cat "$work/psk")" "$(field host preshared-keys)"
}

Files_are_taken_as_wg_takes_them() {
  local command file expected actual complaint
  tunnel udp4
  ip -n "host-$$" link set wg0 down # a port of 0 stays 0
  new_key a
  new_key b
  wg genpsk >"$work/psk"
  cat >"$work/one" <<END
[Interface]
PrivateKey = $(cat "$work/a.key")
ListenPort = 9999
fwmark=0x77
[Peer]
PublicKey = ${public[b]}   # a comment
AllowedIPs = 10.9.0.0/16, fd00::/64
AllowedIPs = 10.8.0.0/16
Endpoint = 192.0.2.7:7
PresharedKey = $(cat "$work/psk")
PersistentKeepalive = 9
END
  printf '[Peer]\nPublicKey=%s\nAllowedIPs=10.3.0.0/16\n[Peer]\nPublicKey=%s\n' "${public[enclave]}" "${public[b]}" >"$work/two"
  printf '[Interface]\nListenPort = 8172\n' >"$work/three"
  printf '[Interface]\nAddress = 10.0.0.1/24\n' >"$work/bad"
  printf '[Peer]\nAllowedIPs = 10.0.0.1/24\n' >"$work/nameless"
  # What Debian 12's syncconf leaves of preshared keys and keepalives that the file does not say, later ones remove, and ours.
  while read -r command file; do
    reset_to_two_peers
    expected=$(answer wg "${command/sync/set}" wg0 "$work/$file") && expected+=$(configuration host)
    complaint=$(<"$work/complaint")
    reset_to_two_peers
    actual=$(answer ours "$command" wg0 "$work/$file") && actual+=$(configuration host)
    equal "$command $file" "$expected" "$actual"
    [ "$file" = none ] || equal "complaint of $command $file" "$complaint" "$(<"$work/complaint")"
  done <<'END'
setconf one
addconf one
syncconf one
addconf two
syncconf two
setconf three
addconf three
syncconf three
setconf bad
syncconf nameless
setconf none
END
}

reset_to_two_peers() {
  at host wg setconf wg0 /dev/stdin <<END
[Interface]
PrivateKey = $(cat "$work/host.key")
ListenPort = 8172
FwMark = 5
[Peer]
PublicKey = ${public[enclave]}
AllowedIPs = 203.0.113.2/32
PresharedKey = $(cat "$work/psk")
PersistentKeepalive = 5
[Peer]
PublicKey = ${public[host]}
AllowedIPs = 10.1.0.0/16
END
}

Syncconf_ends_no_session_that_stays() {
  local before
  tunnel udp4
  pings host enclave
  before=$(handshake_of host enclave)
  at host "$daemon" showconf wg0 >"$work/conf"
  sleep 1
  at host "$daemon" syncconf wg0 "$work/conf"
  pings host enclave
  equal "the handshake" "$before" "$(handshake_of host enclave)"
}

Generated_keys_are_those_of_wg() {
  local key
  new_machines host
  key=$("$daemon" genkey)
  [[ $key =~ ^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$ ]] || fail "no key: $key"
  equal "its public key" "$(wg pubkey <<<"$key")" "$("$daemon" pubkey <<<"$key")"
  [ "$key" != "$("$daemon" genkey)" ] || fail "the same key twice"
  [[ $("$daemon" genpsk) =~ ^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$ ]] || fail "no preshared key"
  # A private key is clamped, as wg's are.
  key=$(hex <<<"$key")
  ((0x${key:0:2} % 8 == 0 && 0x${key:62:2} / 64 == 1)) || fail "not clamped: ${key:0:2} ${key:62:2}"
  for key in '' short "$(wg genkey)x" "$(wg genkey | tr -d =)"; do
    refused_in_one_line pubkey_of "$key"
    [[ $refusal = "wireguard-vsock: $(wg pubkey <<<"$key" 2>&1 | sed 's/^wg: //')" ]] || fail "'$key': $refusal"
  done
  umask 022
  equal "a warning" "$(wg genkey 2>&1 >"$work/open")" "$("$daemon" genkey 2>&1 >"$work/open")"
  umask 077
  equal "no warning" "" "$("$daemon" genkey 2>&1 >"$work/closed")"
}

pubkey_of() { "$daemon" pubkey <<<"$1"; }

What_cannot_be_reached_is_said_in_the_words_of_wg() {
  local command
  new_machines host
  same show
  same show interfaces
  for command in 'show wg0' 'show wg0 dump' 'showconf wg0'; do
    # shellcheck disable=SC2086 # words
    refused_in_one_line at host "$daemon" $command
    equal "$command" "Unable to access interface: No such device" "$refusal"
  done
  refused_in_one_line at host "$daemon" set wg0 listen-port 1
  equal set "Unable to modify interface: No such device" "$refusal"
  start host udp4
  # Nobody but root may ask.
  chmod 711 "$work" "$work/host"
  for command in 'show wg0' 'show' 'show all dump' 'showconf wg0' 'set wg0 listen-port 1'; do
    # shellcheck disable=SC2086 # words
    refused_in_one_line as_nobody host $command
    # shellcheck disable=SC2086 # words
    equal "$command" "$(at host setpriv --reuid 65534 --regid 65534 --clear-groups wg $command 2>&1 || :)" "$refusal"
  done
}

Daemon_that_hangs_is_given_up() {
  local began=${EPOCHREALTIME/./} elapsed
  new_machines host
  start host udp4
  kill -STOP "${pid[host]}"
  refused_in_one_line at host "$daemon" show wg0
  kill -CONT "${pid[host]}"
  since "$began"
  [[ $refusal = 'Unable to access interface: Connection timed out: '* ]] || fail "$refusal"
  at_most "seconds" 20 "${elapsed%.*}"
}

Wrong_usage_is_a_line_and_code_2() {
  local line code
  new_machines host
  start host udp4
  while IFS= read -r line; do
    code=0
    # shellcheck disable=SC2086 # words
    at host "$daemon" $line >"$work/said" 2>&1 </dev/null || code=$?
    equal "code of $line" 2 $code
    equal "lines of $line" 1 "$(wc -l <"$work/said")"
  done <<'END'
show wg0 nonsense
show wg0 dump more
show interfaces more
show --nonsense
show --long --json
show --show-secrets
show --long wg0 dump
set
set wg0
set wg0 nonsense
set wg0 remove
set wg0 peer
setconf wg0
addconf wg0 a b
syncconf
showconf
showconf wg0 more
genkey more
genpsk more
pubkey more
END
}

Names_of_hosts_are_resolved_and_kept_by_our_daemon() {
  two_daemons udp
  echo "192.0.2.77 somewhere.example" >"$work/hosts"
  at host sh -c "mount --bind '$work/hosts' /etc/hosts && '$daemon' set wg0 peer '${public[a]}' endpoint somewhere.example:77 &&
    '$daemon' set wg1 peer '${public[b]}' endpoint somewhere.example:77"
  equal "endpoint of ours" 192.0.2.77:77 "$(show host endpoints | awk -v key="${public[a]}" '$1 == key {print $2}')"
  equal "endpoint of wireguard-go" 192.0.2.77:77 "$(at host wg show wg1 endpoints | awk -v key="${public[b]}" '$1 == key {print $2}')"
  at host "$daemon" show --long wg0 | has -x '  endpoint name: somewhere.example:77' || fail "no name"
}

Json_has_the_fields_of_wg_json() {
  two_daemons udp
  pings host enclave
  # Its source says: privateKey, publicKey, listenPort, fwmark, peers, and of each presharedKey, endpoint, latestHandshake,
  # transferRx, transferTx, persistentKeepalive, allowedIps; what is (none), 0 or off is left out.
  at host wg show all dump >"$work/dump"
  at host "$daemon" show --json --show-secrets >"$work/json"
  perl -MJSON::PP -e '
    my %ours = %{decode_json(do {local (@ARGV, $/) = $ARGV[1]; <>})};
    my %wg;
    open my $dump, "<", $ARGV[0];
    while (<$dump>) {
      chomp;
      my ($name, @f) = split /\t/;
      if (@f == 4) {
        $wg{$name} = {privateKey => $f[0], publicKey => $f[1], listenPort => $f[2], fwmark => $f[3] eq "off" ? 0 : hex $f[3], peers => {}};
        delete @{$wg{$name}}{grep {$wg{$name}{$_} =~ /^(0|\(none\))$/} keys %{$wg{$name}}};
      } else {
        my %p = (presharedKey => $f[1], endpoint => $f[2], latestHandshake => $f[4], transferRx => $f[5], transferTx => $f[6],
          persistentKeepalive => $f[7]);
        delete @p{grep {$p{$_} =~ /^(0|off|\(none\))$/} keys %p};
        $wg{$name}{peers}{$f[0]} = {%p, allowedIps => [$f[3] eq "(none)" ? () : split /,/, $f[3]]};
      }
    }
    for my $name (keys %ours) {
      my $device = $ours{$name};
      for my $peer (values %{$device->{peers}}) {
        delete @$peer{qw(endpointName session superpackets handshakeError droppedPackets queuedBytes connections transferRx transferTx)};
      }
      delete @$device{qw(network up mtu superpackets version sandbox localCid listenError counters)};
    }
    delete @$_{qw(transferRx transferTx)} for map {values %{$_->{peers}}} values %wg;
    my $json = JSON::PP->new->canonical->pretty;
    my ($a, $b) = map {$json->encode($_) =~ s/"(\d+)"/$1/gr} \%wg, \%ours;
    $a eq $b or die "wg: $a\nours: $b";
  ' "$work/dump" "$work/json" || fail "other fields"
  at host "$daemon" show --json >"$work/json"
  ! grep -qF -e "$(cat "$work/host.key")" -e "$(cat "$work/psk")" "$work/json" || fail "a secret without --show-secrets"
  at host "$daemon" show --json wg0 | perl -MJSON::PP -e 'exit !exists decode_json(do {local $/; <>})->{wg0}' || fail "no wg0"
}

At_length_it_tells_of_the_network_and_each_connection() {
  two_daemons tcp
  pings host enclave
  at host "$daemon" show --long >"$work/long"
  for line in 'network: tcp' 'link: up' 'mtu: 1420' 'version: [0-9.]*' 'session: yes' \
    "connection: ${outer4[enclave/host]}:[0-9]*, *\(dialled\|accepted\), .* received, .* sent, .* queued, *current" \
    'daemon: another than wireguard-vsock.*'; do
    grep -qx "  $line" "$work/long" || fail "no $line: $(cat "$work/long")"
  done
  # A ping that no peer is for is dropped, and said so.
  ip -n "host-$$" route add 198.51.100.0/24 dev wg0
  at host wg set wg0 peer "${public[a]}" remove
  at host ping -q -c 1 -W 1 198.51.100.7 >/dev/null || :
  at host "$daemon" show --long wg0 | has '  dropped: [0-9]* to send, but no peer has the destination' || fail "nothing dropped"
}
