# shellcheck shell=bash
# Tunnels from configuration files: up, down and reload.

# ---- up and down ---------------------------------------------------------------------------------------------------

Up_and_down_over_tcp_again_and_again() { up_and_down tcp; }
Up_and_down_over_udp_again_and_again() { up_and_down udp; }

up_and_down() { # NETWORK
  local before_host before_enclave machine
  two_files "$1"
  before_host=$(system_of host) before_enclave=$(system_of enclave)
  for _ in 1 2; do
    ours host up wg0
    ours enclave up --wait "$(file_of enclave)"
    pings enclave host
    pings6 host enclave
    copy_checksummed host enclave 3
    equal "mtu" 1420 "$(at host cat /sys/class/net/wg0/mtu)"
    equal "mode of the state" 600 "$(stat -c %a "$work/run-host/wg0")"
    if grep -qF "$(cat "$work/host.key")" "$work/run-host/wg0"; then fail "the state holds a key"; fi
    for machine in host enclave; do ours $machine down wg0; done
    nothing_is_left host "$before_host"
    nothing_is_left enclave "$before_enclave"
  done
}

What_is_not_as_it_should_be_is_refused_in_one_line() {
  local before
  two_files tcp
  before=$(system_of host)
  refused host "wg0 is not up" down wg0
  refused host "wg0" reload wg0
  refused host "wg1.conf" up wg1
  refused host "wg%d" up wg%d
  refused host "wg%d" up "$work/wg%d.conf"
  refused host "wg0.txt" up "$work/wg0.txt"
  nothing_is_left host "$before"
  ours host up wg0
  refused host "wg0 is up already" up wg0
  equal daemons 1 "$(daemon_at host | wc -l)"
  ours host down wg0
  refused host "wg0 is not up" down wg0
  nothing_is_left host "$before"

  # Interfaces of others are left alone.
  ip -n "host-$$" link add wg0 type veth peer name other
  refused host "of the kind veth" up wg0
  refused host "not brought up by" down wg0
  ip -n "host-$$" link delete wg0
  start host tcp
  refused host "there is an interface wg0" up wg0
  refused host "not brought up by" down wg0
  refused host "not brought up by" reload wg0
  at host wg show wg0 >/dev/null || fail "the other's interface is gone"
}

A_file_with_mistakes_changes_nothing() {
  local before said
  two_files tcp "MTU = banana
Adress = 10.0.0.1"
  before=$(system_of host)
  if said=$(ours host up wg0 2>&1); then fail "mistakes were not refused"; fi
  [[ $said == *wg0.conf:6:*MTU* && $said == *wg0.conf:7:*Adress* ]] || fail "said: $said"
  nothing_is_left host "$before"
}

# The port is taken, so the last steps fail; then a hook does.
What_fails_midway_is_undone() {
  local before
  two_files tcp "Table = 77
DNS = 10.0.0.1
PostUp = false"
  before=$(system_of host)
  if ours host up wg0 2>"$work/said"; then fail "a failing hook was not noticed"; fi
  grep -q 'PostUp ended with code 1: false' "$work/said" || fail "said: $(cat "$work/said")"
  nothing_is_left host "$before"
  sed -i 's/PostUp = false/Address = 203.0.113.1\/24/' "$(file_of host)"
  ours host up wg0 2>"$work/said" || :
  ours host down wg0 2>/dev/null || :
  nothing_is_left host "$before"
}

# The tunnel's interface has another name or place by now, and another program's has its name.
An_interface_that_was_renamed_or_moved_is_not_mistaken_for_another() {
  local before elsewhere command
  two_files tcp "DNS = 10.0.0.1"
  before=$(system_of host)
  ours host up wg0
  ip -n "host-$$" link set wg0 down
  ip -n "host-$$" link set wg0 name tun9
  ip -n "host-$$" link add wg0 type veth peer name other
  for command in down up reload; do refused host "called tun9" $command wg0; done
  ip -n "host-$$" link show other >/dev/null || fail "another program's interface was deleted"
  ip -n "host-$$" link delete wg0
  # Once it has its name again, it goes down.
  ip -n "host-$$" link set tun9 name wg0
  ours host down wg0
  nothing_is_left host "$before"

  # The files are the host's, the network is the enclave's.
  ours host up wg0
  ip -n "enclave-$$" link add wg0 type veth peer name other
  elsewhere=(nsenter "--mount=/proc/${holder[host]}/ns/mnt" "--net=/proc/${holder[enclave]}/ns/net" "$daemon")
  for command in down up reload; do
    refused_with 'in another network namespace' "${elsewhere[@]}" $command wg0
  done
  ip -n "enclave-$$" link show other >/dev/null || fail "another program's interface was deleted"
  ours host down wg0
  nothing_is_left host "$before"
}

# Its daemon does not answer while it is undone.
What_cannot_be_undone_is_remembered() {
  local before process
  two_files tcp "DNS = 10.0.0.1
PostUp = touch $work/at-hook; while [ ! -e $work/go-on ]; do sleep 0.05; done; false"
  before=$(system_of host)
  enter host "$daemon" up wg0 2>"$work/said" &
  wait_for 30 [ -e "$work/at-hook" ] || fail "not at the hook: $(cat "$work/said")"
  process=$(daemon_at host | grep -vx $!)
  kill -STOP "$process"
  touch "$work/go-on"
  if wait $!; then fail "the hook's failure was not noticed"; fi
  grep -q 'has not answered' "$work/said" || fail "said: $(cat "$work/said")"
  grep -q 'wg0 is not wholly down' "$work/said" || fail "said: $(cat "$work/said")"
  refused host "has not answered" down wg0
  kill -CONT "$process"
  ours host down wg0
  nothing_is_left host "$before"
}

Names_with_dots_and_files_in_other_folders() {
  local before
  two_files tcp
  before=$(system_of host)
  mkdir "$work/elsewhere"
  cp "$(file_of host)" "$work/elsewhere/a.b-c_d=1+.conf"
  at host sh -c 'cd "$0" && "$1" up "a.b-c_d=1+.conf"' "$work/elsewhere" "$daemon"
  ip -n "host-$$" link show "a.b-c_d=1+" >/dev/null || fail "no such interface"
  ours host down "a.b-c_d=1+"
  at host sh -c 'cd "$0" && "$1" up "./a.b-c_d=1+.conf"' "$work/elsewhere" "$daemon"
  # Its file has gone: its hooks cannot be run, and that is all.
  rm -r "$work/elsewhere"
  ours host down "a.b-c_d=1+"
  mkdir "$work/etc-host/wireguard-vsock"
  mv "$(file_of host)" "$work/etc-host/wireguard-vsock/wg9.conf"
  ours host up wg9
  ours host down "$work/no/such/folder/wg9.conf"
  nothing_is_left host "$before"
}

A_run_folder_that_is_a_link_to_nowhere_is_refused() {
  two_files tcp
  # shellcheck disable=SC2016 # the inner shell's
  refused_in_one_line at host timeout -k 5 60 unshare -m sh -c \
    'mount -t tmpfs run /run && ln -s /no/such/folder /run/wireguard-vsock && exec "$0" up wg0' "$daemon"
  [[ $refusal == *"a link that leads nowhere"* ]] || fail "said: $refusal"
}

Two_at_once_make_one_tunnel() {
  local first before
  two_files tcp "PreUp = sleep 0.3"
  before=$(system_of host)
  ours host up wg0 2>"$work/first" &
  first=$!
  ours host up wg0 2>"$work/second" && second=0 || second=1
  wait $first && first=0 || first=1
  equal "how many failed ($(cat "$work/first" "$work/second"))" 1 $((first + second))
  grep -q "is up already" "$work/first" "$work/second" || fail "said: $(cat "$work/first" "$work/second")"
  equal daemons 1 "$(daemon_at host | wc -l)"
  ours host down wg0
  nothing_is_left host "$before"
}

An_interface_that_was_deleted_or_whose_daemon_was_killed() {
  local before
  two_files tcp "Table = auto
DNS = 10.0.0.1"
  sed -i 's/^AllowedIPs.*/AllowedIPs = 0.0.0.0\/0, ::\/0/' "$(file_of host)"
  ip -n "host-$$" route add default dev to-enclave
  before=$(system_of host)
  for next in down up; do
    for loss in 'ip link delete wg0' 'kill -9 '; do
      ours host up wg0
      [[ $loss != kill* ]] || loss+=$(daemon_at host)
      # shellcheck disable=SC2086 # words
      at host $loss
      wait_for 30 no_daemon_at host
      [ $next = down ] || ours host up wg0
      ours host down wg0
      nothing_is_left host "$before"
    done
  done
}

# ---- everything through the tunnel ---------------------------------------------------------------------------------

Up_sends_everything_through_a_tcp_tunnel_by_firewall_mark() { everything_through tcp; }
Up_sends_everything_through_a_udp_tunnel_by_firewall_mark() { everything_through udp; }

everything_through() { # NETWORK
  local machine peer before
  two_files "$1"
  for machine in host enclave; do
    peer=$([ $machine = host ] && echo enclave || echo host)
    ip -n "$machine-$$" route delete 10.77.1.0/24
    ip -n "$machine-$$" route add default dev "to-$peer"
    sed -i 's/^AllowedIPs.*/AllowedIPs = 0.0.0.0\/0, ::\/0/' "$(file_of $machine)"
  done
  before=$(system_of host)
  at host sysctl -qw net.ipv4.conf.to-enclave.rp_filter=1
  ours host up wg0 2>"$work/said"
  grep -q 'warning: .*sysctl -w net.ipv4.conf.to-enclave.rp_filter=2' "$work/said" || fail "said: $(cat "$work/said")"
  at host sysctl -qw net.ipv4.conf.to-enclave.rp_filter=2
  ours enclave up --wait wg0 2>"$work/said"
  if grep -q rp_filter "$work/said"; then fail "said: $(cat "$work/said")"; fi
  pings host enclave
  pings6 enclave host
  equal "src_valid_mark" 1 "$(at host cat /proc/sys/net/ipv4/conf/all/src_valid_mark)"
  equal "fwmark" 0xca6c "$(show host fwmark)"
  # Both families have two rules, before those there are.
  equal "rules" "$(printf '%s\n' '32764: from all lookup main suppress_prefixlength 0' '32765: not from all fwmark 0xca6c lookup 51820')" \
    "$(ip -n "host-$$" rule show | tr '\t' ' ' | grep '^3276[45]:')"
  ours host down wg0
  nothing_is_left host "$before"
}

# ---- hooks ---------------------------------------------------------------------------------------------------------

Hooks_are_run_in_their_order_and_said() {
  two_files tcp "PreUp = echo PreUp %i >>$work/hooks; [ ! -e /sys/class/net/%i ]
PostUp = echo PostUp %i >>$work/hooks
PostUp = [[ -e /sys/class/net/%i ]] && echo second >>$work/hooks
PreDown = echo PreDown %i >>$work/hooks; [ -e /sys/class/net/%i ]
PostDown = echo PostDown %i >>$work/hooks; [ ! -e /sys/class/net/%i ]"
  ours host up wg0 2>"$work/said"
  grep -qF "[#] echo PostUp wg0 >>$work/hooks" "$work/said" || fail "said: $(cat "$work/said")"
  ours host down wg0
  equal hooks "PreUp wg0 PostUp wg0 second PreDown wg0 PostDown wg0" "$(tr '\n' ' ' <"$work/hooks" | sed 's/ $//')"
  # One that fails keeps the tunnel up, as with wg-quick.
  ours host up wg0 2>/dev/null
  sed -i 's/^PreDown.*/PreDown = exit 3/' "$(file_of host)"
  if ours host down wg0 2>"$work/said"; then fail "PreDown's failure was not noticed"; fi
  grep -q 'PreDown ended with code 3: exit 3' "$work/said" || fail "said: $(cat "$work/said")"
  at host wg show wg0 >/dev/null || fail "the tunnel is down"
}

# Arguments can be read by everyone, and a hook may hold a key.
A_hooks_text_is_in_no_arguments_and_in_no_environment_of_what_it_runs() {
  two_files tcp "PostUp = tr '\\0' ' ' </proc/\$\$/cmdline >$work/arguments; env >$work/environment; : sesame"
  ours host up wg0 2>/dev/null
  grep -q eval "$work/arguments" || fail "arguments: $(cat "$work/arguments")"
  grep -q '^LC_ALL=C' "$work/environment" || fail "no environment"
  if grep -h sesame "$work/arguments" "$work/environment"; then fail "the hook's text is there"; fi
  ours host down wg0
}

A_hook_that_outlives_up_holds_nothing_of_it() {
  local before
  two_files tcp "PostUp = touch $work/at-hook; exec sleep 300"
  before=$(system_of host)
  enter host "$daemon" up wg0 2>/dev/null &
  wait_for 30 [ -e "$work/at-hook" ] || fail "not at the hook"
  kill -9 $!
  sed -i '/^PostUp/d' "$(file_of host)"
  ours host up wg0
  ours host down wg0
  nothing_is_left host "$before"
}

Without_a_shell_a_hook_is_refused_and_others_are_not_missed() {
  local before
  two_files tcp "PostUp = true"
  before=$(system_of host)
  mkdir "$work/empty"
  refused_with 'neither bash nor sh' at host env PATH="$work/empty" "$daemon" up wg0
  nothing_is_left host "$before"
  ln -s "$(command -v dash || command -v sh)" "$work/empty/sh"
  at host env PATH="$work/empty" "$daemon" up wg0 2>/dev/null
  sed -i '/^PostUp/d' "$(file_of host)"
  rm "$work/empty/sh"
  at host env PATH="$work/empty" "$daemon" down wg0
  nothing_is_left host "$before"
}

# ---- DNS -----------------------------------------------------------------------------------------------------------

dns_of() { at "$1" cat /etc/resolv.conf | grep -v '^#'; }

Resolv_conf_is_written_in_place_and_put_back() {
  local before inode
  two_files tcp "DNS = 10.0.0.1, fd00::53, corp.example"
  before=$(system_of host)
  # As in a container, where it is a mount of its own.
  at host mount --bind "$work/etc-host/resolv.conf" /etc/resolv.conf
  inode=$(stat -c %i "$work/etc-host/resolv.conf")
  ours host up wg0
  equal DNS "nameserver 10.0.0.1 nameserver fd00::53 search corp.example" "$(dns_of host | tr '\n' ' ' | sed 's/ $//')"
  equal inode "$inode" "$(stat -c %i "$work/etc-host/resolv.conf")"
  ours host down wg0
  nothing_is_left host "$before"
  at host umount /etc/resolv.conf

  ours host up wg0
  echo "nameserver 198.51.100.1" >"$work/etc-host/resolv.conf"
  ours host down wg0 2>"$work/said"
  grep -q "changed since" "$work/said" || fail "said: $(cat "$work/said")"
  equal DNS "nameserver 198.51.100.1" "$(dns_of host)"

  rm "$work/etc-host/resolv.conf"
  before=$(system_of host)
  ours host up wg0
  equal servers 2 "$(dns_of host | grep -c nameserver)"
  ours host down wg0
  nothing_is_left host "$before"

  ln -s resolv.target "$work/etc-host/resolv.conf"
  ours host up wg0
  equal servers 2 "$(grep -c nameserver "$work/etc-host/resolv.target")"
  ours host down wg0
  equal link resolv.target "$(readlink "$work/etc-host/resolv.conf")"
  [ ! -e "$work/etc-host/resolv.target" ] || fail "what the link led to is still there"
  nothing_is_left host "$before"
}

Two_tunnels_with_dns_go_down_in_any_order() {
  local before order
  two_files tcp "DNS = 10.0.0.1"
  before=$(system_of host)
  sed "s/^DNS.*/DNS = 10.0.0.2/; /^Address/d; /^ListenPort/d; s/^AllowedIPs.*/AllowedIPs = 10.9.0.0\/24/" "$(file_of host)" \
    >"$work/etc-host/wireguard/wg1.conf"
  for order in "wg0 wg1" "wg1 wg0"; do
    ours host up wg0
    ours host up wg1
    equal DNS "nameserver 10.0.0.2" "$(dns_of host)"
    ours host down "${order% *}"
    equal "DNS after down ${order% *}" "nameserver 10.0.0.$([ "${order% *}" = wg0 ] && echo 2 || echo 1)" "$(dns_of host)"
    ours host down "${order#* }"
    nothing_is_left host "$before"
  done
}

Resolvconf_is_called_as_wg_quick_does() {
  local before
  two_files tcp "DNS = 10.0.0.1, corp.example"
  before=$(system_of host)
  mkdir "$work/bin" "$work/etc-host/resolvconf"
  printf '#!/bin/sh\necho "$@" >>%s\n[ "$1" != -a ] || cat >>%s\n' "$work/calls" "$work/calls" >"$work/bin/resolvconf"
  chmod +x "$work/bin/resolvconf"
  printf 'lo.inet*\nlo\ntun*\n' >"$work/etc-host/resolvconf/interface-order"
  ours host up wg0 2>/dev/null
  ours host down wg0 2>/dev/null
  equal calls "-a tun.wg0 -m 0 -x,nameserver 10.0.0.1,search corp.example,-d tun.wg0 -f" "$(paste -sd, "$work/calls")"
  nothing_is_left host "$before"
}

# ---- names and ports -----------------------------------------------------------------------------------------------

# The host's name servers and default route lead to nobody; its /etc/hosts knows names.
knows_names_by_file() {
  echo 'hosts: files dns' >"$work/etc-host/nsswitch.conf"
  : >"$work/etc-host/hosts"
  sed -i 's/^Endpoint.*/Endpoint = enclave.test:51820/' "$(file_of host)"
}

A_name_is_resolved_before_dns_and_the_default_route_change() {
  local before retries
  two_files tcp "DNS = 203.0.113.2"
  knows_names_by_file
  sed -i 's/^AllowedIPs.*/AllowedIPs = 0.0.0.0\/0/' "$(file_of host)"
  before=$(system_of host)
  for retries in 0 1; do
    if WG_ENDPOINT_RESOLUTION_RETRIES=$retries ours host up wg0 2>"$work/said"; then fail "it came up without the address"; fi
    equal "lines ($(cat "$work/said"))" $((retries + 1)) "$(wc -l <"$work/said")"
    tail -n 1 "$work/said" | has 'the name enclave.test cannot be resolved: .*mend the name' || fail "said: $(cat "$work/said")"
    nothing_is_left host "$before"
  done
  echo "${outer4[enclave/host]} enclave.test" >"$work/etc-host/hosts"
  ours enclave up wg0
  ours host up --wait wg0
  pings host enclave
  equal endpoint_name "enclave.test:51820" "$(at host "$daemon" show --long wg0 | grep -o 'enclave.test:51820' | sed -n 1p)"
  ours host reload wg0
  pings host enclave
  ours host down wg0
  nothing_is_left host "$before"
}

A_name_that_can_be_resolved_later_is_warned_of() {
  two_files tcp
  knows_names_by_file
  ours enclave up wg0
  ours host up wg0 2>"$work/said"
  grep -q 'warning: the name enclave.test cannot be resolved yet: .*keeps trying' "$work/said" || fail "said: $(cat "$work/said")"
  echo "${outer4[enclave/host]} enclave.test" >"$work/etc-host/hosts"
  flows_within 90 host enclave
}

A_port_that_is_taken_is_said() {
  local taken="listening port 8172 is taken"
  two_files tcp
  enter host socat TCP-LISTEN:8172,fork,reuseaddr - <"$work/never" &
  enter host socat TCP-LISTEN:8173,fork,reuseaddr - <"$work/never" &
  wait_for 20 listens host 8172 || fail "no other program listens"
  wait_for 20 listens host 8173 || fail "no other program listens"
  ours host up wg0 2>"$work/said"
  grep -q "warning: wg0: $taken: .*ListenPort" "$work/said" || fail "said: $(cat "$work/said")"
  ours host down wg0
  if ours host up --wait=1 wg0 2>"$work/said"; then fail "a peer answered that is not there"; fi
  grep -q "no handshake with .*; $taken" "$work/said" || fail "said: $(cat "$work/said")"
  sed -i '/^ListenPort/d' "$(file_of host)"
  ours host up wg0
  sed -i 's/^PrivateKey/ListenPort = 8173\n&/' "$(file_of host)"
  refused host "listening port 8173 is taken: stop what has it, or change ListenPort" reload wg0
}

Ones_own_key_as_the_peers_is_a_mistake() {
  two_files tcp
  cp "$work/host.key" "$work/etc-host/wireguard/key"
  sed -i "s/^PrivateKey.*/PrivateKeyFile = key/; s|^PublicKey.*|PublicKey = ${public[host]}|" "$(file_of host)"
  if ours host up --wait=1 wg0 2>"$work/said"; then fail "it came up"; fi
  grep -q "PublicKey: it is this interface's own" "$work/said" || fail "said: $(cat "$work/said")"
  # Known only once a hook has made the key.
  sed -i 's/^PrivateKeyFile.*/PostUp = wg set %i private-key \/etc\/wireguard\/key/' "$(file_of host)"
  if ours host up --wait=1 wg0 2>"$work/said"; then fail "it waited for nobody"; fi
  grep -q "the daemon has no such peer: is PublicKey this interface's own?" "$work/said" || fail "said: $(cat "$work/said")"
}

A_folder_that_may_not_be_read_is_not_taken_for_an_empty_one() {
  two_files tcp
  chmod 700 "$work/etc-host/wireguard"
  at host chmod 755 /etc
  refused_with '/etc/wireguard/wg0.conf cannot be read: Permission denied: run as root' as_nobody host check wg0
}

A_failed_write_to_stdout_is_code_1() {
  local line
  two_files tcp
  ours host up wg0
  for line in genkey genpsk "check wg0" "show wg0" "show wg0 peers" "show --json" "showconf wg0" "help up"; do
    # shellcheck disable=SC2086 # several words
    if ours host $line >/dev/full 2>"$work/said"; then fail "$line: the write failed, and the code is 0"; fi
    equal "$line" "wireguard-vsock: cannot write to stdout: No space left on device" "$(cat "$work/said")"
  done
  if ours host pubkey <"$work/host.key" >/dev/full 2>"$work/said"; then fail "pubkey: the write failed, and the code is 0"; fi
  # A reader that has gone is nobody's mistake.
  ours host show wg0 2>"$work/said" | true
  equal "said to nobody" "" "$(cat "$work/said")"
}

What_is_not_there_is_told_with_the_mend() {
  two_files tcp "DNS = 203.0.113.7"
  ours host up wg0
  sed -i 's/^DNS.*/DNS = 203.0.113.8/' "$(file_of host)"
  ours host reload wg0 2>"$work/said"
  grep -q 'warning: DNS has changed, which a reload cannot take up' "$work/said" || fail "said: $(cat "$work/said")"
  at host chmod 755 /etc
  refused_with 'run as root' as_nobody host down wg0
  kill -9 "$(daemon_at host)"
  wait_for 30 no_daemon_at host || fail "it outlives SIGKILL"
  refused host "wg0's daemon has ended" reload wg0
  ours host down wg0
  cp "$(file_of host)" "$work/here.conf"
  if refusal=$(at host sh -c "cd '$work' && exec '$daemon' up here" 2>&1); then fail "a file was found beside"; fi
  [[ $refusal == *"did you mean ./here.conf?"* ]] || fail "said: $refusal"
}
