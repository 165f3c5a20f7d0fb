# shellcheck shell=bash disable=SC2119 # what as_wg_quick takes, it need not have
# The files of wg-quick(8), with addresses that the namespaces can have, come up as with wg-quick.
# shellcheck source=tests/e2e/namespaces/wg_quick_verbs
. "$e2e/namespaces/wg_quick_verbs"

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
