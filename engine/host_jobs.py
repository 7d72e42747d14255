"""Processes that a fault leaves running on a host: kept track of in its state folder, ended by process group.

`SHELL` is what scripts that deal with them begin with; they set ``dir`` to the state folder first. A job
writes down its pid and start time (field 22 of proc(5) stat) before its program runs, and only while the
state folder is ``open``: so none runs that nobody knows of, and none is taken for a later process of its
pid. It does not carry the mark of the command that started it, which ends with that.

All of it is POSIX shell with what dash and busybox have in common, on Linux's /proc.
"""

from typing import Final

SHELL: Final = r"""
refuse() { printf '%s\n' "$1" >&2; exit 65; }
nap() { sleep 0.05 2>/dev/null || sleep 1; }

# Sets what proc(5) stat says of a process; fails where there is none.
look_at() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  state=$1 parent=$2 session=$4 ticks=$((${12} + ${13} + ${14} + ${15})) start=${20}
}

# The live processes of the session that process $1, started at $2, has begun. While one of them is left,
# the kernel gives its number to no other process.
members() {
  ! look_at "$1" || [ "$start" = "$2" ] || return 0
  for entry in /proc/[0-9]*; do
    look_at "${entry#/proc/}" || continue
    case "$session$state" in "$1"[!ZX]) echo "${entry#/proc/}" ;; esac
  done
}

end_session() {
  tries=0
  while left=$(members "$1" "$2") && [ -n "$left" ]; do
    kill -9 "-$1" $left 2>/dev/null
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || return 1
    nap
  done
}

JOB='
dir=$1 file=$2
shift 2
read -r line </proc/$$/stat || exit 1
start=$(set -- ${line##*) }; echo "${20}")
echo "$$ $start" >"$dir/$file" && [ -e "$dir/open" ] || exit 1
exec "$@"
'

# Run a program in the background, in a session of its own: start_job NAME ARGV.
start_job() {
  file=$1.job
  shift
  (
    unset BREAKFIX_MARK
    exec setsid sh -c "$JOB" breakfix "$dir" "$file" "$@" </dev/null >"$dir/$file.log" 2>&1
  ) &
}

end_jobs() {
  for each in "$dir"/*.job; do
    [ -e "$each" ] || continue
    read -r pid was <"$each" || continue
    end_session "$pid" "$was" || refuse "process $pid of ours does not end"
  done
}

# Sets alive, and ticks_all: the time on the processor, in clock ticks.
count_jobs() {
  alive=0 ticks_all=0
  for each in "$dir"/*.job; do
    [ -e "$each" ] && read -r pid was <"$each" || continue
    for one in $(members "$pid" "$was"); do
      look_at "$one" || continue
      alive=$((alive + 1)) ticks_all=$((ticks_all + ticks))
    done
  done
}
"""

END: Final = SHELL + "dir=$1\nend_jobs\n"
"""Ends all jobs of the state folder ``$1``; that there are none is as good."""
