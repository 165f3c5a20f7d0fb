# shellcheck shell=bash
# Packets are segmented, coalesced and summed on their path, and arrive as they were sent.

Lost_doubled_damaged_and_overtaking_datagrams_leave_the_data_whole() {
  tunnel_through_a_bad_network
  copy_checksummed host enclave 5
  copy_checksummed enclave host 5
  at enclave "$e2e/datagrams.pl" receive 7001 4000 2 >"$work/datagrams" &
  wait_for 30 listens enclave 7001 -u || fail "no listener for the datagrams"
  at host "$e2e/datagrams.pl" send "${inner[enclave]}" 7001 100 40 1200
  wait $!
  equal "damaged datagrams" 0 "$(cut -d ' ' -f 2 "$work/datagrams")"
  at_least "datagrams of 4,000 that came" 3600 "$(cut -d ' ' -f 1 "$work/datagrams")"
  # Damaged ones, and the second of two.
  at_least "messages refused" 20 "$(counter enclave not_authentic)"
  note "$(counter enclave not_authentic) messages refused, $(cat "$work/datagrams") datagrams of 4,000"
}

# The third machine stands between the two.
tunnel_through_a_bad_network() {
  new_machines host enclave third
  wire host third
  wire third enclave
  enter third "$e2e/relay.pl" 9999 "${outer4[enclave/third]}" "${port[enclave]}" &
  wait_for 30 listens third 9999 -u || fail "no relay"
  for machine in host enclave; do
    start $machine udp4
    configure $machine
  done
  introduce host enclave
  introduce enclave host
  at host wg set wg0 peer "${public[enclave]}" endpoint "${outer4[third/host]}:9999"
  pings host enclave
}

Congestion_marks_within_the_tunnel_go_to_and_fro_over_tcp() { marks_pass tcp4; }
Congestion_marks_within_the_tunnel_go_to_and_fro_over_udp() { marks_pass udp4; }

# One packet in eight is marked where it leaves the tunnel; its sender answers each mark with CWR once.
marks_pass() { # NETWORK
  local machine
  tunnel "$1"
  for machine in host enclave; do
    at $machine sysctl -qw net.ipv4.tcp_ecn=1
    at $machine nft 'table inet marks {
      counter reduced { }
      chain in { type filter hook prerouting priority 0; iifname wg0 jump marked
      }
      chain marked {
        tcp flags & (syn | cwr) == cwr counter name reduced
        ip ecn ect0 numgen random mod 8 0 ip ecn set ce
        ip6 ecn ect0 numgen random mod 8 0 ip6 ecn set ce
      }
    }'
  done
  copy_checksummed host enclave 10
  copy_checksummed enclave host 10
  copy_checksummed host enclave 5 "${inner6[enclave]}"
  for machine in host enclave; do
    at_least "segments with CWR at $machine" 1 "$(at $machine nft list counter inet marks reduced | sed -n 's/.*packets \([0-9]*\).*/\1/p')"
  done
}

Wrong_checksums_stay_wrong_over_tcp() { stay_wrong tcp4; }
Wrong_checksums_stay_wrong_over_udp() { stay_wrong udp4; }

stay_wrong() { # NETWORK
  local protocol family
  tunnel_to_a_network "$1"
  ping_behind
  for protocol in tcp udp; do
    for family in 4 6; do
      capture third to-enclave -Q in "dst port 5556 or (ip6 and not icmp6) or udp"
      # They wait for a daemon that stands still, and leave as one batch.
      kill -STOP "${pid[host]}"
      if [ $family = 4 ]; then
        at host "$e2e/checksums.pl" $protocol "${inner[host]}" "$behind4" 60 7
      else
        at host "$e2e/checksums.pl" $protocol "${inner6[host]}" "$behind6" 60 7
      fi
      kill -CONT "${pid[host]}"
      wait_for 30 eval '(($(tcpdump -n -r "$work/capture" 2>/dev/null | wc -l) >= 60))' || fail "not all of $protocol, IPv$family came"
      end_capture
      equal "right checksums of $protocol, IPv$family" 52 "$(summed correct)"
      equal "wrong checksums of $protocol, IPv$family" 8 "$(summed incorrect)"
    done
  done
}

Fragments_and_extension_headers_pass_over_tcp() { unusual_packets_pass tcp4; }
Fragments_and_extension_headers_pass_over_udp() { unusual_packets_pass udp4; }

unusual_packets_pass() { # NETWORK
  tunnel "$1"
  pings host enclave -s 8000
  pings enclave host -s 1393
  at host ping -6 -q -c 3 -i 0.2 -W 5 -s 8000 "${inner6[enclave]}" >"$work/ping" || fail "large ping -6: $(cat "$work/ping")"
  # Record route: an IP header with options.
  pings host enclave -R
  # In fragments.
  trains_arrive host enclave 100 1 5000
  trains_arrive enclave host 100 1 5000 "${inner6[host]}"
  # Behind a destination options header, one by one and in trains.
  trains_arrive host enclave 100 1 1200 "${inner6[enclave]}" options
  trains_arrive host enclave 50 40 1200 "${inner6[enclave]}" options
  equal "packets that were none" "0 0" "$(counter host not_an_ip_packet) $(counter enclave source_not_allowed)"
}

Kernel_that_refuses_unsegmented_packets_gets_segments_over_tcp() { refused_is_segmented tcp4; }
Kernel_that_refuses_unsegmented_packets_gets_segments_over_udp() { refused_is_segmented udp4; }

refused_is_segmented() { # NETWORK
  local within=() before
  new_machines host enclave
  wire host enclave
  start host "$1"
  # shellcheck disable=SC2034 # read by start
  within=("$e2e/refuse_unsegmented.pl")
  start enclave "$1"
  for machine in host enclave; do configure $machine; done
  introduce host enclave "$1"
  introduce enclave host
  pings host enclave
  copy_checksummed host enclave 5
  copy_checksummed host enclave 5 "${inner6[enclave]}"
  equal "lines that say so" 1 "$(grep -c 'ERROR.*refuses unsegmented' "$work/enclave.log")"
  # The host was told: it sends no superpackets any more, and so a header with each segment.
  before=$(received enclave)
  copy_checksummed host enclave 10
  at_least "bytes received for 10 MiB" $((10485760 + 10485760 / 25)) $(($(received enclave) - before))
  equal "packets not written" 0 "$(counter enclave not_written)"
  # What the enclave sends goes as ever.
  copy_checksummed enclave host 5
}
