# shellcheck shell=bash disable=SC2119 # what as_wg_quick takes, it need not have
# Beside wg-quick: two tunnels that send everything, streams, and a hook that fails.
# shellcheck source=tests/e2e/namespaces/wg_quick_verbs
. "$e2e/namespaces/wg_quick_verbs"

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
