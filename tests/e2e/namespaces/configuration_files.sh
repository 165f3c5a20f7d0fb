# shellcheck shell=bash
# Configuration files: what `wireguard-vsock up` makes of each is what `wg-quick up` makes of it beside Debian's wireguard-go, in
# namespaces that are the same; and `down` leaves as little. The first are those of wg-quick(8), with addresses that the
# namespaces can have; then come kinds that are published often.

# In both: an uplink that leads everywhere, and programs that write down how they were called.
prepare_files() {
  local machine
  new_machines ours theirs
  mkdir "$work/bin"
  cp "$(command -v wg-quick)" "$work/bin/wg-quick"
  # shellcheck disable=SC2016 # for the script
  printf '#!/bin/sh\n{ echo "resolvconf $*"; [ "$1" != -a ] || cat; } >>"$CALLS"\n' >"$work/bin/resolvconf"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "iptables $*" >>"$CALLS"\n' >"$work/bin/iptables"
  prefer_userspace
  chmod +x "$work/bin/"*
  for machine in ours theirs; do
    at $machine sh -c 'mount -t tmpfs none /run && mkdir /run/wireguard && mount --bind "$0" /run/wireguard' "$work/$machine"
    echo 'nameserver 192.0.2.53' >"$work/$machine.resolv"
    at $machine mount --bind "$work/$machine.resolv" /etc/resolv.conf
    mkdir "$work/etc-$machine"
    : >"$work/$machine.calls"
    uplink $machine
  done
  for name in one two three four; do new_key $name; done
  private=$(<"$work/one.key") preshared=$(wg genpsk)
}

# Where the kernel has its own WireGuard, wg-quick takes that, whatever it is told. It looks for `ip` beside itself first.
prefer_userspace() {
  if ! ip -n "theirs-$$" link add probe type wireguard 2>/dev/null; then return; fi
  ip -n "theirs-$$" link delete probe
  printf '#!/bin/sh\ncase "$*" in *"type wireguard"*) exit 1;; esac\nexec %s "$@"\n' "$(command -v ip)" >"$work/bin/ip"
}

uplink() { # MACHINE
  # Link-local addresses of a TUN interface are random.
  at "$1" sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
  ip -n "$1-$$" link add up0 address 02:00:00:00:00:10 type veth peer name far0 address 02:00:00:00:00:01
  ip -n "$1-$$" link set far0 up
  ip -n "$1-$$" link set up0 up
  ip -n "$1-$$" address add 192.0.2.10/24 dev up0
  ip -n "$1-$$" address add 2001:db8:77::10/64 dev up0 nodad
  ip -n "$1-$$" route add default via 192.0.2.1
  ip -n "$1-$$" route add 198.51.100.0/24 via 192.0.2.1 mtu 1400
  ip -n "$1-$$" -6 route add default via 2001:db8:77::1
}

# Ours up or down, or wg-quick's.
tool() { # MACHINE up|down [INTERFACE]
  local name=${3:-wg0}
  local command=("$daemon" "$2" "$name")
  [ "$2" = down ] || command=("$daemon" up "$work/etc-ours/$name.conf")
  [ "$1" = ours ] || command=("$work/bin/wg-quick" "$2" "$work/etc-theirs/$name.conf")
  at "$1" env PATH="$work/bin:$PATH" CALLS="$work/$1.calls" WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go \
    unshare -m sh -c '[ ! -d /sys/module/wireguard ] || mount -t tmpfs none /sys/module; exec "$@"' sh \
    "${command[@]}" >>"$work/$1.log" 2>&1 || return 1
}

# One object a line, without the numbers that the kernel gives and the multicast routes that it makes some time after an up; and
# without the daemon's own choice of queues for its interface.
listed() { # MACHINE IP'S ARGUMENTS...
  ip -n "$1-$$" -j "${@:2}" | sed 's/^\[//; s/\]$//; s/},{/},\n{/g' |
    sed 's/"ifindex":[0-9]*,//; s/"txqlen":[0-9]*,//; s/"qdisc":"[a-z_]*",//; s/,$//' | grep -vE '"type":"multicast"|^$' || :
}

addresses() { listed "$1" address show dev wg0; }
routes() { listed "$1" -4 route show table all && listed "$1" -6 route show table all; }
rules() { listed "$1" -4 rule && listed "$1" -6 rule; }
marks() { at "$1" cat /proc/sys/net/ipv4/conf/all/src_valid_mark; }
calls() { cat "$work/$1.calls"; }
resolvers() { cat "$work/$1.resolv"; }

# Without what traffic changes; peers and allowed IPs sorted, and the port only if the file says one.
device() { # MACHINE
  at "$1" wg show wg0 dump | awk -F '\t' -v port="$(grep -ci '^ *listenport' "$work/etc-$1/wg0.conf")" '
    NR == 1 {print $1, $2, (port ? $3 : "any"), $4; next}
    {
      n = split($4, ips, ",")
      for (i = 2; i <= n; i++) for (j = i; j > 1 && ips[j] < ips[j - 1]; j--) {t = ips[j]; ips[j] = ips[j - 1]; ips[j - 1] = t}
      printf "%s %s %s", $1, $2, $3
      for (i = 1; i <= n; i++) printf " %s", ips[i]
      print "", $8
    }' | sort
}

# Names a difference: what theirs is turned into by a sed script before it is compared. One that is not there is a failure.
declare -A difference=() seen=()
except() { # WHAT SED-SCRIPT REASON
  difference[$1]=$2
  note "$1: $3"
}

same() { # WHAT...
  local what theirs expected actual
  for what; do
    theirs=$("$what" theirs)
    actual=$("$what" ours)
    expected=$theirs
    if [ -n "${difference[$what]:-}" ]; then
      expected=$(sed -E "${difference[$what]}" <<<"$theirs")
      [ "$expected" = "$theirs" ] || seen[$what]=yes
    fi
    diff <(echo "$expected") <(echo "$actual") >"$work/diff" ||
      fail "$what: wg-quick's <, ours >:"$'\n'"$(cat "$work/diff")"
  done
}

# The configuration is on standard input.
write_files() {
  cat >"$work/etc-theirs/wg0.conf"
  sed "s/^\[Interface\]/&\nNetwork = ${network:-udp}/I" "$work/etc-theirs/wg0.conf" >"$work/etc-ours/wg0.conf"
  cp "$work/etc-ours/wg0.conf" "$work/written.conf"
}

kernel_state() { routes "$1" && rules "$1" && listed "$1" address; } # MACHINE

no_daemon_at() { # MACHINE
  local process
  for process in $(ip netns pids "$1-$$"); do
    if grep -qa "wg[01]" "/proc/$process/cmdline"; then return 1; fi
  done
}

nothing_is_left() { # STATE BEFORE
  local machine left
  for machine in ours theirs; do
    wait_for 30 no_daemon_at $machine || fail "a daemon is left: $machine"
    left=$(diff <(echo "$1") <(kernel_state $machine)) || fail "left by $machine:"$'\n'"$left"
    [ ! -e "$work/$machine/wg0.sock" ] || fail "a control socket is left: $machine"
  done
  left=$(at ours find /run/wireguard-vsock -mindepth 1 ! -name '*lock' 2>/dev/null || :)
  equal "files left in /run/wireguard-vsock" "" "$left"
  cmp "$work/etc-ours/wg0.conf" "$work/written.conf" || fail "the configuration file was changed"
}

as_wg_quick() { # [COMMAND that succeeds when ours has done what it does in its own time]
  local before
  write_files
  before=$(kernel_state ours)
  equal "the namespaces before" "$before" "$(kernel_state theirs)"
  tool theirs up
  tool ours up
  [ -n "$(addresses ours)" ] || fail "no interface"
  [ -z "${1:-}" ] || wait_for 30 "$1" || fail "$1"
  same addresses routes rules device marks calls resolvers
  tool theirs down
  tool ours down
  nothing_is_left "$before"
  same marks calls resolvers
  equal "differences that are there" "${!difference[*]}" "${!seen[*]}"
}

# ---- wg-quick(8) -------------------------------------------------------------------------------------------------------

Up_is_as_wg_quick_for_a_client_that_sends_everything() {
  prepare_files
  as_wg_quick <<END
[Interface]
Address = 10.200.100.8/24
DNS = 10.200.100.1
PrivateKey = $private

[Peer]
PublicKey = ${public[two]}
PresharedKey = $preshared
AllowedIPs = 0.0.0.0/0
Endpoint = 198.51.100.7:51820
END
}

Up_is_as_wg_quick_for_a_kill_switch() {
  prepare_files
  as_wg_quick <<END
[Interface]
Address = 10.200.100.8/24
PrivateKey = $private
PostUp = iptables -I OUTPUT ! -o %i -m mark ! --mark \$(wg show %i fwmark) -m addrtype ! --dst-type LOCAL -j REJECT
PreDown = iptables -D OUTPUT ! -o %i -m mark ! --mark \$(wg show %i fwmark) -m addrtype ! --dst-type LOCAL -j REJECT

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_for_a_key_that_a_hook_sets() {
  prepare_files
  as_wg_quick <<END
[Interface]
Address = 10.200.100.8/24
PostUp = wg set %i private-key <(cat $work/one.key)

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 10.200.0.0/16
END
}

Up_is_as_wg_quick_for_a_server_of_several_networks() {
  prepare_files
  except calls '/^resolvconf -l /d' "wg-quick asks for the DNS servers to save them; we never write the file"
  as_wg_quick <<END
[Interface]
Address = 10.192.122.1/24
Address = 10.10.0.1/16
SaveConfig = true
PrivateKey = $private
ListenPort = 51820

[Peer]
PublicKey = ${public[four]}
AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

[Peer]
PublicKey = ${public[three]}
AllowedIPs = 10.10.10.230/32
END
}

Up_is_as_wg_quick_for_policy_routing_of_one_service() {
  prepare_files
  as_wg_quick <<END
[Interface]
Address = 10.192.122.1/24
PrivateKey = $private
ListenPort = 51820
Table = 1234
PostUp = ip rule add ipproto tcp dport 22 table 1234
PreDown = ip rule delete ipproto tcp dport 22 table 1234

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0
END
}

# ---- kinds that are published often ------------------------------------------------------------------------------------

Up_is_as_wg_quick_for_a_road_warrior_of_both_families() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.66.66.2/32,fd42:42:42::2/128
DNS = 10.66.66.1,fd42:42:42::1, corp.example, lab.example

[Peer]
PublicKey = ${public[two]}
PresharedKey = $preshared
Endpoint = 203.0.114.7:51820
AllowedIPs = 0.0.0.0/0,::/0
PersistentKeepalive = 25
END
}

Up_is_as_wg_quick_for_networks_behind_a_gateway() {
  prepare_files
  as_wg_quick <<END
# Office
[interface]
privatekey=$private   # a comment behind a value
ADDRESS=10.8.0.2/24, 10.9.0.2/24,fd08::2/64
mtu=1380
listenport=51999

[PEER]
publickey=${public[two]}
allowedips=192.168.10.0/24,192.168.20.0/24, fd10::/48
AllowedIPs = 10.8.0.0/24, 10.9.0.7/32
endpoint=[2001:db8:88::7]:51820
persistentkeepalive=off
END
}

Up_is_as_wg_quick_without_routes() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.4.0.2/24
Table = off
DNS = corp.example
PostUp = ip route add 172.20.0.0/16 dev %i metric 50
PostDown = echo "down %i" >>\$CALLS

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_with_a_mark_and_a_table_of_the_same_number() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.4.0.2/24, fd04::2/64
FwMark = 0xca6d

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_for_a_gateway_with_hooks_for_all_times() {
  local machine
  prepare_files
  # Without endpoints the MTU is that of the default route.
  for machine in ours theirs; do ip -n $machine-$$ route replace default via 192.0.2.1 mtu 1450; done
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.0.8.1/24
ListenPort = 51820
PreUp = echo "before %i" >>\$CALLS; ip link show %i 2>/dev/null >>\$CALLS || :
PostUp = iptables -A FORWARD -i %i -j ACCEPT; iptables -t nat -A POSTROUTING -o up0 -j MASQUERADE
PostUp = nft add table inet of-%i && nft list tables inet >>\$CALLS
PreDown = [[ \$(wg show %i listen-port) == 51820 ]] && echo "still %i" >>\$CALLS
PostDown = nft delete table inet of-%i
PostDown = iptables -D FORWARD -i %i -j ACCEPT; iptables -t nat -D POSTROUTING -o up0 -j MASQUERADE

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 10.0.8.2/32

[Peer]
PublicKey = ${public[three]}
AllowedIPs = 10.0.8.3/32, 192.168.77.0/24
END
}

Up_is_as_wg_quick_for_overlapping_allowed_IPs() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.1.2.3, 172.16.9.1/16, fd01::3

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 10.0.0.0/8, 10.1.2.3/32, 172.16.9.0/24, 172.16.0.0/12, fd01::/32

[Peer]
PublicKey = ${public[three]}
AllowedIPs = 10.1.0.0/16, 10.1.2.0/24, 10.0.0.0/8, fd01::3/128, fd01:0:1::/48
END
}

Up_is_as_wg_quick_for_IPv6_alone() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = fd66:66::2/64
DNS = fd66:66::1

[Peer]
PublicKey = ${public[two]}
AllowedIPs = ::/0
Endpoint = [2001:db8:88::7]:51820
END
}

Up_is_as_wg_quick_for_a_default_route_in_halves() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/32, fd07::2/128

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_with_a_mark_and_without_a_default_route() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24
FwMark = 77
DNS = 10.7.0.1

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 10.7.0.1/32, 10.77.0.0/16
Endpoint = 198.51.100.7:51820
PersistentKeepalive = 15

[Peer]
PublicKey = ${public[three]}
Endpoint = [2001:db8:88::7]:51820
END
}

Up_is_as_wg_quick_with_everything_in_a_table_of_a_number() {
  prepare_files
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24, fd07::2/64
Table = 200
PostUp = ip rule add from 10.7.0.2 table 200
PostDown = ip rule delete from 10.7.0.2 table 200

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0, 10.7.0.0/24, 192.168.0.0/16
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_beside_another_table_that_is_used() {
  local machine
  prepare_files
  for machine in ours theirs; do
    ip -n $machine-$$ route add 10.99.0.0/16 dev up0 table 51820
    ip -n $machine-$$ -6 route add fd99::/64 dev up0 table 51821
    ip -n $machine-$$ rule add priority 1000 from 10.99.0.1 table 51820
  done
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_without_an_uplink() {
  local machine
  prepare_files
  for machine in ours theirs; do
    ip -n $machine-$$ -4 route delete default
    ip -n $machine-$$ -6 route delete default
  done
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24, fd07::2/64

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.114.7:51820
END
}

Up_is_as_wg_quick_with_an_endpoint_by_name() {
  local machine
  prepare_files
  echo '198.51.100.7 vpn.example' >"$work/hosts"
  for machine in ours theirs; do at $machine mount --bind "$work/hosts" /etc/hosts; done
  as_wg_quick has_endpoint <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0
Endpoint = vpn.example:51820
END
}

has_endpoint() { at ours wg show wg0 endpoints | has 198.51.100.7; }

# wg-quick's down deletes the rules for the main table of all tunnels; ours deletes its own.
One_of_two_tunnels_that_send_everything_goes_down_and_the_other_keeps_its_rules() {
  local machine before
  prepare_files
  write_files <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24, fd07::2/64

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.114.7:51820
END
  for machine in ours theirs; do
    sed 's/^Address.*/Address = 10.8.0.2/' "$work/etc-$machine/wg0.conf" >"$work/etc-$machine/wg1.conf"
  done
  before=$(kernel_state ours)
  rules ours >"$work/before"
  tool theirs up
  tool ours up
  rules ours >"$work/first"
  tool theirs up wg1
  tool ours up wg1
  same addresses routes rules marks
  rules ours >"$work/both"
  tool ours down
  sort "$work/before" <(comm -23 <(sort "$work/both") <(sort "$work/first")) >"$work/expected"
  diff "$work/expected" <(rules ours | sort) || fail "the rules of wg1 alone"
  tool ours down wg1
  tool theirs down
  tool theirs down wg1
  nothing_is_left "$before"
}

Up_over_streams_is_as_wg_quick_but_for_the_MTU() {
  prepare_files
  network=tcp
  except addresses 's/"mtu":1320/"mtu":1420/' "a stream carries packets of any size, so the MTU does not depend on the endpoint's route"
  as_wg_quick <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24, fd07::2/64
DNS = 10.7.0.1

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 198.51.100.7:51820
END
}

A_hook_that_fails_ends_up_and_leaves_nothing_as_with_wg_quick() {
  local before machine
  prepare_files
  write_files <<END
[Interface]
PrivateKey = $private
Address = 10.7.0.2/24
DNS = 10.7.0.1
PostUp = false; echo "never" >>\$CALLS
PostDown = echo "never" >>\$CALLS

[Peer]
PublicKey = ${public[two]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.114.7:51820
END
  before=$(kernel_state ours)
  for machine in ours theirs; do
    if tool $machine up; then fail "up with a hook that fails: $machine"; fi
  done
  nothing_is_left "$before"
  same calls resolvers
}
