# Draws the bar charts as SVG. After statistics.awk.

function short(row) {
  if (row == "probe-tcp") return "limit probe, TCP"
  if (row == "ours-tcp") return "wireguard-vsock, TCP"
  if (row == "ours-tcp-off") return "TCP, no superpackets"
  if (row == "ours-udp") return "wireguard-vsock, UDP"
  if (row == "go-udp") return "wireguard-go, UDP"
  if (row == "probe-tcp-60000") return "limit probe, MTU 60,000"
  return "TCP, MTU 60,000"
}

function style(row) { return row ~ /^ours/ ? "ours" : row ~ /^go/ ? "go" : "probe" }

function grouped(text) { # 12345.6 -> 12,346
  text = sprintf("%.0f", text)
  return length(text) > 3 ? substr(text, 1, length(text) - 3) "," substr(text, length(text) - 2) : text
}

function number(v) { return v >= 100 ? grouped(v) : sprintf(v >= 10 ? "%.1f" : "%.2f", v) }

# One panel, its upper left corner at x, y: a heading and a bar a row.
function panel(x, y, heading, measure, scale,    i, row, v, most, width) {
  printf "  <text class=\"h\" x=\"%d\" y=\"%d\">%s</text>\n", x, y + 14, heading
  most = 0
  for (i = 1; i <= row_count; i++) if ((v = median(rows[i], measure)) != "" && v * scale > most) most = v * scale
  y += 26
  for (i = 1; i <= row_count; i++) {
    row = rows[i]
    if ((v = median(row, measure)) == "") continue
    v *= scale
    width = most > 0 ? v / most * 220 : 0
    printf "  <text class=\"e\" x=\"%d\" y=\"%d\">%s</text>\n", x + 158, y + 13, short(row)
    printf "  <rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\" rx=\"2\"/>\n", style(row), x + 166, y, width < 1 ? 1 : width
    printf "  <text x=\"%.1f\" y=\"%d\">%s</text>\n", x + 172 + width, y + 13, number(v)
    y += 22
  }
}

END {
  row_count = split("ours-tcp ours-tcp-off ours-udp go-udp probe-tcp ours-tcp-60000 probe-tcp-60000", rows, " ")
  height = 3 * 200 + 60
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 940 %d\" width=\"940\" height=\"%d\" role=\"img\" " \
    "aria-labelledby=\"title description\">\n", height, height
  print "  <title id=\"title\">What the tunnel carries, beside wireguard-go and the limit probe</title>"
  printf "  <desc id=\"description\">Medians of %s rounds; the figures are those of the table in performance.md.</desc>\n", machine["rounds"]
  print "  <style>"
  print "    svg { font-family: system-ui, \"Segoe UI\", \"DejaVu Sans\", sans-serif; font-size: 12.5px; }"
  print "    .page { fill: #ffffff; } text { fill: #1d262c; } .h { font-size: 14px; font-weight: 600; } .e { text-anchor: end; }"
  print "    .ours { fill: #1f6fb2; } .go { fill: #8a8371; } .probe { fill: #c9d3da; } .s { fill: #4d5960; }"
  print "    @media (prefers-color-scheme: dark) {"
  print "      .page { fill: #14191d; } text { fill: #e6ecf0; } .s { fill: #a9b6be; }"
  print "      .ours { fill: #62b0f0; } .go { fill: #a79f8a; } .probe { fill: #47535c; }"
  print "    }"
  print "  </style>"
  printf "  <rect class=\"page\" width=\"940\" height=\"%d\"/>\n", height
  panel(20, 20, "One TCP stream, Mbit/s", "one", 1)
  panel(490, 20, "One TCP stream, reverse, Mbit/s", "reverse", 1)
  panel(20, 220, "Eight TCP streams, Mbit/s", "eight", 1)
  panel(490, 220, "Datagrams of 1,200 bytes, under 0.5 % lost, Mbit/s", "datagrams", 1)
  panel(20, 420, "Round trip beside a TCP stream, ms (less is better)", "loaded", 0.001)
  panel(490, 420, "Processor time, s/GB, both ends (less is better)", "cpu", 1)
  printf "  <text class=\"s\" x=\"20\" y=\"%d\">MTU 1,420 where nothing else is said. %s processors (%s), %s; medians of %s rounds.</text>\n",
    height - 18, machine["processors"], machine["processor"], machine["kernel"], machine["rounds"]
  print "</svg>"
}
