"""ssh.push_key"""

import re
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import script
from breakfix.engine.ops import Check, Kind, Plan

_KEY: Final = re.compile(
    r"(ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9-]+@openssh\.com) "
    r"([A-Za-z0-9+/]{40,}={0,3})(?: ([^\x00-\x1f\x7f]*))?"
)

_THERE: Final = r"""
LC_ALL=C
export LC_ALL
refuse() { printf '%s\n' "$1" >&2; exit 65; }
# Sets home, uid and gid of a user.
look_up() {
  line=$(getent passwd "$1" 2>/dev/null || grep "^$1:" /etc/passwd) || refuse "there is no user $1"
  IFS=: read -r user word uid gid words home shell <<LINE
$line
LINE
  [ -d "$home" ] || refuse "user $1 has no home folder"
}
# The key stands in the file, whatever options come before it and whatever comment after it.
there() {
  [ -f "$1" ] && awk -v sort="$2" -v key="$3" '
    /^[ \t]*#/ { next }
    { for (i = 1; i < NF; i++) if ($i == sort && $(i + 1) == key) found = 1 }
    END { exit !found }
  ' "$1"
}
"""
_ENTER: Final = r"""
cd -P -- "$home" || exit 65
home=$(pwd -P)
# Whatever these names are made while we look: we are in that folder, and stay in it.
cd -P -- .ssh 2>/dev/null || return 1
[ "$(pwd -P)" = "$home/.ssh" ] || refuse "$home/.ssh is a symbolic link"
[ ! -L authorized_keys ] || refuse "$home/.ssh/authorized_keys is a symbolic link"
"""
_DRAFT: Final = r"""
put() {
  umask 077
  rm -f .breakfix-keys && set -C && cat >.breakfix-keys && set +C || refuse "nothing can be written there"
  [ "$(stat -c %u:%g .breakfix-keys)" = "$uid:$gid" ] || chown "$uid:$gid" .breakfix-keys || exit 65
  chmod "$1" .breakfix-keys && mv -f .breakfix-keys authorized_keys || exit 65
}
"""
_PUSH: Final = _THERE + _DRAFT + "enter() {" + _ENTER + "}\n" + r"""
look_up "$1"
sort=$2 key=$3 comment=$4 token=$5
made=
enter || {
  mkdir -m 700 .ssh && { [ "$(stat -c %u:%g .ssh)" = "$uid:$gid" ] || chown "$uid:$gid" .ssh; } || exit 65
  enter || exit 65
}
! there authorized_keys "$sort" "$key" || { echo "the key was there already"; exit 0; }
mode=600 tail=
if [ -e authorized_keys ]; then
  mode=$(stat -c %a authorized_keys)
  # Nobody but its owner may write it, or sshd would not read it.
  case $mode in *[2367]|*[2367]?) mode=600;; esac
  [ -z "$(tail -c 1 authorized_keys)" ] || tail=yes
fi
{
  [ ! -e authorized_keys ] || cat authorized_keys
  [ -z "$tail" ] || echo
  printf '%s %s' "$sort" "$key"
  [ -z "$comment" ] || printf ' %s' "$comment"
  [ -z "$token" ] || printf ' %s' "$token"
  echo
} | put "$mode" || exit
echo "the key was added"
"""
_TAKE: Final = _THERE + _DRAFT + "enter() {" + _ENTER + "}\n" + r"""
look_up "$1"
enter || exit 0
rm -f .breakfix-keys
[ -f authorized_keys ] && there authorized_keys "$2" "$3" || exit 0
# Only the line that we have added: it ends with our own word.
awk -v sort="$2" -v key="$3" -v token="$4" '!($1 == sort && $2 == key && $NF == token)' \
  authorized_keys | put "$(stat -c %a authorized_keys)"
"""
_SEE: Final = _THERE + "enter() {" + _ENTER + "}\n" + r"""
look_up "$1"
enter && there authorized_keys "$2" "$3" && printf '{"there": true}' || printf '{"there": false}'
"""


class PushKey(Repair, frozen=True, kw_only=True):
    """Let the owner of a key log in on a host: add its public half to the `authorized_keys` of a user.

    A key that is there already, with whatever options and comment, is left as it is. Folder and file
    get the permissions that sshd asks for; symbolic links are refused. To put it back takes away the
    line that was added, and that one alone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = ("root on the host, for another user than that of the login",)
    examples = (
        {"key": f"ssh-ed25519 {'A' * 68} ops"},
        {"key": f"ssh-ed25519 {'A' * 68} ops", "user": "deploy"},
    )

    key: Annotated[
        str,
        Meta(description="One line of a public key, as ssh-keygen writes it: sort, key, comment."),
    ]
    user: Annotated[
        str,
        Meta(
            pattern="^([A-Za-z_][A-Za-z0-9_.-]*[$]?)?$",
            description="Whose file; without it, that of the user who logs in.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.key.strip()) is None:
            raise ValueError("`key` is no public key: one line such as \"ssh-ed25519 AAAA... name\"")

    def plan(self, facts: HostFacts) -> Plan:
        """One op that adds it where it is not there."""
        user = self.user or facts.user
        root = user != facts.user
        if root and not facts.root:
            raise PreconditionError(
                "H221",
                f"the keys of {user} on host {facts.identity.name} are not ours to change",
                fix=f"log in as root or as {user}, or let {facts.user} run sudo without a password",
            )
        found = _KEY.fullmatch(self.key.strip())
        assert found is not None
        sort, key, comment = found[1], found[2], (found[3] or "").strip()
        token = f"breakfix:{facts.token}" if facts.token else ""
        undo = (script(facts, _TAKE, user, sort, key, token, root=root),) if token else ()
        return Plan(
            apply=(script(facts, _PUSH, user, sort, key, comment, token, root=root),),
            effect=(
                Check(
                    op=script(facts, _SEE, user, sort, key, root=root, changes="no"),
                    pick="/there",
                    is_="eq",
                    value=True,
                    within_s=10.0,
                    asked=f"the key may log in as {user} on {facts.identity.name}",
                ),
            ),
            undo=undo,
        )
