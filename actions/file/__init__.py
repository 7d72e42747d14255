"""Files: what their repairs and probes have in common."""

import hashlib
import posixpath
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from breakfix.engine.action import HostFacts
from breakfix.engine.host_files import DIGEST, GIVE_BACK, REPLACE
from breakfix.engine.host_ops import require_root, script, state_dir
from breakfix.engine.ops import Check, ExecOp, Plan

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 in hexadecimal digits."""

_REPLACE: Final = REPLACE + """
path=$1 wanted=$3 owner=$4 mode=$5 backup=$7 state=$8
plain "$path" || exit
[ -z "$backup" ] || [ -f "$backup" ] || { echo "there is no file $backup" >&2; exit 5; }
if [ -e "$path" ]; then
  [ -n "$owner" ] || owner=$(stat -c %u:%g -- "$path") || exit
  [ -n "$mode" ] || mode=$(stat -c %a -- "$path") || exit
elif [ -n "$backup" ]; then
  [ -n "$owner" ] || owner=$(stat -c %u:%g -- "$backup") || exit
  [ -n "$mode" ] || mode=$(stat -c %a -- "$backup") || exit
fi
draft "$2" || exit
case $6 in
  file)
    [ -n "$wanted" ] || wanted=$(digest "$backup") || exit
    cat -- "$backup" >> "$made" || exit 6;;
  text) cat >> "$made" || exit 6;;
  base64)
    if command -v base64 >/dev/null; then
      base64 -d >> "$made"
    else
      openssl base64 -d -A >> "$made"
    fi || exit 6;;
esac
have=$(digest "$made") || exit
if [ -n "$wanted" ] && [ "$have" != "$wanted" ]; then
  echo "${backup:-what arrived} has the sum $have, wanted $wanted" >&2
  exit 5
fi
own "$owner" "${mode:-644}" || exit
[ -z "$state" ] || take "$state" "$path" "$have" || exit
put "$path"
"""
_SUM: Final = DIGEST + """
[ -f "$1" ] || { echo "there is no file $1" >&2; exit 3; }
found=$(digest "$1") && printf '{"sha256": "%s"}' "$found"
"""
_SAME: Final = DIGEST + """
a=$(digest "$1") && b=$(digest "$2") || exit
[ "$a" = "$b" ] && printf '{"same": true}' || printf '{"same": false}'
"""


class Content(Struct, frozen=True, kw_only=True):
    """What a file is to hold: `stdin` read as `sort` says (``text``, ``base64``), or the ``file`` `backup` of
    the host. `sha256` is its sum, empty where it is not known here."""

    sort: str
    stdin: str = ""
    backup: str = ""
    sha256: str = ""


class Place(Struct, frozen=True, kw_only=True):
    """Where it goes, and as whose. Without owner and mode, those that the file has."""

    path: str
    owner: str = ""
    mode: str = ""
    sudo: bool = False


def replaced(facts: HostFacts, place: Place, content: Content, action: str) -> Plan:
    """A file of a host is replaced in one step, and its sum read back.

    Where it is to be put back, what it was is kept on the host until then. Raises PreconditionError.
    """
    if place.sudo:
        require_root(facts, f"{action} with `sudo`")
    path, root = place.path, place.sudo
    draft = draft_name(path)
    state = state_dir(facts, root=root) if facts.token else ""
    apply = script(
        facts, _REPLACE, path, draft, content.sha256, place.owner, place.mode, content.sort,
        content.backup, state, root=root,
    )  # fmt: skip
    return Plan(
        apply=(structs.replace(apply, stdin=content.stdin),),
        effect=(_holds(facts, place, content),),
        undo=(script(facts, GIVE_BACK, path, draft, state, root=root),),
    )


def draft_name(path: str) -> str:
    """The file that becomes another one, in the same folder, so that this takes one step.

    >>> draft_name("/etc/app.conf")
    '/etc/.breakfix-8670dcb67976'
    """
    name = hashlib.sha256(path.encode()).hexdigest()[:12]
    return posixpath.join(posixpath.dirname(path), f".breakfix-{name}")


def sum_op(facts: HostFacts, path: str, *, root: bool) -> ExecOp:
    """What reads the sum of a file: ``{"sha256": ...}``; it ends with 3 where there is no such file."""
    return script(facts, _SUM, path, root=root, changes="no")


def _holds(facts: HostFacts, place: Place, content: Content) -> Check:
    path, host = place.path, facts.identity.name
    if content.sha256:
        return Check(
            op=sum_op(facts, path, root=place.sudo),
            pick="/sha256",
            is_="eq",
            value=content.sha256,
            within_s=10.0,
            asked=f"{path} of {host} is what it shall be",
        )
    if content.backup:
        return Check(
            op=script(facts, _SAME, path, content.backup, root=place.sudo, changes="no"),
            pick="/same",
            is_="eq",
            value=True,
            within_s=10.0,
            asked=f"{path} of {host} is the same as {content.backup}",
        )
    # With a secret in it, its sum is known on the host alone, where it was compared.
    return Check(
        op=sum_op(facts, path, root=place.sudo),
        pick="/sha256",
        is_="present",
        within_s=10.0,
        asked=f"{path} of {host} is there",
    )
