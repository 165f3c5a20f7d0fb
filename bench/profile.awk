# Sorts symbols by what they do. Fields of a line: percent, object, symbol.
BEGIN { FS = "\t" }

function kind(object, symbol) {
  if (symbol ~ /csum|checksum|Checksum|[Cc]rc32|Crc32|VectorizedCrc/) return "checksums"
  if (symbol ~ /copy_user|copy_to_user|copy_from_user|copyin|copyout|copy_to_iter|copy_from_iter|rep_movs|[Mm]emcpy|[Mm]emmove|copy_page/) return "copies"
  if (object ~ /crypto/) return "crypto"
  if (object ~ /kernel|\[k\]|vmlinux/ || symbol ~ /^\[k\]/) {
    if (symbol ~ /entry_SYSCALL|syscall|__x64_sys|fdget|sysret/) return "system calls, entry and exit"
    return "system calls, the kernel's work"
  }
  # What else is libc's is its wrappers, where a system call's return is sampled.
  if (object ~ /libc\.|ld-linux|vdso/) return "system calls, entry and exit"
  return "ours"
}

NF >= 3 {
  gsub(/[% ]/, "", $1)
  gsub(/ +$/, "", $2)
  part[kind($2, $3)] += $1
  if (shown < 20) {
    gsub(/ +$/, "", $3)
    sub(/^\[.\] /, "", $3)
    top[++shown] = sprintf("| %s | %s | %.1f %% |", $3, $2, $1)
  }
}

END {
  ns = seconds_used / hz * 1e9 / bytes
  n = split("crypto;copies;checksums;system calls, entry and exit;system calls, the kernel's work;ours", kinds, ";")
  print "| where | share | ns a byte | cycles a byte |"
  print "|---|--:|--:|--:|"
  for (i = 1; i <= n; i++)
    printf "| %s | %.1f %% | %.3f | %.2f |\n", kinds[i], part[kinds[i]], ns * part[kinds[i]] / 100, ns * part[kinds[i]] / 100 * mhz / 1000
  printf "| both daemons together | | %.3f | %.2f |\n\n", ns, ns * mhz / 1000
  print "| symbol | object | share |"
  print "|---|---|--:|"
  for (i = 1; i <= shown; i++) print top[i]
}
