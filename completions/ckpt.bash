# bash completion for ckpt and its commands.

# The traces of the store. Looks at names only: it must be quick.
_ckpt_traces() {
  local root=${CKPT_TRACE_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/ckpt} header
  for header in "$root"/*/header; do
    [ -e "$header" ] || continue
    header=${header%/header}
    printf '%s\n' "${header##*/}"
  done
}

# _ckpt_words WORD...: those that begin as the word being typed.
_ckpt_words() {
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_ckpt_trace_or_folder() {
  mapfile -t COMPREPLY < <(compgen -W "$(_ckpt_traces)" -- "$cur"; compgen -d -- "$cur")
}

# After the program's name its own completion takes over.
_ckpt_record() {
  local i=$first
  while [ "$i" -lt "$COMP_CWORD" ]; do
    case ${COMP_WORDS[i]} in
      -o | --output | --slice-us | --on-recorder-death | --on-full) i=$((i + 2)) ;;
      --) i=$((i + 1)); break ;;
      -*) i=$((i + 1)) ;;
      *) break ;;
    esac
  done
  if [ "$i" -lt "$COMP_CWORD" ]; then
    if declare -F _command_offset >/dev/null; then _command_offset "$i"; fi
    return
  fi
  case $prev in
    -o | --output) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    --slice-us) ;;
    --on-recorder-death | --on-full) _ckpt_words continue end ;;
    *)
      case $cur in
        -*) _ckpt_words --output --slice-us --verify --calls --verbose --on-recorder-death --on-full --seccomp --help ;;
        *) mapfile -t COMPREPLY < <(compgen -c -- "$cur"; compgen -f -- "$cur") ;;
      esac ;;
  esac
}

_ckpt_replay() {
  case $cur in
    -*) _ckpt_words --quiet --verify --verbose --help ;;
    *) _ckpt_trace_or_folder ;;
  esac
}

_ckpt_trace() {
  local command=${COMP_WORDS[first]}
  if [ "$COMP_CWORD" -eq "$first" ]; then
    _ckpt_words info query dump ls verify rm --help --version
    return
  fi
  case $cur in
    -*) ;;
    *) [ "$command" = ls ] || _ckpt_trace_or_folder; return ;;
  esac
  case $command in
    query) _ckpt_words --json --csv --syscalls --threads --files --slow --calls --switches --tables --help ;;
    dump) _ckpt_words --events --task --json --help ;;
    ls) _ckpt_words --json --csv --help ;;
    rm) _ckpt_words --force --help ;;
    *) _ckpt_words --json --help ;;
  esac
}

_ckpt_doctor() { _ckpt_words --json --help --version; }

_ckpt() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} name=${COMP_WORDS[0]##*/} first=1
  COMPREPLY=()
  if [ "$name" = ckpt ]; then
    if [ "$COMP_CWORD" -eq 1 ]; then
      _ckpt_words record replay trace doctor help --help --version
      return
    fi
    name=ckpt-${COMP_WORDS[1]} first=2
  fi
  case $name in
    ckpt-record | ckpt-replay | ckpt-trace | ckpt-doctor) "_ckpt_${name#ckpt-}" ;;
    ckpt-help) _ckpt_words record replay trace doctor ;;
  esac
}

complete -F _ckpt ckpt ckpt-record ckpt-replay ckpt-trace ckpt-doctor
