# shellcheck shell=bash
# Completion for bash: commands, their options, interfaces and configurations. The program itself says what there is.

_wireguard_vsock() {
  local program=$1 word=$2 last=$3 command=${COMP_WORDS[1]} i
  COMPREPLY=()
  # Behind `up FILE --` stands another program with arguments of its own.
  if [ "$command" = up ]; then
    for ((i = 2; i < COMP_CWORD; i++)); do
      [ "${COMP_WORDS[i]}" = -- ] || continue
      if declare -F _command_offset >/dev/null; then
        _command_offset $((i + 1))
      elif [ $((i + 1)) = "$COMP_CWORD" ]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi
      return
    done
  fi
  if [ "$COMP_CWORD" = 1 ]; then
    case $word in
      -*) _wireguard_vsock_from "$word" "$(_wireguard_vsock_options "$program" -)" ;;
      *) _wireguard_vsock_from "$word" "$(_wireguard_vsock_commands "$program")" ;;
    esac
    return
  fi
  case $last in
    -n | --network) _wireguard_vsock_from "$word" "vsock tcp tcp4 tcp6 udp udp4 udp6 unix" && return ;;
    --listen | --to | --peer | --metrics | --idle | --max-*) return ;;
    --pcr* | --at) return ;;
    private-key | preshared-key | --file | --root) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
  esac
  case $command,$word in
    -*,-*) _wireguard_vsock_from "$word" "$(_wireguard_vsock_options "$program" -)" ;;
    *,-*) _wireguard_vsock_from "$word" "$(_wireguard_vsock_options "$program" "$command") --help" ;;
    help,*) _wireguard_vsock_from "$word" "conf $(_wireguard_vsock_commands "$program")" ;;
    up,*) _wireguard_vsock_from "$word" "$(_wireguard_vsock_names)" && _wireguard_vsock_files "$word" ;;
    down,* | reload,*) _wireguard_vsock_from "$word" "$("$program" show interfaces 2>/dev/null)" ;;
    check,* | relay,*) _wireguard_vsock_files "$word" ;;
    show,* | set,* | showconf,* | setconf,* | addconf,* | syncconf,*) _wireguard_vsock_wg "$program" "$command" "$word" ;;
  esac
}

_wireguard_vsock_from() { # WORD WORDS
  mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_wireguard_vsock_commands() { # PROGRAM
  "$1" help --words 2>/dev/null | sed -n 's/^\([a-z]*\) .*/\1/p'
}

_wireguard_vsock_options() { # PROGRAM COMMAND, or - for the daemon alone
  "$1" help --words 2>/dev/null | sed -n "s/^$2 //p"
}

# Those that `up NAME` finds. Without the right to read the folder there are none.
_wireguard_vsock_names() {
  local file
  for file in /etc/wireguard/*.conf /etc/wireguard-vsock/*.conf; do
    [ ! -e "$file" ] || basename "$file" .conf
  done
}

_wireguard_vsock_files() { # WORD: folders and files *.conf, besides what was found
  local found
  compopt -o filenames 2>/dev/null
  mapfile -t found < <(compgen -f -X '!*.conf' -- "$1"; compgen -d -- "$1")
  COMPREPLY+=("${found[@]}")
}

# The words of wg(8), in their places.
_wireguard_vsock_wg() { # PROGRAM COMMAND WORD
  local others=
  if [ "$COMP_CWORD" = 2 ]; then
    [ "$2" != show ] || others="all interfaces"
    _wireguard_vsock_from "$3" "$others $("$1" show interfaces 2>/dev/null)"
    return
  fi
  case $2 in
    show) _wireguard_vsock_from "$3" "public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips
      latest-handshakes transfer persistent-keepalive dump" ;;
    set)
      case ${COMP_WORDS[COMP_CWORD - 1]} in
        peer) _wireguard_vsock_from "$3" "$("$1" show "${COMP_WORDS[2]}" peers 2>/dev/null)" ;;
        *) _wireguard_vsock_from "$3" "listen-port fwmark private-key peer remove preshared-key endpoint persistent-keepalive
          allowed-ips" ;;
      esac
      ;;
    setconf | addconf | syncconf) _wireguard_vsock_files "$3" ;;
  esac
}

complete -F _wireguard_vsock wireguard-vsock wireguard-go-vsock
