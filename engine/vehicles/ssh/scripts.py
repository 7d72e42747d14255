"""The few scripts of sh(1) that the vehicle itself runs on a host; dash and busybox know all of it."""

from typing import Final

from breakfix.engine.vehicles.procfs import MARK_NAME

REFUSED: Final = 125
"""The exit code of `PRELUDE` where it does not run the command."""

PRELUDE: Final = f"""\
if [ -n "$1" ]; then
  read -r _now </proc/sys/kernel/random/boot_id || _now=
  [ "$_now" = "$1" ] || {{ echo "${MARK_NAME} boot $_now" >&2; exit {REFUSED}; }}
fi
[ -z "$2" ] || cd "$2" || {{ echo "${MARK_NAME} folder" >&2; exit {REFUSED}; }}
shift 2
exec "$@"
"""
"""Runs ``$3...`` in the folder ``$2``, where that is given, if the host is in its boot ``$1``, where that is
given. Why it does not, it says in a last line that begins with the mark."""

_CAN_SEARCH: Final = """\
[ -r /proc/self/environ ] || exit 2
printf 'a\\0b' | grep -qz '^b' || exit 2"""
"""Entries of an environment end with a NUL, behind which not every grep(1) sees anything without ``-z``. An
entry is looked for from its beginning: SUDO_COMMAND, which goes on to all that a command by sudo has started,
holds the mark too (sudo(8))."""

END_MARK: Final = f"""\
{_CAN_SEARCH}
rounds=0
empty=0
while [ $rounds -lt 100 ]; do
  found=
  for file in $(grep -lsz "^{MARK_NAME}=$1\\." /proc/[0-9]*/environ); do
    pid=${{file#/proc/}}
    found="$found ${{pid%/environ}}"
  done
  rounds=$((rounds + 1))
  if [ -z "$found" ]; then
    empty=$((empty + 1))
    [ $empty -lt 2 ] || exit 0
    continue
  fi
  empty=0
  kill -9 $found 2>/dev/null
  [ $rounds -lt 5 ] || sleep 0.05 2>/dev/null || sleep 1
done
exit 1
"""
"""Ends every process whose environment holds the mark ``$1``, until twice none was found: one that is
about to become another program has no environment for a moment. What may not be read is
not found: a process of another user, unless this runs as root."""

END_COMMANDS: Final = f"""\
if [ -z "$4" ] && [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
  exec sudo -n -- sh -c "$3" sh "$1" "$2" "$3" root
fi
{_CAN_SEARCH}
session_of() {{
  set -- ${{1##*) }}
  echo "$4"
}}
ended=0
done=" "
for file in $(grep -lsz "^{MARK_NAME}=$1" /proc/[0-9]*/environ); do
  mark=$(tr '\\0' '\\n' 2>/dev/null <"$file" | sed -n 's/^{MARK_NAME}=//p')
  case $mark in "$1"*.*) ;; *) continue ;; esac
  case $done in *" $mark "*) continue ;; esac
  done="$done$mark "
  first=${{mark##*.}}
  read -r stat 2>/dev/null <"/proc/$first/stat" || continue
  read -r name 2>/dev/null <"/proc/$first/comm" || continue
  [ "$(session_of "$stat")" = "$first" ] || continue
  [ "$name" = sudo ] || grep -qsz "^{MARK_NAME}=$mark" "/proc/$first/environ" || continue
  sh -c "$2" sh "${{mark%.*}}" && ended=$((ended + 1))
done
echo $ended
"""
"""Ends the commands whose marks begin with ``$1`` and whose first process (its pid is the end of the mark)
still runs, leading its session; prints how many. What a command that is over left running is left alone.
``$2`` is `END_MARK`, ``$3`` this script."""
