# shellcheck shell=bash disable=SC2154,SC2034 # names that network.sh sets, and some that run uses
# What is measured: one row of the table each.
#
#   veth              no tunnel: what the wire and iperf3 carry on this machine
#   probe-tcp         the limit probe: our lanes with sealing replaced by a copy (bench/LimitProbe)
#   ours-tcp          wireguard-vsock over TCP
#   ours-tcp-off      the same without superpackets
#   ours-udp          wireguard-vsock over UDP
#   go-udp            Debian's wireguard-go
#   relay-go          wireguard-vsock over TCP, through its relay at the same side, to wireguard-go over UDP
#   relay-tcp         wireguard-vsock over TCP, through that relay, to the other over TCP
#   socat-tcp         the same through socat
#   ...-60000         the same at MTU 60,000
#   base-...          ours-... by another build of wireguard-vsock, which --base names

all_rows=(veth probe-tcp ours-tcp ours-tcp-off ours-udp go-udp relay-go relay-tcp socat-tcp probe-tcp-60000 ours-tcp-60000)
compared_rows=(base-tcp ours-tcp base-tcp-off ours-tcp-off base-udp ours-udp base-tcp-60000 ours-tcp-60000)

find_programs() {
  ours=$PWD/out/wireguard-vsock
  probe=$PWD/out/limit-probe/wireguard-vsock-limit-probe
  [ -x "$ours" ] || { echo "bench: no $ours: run make" >&2; exit 1; }
  [ -z "$base" ] || [ -x "$base" ] || { echo "bench: no $base" >&2; exit 1; }
  IFS=$'\t' read -r go go_version < <(bench/wireguard-go.sh out/bench/wireguard-go)
}

start_row() { # ROW: its daemons, or nothing where the row cannot be run
  local mtu=1420 row=$1 ours=$ours command far=() relay=()
  [ "$row" != veth ] || return 0
  case $row in *-60000) mtu=60000 ;; esac
  case $row in base-*) row=ours-${row#base-} ours=$base ;; esac
  case $row in
    probe-tcp*) command=("$probe" -f -n tcp4) ;;
    ours-tcp-off) command=("$ours" -f -n tcp4 --superpackets=off) ;;
    ours-tcp*) command=("$ours" -f -n tcp4) ;;
    ours-udp) command=("$ours" -f -n udp4) ;;
    go-udp) command=("$go" -f) ;;
    relay-go)
      command=("$ours" -f -n tcp4) far=("$go" -f)
      relay=("$ours" relay --listen tcp:127.0.0.1:51900 --to udp:192.0.2.2:51821)
      ;;
    relay-tcp)
      command=("$ours" -f -n tcp4)
      relay=("$ours" relay --listen tcp:127.0.0.1:51900 --to tcp:192.0.2.2:51821)
      ;;
    socat-tcp)
      command=("$ours" -f -n tcp4)
      relay=(socat -b 65536 "TCP-LISTEN:51900,bind=127.0.0.1,fork,reuseaddr,nodelay" "TCP:192.0.2.2:51821,nodelay")
      ;;
    *) echo "bench: no row '$row'" >&2 && exit 2 ;;
  esac
  if [ "$row" = ours-tcp-off ] && [[ $("$ours" --help) != *--superpackets* ]]; then
    echo "bench: $1 left out: this build has no --superpackets" >&2
    return 1
  fi
  [ -x "${command[0]}" ] || { echo "bench: $1 left out: no ${command[0]##*/}" >&2; return 1; }
  start_tunnel "$mtu" || {
    echo "bench: $1 did not start: $(tail -n 1 "$work/said")" >&2
    stop_daemons
    return 1
  }
}

has_measure() { # ROW MEASURE
  case $1/$2 in
    veth/memory | veth/calls) return 1 ;;
    # There are three programs.
    relay-*/memory | relay-*/calls | socat-*/memory | socat-*/calls) return 1 ;;
    *-60000/datagrams) return 1 ;;
  esac
}
