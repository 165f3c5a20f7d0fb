# shellcheck shell=bash disable=SC2119 # what as_wg_quick takes, it need not have
# Files of the kinds that are published often come up as with wg-quick.
# shellcheck source=tests/e2e/namespaces/wg_quick_verbs
. "$e2e/namespaces/wg_quick_verbs"

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
