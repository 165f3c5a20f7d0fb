# Reads machine.tsv into machine[fact], and results.tsv into value[round, row, measure]; the two processor measures become one.

BEGIN { FS = "\t" }

FILENAME ~ /machine\.tsv$/ { machine[$1] = $2; next }

{
  value[$1, $2, $3] = $4
  if ($1 > rounds) rounds = $1
  seen[$2] = 1
}

function sort(list, n,    i, j, v) {
  for (i = 2; i <= n; i++) {
    v = list[i]
    for (j = i - 1; j >= 1 && list[j] > v; j--) list[j + 1] = list[j]
    list[j + 1] = v
  }
}

function middle(list, n) { return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2 }

# Processor time is that of both directions.
function measured(round, row, measure) {
  if (measure != "cpu") return (round, row, measure) in value ? value[round, row, measure] : ""
  if (!((round, row, "cpu-one") in value && (round, row, "cpu-reverse") in value)) return ""
  return (value[round, row, "cpu-one"] + value[round, row, "cpu-reverse"]) / 2
}

# The point below which a share of the rounds lies, between two rounds where it falls there; "" where nothing was measured.
function quantile(row, measure, share,    list, n, r, v, at, below) {
  n = 0
  for (r = 1; r <= rounds; r++) if ((v = measured(r, row, measure)) != "") list[++n] = v + 0
  if (!n) return ""
  sort(list, n)
  at = 1 + share * (n - 1)
  below = int(at)
  return below == n ? list[n] : list[below] + (at - below) * (list[below + 1] - list[below])
}

function median(row, measure) { return quantile(row, measure, 0.5) }

# The ratio of two rows, round by round: its median, or ""; sets least and most.
function ratio(row, base, measure,    list, n, r, a, b) {
  n = 0
  for (r = 1; r <= rounds; r++) {
    a = measured(r, row, measure)
    b = measured(r, base, measure)
    if (a != "" && b + 0 > 0) list[++n] = a / b
  }
  if (!n) return ""
  sort(list, n)
  least = list[1]
  most = list[n]
  return middle(list, n)
}

function title(row) {
  if (row == "veth") return "bare veth, no tunnel"
  if (row == "probe-tcp") return "limit probe, TCP"
  if (row == "ours-tcp") return "wireguard-vsock, TCP"
  if (row == "ours-tcp-off") return "wireguard-vsock, TCP, no superpackets"
  if (row == "ours-udp") return "wireguard-vsock, UDP"
  if (row == "go-udp") return "wireguard-go, UDP"
  if (row == "relay-go") return "wireguard-vsock, TCP, relay, wireguard-go, UDP"
  if (row == "relay-tcp") return "wireguard-vsock, TCP, relay, TCP"
  if (row == "socat-tcp") return "wireguard-vsock, TCP, socat, TCP"
  if (row == "probe-tcp-60000") return "limit probe, TCP, MTU 60,000"
  if (row == "ours-tcp-60000") return "wireguard-vsock, TCP, MTU 60,000"
  return row
}
