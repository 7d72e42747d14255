"""known_hosts, as OpenSSH reads it, and the judgement on a key that is shown."""

import base64
import subprocess
from pathlib import Path

import pytest

from breakfix.engine.endpoints import Host
from breakfix.engine.vehicles.ssh.host_keys import (
    Key,
    KnownHosts,
    judge,
    order,
    parse,
)
from breakfix.engine.vehicles.ssh.waiting import NotReached

OURS = Key("ssh-ed25519", b"ours")
OTHER = Key("ssh-ed25519", b"other")
RSA = Key("ssh-rsa", b"rsa")


def line(names: str, key: Key = OURS, marker: str = "") -> str:
    """A line of the file."""
    return f"{marker}{names} {key.kind} {base64.b64encode(key.blob).decode()} a comment\n"


def known(tmp_path: Path, text: str, **fields: object) -> Host:
    """A host whose known_hosts hold this."""
    file = tmp_path / "known_hosts"
    file.write_text(text)
    host = {"name": "db", "address": "db-1", "user": "ops", "known_hosts": str(file), **fields}
    return Host(**host)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "port", "holds"),
    [
        ("db-1", 22, True),
        ("DB-1", 22, True),
        ("web,db-1", 22, True),
        ("db-2", 22, False),
        ("db-1", 2222, False),
        ("[db-1]:2222", 2222, True),
        ("[db-1]:2222", 22, False),
        ("db-?", 22, True),
        ("*", 22, True),
        ("[db-*]:2222", 2222, True),
        ("*,!db-1", 22, False),
        ("!db-1,*", 22, False),
        ("!db-2,db-*", 22, True),
        ("db-1x", 22, False),
    ],
)
def test_names_and_patterns(tmp_path: Path, names: str, port: int, holds: bool) -> None:
    """As sshd(8) describes them."""
    host = known(tmp_path, line(names), port=port)
    assert bool(KnownHosts().lines(host)) is holds


@pytest.mark.parametrize("port", [22, 2222])
def test_hashed_names(tmp_path: Path, port: int) -> None:
    """Hashed by OpenSSH's own tool."""
    name = "db-1" if port == 22 else f"[db-1]:{port}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True
    )
    public = (tmp_path / "key.pub").read_text()
    host = known(tmp_path, f"{name} {public}web {public}", port=port)
    done = subprocess.run(
        ["ssh-keygen", "-H", "-f", host.known_hosts], capture_output=True, check=True
    )
    assert b"|1|" in Path(host.known_hosts).read_bytes(), done.stderr
    printed = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True
    )
    (found,) = KnownHosts().lines(host)
    assert found.key.fingerprint == printed.stdout.split()[1]


def test_what_cannot_be_read_is_passed_over() -> None:
    """Comments, torn lines, host certificates; the rest counts, with the number of its line."""
    text = (
        f"# comment\n\nhost\nhost ssh-rsa %%%\n{line('*', marker='@cert-authority ')}{line('db-1')}"
    )
    (found,) = parse(text, "file")
    assert found.where == "file:6"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """And none at all is an empty one."""
    files = KnownHosts()
    host = known(tmp_path, "")
    assert not files.lines(host)
    Path(host.known_hosts).write_text(line("db-1"))
    assert files.lines(host)
    Path(host.known_hosts).unlink()
    assert not files.lines(host)


def test_a_known_key_is_good(tmp_path: Path) -> None:
    """Any of those that are known."""
    host = known(tmp_path, line("db-1", OTHER) + line("db-1", OURS))
    assert judge(host, OURS, KnownHosts().lines(host))


def test_a_changed_key_is_refused(tmp_path: Path) -> None:
    """With both fingerprints, and what to do; also where new ones are accepted."""
    host = known(tmp_path, line("db-1", OTHER), accept_new=True)
    with pytest.raises(NotReached) as raised:
        judge(host, OURS, KnownHosts().lines(host))
    text = str(raised.value)
    assert "has changed" in text
    assert OURS.fingerprint in text
    assert OTHER.fingerprint in text
    assert f"ssh-keygen -R 'db-1' -f {host.known_hosts}" in text
    assert raised.value.refused


def test_another_type_of_key_is_not_a_new_host(tmp_path: Path) -> None:
    """Else whoever stands in between would only have to show a type that is not known."""
    host = known(tmp_path, line("db-1", RSA), accept_new=True)
    with pytest.raises(NotReached, match="has changed"):
        judge(host, OURS, KnownHosts().lines(host))


def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    """Even if it is known as well."""
    host = known(tmp_path, line("db-1") + line("*", marker="@revoked "))
    with pytest.raises(NotReached, match="revoked"):
        judge(host, OURS, KnownHosts().lines(host))


def test_an_unknown_key_is_refused_or_accepted(tmp_path: Path) -> None:
    """Accepted only where that is written, and then written down, after whatever is there."""
    host = known(tmp_path, line("web").rstrip("\n"))
    with pytest.raises(NotReached, match="is not known") as raised:
        judge(host, OURS, [])
    assert OURS.fingerprint in str(raised.value)
    accepting = known(tmp_path, line("web").rstrip("\n"), accept_new=True, port=2222)
    assert not judge(accepting, OURS, [])
    files = KnownHosts()
    files.add(accepting, OURS)
    assert judge(accepting, OURS, files.lines(accepting))
    assert Path(host.known_hosts).read_text().count("\n") == 2


def test_a_pinned_key_counts_alone(tmp_path: Path) -> None:
    """Whatever known_hosts say."""
    host = known(tmp_path, line("db-1", OTHER), host_key=OURS.fingerprint)
    assert judge(host, OURS, [])
    with pytest.raises(NotReached, match="is pinned"):
        judge(host, OTHER, KnownHosts().lines(host))


def test_known_types_are_asked_for_first(tmp_path: Path) -> None:
    """RSA by its names of today; what was tried is not asked for again."""
    host = known(tmp_path, line("db-1", RSA))
    lines = KnownHosts().lines(host)
    assert order(lines)[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert order([])[0] == "ssh-ed25519"
    assert "ssh-ed25519" not in order([], ["ssh-ed25519"])
    assert order([], ["ssh-ed25519", "ssh-rsa"])
