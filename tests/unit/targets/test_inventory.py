"""Inventories: three forms, one result; every problem with its place; never another exception."""

import textwrap
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakfix.engine.errors import DocumentError
from breakfix.engine.targets.inventory import Inventory, parse, read

ANSIBLE_INI = """\
# A comment.
mail.example ansible_host=10.0.0.9 http_port=80 note="a 'word' more"

[web]
web[01:03] ansible_port=2222

[db]
db-a:5022
db-b ansible_user=root

[prod:children]
web
db

[prod:vars]
ansible_user = ops
ansible_ssh_private_key_file="keys/prod"

[all:vars]
ansible_user=nobody
"""
ANSIBLE_YAML = """\
all:
  vars: {ansible_user: nobody}
  hosts:
    mail.example: {ansible_host: 10.0.0.9, http_port: 80}
  children:
    prod:
      vars: {ansible_user: ops, ansible_ssh_private_key_file: keys/prod}
      children:
        web:
          hosts:
            web[01:03]: {ansible_port: 2222}
        db:
          hosts:
            db-a: {ansible_port: 5022}
            db-b: {ansible_user: root}
"""


def parsed(text: str, file: str = "hosts") -> Inventory:
    """The inventory of a text."""
    return parse(file, textwrap.dedent(text).encode())


def reached(inventory: Inventory) -> dict[str, tuple[Any, ...]]:
    """What is known of each host."""
    return {
        name: (host.address, host.port, host.user, host.key)
        for name, host in inventory.hosts.items()
    }


@pytest.mark.parametrize(
    ("text", "file"),
    [(ANSIBLE_INI, "hosts"), (ANSIBLE_YAML, "hosts.yml")],
)
def test_ansible_s_two_forms_say_the_same(text: str, file: str) -> None:
    """Groups, their children, ranges, and variables: what is said of a host wins over what is said of its
    group, an inner group over one around it, and any over `all`."""
    inventory = parsed(text, file)

    assert reached(inventory) == {
        "mail.example": ("10.0.0.9", None, "nobody", ""),
        "web01": ("", 2222, "ops", "keys/prod"),
        "web02": ("", 2222, "ops", "keys/prod"),
        "web03": ("", 2222, "ops", "keys/prod"),
        "db-a": ("", 5022, "ops", "keys/prod"),
        "db-b": ("", None, "root", "keys/prod"),
    }
    assert inventory.groups["prod"] == ("db-a", "db-b", "web01", "web02", "web03")
    assert [host.name for host in inventory.members("db")] == ["db-a", "db-b"]
    assert len(inventory.members(None)) == len(inventory.members("all")) == 6


def test_a_host_a_line() -> None:
    """Plain text: what is not written is left open; a written port is part of the name, so that many hosts
    may have one address."""
    inventory = parsed("""\
        db-1
        ops@db-2:2222  # the second

        # none
        127.0.0.1:2201
        127.0.0.1:2202
        [fe80::1%eth0]:22
        ::1
        """)

    assert reached(inventory) == {
        "db-1": ("", None, None, ""),
        "db-2:2222": ("db-2", 2222, "ops", ""),
        "127.0.0.1:2201": ("127.0.0.1", 2201, None, ""),
        "127.0.0.1:2202": ("127.0.0.1", 2202, None, ""),
        "[fe80::1%eth0]:22": ("fe80::1%eth0", 22, None, ""),
        "::1": ("", None, None, ""),
    }


@pytest.mark.parametrize(
    "text",
    [
        "[db-1, ops@db-2]",
        "- db-1\n- {name: db-2, user: ops}\n",
        "db:\n- db-1\n- name: db-2\n  user: ops\n",
        "db: {hosts: [db-1, ops@db-2]}\n",
        '{"db": ["db-1", {"name": "db-2", "user": "ops"}]}',
    ],
)
def test_simple_yaml(text: str) -> None:
    """A list of hosts, or groups with a list each; JSON is YAML too."""
    assert reached(parsed(text)) == {
        "db-1": ("", None, None, ""),
        "db-2": ("", None, "ops", ""),
    }


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("h", "[web]\na\n[prod:children]\nwebb\n", ["4:1: there is no group 'webb' (did you mean 'web'?)"]),
        ("h", "[web:vars]\nx\n[web]\n", ["2:1: a variable has a value (write name=value)"]),
        ("h", "[web:hosts]\nx\n", ["1:1: there are no sections for the 'hosts' of a group"]),
        ("h", "[a b]\nx\n", ["1:1: this is no heading of a section"]),
        ("h.ini", "a 'b\n", ["1:3: a quote is not closed"]),
        ("h", "a b\n", ["1:3: 'b' is no variable"]),
        ("h", "a ansible_port=0\nb:x\n", ["1:3: '0' is no port", "2:1: 'x' is no port"]),
        ("h", "-oProxyCommand=x\n", ["1:1: '-oProxyCommand=x' cannot be the name"]),
        ("h", "$(id)@x\nx ansible_user='-l'\n", ["2:3: '-l' cannot be the user of a host"]),
        ("h", "a ansible_host={{ip}}\n", ["1:3: the address is a template"]),
        ("h", "web[5:1]\n", ["1:1: [5:1]: a range begins with its smaller end"]),
        ("h", "web[1:b]\n", ["1:1: [1:b]: a range is of numbers or of letters"]),
        ("h", "web[01:100]\n", ["1:1: [01:100]: with zeros in front"]),
        ("h", "web[0:99999999]\n", ["1:1: web[0:99999999] means more than 10000 hosts"]),
        ("h", "web[0:9999]\nb\n", ["2:1: these are more than 10000 hosts"]),
        ("h", "[a:children]\nb\n[b:children]\na\n", ["4:1: the group 'a' is inside of itself: a > b > a"]),
        ("h", "[a]\nx ansible_port=1\n[b]\nx ansible_port=2\n", ["4:3: the port of x is '2' here and '1' in line 2"]),
        ("h", "#!/usr/bin/python3\nprint()\n", ["1:1: this is a program"]),
        ("h", "# nothing\n", ["1:1: the inventory is empty"]),
        ("h.yml", "all: {hots: {a: }}", ["1:7: a group has no 'hots' (did you mean 'hosts'?)"]),
        ("h.yml", "all: {hosts: {a: {ansible_port: true}}}", ["1:33: '' is no port"]),
        ("h.yml", "- {address: x}\n- 5\n- {name: a, prt: 1}\n", [
            "1:3: a host has a `name`", "2:3: a host is its name", "3:13: a host has no 'prt'"]),
        ("h.yml", "text\n", ["1:1: an inventory is a list of hosts, or a mapping of groups"]),
        ("h.yml", "a: [x\n", ["2:1: this is not YAML"]),
    ],
)  # fmt: skip
def test_every_problem_has_its_place(file: str, text: str, told: list[str]) -> None:
    """All problems at once, each with line and column, and what is wrong."""
    with pytest.raises(DocumentError) as caught:
        parsed(text, file)

    lines = [str(problem) for problem in caught.value.problems]
    assert len(lines) == len(told), lines
    for line, begin in zip(lines, told, strict=True):
        assert line.startswith(f"{file}:{begin}"), line


def test_an_unknown_group_is_told_with_the_one_that_was_meant() -> None:
    """A group that a scenario asks for and that is not there."""
    with pytest.raises(DocumentError, match="h:1:1: there is no group 'webs' .*did you mean 'web'"):
        parsed("[web]\na\n", "h").members("webs")


def test_a_file_that_is_not_there(tmp_path: Any) -> None:
    """A missing file and a folder are problems like any other."""
    with pytest.raises(DocumentError, match="there is no such inventory"):
        read(tmp_path / "none")
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path)


_WORDS = st.sampled_from(
    ["[", "]", ":", "a", "web", "[web]", "[web:children]", "[web:vars]", "\n", " ", "=", "'", '"', "\\", "#",
     "ansible_port=", "ansible_host=", "1", "[1:3]", "[0:9]", "@", "::1", "- ", "{", "}", ",", "hosts: ", "\t",
     "children:\n  ", "vars:", "&a", "*a", "!x", "é", "\x00", "\u2028", "%", "{{ x }}"]
)  # fmt: skip


@given(
    raw=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(_WORDS, max_size=40).map(lambda words: "".join(words).encode()),
    ),
    file=st.sampled_from(["hosts", "hosts.yml", "hosts.ini"]),
)
@example(raw=b"x" + b"[0:1]" * 3000, file="hosts")
@example(raw=b"[a" + b":" * 5000, file="hosts.ini")
@settings(deadline=None, max_examples=400)
def test_nothing_but_problems_is_raised(raw: bytes, file: str) -> None:
    """Whatever the bytes are: an inventory, or a DocumentError with at least one problem."""
    try:
        inventory = parse(file, raw)
    except DocumentError as error:
        assert error.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)
        return
    for members in inventory.groups.values():
        assert set(members) <= set(inventory.hosts)
