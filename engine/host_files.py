"""Files of hosts: parts of the scripts that compare, keep and replace them.

Each is the beginning of a script: functions of a POSIX shell, which say on stderr why they could not do
what they were asked for.
"""

from typing import Final

KEEP: Final = """
keep() {
  umask 077
  parent=${1%/*} tries=0
  # Whoever was the last to keep something takes the folder of all away.
  until mkdir -- "$1" 2>/dev/null; do
    if [ -e "$1" ] || [ "$tries" -ge 20 ]; then
      echo "$1 cannot be made" >&2
      return 6
    fi
    tries=$((tries + 1))
    mkdir -- "$parent" 2>/dev/null
  done
  # Below /tmp somebody else may have made it, or a link of its name.
  if [ -z "$(find "$parent" -prune -type d -user "$(id -u)" -perm 700 2>/dev/null)" ]; then
    rmdir -- "$1"
    echo "$parent is not a folder of ours alone: remove it" >&2
    return 6
  fi
}
"""
"""``keep DIR``: make the folder of `host_ops.state_dir`; it fails where it is there already."""

DIGEST: Final = """
digest() {
  if command -v sha256sum >/dev/null; then
    set -- "$(sha256sum < "$1")"
  elif command -v openssl >/dev/null; then
    set -- "$(openssl dgst -sha256 -r < "$1")"
  elif command -v shasum >/dev/null; then
    set -- "$(shasum -a 256 < "$1")"
  else
    echo "there is no sha256sum, openssl or shasum here" >&2
    return 4
  fi
  [ -n "$1" ] && printf '%s' "${1%% *}"
}
"""
"""``digest FILE``: its SHA-256 in hexadecimal digits."""

REPLACE: Final = KEEP + DIGEST + """
made= kept=
clear() {
  [ -z "$made" ] || rm -f -- "$made"
  [ -z "$kept" ] || forget "$kept"
}
forget() {
  rm -f -- "$1/before" "$1/absent" "$1/after"
  rmdir -- "$1" && { rmdir -- "${1%/*}" 2>/dev/null; true; }
}
plain() {
  if [ -L "$1" ]; then echo "$1 is a symbolic link: name the file itself" >&2; return 5; fi
  if [ -e "$1" ] && [ ! -f "$1" ]; then echo "$1 is not a regular file" >&2; return 5; fi
  if [ ! -d "${1%/*}/" ]; then echo "there is no folder ${1%/*}" >&2; return 5; fi
}
draft() {
  rm -f -- "$1" || return 6
  trap clear EXIT
  trap 'exit 7' HUP INT TERM
  # Made by ourselves, for us alone, or not at all.
  umask 077
  set -C
  : > "$1" || return 6
  set +C
  made=$1
}
own() {
  if [ -n "$1" ] && [ "$(stat -c %u:%g -- "$made")" != "$1" ]; then
    chown -- "$1" "$made" || { echo "only root can make it a file of $1" >&2; return 6; }
  fi
  chmod -- "$2" "$made" || return 6
}
take() {
  keep "$1" || return
  kept=$1
  if [ -e "$2" ]; then
    cp -p -- "$2" "$1/before" || return 6
  else
    : > "$1/absent" || return 6
  fi
  printf '%s' "$3" > "$1/after" || return 6
}
put() {
  sync -- "$made" 2>/dev/null || sync
  mv -f -- "$made" "$1" || return 6
  made= kept=
}
"""
"""``plain PATH`` refuses what is there and is no regular file. ``draft NAME`` makes an empty file ``$made``,
``own OWNER MODE`` makes it as it shall be, ``take DIR PATH SUM`` keeps what PATH is now (or that it is not there)
beside the sum of what it shall be, and ``put PATH`` puts the draft there in one step: whoever opens the file
sees the old one or the new one, whole. Draft and what was taken are gone where it did not come to that."""

GIVE_BACK: Final = REPLACE + """
path=$1 state=$3
rm -f -- "$2"
[ -n "$state" ] && [ -f "$state/after" ] || exit 0
now=
[ ! -e "$path" ] || now=$(digest "$path") || exit
was=
[ ! -e "$state/before" ] || was=$(digest "$state/before") || exit
if [ "$now" = "$(cat "$state/after")" ]; then
  if [ -f "$state/absent" ]; then
    rm -f -- "$path" || exit 6
  else
    plain "$path" && draft "$2" && cat -- "$state/before" >> "$made" || exit
    own "$(stat -c %u:%g -- "$state/before")" "$(stat -c %a -- "$state/before")" || exit
    put "$path" || exit
  fi
elif [ "$now" != "$was" ]; then
  echo "$path has changed since: it stays as it is" >&2
  code=8
fi
forget "$state" && exit "${code:-0}"
"""
"""A whole script, with PATH, the name of the draft and DIR (or nothing): the draft goes, and what was taken is
put back, unless the file is neither what it was nor what it was made."""
