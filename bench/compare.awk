# Prints two builds side by side: each row's medians and quartiles, and which of them are slower. After statistics.awk.
# Slower is what is worse by more than 3 % and whose medians lie outside each other's quartiles: less is noise.

function cell(row, measure) {
  return sprintf("%.4g (%.4g to %.4g)", median(row, measure), quantile(row, measure, 0.25), quantile(row, measure, 0.75))
}

function is_outside(row, other, measure,    v) {
  v = median(row, measure)
  return v < quantile(other, measure, 0.25) || v > quantile(other, measure, 0.75)
}

function compare(before, after, measure, more_is_better,    change, is_clear, verdict) {
  if (median(before, measure) == "" || median(after, measure) == "" || median(before, measure) == 0) return
  change = median(after, measure) / median(before, measure) - 1
  is_clear = is_outside(before, after, measure) && is_outside(after, before, measure)
  verdict = ""
  if (is_clear && (more_is_better ? change < -0.03 : change > 0.03)) { verdict = "slower"; slower++ }
  if (is_clear && (more_is_better ? change > 0.03 : change < -0.03)) verdict = "faster"
  printf "| %s | %s | %s | %s | %+.1f %% | %s |\n", substr(after, 6), measure, cell(before, measure), cell(after, measure), change * 100, verdict
}

END {
  printf "%s processors (%s), %s, load %s at the start; %s rounds, %s s each; %s.\n\n", machine["processors"],
    machine["processor"], machine["kernel"], machine["load"], machine["rounds"], machine["seconds"], machine["date"]
  print "| row | measure | before: median (quartiles) | after | change | |"
  print "|---|---|--:|--:|--:|---|"
  row_count = split("tcp tcp-off udp tcp-60000", rows, " ")
  measure_count = split("one reverse eight datagrams idle loaded cpu calls memory", measures, " ")
  for (i = 1; i <= row_count; i++)
    for (j = 1; j <= measure_count; j++) compare("base-" rows[i], "ours-" rows[i], measures[j], j <= 4)
  printf "\n%d slower\n", slower + 0
  exit slower > 0
}
