# shellcheck shell=bash
# The host of Firecracker and Cloud Hypervisor: the network unix. What stands for their guests is a daemon over TCP in a machine of
# its own; vmm.pl between the two behaves as their VSOCK does.
# shellcheck disable=SC2034 # `with` is what `start` reads

Host_and_guest_ping_each_other() {
  a_guest
  begin
  pings host enclave
  pings enclave host
  pings6 host enclave
  copy_checksummed host enclave 20
  copy_checksummed enclave host 20
  no_vsock host
}

Either_may_begin() {
  a_guest
  begin
  pings enclave host
  at_least "connections that the guest began" 1 "$(at host "$daemon" show wg0 --long | grep -c 'unix:.*:0, *accepted')"
  # A guest without an endpoint is called.
  stop host
  start host unix
  configure host
  with_endpoint host enclave
  at enclave "$daemon" set wg0 peer "${public[host]}" remove
  introduce enclave host
  pings host enclave
  at_least "connections that the host began" 1 "$(at host "$daemon" show wg0 --long | grep -c 'unix:.*:51820, *dialled')"
}

Guest_that_calls_finds_a_socket_of_its_monitors_owner() {
  a_guest
  chown 12345:23456 "$(socket_of enclave)"
  begin
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no socket for the guest"
  equal "its owner and mode" "12345 23456 660" "$(stat -c '%u %g %a' "$(ours_for enclave)")"
  # A monitor that starts later may be another user's.
  chown 12346:23457 "$(socket_of enclave)"
  wait_for 10 eval "[ '12346 23457' = \"\$(stat -c '%u %g' $(ours_for enclave))\" ]" || fail "its owner did not follow"

  at enclave "$daemon" set wg0 peer "${public[host]}" persistent-keepalive 1
  flows_within 20 enclave host
}

Path_that_is_a_symbolic_link_is_told() {
  a_guest
  ln -s "$(socket_of enclave)" "$work/link.sock"
  begin
  at host "$daemon" set wg0 peer "${public[enclave]}" endpoint "unix:$work/link.sock:${port[enclave]}"
  wait_for 10 long_says 'not listening: cannot listen at .*/link.sock_8172: .*/link.sock is a symbolic link' || fail "$(long)"
  [ ! -e "$work/link.sock_8172" ] || fail "it listens where nobody calls"
  # The host calls, all the same.
  pings host enclave
}

Socket_is_removed_with_the_daemon_and_with_the_link() {
  a_guest
  begin
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no socket for the guest"
  ip -n "host-$$" link set wg0 down
  wait_for 10 [ ! -e "$(ours_for enclave)" ] || fail "it outlives the link"
  ip -n "host-$$" link set wg0 up
  flows_within 10 enclave host
  kill "${pid[host]}"
  ends_within 10 host
  [ ! -e "$(ours_for enclave)" ] || fail "it outlives the daemon"
}

Daemon_that_was_killed_leaves_a_socket_that_the_next_replaces() {
  a_guest
  begin
  pings host enclave
  stop host
  [ -S "$(ours_for enclave)" ] || fail "a killed daemon removed its socket"
  start host unix
  configure host
  with_endpoint host enclave
  flows_within 10 enclave host
  pings host enclave
}

Live_socket_and_file_in_its_place_are_left_alone() {
  local stray
  a_guest
  enter host socat "UNIX-LISTEN:$(ours_for enclave),fork" SYSTEM:'sleep 300' &
  stray=$!
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no stray listener"
  begin
  wait_for 10 long_says 'not listening: cannot listen at .*/v.sock_8172: another program listens there' || fail "$(long)"
  # The host calls, all the same.
  pings host enclave
  kill $stray
  wait_for 10 is_gone $stray
  # At once, before the daemon listens there.
  echo precious >"$work/precious"
  mv -f "$work/precious" "$(ours_for enclave)"
  wait_for 10 long_says 'not listening: cannot listen at .*/v.sock_8172: what is there is no socket: remove it' || fail "$(long)"
  equal "the file" precious "$(cat "$(ours_for enclave)")"
  equal "lines of the log about it" 2 "$(grep -c 'Cannot listen at' "$work/host.log")"
  rm "$(ours_for enclave)"
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "it does not listen once the file is gone"
  if long_says 'not listening'; then fail "$(long)"; fi
}

Guest_that_does_not_listen_refuses_and_its_start_is_noticed() {
  a_guest
  stop enclave
  begin
  ping_once host enclave >/dev/null || :
  wait_for 10 long_says 'no handshake: refused by .*/v.sock: nothing listens on port 51820 in the guest' || fail "$(long)"
  start enclave tcp
  configure enclave
  introduce enclave host tcp
  flows_within 20 enclave host
  pings host enclave
}

Monitor_that_does_not_run_is_said_and_its_start_is_noticed() {
  a_guest
  end_vmm enclave
  rm -rf "$(dirname "$(socket_of enclave)")"
  begin
  ping_once host enclave >/dev/null || :
  wait_for 10 long_says 'no handshake: there is no .*/v.sock: the virtual machine does not run' || fail "$(long)"
  long_says 'not listening: cannot listen at .*_8172: its folder is not there' || fail "$(long)"
  long_says 'no handshake: .*; cannot listen at .*_8172: its folder is not there' || fail "$(long)"
  sleep 3
  equal "lines of the log about the folder" 1 "$(grep -c 'Cannot listen at' "$work/host.log")"
  # PATH appears later.
  vmm enclave
  flows_within 10 enclave host
  pings host enclave
  # A monitor that was killed leaves its socket.
  kill -9 -- "-${vmm[enclave]}"
  at host ping -q -c 1 -W 1 "${inner[enclave]}" >/dev/null 2>&1 || :
  wait_for 15 long_says 'no handshake: nothing listens at .*/v.sock: the virtual machine does not run' || fail "$(long)"
  rm "$(socket_of enclave)"
  vmm enclave
  flows_within 10 enclave host
}

Folder_that_is_made_anew_is_listened_in_again() {
  a_guest
  begin
  pings host enclave
  end_vmm enclave
  rm -r "$(dirname "$(socket_of enclave)")"
  vmm enclave
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "it does not listen in the new folder"
  flows_within 10 enclave host
}

Reset_at_a_snapshot_is_over_within_5_s() {
  a_guest
  begin
  load host enclave
  for _ in 1 2 3; do
    kill -USR1 "${vmm[enclave]}"
    flows_within 5 host enclave
  done
  end_load
  pings enclave host
}

Restarted_guest_is_back_within_10_s() {
  a_guest
  begin
  pings host enclave
  for _ in 1 2; do
    stop enclave
    start enclave tcp
    configure enclave
    introduce enclave host tcp
    flows_within 10 enclave host
    pings host enclave
  done
}

Answers_that_are_none_are_told_and_the_right_one_is_taken_at_last() {
  local answer
  a_guest
  end_vmm enclave
  begin
  # Too many digits; no newline; no number; a carriage return; another protocol; a length without an end; none, and the end.
  for answer in 'OK 4294967296\n' 'OK 12345678901\n' 'OK' 'OK \n' 'OK 5\r\n' 'HTTP/1.1 400 Bad Request\r\n\r\n' \
    'OK 00000000000000000000000000000000000000000000000000000000000000000000000\n' '\0' 'OK 5'; do
    answers "$answer"
    ping_once host enclave >/dev/null || :
    wait_for 20 long_says 'no handshake: .*/v.sock does not answer CONNECT with OK: it is no VSOCK socket of a guest' ||
      fail "of '$answer': $(long)"
    end_answers
  done
  if grep -q 'Connected to unix:' "$work/host.log"; then fail "an answer was taken"; fi
  # Bytes behind a right answer are the stream's: these are no frame.
  answers 'OK 5\nno frame at all, and longer than the header of one'
  ping_once host enclave >/dev/null || :
  wait_for 20 grep -q 'Connected to unix:' "$work/host.log" || fail "a right answer was not taken"
  wait_for 20 grep -q 'Closed the connection with unix:.*ended' "$work/host.log" || fail "what followed was not read"
  end_answers
  vmm enclave
  flows_within 60 host enclave
}

Answer_that_does_not_come_keeps_nothing_from_the_other_guests() {
  guests enclave third
  end_vmm enclave
  answers '' 60
  begin
  ping_once host enclave >/dev/null || :
  flows_within 5 host third
  at host timeout 20 ping -q -c 10 -i 0.5 -W 2 "${inner[third]}" >/dev/null || fail "a silent guest slows another"
  wait_for 15 long_says 'no handshake: .*/v.sock does not answer CONNECT: the guest is paused, or hangs' || fail "$(long)"
  end_answers
  vmm enclave
  flows_within 60 host enclave
}

One_guests_flood_keeps_no_other_out() {
  local flood
  guests enclave third
  begin
  pings host enclave
  pings host third
  enter host perl -MSocket -e 'my $end = time + 200; my @open; while (time < $end) {
    socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un($ARGV[0])) or next; syswrite $s, "x" x (1 + rand 100);
    push @open, $s; shift @open if @open > 500 }' "$(ours_for enclave)" &
  flood=$!
  sleep 1
  for _ in 1 2 3; do
    stop third
    start third tcp
    configure third
    introduce third host tcp
    flows_within 10 third host
  done
  if is_gone $flood; then fail "the flood has ended too early"; fi
  at_least "connections refused" 100 "$(counter host refused_connections)"
  kill $flood
}

Peers_and_endpoints_come_and_go_and_sockets_follow() {
  guests enclave third
  begin
  wait_for 10 [ -S "$(ours_for third)" ] || fail "no socket for third"
  # Another path.
  at host "$daemon" set wg0 peer "${public[third]}" endpoint "unix:$work/else:51821"
  wait_for 10 [ -S "$work/else_8172" ] || fail "no socket at the new path"
  [ ! -e "$(ours_for third)" ] || fail "the old one is left"
  # Two peers with one path have one socket.
  at host "$daemon" set wg0 peer "${public[third]}" endpoint "unix:$(socket_of enclave):51821"
  wait_for 10 [ ! -e "$work/else_8172" ] || fail "the socket at the other path is left"
  at host "$daemon" set wg0 peer "${public[third]}" remove
  flows_within 10 enclave host
  [ -S "$(ours_for enclave)" ] || fail "it went with one of the two"
  # Another port.
  at host wg set wg0 listen-port 8173
  wait_for 10 [ -S "$(socket_of enclave)_8173" ] || fail "no socket at the new port"
  [ ! -e "$(ours_for enclave)" ] || fail "the one of the old port is left"
  at host wg set wg0 listen-port 8172
  # A peer that is removed.
  at host "$daemon" set wg0 peer "${public[enclave]}" remove
  wait_for 10 [ ! -e "$(ours_for enclave)" ] || fail "it outlives its peer"
  at host "$daemon" set wg0 peer "${public[enclave]}" allowed-ips "${inner[enclave]}/32" endpoint "$(unix_endpoint enclave)"
  flows_within 10 enclave host
}

Wg_shows_all_but_the_path_and_ours_shows_it_too() {
  a_guest
  begin
  pings host enclave
  equal "the endpoint that wg shows" 0.0.0.0:51820 "$(field host endpoints)"
  at host wg show wg0 | has 'latest handshake' || fail "wg shows no handshake"
  at host wg showconf wg0 >/dev/null
  at host "$daemon" show wg0 | has -x "  endpoint: $(unix_endpoint enclave)" || fail "$(at host "$daemon" show wg0)"
  long_says "network: unix"
  long_says "connection: unix:$(socket_of enclave):" || fail "$(long)"
  at host "$daemon" show --json | has "\"endpoint\": *\"$(unix_endpoint enclave)\"" || fail "$(at host "$daemon" show --json)"
  uapi host 'status=1\n\n' | has -x "endpoint=$(unix_endpoint enclave)" || fail "$(uapi host 'status=1\n\n')"
  # What is shown is set again.
  at host "$daemon" showconf wg0 >"$work/shown.conf"
  grep -qx "Endpoint = $(unix_endpoint enclave)" "$work/shown.conf" || fail "$(cat "$work/shown.conf")"
  at host "$daemon" set wg0 peer "${public[enclave]}" remove
  at host "$daemon" setconf wg0 "$work/shown.conf"
  flows_within 10 host enclave
}

Endpoints_that_are_none_are_refused_everywhere_and_change_nothing() {
  local long name key
  a_guest
  begin
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no socket for the guest"
  key=$(public_hex enclave)
  printf -v long '/%0100d' 7
  for name in "unix:${long}7:5" 'unix:v.sock:5' 'unix:/v.sock' 'unix:/v.sock:' 'unix:/v.sock:4294967295' 'unix:/v/:5' 'unix:/v w:5' \
    'unix://v:5' 'unix:/run/../v:5' '127.0.0.1:5' 'vm(3):5' 'unix::5'; do
    refused_in_one_line at host "$daemon" set wg0 peer "${public[enclave]}" endpoint "$name"
    printf '%s\n' "public_key=$key\\nendpoint=$name"
  done >"$work/requests"
  all_refused host <"$work/requests"
  refused_with 'at most 101 are possible' at host "$daemon" set wg0 peer "${public[enclave]}" endpoint "unix:${long}7:5"
  at host "$daemon" set wg0 peer "${public[enclave]}" endpoint "unix:$long:5"
  refused_with 'unix: is for endpoints over unix' at enclave "$daemon" set wg0 peer "${public[host]}" endpoint "unix:/v.sock:5"
}

Tunnel_from_a_file_runs_over_it() {
  local before
  file_machines host enclave
  vmm_for enclave
  write_file host enclave tcp 203.0.113.0/24,fd77::/64
  write_file enclave host tcp 203.0.113.0/24,fd77::/64
  sed -i "s|^Network = .*|Network = unix|; s|^Endpoint = .*|Endpoint = $(unix_endpoint enclave)|" "$(file_of host)"
  ours host check wg0
  before=$(system_of host)
  ours host up wg0
  ours enclave up wg0
  pings host enclave
  pings enclave host
  equal "its MTU" 1420 "$(ip -n "host-$$" -j link show wg0 | grep -o '"mtu":[0-9]*' | cut -d : -f 2)"
  # Another path: only what is another changes.
  mkdir "$work/moved"
  sed -i "s|^Endpoint = .*|Endpoint = unix:$work/moved/v.sock:51820|" "$(file_of host)"
  ours host reload wg0
  wait_for 10 [ -S "$work/moved/v.sock_8172" ] || fail "reload did not move the socket"
  sed -i "s|^Endpoint = .*|Endpoint = $(unix_endpoint enclave)|" "$(file_of host)"
  ours host reload wg0
  flows_within 20 host enclave
  ours host down wg0
  nothing_is_left host "$before"
  [ ! -e "$(ours_for enclave)" ] || fail "its socket is left"
}

What_a_killed_daemon_leaves_is_removed_by_down() {
  local before
  file_machines host enclave
  vmm_for enclave
  write_file host enclave tcp 203.0.113.0/24,fd77::/64
  sed -i "s|^Network = .*|Network = unix|; s|^Endpoint = .*|Endpoint = $(unix_endpoint enclave)|" "$(file_of host)"
  before=$(system_of host)
  ours host up wg0
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no socket for the guest"
  kill -9 "$(daemon_of host)"
  wait_for 10 eval '! ip -n "host-$$" link show wg0 2>/dev/null' || fail "the interface outlives its daemon"
  [ -S "$(ours_for enclave)" ] || fail "a killed daemon removed its socket"
  ours host down wg0
  nothing_is_left host "$before"
  [ ! -e "$(ours_for enclave)" ] || fail "its socket is left"
}

All_traffic_may_go_through_a_guest() {
  file_machines host enclave
  vmm_for enclave
  write_file host enclave tcp 0.0.0.0/0,::/0
  write_file enclave host tcp 203.0.113.0/24,fd77::/64
  sed -i "s|^Network = .*|Network = unix|; s|^Endpoint = .*|Endpoint = $(unix_endpoint enclave)|" "$(file_of host)"
  ours host up wg0
  ours enclave up wg0
  at enclave ip address add 198.51.100.7/32 dev lo
  wait_for 20 at host ping -q -c 1 -W 1 198.51.100.7 || fail "no traffic through the guest"
  pings enclave host
}

Twenty_guests_have_one_daemon() {
  local name names=() began=${EPOCHREALTIME/./} elapsed
  for name in {1..20}; do names+=("guest$name"); done
  guests "${names[@]}"
  begin
  for name in "${names[@]}"; do flows_within 20 host "$name"; done >"$work/notes"
  for name in "${names[@]}"; do ping_once "$name" host >/dev/null || fail "no ping by $name"; done
  equal "sockets of the host" 20 "$(find "$work" -name 'v.sock_8172' -type s | wc -l)"
  equal "peers with a handshake" 20 "$(show host latest-handshakes | awk '$2 != 0' | wc -l)"
  # All at once are reset.
  for name in "${names[@]}"; do kill -USR1 "${vmm[$name]}"; done
  for name in "${names[@]}"; do flows_within 10 host "$name"; done >>"$work/notes"
  since "$began"
  note "all of them after $elapsed s"
}

Guest_that_has_no_right_to_its_folder_is_told() {
  a_guest
  chmod 700 "$(dirname "$(socket_of enclave)")"
  # Root without the rights that make it more than another user.
  within=(setpriv --bounding-set "-dac_override,-dac_read_search,-chown" --inh-caps "-dac_override,-dac_read_search,-chown")
  chown 12345:12345 "$(dirname "$(socket_of enclave)")" "$(socket_of enclave)"
  begin
  ping_once host enclave >/dev/null || :
  wait_for 10 long_says 'no handshake: .*/v.sock: Permission denied: run as root, or as its owner' || fail "$(long)"
  long_says 'not listening: cannot listen at .*: Permission denied: run as root' || fail "$(long)"
  # Into a folder that is open to all it may put a socket, but not give it away.
  chmod 777 "$(dirname "$(socket_of enclave)")"
  wait_for 10 [ -S "$(ours_for enclave)" ] || fail "no socket"
  wait_for 10 grep -q 'cannot be given to the owner of .*/v.sock: Operation not permitted' "$work/host.log" || fail "not told"
  sleep 2
  equal "lines of the log about the owner" 1 "$(grep -c 'cannot be given to' "$work/host.log")"
}

# ---- verbs of this file --------------------------------------------------------------------------------------------------

ours_for() { echo "$(socket_of "$1")_${port[host]}"; }

# The host's daemon is started by `begin`.
guests() { # NAME...
  local name
  new_machines host "$@"
  for name; do
    vmm_for "$name"
    start "$name" tcp
    configure "$name"
    introduce "$name" host tcp
  done
}

a_guest() { guests enclave; }

begin() {
  local name
  start host unix
  configure host
  for name in "${machines[@]:1}"; do with_endpoint host "$name"; done
}

with_endpoint() { # MACHINE PEER
  at "$1" "$daemon" set wg0 peer "${public[$2]}" allowed-ips "${inner[$2]}/32,${inner6[$2]}/128" endpoint "$(unix_endpoint "$2")"
}

long() { at host "$daemon" show wg0 --long; }
long_says() { long | has -- "$1"; }

# In place of the guest's monitor: says that to everybody who connects, and closes later.
answers() { # TEXT [SECONDS]
  printf '%b' "$1" >"$work/answer"
  enter host socat "UNIX-LISTEN:$(socket_of enclave),fork" "SYSTEM:cat $work/answer && exec sleep ${2:-2}" 2>/dev/null &
  answerer=$!
  wait_for 10 [ -S "$(socket_of enclave)" ] || fail "nobody answers"
}

end_answers() {
  kill "$answerer"
  wait_for 10 is_gone "$answerer"
  rm -f "$(socket_of enclave)"
}

# Of no socket of its daemon the family (SO_DOMAIN) is AF_VSOCK: pidfd_open(2), pidfd_getfd(2).
no_vsock() { # MACHINE
  if find "/proc/${pid[$1]}/fd" -lname /dev/vsock | grep .; then fail "/dev/vsock is open"; fi
  perl -e 'my ($pid, $sockets) = (shift, 0); my $process = syscall 434, $pid + 0, 0; die "pidfd_open: $!\n" if $process < 0;
    for my $link (glob "/proc/$pid/fd/*") {
      next unless (readlink($link) // "") =~ /^socket:/;
      my $fd = syscall 438, $process, 0 + ($link =~ /(\d+)$/)[0], 0; die "pidfd_getfd: $!\n" if $fd < 0;
      open my $socket, "+<&=", $fd or die "open: $!\n";
      my $family = unpack "i", getsockopt $socket, 1, 39;
      die "socket of family $family\n" if $family == 40; $sockets++ }
    die "no sockets were found\n" unless $sockets' "${pid[$1]}" 2>"$work/sockets" || fail "$(cat "$work/sockets")"
}
