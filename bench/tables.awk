# Prints the tables: figures, ratios to wireguard-go, shares of the limit probe, targets. After statistics.awk.

function figure(row, measure, format, scale,    v) {
  v = median(row, measure)
  return v == "" ? "" : sprintf(format, v * scale)
}

function percent(v) { return sprintf("%.0f %%", v * 100) }

# A median with its spread.
function spread(row, base, measure,    v) {
  v = ratio(row, base, measure)
  return v == "" ? "" : sprintf("%.2f (%.2f to %.2f)", v, least, most)
}

function share(row, base, measure,    v) {
  v = ratio(row, base, measure)
  return v == "" ? "" : sprintf("%.0f %% (%.0f to %.0f)", v * 100, least * 100, most * 100)
}

function figures(    i, row) {
  print "| | one stream | reverse | eight streams | datagrams | idle round trip | under load | CPU, s/GB | memory, MB | calls/MB |"
  print "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
  for (i = 1; i <= row_count; i++) {
    row = rows[i]
    if (!(row in seen)) continue
    printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", title(row), figure(row, "one", "%.0f", 1),
      figure(row, "reverse", "%.0f", 1), figure(row, "eight", "%.0f", 1), figure(row, "datagrams", "%.0f", 1),
      figure(row, "idle", "%.0f us", 1), figure(row, "loaded", "%.2f ms", 0.001), figure(row, "cpu", "%.2f", 1),
      figure(row, "memory", "%.1f", 1024 / 1e6), figure(row, "calls", "%.0f", 1)
  }
}

function ratios_to_go(    i, row) {
  print "| times wireguard-go | one stream | reverse | eight streams | datagrams | idle round trip | under load | CPU |"
  print "|---|--:|--:|--:|--:|--:|--:|--:|"
  for (i = 1; i <= row_count; i++) {
    row = rows[i]
    if (!(row in seen) || row !~ /^ours/ || row ~ /60000/) continue
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title(row), spread(row, "go-udp", "one"), spread(row, "go-udp", "reverse"),
      spread(row, "go-udp", "eight"), spread(row, "go-udp", "datagrams"), spread(row, "go-udp", "idle"),
      spread(row, "go-udp", "loaded"), spread(row, "go-udp", "cpu")
  }
}

function shares_of_probe(    i, row, base) {
  print "| share of the limit probe | one stream | reverse | eight streams |"
  print "|---|--:|--:|--:|"
  for (i = 1; i <= row_count; i++) {
    row = rows[i]
    if (!(row in seen) || row !~ /^ours-tcp/) continue
    base = row ~ /60000/ ? "probe-tcp-60000" : "probe-tcp"
    printf "| %s | %s | %s | %s |\n", title(row), share(row, base, "one"), share(row, base, "reverse"), share(row, base, "eight")
  }
}

function target(what, bound, text, isMet) {
  if (text == "") text = "not measured"
  printf "| %s | %s | %s | %s |\n", what, bound, text, text == "not measured" ? "" : isMet ? "yes" : "no"
}

function ratio_target(what, row, base, measure, limit, isMost,    v) {
  v = ratio(row, base, measure)
  target(what, (isMost ? "<= " : ">= ") limit, v == "" ? "" : sprintf("%.2f", v), isMost ? v <= limit : v >= limit)
}

function share_target(what, row, base, measure, limit,    v) {
  v = ratio(row, base, measure)
  target(what, ">= " percent(limit), v == "" ? "" : percent(v), v >= limit)
}

function most_target(what, row, measure, scale, limit,    v) {
  v = median(row, measure)
  target(what, "<= " limit, v == "" ? "" : sprintf("%.1f", v * scale), v * scale <= limit)
}

function targets() {
  print "| what | target | median | met |"
  print "|---|--:|--:|---|"
  ratio_target("TCP, one stream, times wireguard-go", "ours-tcp", "go-udp", "one", 2.5)
  ratio_target("TCP, reverse, times wireguard-go", "ours-tcp", "go-udp", "reverse", 2.5)
  share_target("TCP, one stream, share of the limit probe", "ours-tcp", "probe-tcp", "one", 0.65)
  share_target("TCP, reverse, share of the limit probe", "ours-tcp", "probe-tcp", "reverse", 0.65)
  ratio_target("TCP, no superpackets, one stream, times wireguard-go", "ours-tcp-off", "go-udp", "one", 1.5)
  ratio_target("TCP, no superpackets, reverse, times wireguard-go", "ours-tcp-off", "go-udp", "reverse", 1.5)
  ratio_target("UDP, one stream, times wireguard-go", "ours-udp", "go-udp", "one", 1.3)
  ratio_target("UDP, reverse, times wireguard-go", "ours-udp", "go-udp", "reverse", 1.3)
  ratio_target("UDP, eight streams, times wireguard-go", "ours-udp", "go-udp", "eight", 1.3)
  ratio_target("Relay between TCP and UDP, one stream, times wireguard-go", "relay-go", "go-udp", "one", 0.9)
  ratio_target("Relay between TCP and UDP, reverse, times wireguard-go", "relay-go", "go-udp", "reverse", 0.9)
  ratio_target("Relay between TCP and TCP, one stream, times socat", "relay-tcp", "socat-tcp", "one", 0.8)
  ratio_target("Relay between TCP and TCP, reverse, times socat", "relay-tcp", "socat-tcp", "reverse", 0.8)
  share_target("TCP, MTU 60,000, one stream, share of the limit probe", "ours-tcp-60000", "probe-tcp-60000", "one", 0.8)
  share_target("TCP, MTU 60,000, reverse, share of the limit probe", "ours-tcp-60000", "probe-tcp-60000", "reverse", 0.8)
  ratio_target("TCP, round trip, idle, times wireguard-go's", "ours-tcp", "go-udp", "idle", 0.7, 1)
  ratio_target("TCP, round trip, under load, times wireguard-go's", "ours-tcp", "go-udp", "loaded", 0.3, 1)
  ratio_target("UDP, round trip, idle, times wireguard-go's", "ours-udp", "go-udp", "idle", 0.7, 1)
  ratio_target("UDP, round trip, under load, times wireguard-go's", "ours-udp", "go-udp", "loaded", 0.3, 1)
  most_target("TCP, peak memory, MB", "ours-tcp", "memory", 1024 / 1e6, 40)
  most_target("UDP, peak memory, MB", "ours-udp", "memory", 1024 / 1e6, 40)
  most_target("TCP, system calls of a daemon for each MB", "ours-tcp", "calls", 1, 80)
}

END {
  row_count = split("veth probe-tcp ours-tcp ours-tcp-off ours-udp go-udp relay-go relay-tcp socat-tcp probe-tcp-60000 ours-tcp-60000", rows, " ")
  printf "%s processors (%s), %s, load %s at the start; %s rounds, %s s each; wireguard-go %s%s; %s.\n\n", machine["processors"],
    machine["processor"], machine["kernel"], machine["load"], machine["rounds"], machine["seconds"], machine["go"],
    machine["go"] ~ /^0\.0\.20231211/ ? "" : " (the installed one: bookworm-backports could not be had)", machine["date"]
  print "Throughput in Mbit/s of payload; every figure is the median of its rounds.\n"
  figures()
  print "\nRatios to wireguard-go in the same round: median, and the smallest and largest.\n"
  ratios_to_go()
  print ""
  shares_of_probe()
  print ""
  targets()
}
