# shellcheck shell=bash disable=SC2154,SC2034 # the verbs and what they set are those of tests/e2e/lib.sh
# The tunnels that are shaken. Each has an end whose daemon is bare and driven by wg and ip, and one that is held by `up -f` and its file.
#
#   tcp     host == enclave                                  over TCP, each with the other's endpoint
#   relay   host == near -- far == enclave                   stream, datagrams, stream: two relays
#           host == near == third                            stream, stream: by another rule of near
#   vsock   enclave == near == host,  host == enclave        in a guest: all at CID 1; the one way through a relay
#
# crowd is where floods come from, on a wire of its own with each that it reaches; in_MACHINE is where its interface is moved.

# By machine: how its daemon is run, by what network; whether it runs, or is stopped meanwhile; its preshared key.
declare -A style=() network=() alive=() stopped=() outdated=()
declare -A secret_of=() mtu_of=() started=()

ends=() relays=()

make_setup() { # SETUP
  local machine crowded=()
  case $1 in
    tcp)
      ends=(host enclave)
      crowded=(host)
      file_machines host enclave crowd in_host
      wire host enclave
      ;;
    relay)
      ends=(host enclave third) relays=(near far)
      crowded=(host near far)
      file_machines host enclave third near far crowd in_host in_enclave in_third
      wire host near
      wire near far
      wire far enclave
      wire near third
      ;;
    vsock)
      keep_vsock_in_guests vsock
      ends=(host enclave) relays=(near)
      file_machines host enclave near in_host in_enclave
      ;;
  esac
  for machine in "${ends[@]}"; do
    style[$machine]=bare
    mtu_of[$machine]=1420
    network[$machine]=tcp
    [ "$1" != vsock ] || network[$machine]=vsock
  done
  style[${ends[-1]}]="file"
  for machine in ${crowded[@]+"${crowded[@]}"}; do
    wire crowd "$machine"
    ip -n "$machine-$$" route add 10.128.0.0/16 via "${outer4[crowd/$machine]}"
  done
  [ ${#crowded[@]} = 0 ] || ip -n "crowd-$$" route add local 10.128.0.0/16 dev lo
  for machine in "${ends[@]}" ${relays[@]+"${relays[@]}"}; do bring_up "$machine"; done
}

peers_of() { # MACHINE
  case $setup/$1 in
    relay/host) echo enclave third ;;
    */host) echo enclave ;;
    *) echo host ;;
  esac
}

# Where it finds the peer; nothing if it waits to be called.
endpoint_for() { # MACHINE PEER
  case $setup/$1/$2 in
    relay/host/enclave) echo "${outer4[near/host]}:${port[near]}" ;;
    relay/host/third) echo "${outer4[near/host]}:9001" ;;
    relay/*) ;;
    vsock/enclave/*) echo "0.0.0.1:9001" ;;
    vsock/*) echo "0.0.0.1:${port[$2]}" ;;
    *) echo "${outer4[$2/$1]}:${port[$2]}" ;;
  esac
}

is_relay() { [[ " ${relays[*]-} " = *" $1 "* ]]; }

bring_up() { # MACHINE
  if is_relay "$1"; then
    run_relay "$1"
  elif [ "${style[$1]}" = file ]; then
    up_from_file "$1"
  else
    start "$1" "${network[$1]}"
    at "$1" wg set wg0 private-key "$work/$1.key"
    apply_bare "$1"
    dress "$1"
  fi
  alive[$1]=yes
  stopped[$1]='' outdated[$1]=''
  started[$1]=$((${started[$1]:-0} + 1))
  for process in $(processes_at "$1"); do confine "$1" "$process"; done
}

# What an interface loses when it is made anew, and when it has been in another namespace.
dress() { # MACHINE
  ip -n "$1-$$" address replace "${inner[$1]}/24" dev wg0
  ip -n "$1-$$" link set wg0 mtu "${mtu_of[$1]}" up
}

# ---- configuration -----------------------------------------------------------------------------------------------------

# All of what an end is to know, whatever it knew before.
apply() { # MACHINE
  if [ "${alive[$1]}" != yes ] || [ -n "${stopped[$1]}" ]; then
    outdated[$1]=yes
  elif [ "${style[$1]}" = file ]; then
    write_whole_file "$1"
    reload_file "$1"
  else
    apply_bare "$1"
  fi
}

reload_file() { timeout 40 nsenter --target "${holder[$1]}" --net --mount -- "$daemon" reload wg0; }

apply_bare() { # MACHINE
  local peer known want='' words=()
  for peer in $(peers_of "$1"); do
    want+=" ${public[$peer]}"
    words+=(peer "${public[$peer]}" preshared-key "$(secret_file "$1" "$peer")" allowed-ips "${inner[$peer]}/32")
    [ -z "$(endpoint_for "$1" "$peer")" ] || words+=(endpoint "$(endpoint_for "$1" "$peer")")
  done
  for known in $(at "$1" timeout 30 wg show wg0 peers); do
    [[ $want = *" $known"* ]] || words+=(peer "$known" remove)
  done
  at "$1" timeout 30 wg set wg0 private-key "$work/$1.key" listen-port "${port[$1]}" "${words[@]}"
}

# One of a pair.
secret_file() { # MACHINE PEER
  local pair=$1/$2
  [[ $1 < $2 ]] || pair=$2/$1
  [ -n "${secret_of[$pair]:-}" ] && echo "${secret_of[$pair]}" || echo /dev/null
}

new_secret() { # MACHINE PEER
  local pair=$1/$2
  [[ $1 < $2 ]] || pair=$2/$1
  secret_of[$pair]=$work/secret-${pair/\//-}
  wg genpsk >"${secret_of[$pair]}"
}

write_whole_file() { # MACHINE [MORE LINES]
  local peer file=$work/etc-$1/wireguard/wg0.conf where secret
  mkdir -p "${file%/*}"
  {
    printf '[Interface]\nNetwork = %s\nAddress = %s/24\nListenPort = %s\nMTU = %s\n' "${network[$1]}" "${inner[$1]}" "${port[$1]}" "${mtu_of[$1]}"
    echo "PrivateKey = $(<"$work/$1.key")"
    for peer in $(peers_of "$1"); do
      printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n' "${public[$peer]}" "${inner[$peer]}"
      where=$(endpoint_for "$1" "$peer") secret=$(secret_file "$1" "$peer")
      [ -z "$where" ] || echo "Endpoint = $where"
      [ "$secret" = /dev/null ] || echo "PresharedKey = $(<"$secret")"
    done
    printf '%s\n' "${2:-}"
  } >"$file.new"
  mv "$file.new" "$file"
}

up_from_file() { # MACHINE
  write_whole_file "$1"
  LOG_LEVEL=${LOG_LEVEL:-debug} enter "$1" "$daemon" up -f wg0 >>"$work/$1.log" 2>&1 &
  pid[$1]=$!
  wait_for 40 is_up_from_file "$1" || fail "the tunnel at $1 did not come up: $(tail -n 5 "$work/$1.log")"
}

is_up_from_file() { is_ready "$1" && grep -qs '^state=up' "$work/run-$1/wg0"; } # MACHINE

# ---- relays ------------------------------------------------------------------------------------------------------------

run_relay() { # MACHINE
  write_relay_file "$1"
  LOG_LEVEL=${LOG_LEVEL:-debug} enter "$1" "$daemon" relay "$work/$1.conf" >>"$work/$1.log" 2>&1 &
  pid[$1]=$!
  wait_for 30 relay_listens "$1" || fail "the relay at $1 does not listen: $(tail -n 5 "$work/$1.log")"
}

relay_listens() { # MACHINE
  case $setup/$1 in
    relay/far) listens "$1" "${port[$1]}" -u ;;
    relay/*) listens "$1" "${port[$1]}" -t && listens "$1" 9001 -t ;;
    *) [ -n "$(at "$1" ss -Hl --vsock "sport = :9001")" ] ;;
  esac
}

write_relay_file() { # MACHINE [MORE LINES]
  {
    # So that what nobody uses any more is closed soon.
    printf '[General]\nIdle = 20\n'
    case $setup/$1 in
      relay/near)
        rule "tcp:${port[near]}" "udp:${outer4[far/near]}:${port[far]}"
        rule tcp:9001 "tcp:${outer4[third/near]}:${port[third]}"
        ;;
      relay/far) rule "udp:${port[far]}" "tcp:${outer4[enclave/far]}:${port[enclave]}" ;;
      *) rule vsock:9001 "vsock:1:${port[host]}" ;;
    esac
    printf '%b' "${2:-}"
  } >"$work/$1.conf"
}

rule() { printf '[Relay]\nListen = %s\nTo = %s\n' "$@"; } # LISTEN TO
