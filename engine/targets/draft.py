"""An inventory while it is being read: groups, variables and problems, each with its place."""

import difflib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from breakfix.engine.document.positions import Span
from breakfix.engine.targets import address
from breakfix.engine.targets.ranges import HOSTS_MAX, expand

ALL: Final = "all"
UNGROUPED: Final = "ungrouped"
"""The two groups that every inventory of Ansible has."""

VARIABLES: Final = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_private_key_file": "key",
    "ansible_ssh_private_key_file": "key",
}
"""What they say of a host."""

Settings = dict[str, tuple[str, Span]]
"""address, port, user and key as they were written, and where."""


class Listed(Struct, frozen=True, kw_only=True):
    """A host of an inventory; what is not said of it is empty or None."""

    name: str
    address: str = ""
    port: int | None = None
    user: str | None = None
    key: str = ""


class Group(Struct, kw_only=True):
    """What is said of one group itself."""

    hosts: list[str] = field(default_factory=list)
    children: list[tuple[str, Span]] = field(default_factory=list)
    settings: Settings = field(default_factory=dict)


class Draft:
    """Filled by a parser, and then resolved."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.problems: list[tuple[Span, str, str]] = []
        self._hosts: dict[str, Settings] = {}
        self._full = False

    def problem(self, span: Span, message: str, hint: str = "") -> None:
        """Something is wrong there."""
        self.problems.append((span, message, hint))

    def group(self, name: str) -> Group:
        """The group of that name, new where it was not there."""
        return self.groups.setdefault(name, Group())

    def hosts(
        self, group: str, text: str, settings: Settings, span: Span, *, with_port: bool
    ) -> None:
        """The hosts of a group that a text means: ``ops@web[01:20]:2222``. `with_port` says that a port
        is part of their names, as in a list of addresses. Raises ValueError where it means none."""
        for one in [address.parse(each) for each in expand(text)]:
            own: Settings = {}
            if one.user is not None:
                own["user"] = (one.user, span)
            if one.port is not None:
                own["port"] = (str(one.port), span)
            name = one.name if with_port else one.host
            if name != one.host:
                own["address"] = (one.host, span)
            self._host(group, name, {**own, **settings}, span)

    def _host(self, group: str, name: str, settings: Settings, span: Span) -> None:
        """What is said of a host in two places must be the same."""
        members = self.group(group).hosts
        if name not in self._hosts and len(self._hosts) >= HOSTS_MAX:
            if not self._full:
                self.problem(span, f"these are more than {HOSTS_MAX} hosts", "split the inventory")
            self._full = True
            return
        known = self._hosts.setdefault(name, {})
        for key, (value, where) in settings.items():
            if key in known and known[key][0] != value:
                line = known[key][1].line
                message = f"the {key} of {name} is {value!r} here and {known[key][0]!r} in line {line}"
                self.problem(where, message, "say it once")
            known.setdefault(key, (value, where))
        members.append(name)

    def variable(self, into: Settings, variable: str, value: str, span: Span) -> None:
        """Keep a variable, where it is one of those that count."""
        if (key := VARIABLES.get(variable)) is not None:
            self.setting(into, key, value, span)

    def setting(self, into: Settings, key: str, value: str, span: Span) -> None:
        """Keep an address, port, user or key, where it can be one."""
        if "{{" in value:
            self.problem(span, f"the {key} is a template, and none is evaluated", "write it out")
            return
        try:
            sound = address.port(value) > 0 if key == "port" else bool(value)
        except ValueError as error:
            self.problem(span, str(error))
            return
        sound = sound and (key != "address" or address.is_host(value))
        if sound and (key != "user" or address.is_user(value)):
            into[key] = (value, span)
        else:
            self.problem(span, f"{value!r} cannot be the {key} of a host")

    def resolved(self) -> tuple[dict[str, Listed], dict[str, tuple[str, ...]]]:
        """The hosts by name, and the members of each group by its name, children's included. What is
        wrong goes to `problems`."""
        for group in self.groups.values():
            self._known_children(group)
        inner_first = [] if self.problems else self._inner_first()
        if self.problems:
            return {}, {}
        members: dict[str, set[str]] = {}
        for name in inner_first:
            inside = (members[child] for child, _ in self.groups[name].children)
            members[name] = set(self.groups[name].hosts).union(*inside)
        depths = dict.fromkeys(inner_first, 0)
        for name in reversed(inner_first):
            for child, _ in self.groups[name].children:
                depths[child] = max(depths[child], depths[name] + 1)
        groups_of: dict[str, list[str]] = {}
        # What is said of an inner group counts for more than what is said of one around it.
        for name in sorted(inner_first, key=lambda name: (depths[name], name)):
            for host in members[name]:
                groups_of.setdefault(host, []).append(name)
        hosts = {
            name: self._listed(name, own, groups_of.get(name, ()))
            for name, own in self._hosts.items()
        }
        return hosts, {name: tuple(sorted(found)) for name, found in members.items()}

    def _known_children(self, group: Group) -> None:
        for child, span in group.children:
            if child not in self.groups:
                close = difflib.get_close_matches(child, self.groups, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "give it a section of its own"
                self.problem(span, f"there is no group {child!r}", hint)

    def _inner_first(self) -> list[str]:
        """The names of all groups, those inside of a group before it. A group that is inside of itself
        is told. Without recursion: groups may be nested as deeply as somebody likes."""
        done: dict[str, None] = {}
        for start in self.groups:
            around: dict[str, None] = {}
            stack: list[tuple[str, Span | None, bool]] = [(start, None, False)]
            while stack:
                name, span, left = stack.pop()
                if left:
                    del around[name]
                    done[name] = None
                elif name in around and span is not None:
                    path = list(around)
                    circle = " > ".join([*path[path.index(name) :], name])
                    self.problem(span, f"the group {name!r} is inside of itself: {circle}")
                elif name not in done:
                    around[name] = None
                    stack.append((name, span, True))
                    stack += [(*child, False) for child in self.groups[name].children]
        return list(done)

    def _listed(self, name: str, own: Settings, groups: Iterable[str]) -> Listed:
        found: Settings = {}
        # What is said of `all` is so of every host, whether that group lists it or not.
        for group in dict.fromkeys([ALL, *groups]):
            if group in self.groups:
                found |= self.groups[group].settings
        found |= own
        words = {key: value for key, (value, _) in found.items()}
        return Listed(
            name=name,
            address=words.get("address", ""),
            port=int(words["port"]) if "port" in words else None,
            user=words.get("user"),
            key=words.get("key", ""),
        )
