# Prints the table of AF_VSOCK. After statistics.awk.
END {
  print "| in user-mode Linux, one processor | median of " rounds " | smallest to largest |"
  print "|---|--:|--:|"
  line("AF_VSOCK itself, no tunnel, Mbit/s", "bare")
  line("wireguard-vsock, one stream, Mbit/s", "one")
  line("reverse, Mbit/s", "reverse")
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
