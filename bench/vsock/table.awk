# Prints the table of AF_VSOCK. After statistics.awk.
END {
  print "| in an emulated guest, two processors | median of " rounds " | smallest to largest |"
  print "|---|--:|--:|"
  for (r = 1; r <= rounds; r++) {
    value[r, "vsock", "share-one"] = 100 * value[r, "vsock", "one"] / value[r, "vsock", "bare"]
    value[r, "vsock", "share-reverse"] = 100 * value[r, "vsock", "reverse"] / value[r, "vsock", "bare"]
  }
  line("AF_VSOCK itself, no tunnel, Mbit/s", "bare")
  line("wireguard-vsock, one stream, Mbit/s", "one")
  line("reverse, Mbit/s", "reverse")
  line("one stream, % of AF_VSOCK itself in the same round", "share-one")
  line("reverse, % of AF_VSOCK itself in the same round", "share-reverse")
  line("idle round trip, us", "idle")
}

function line(what, measure,    r, v, low, high) {
  low = high = median("vsock", measure)
  for (r = 1; r <= rounds; r++) {
    v = measured(r, "vsock", measure) + 0
    if (v < low) low = v
    if (v > high) high = v
  }
  printf "| %s | %.0f | %.0f to %.0f |\n", what, median("vsock", measure), low, high
}
