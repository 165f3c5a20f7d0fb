# shellcheck shell=bash
# The command line: help, man pages, completion, and what the file is made of.

Help_is_found_from_every_mistake() {
  local words
  for words in "" "hlep wg0" "help frob" "help help help" "--frob wg0"; do
    # shellcheck disable=SC2086 # several words
    refused_with '\(see wireguard-vsock ' "$daemon" $words
  done
  [[ $("$daemon" hlep wg0 2>&1) = *"did you mean 'help'?"* ]] || fail "no suggestion"
  equal "exit code of a command's usage mistake" 2 "$(exit_code "$daemon" help frob)"
  equal "exit code of the daemon's" 1 "$(exit_code "$daemon" --frob)"
}

exit_code() {
  local status=0
  "$@" >/dev/null 2>&1 </dev/null || status=$?
  echo $status
}

Every_command_has_help() {
  local command columns
  for command in $(commands); do
    "$daemon" help "$command" >"$work/help" || fail "help $command"
    "$daemon" "$command" --help | cmp - "$work/help" || fail "$command --help says something else"
    columns=$(wc -L <"$work/help")
    at_most "columns of $command's help" 100 "$columns"
  done
}

commands() { "$daemon" help --words | sed -n 's/^\([a-z]*\) .*/\1/p'; }

Man_pages_are_well_formed() {
  local section file said
  for section in 8 5; do
    file=$work/page.$section
    "$daemon" help --man $section >"$file"
    said=$(mandoc -T lint -W style "$file" 2>&1) || :
    equal "what mandoc finds in section $section" "" "$said"
    said=$(groff -man -ww -Tutf8 -z "$file" 2>&1)
    equal "what groff finds in section $section" "" "$said"
    mandoc -T utf8 "$file" >"$work/shown"
    at_least "lines of section $section" 50 "$(wc -l <"$work/shown")"
  done
}

# ---- completion ----------------------------------------------------------------------------------------------------------

# In a shell of its own, as at a prompt behind WORDS, the last of which is being typed.
completed() { # WORDS...
  # shellcheck disable=SC2016
  PATH="$work/bin:$PATH" bash -c '
    . "$0"
    COMP_WORDS=(wireguard-vsock "$@") COMP_CWORD=$#
    _wireguard_vsock wireguard-vsock "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>&1
    printf "%s\n" "${COMPREPLY[@]}" | LC_ALL=C sort' "$root/completions/wireguard-vsock.bash" "$@"
}

with_the_program_in_path() {
  mkdir -p "$work/bin"
  ln -sf "$daemon" "$work/bin/wireguard-vsock"
}

Completion_knows_commands_and_options() {
  local command word
  with_the_program_in_path
  equal "commands" "$(commands | sort)" "$(completed '')"
  equal "what begins with he" help "$(completed he)"
  equal "what help takes" "$(printf '%s\n' conf "$(commands)" | sort)" "$(completed help '')"
  equal "networks" "$(printf 'udp\nudp4\nudp6\nunix')" "$(completed -n u)"
  for command in $(commands); do
    for word in $("$daemon" help --words | sed -n "s/^$command //p"); do
      [[ $word != -* ]] || grep -qxe "$word" <<<"$(completed "$command" "$word")" || fail "$command $word is not completed"
    done
    grep -qx -- --help <<<"$(completed "$command" --he)" || fail "$command --help is not completed"
  done
  for word in --foreground --network --streams --superpackets --udp-offloads --socket-group --metrics-allowed-ips --sandbox --version; do
    equal "the daemon's option" $word "$(completed "${word%?}")"
  done
}

# ---- process 1 ---------------------------------------------------------------------------------------------------------------

# COMMAND as process 1 of a container whose folder holds no more than it needs; then its mounts, in $work/mounts.
as_first_of_a_container() { # COMMANDS BEFORE, COMMAND...
  local container=$work/container library
  mkdir -p "$container"/{proc,sys,dev,run,tmp}
  install -m 755 "$daemon" "$container/program"
  for library in $(ldd "$daemon" | grep -o '/[^ ]*'); do cp -nL --parents "$library" "$container"; done
  # shellcheck disable=SC2016
  unshare -m bash -e -c '
    mount --bind "$0" "$0"
    cd "$0"
    eval "$1"
    unshare -p -f chroot . "${@:3}" >"$2/said" 2>&1
    sed -n "s|^[^ ]* $0\(/[^ ]*\) .*|\1|p" /proc/self/mounts >"$2/mounts"' "$container" "$1" "$work" "${@:2}"
}

As_process_1_of_a_container_it_mounts_and_reboots_nothing() {
  as_first_of_a_container 'mount --bind /proc proc' /program --version
  grep -q '^wireguard-vsock v' "$work/said" || fail "it said: $(cat "$work/said")"
  equal "what is mounted" /proc "$(grep -vx '/proc/.*' "$work/mounts")"
  # Where there is no /proc, it is there only as long as it takes to look.
  as_first_of_a_container : /program --version
  grep -q '^wireguard-vsock v' "$work/said" || fail "it said: $(cat "$work/said")"
  equal "what is mounted" "" "$(cat "$work/mounts")"
}
