# shellcheck shell=bash
# What breaks, and how soon traffic flows again; nothing may be left behind.

Killed_and_restarted_tcp_end_reaches_its_peer_within_10_s() { restarted_end_calls tcp; }
Killed_and_restarted_udp_end_reaches_its_peer_within_10_s() { restarted_end_calls udp; }

restarted_end_calls() { # NETWORK
  tunnel "$1"
  pings host enclave
  stop enclave
  start enclave "$1"
  configure enclave
  introduce enclave host "$1"
  flows_within 10 enclave host
  pings host enclave
}

First_packet_of_a_restarted_tcp_end_is_answered() { first_packet_is_answered tcp; }
First_packet_of_a_restarted_udp_end_is_answered() { first_packet_is_answered udp; }

# The packet that confirms the new session is answered under that session, though the end that lived on still has the
# old one, which the other no longer knows.
first_packet_is_answered() { # NETWORK
  local i
  tunnel "$1"
  for i in {1..8}; do
    pings host enclave
    stop enclave
    start enclave "$1"
    configure enclave
    introduce enclave host "$1"
    at enclave ping -q -c 1 -W 3 "${inner[host]}" >/dev/null || fail "the first packet after restart $i was not answered"
  done
}

Tcp_end_that_lived_on_reaches_a_restarted_peer_within_30_s() { restarted_end_is_called tcp; }
Udp_end_that_lived_on_reaches_a_restarted_peer_within_30_s() { restarted_end_is_called udp; }

# The restarted end has no endpoint and sends nothing by itself. The other's session is dead, which it notices when
# nothing is received: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT = 15 s, and the handshake may need a second try.
restarted_end_is_called() { # NETWORK
  tunnel "$1"
  pings host enclave
  stop enclave
  start enclave "$1"
  configure enclave
  introduce enclave host
  flows_within 30 host enclave
  pings enclave host
}

Daemon_killed_five_times_under_load_comes_back_each_time() {
  local i
  tunnel tcp
  for ((i = 0; i < 5; i++)); do
    load host enclave
    stop enclave
    end_load
    start enclave tcp
    configure enclave
    introduce enclave host tcp
    wait_for 12 ping_once enclave host || fail "no traffic after kill $i"
  done
  pings host enclave
}

Connection_killed_under_load_flows_again_within_5_s() {
  tunnel tcp4
  load host enclave
  local before
  before=$(fd_count host)
  for _ in 1 2 3; do
    at host ss -K dst "${outer4[enclave/host]}" >"$work/killed"
    at_least "connections killed" 1 "$(grep -c ESTAB "$work/killed")"
    flows_within 5 host enclave
  done
  end_load
  pings enclave host
  fds_are_at_most $((before + 2)) host
}

Connection_reset_by_a_firewall_flows_again_when_the_rule_goes() {
  tunnel tcp4
  load host enclave
  at enclave nft 'table inet drops {
    chain in { type filter hook input priority 0; iifname to-host ip protocol tcp reject with tcp reset
    }
  }'
  sleep 3
  if ping_once host enclave >/dev/null 2>&1; then fail "the rule drops nothing"; fi
  at enclave nft delete table inet drops
  # Dialling backs off: 0.5, 1, 2, 4, 8 s, give or take a quarter.
  flows_within 20 host enclave
  end_load
  pings enclave host
}

Only_the_dialler_redials_and_never_an_ephemeral_port() {
  new_machines host enclave
  wire host enclave
  for machine in host enclave; do
    start $machine tcp4
    configure $machine
  done
  introduce host enclave
  introduce enclave host tcp4
  pings enclave host
  pings host enclave
  # Record whatever the host dials: it has no configured endpoint, so it may not dial at all.
  at host nft 'table inet dialled {
    counter syns { }
    chain out { type filter hook output priority 0; oifname to-enclave tcp flags syn / syn,ack counter name syns
    }
  }'
  at host ss -K dst "${outer4[enclave/host]}" >/dev/null
  ping_once host enclave >/dev/null 2>&1 || :
  sleep 2
  equal "connections the host dialled" 0 "$(at host nft list counter inet dialled syns | sed -n 's/.*packets \([0-9]*\).*/\1/p')"
  flows_within 8 enclave host
  pings host enclave
}

Silent_outage_of_20_s_is_over_soon_after_it_ends_on_tcp() { outage tcp4 20; }
Silent_outage_of_20_s_is_over_soon_after_it_ends_on_udp() { outage udp4 10; }

outage() { # NETWORK SECONDS-TO-RECOVER
  tunnel "$1"
  pings host enclave
  enter host ping -q -i 0.2 "${inner[enclave]}" >/dev/null 2>&1 &
  drop_everything enclave
  sleep 20
  at enclave nft delete table inet outage
  flows_within "$2" host enclave
  pings enclave host
}

Half_open_connection_is_noticed_and_dialled_anew_within_40_s() {
  tunnel tcp4
  pings host enclave
  lose_power tcp4
  flows_within 40 host enclave
  pings enclave host
}

# Alone: it compares throughputs.
Stopped_peer_does_not_slow_another() {
  local alone beside
  star tcp
  pings host enclave
  pings host third
  alone=$(throughput host enclave 3)
  kill -STOP "${pid[third]}"
  # 1.3 MB a second to the peer that does not read: more than its socket buffers hold, long before the measurement ends.
  enter host ping -q -i 0.001 -s 1300 "${inner[third]}" >/dev/null 2>&1 &
  sleep 2
  beside=$(throughput host enclave 5)
  # Other processes may have had the processor.
  ((beside >= alone / 4)) || beside=$(throughput host enclave 5)
  pings host enclave
  kill -CONT "${pid[third]}"
  # A quarter is far below what noise on a busy machine takes away, and far above what a blocked daemon moves.
  at_least "Mbit/s beside a stopped peer ($alone alone)" $((alone / 4)) "$beside"
  note "$alone Mbit/s alone, $beside beside a stopped peer"
  flows_within 15 host third
}

Link_set_down_at_one_end_under_load_recovers() {
  tunnel tcp4
  load host enclave
  ip -n "enclave-$$" link set to-host down
  sleep 3
  ip -n "enclave-$$" link set to-host up
  # The enclave's IPv6 addresses went with the link; tcp4 does not miss them.
  flows_within 15 host enclave
  end_load
}
