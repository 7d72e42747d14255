"""From selectors to hosts: who wins, how hosts are reached, and lists that an API gives."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import BreakfixError, DocumentError, EngineError, PlanError
from breakfix.engine.model import SecretSource
from breakfix.engine.secrets import Secrets
from breakfix.engine.selectors import EngineHost, SshSelector
from breakfix.engine.targets import address, hosts
from breakfix.engine.targets.ssh_config import SshConfig

CONFIG = """\
Host db-*
  HostName %h.example
  Port 2200
  IdentityFile ~/.ssh/none
  IdentityFile ~/.ssh/db
  UserKnownHostsFile ~/.ssh/none "~/.ssh/our hosts"
Host far
  ProxyJump ops@gate-1:2022,gate-2
Host gate-*
  User gate
  ProxyJump far
Host odd
  ProxyCommand nc %h %p
Host after notso
  ProxyCommand none
Include more.d/*.conf
  Port 7
Host *
  User of_config
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SshConfig:
    """A home with a configuration and some keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    (folder / "more.d").mkdir(parents=True)
    (folder / "config").write_text(CONFIG)
    (folder / "more.d" / "a.conf").write_text("Host included\n  Port 6\n  User inside\n")
    (folder / "db").write_text("a key")
    (folder / "our hosts").write_text("")
    return SshConfig()


def chosen(config: SshConfig, secrets: Secrets | None = None, **said: Any) -> tuple[Host, ...]:
    """The hosts of a selector as a scenario has it."""
    return hosts.select(msgspec.convert(said, SshSelector), config, secrets or Secrets({}))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("db-1", ("db-1", None, None)),
        ("ops@db-1.example:2222", ("db-1.example", "ops", 2222)),
        ("::1", ("::1", None, None)),
        ("ops@[::1]:22", ("::1", "ops", 22)),
        ("DOMAIN\\ops@h", ("h", "DOMAIN\\ops", None)),
    ],
)
def test_an_address_as_people_write_it(text: str, meant: tuple[Any, ...]) -> None:
    """User, host and port; IPv6 in brackets where a port follows."""
    one = address.parse(text)
    assert (one.host, one.user, one.port) == meant


@pytest.mark.parametrize(
    "text",
    ["", "@h", "a b@h", "-l@h", "-h", "h:0", "h:65536", "h:x", "h:", "[h]:22", "[::1", "a/b", "$(id)", "h\n", ":22"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """Options, spaces, shell and ports that there are not are refused."""
    with pytest.raises(ValueError):
        address.parse(text)


def test_the_configuration_of_ssh_counts(config: SshConfig, tmp_path: Path) -> None:
    """HostName, Port, User, the first key that is there, the known hosts, and files that are included."""
    after, db, plain, included = chosen(config, hosts=["after", "db-1", "here", "included"])

    assert (db.name, db.address, db.port, db.user) == ("db-1", "db-1.example", 2200, "of_config")
    assert db.key == str(tmp_path / ".ssh" / "db")
    assert db.known_hosts == str(tmp_path / ".ssh" / "our hosts")
    assert (plain.address, plain.port, plain.key, plain.known_hosts) == ("here", 22, "", "")
    assert (included.port, included.user) == (6, "inside")
    assert after.port == 7


def test_what_the_scenario_says_wins(config: SshConfig) -> None:
    """Over ~/.ssh/config; what stands at one host wins over what is said for all."""
    said: dict[str, Any] = {"user": "ops", "port": 22, "key": "~/k", "known_hosts": "/kh"}
    one, two = chosen(config, hosts=["db-1", "root@db-2:2022"], **said)

    assert (one.user, one.port, one.known_hosts) == ("ops", 22, "/kh")
    assert one.key == str(Path.home() / "k")
    assert (two.name, two.address, two.user, two.port) == ("db-2:2022", "db-2.example", "root", 2022)


def test_host_keys(config: SshConfig) -> None:
    """Known ones unless it is written otherwise: pinned, or new ones too."""
    (known,) = chosen(config, hosts=["a"])
    (pinned,) = chosen(config, hosts=["a"], host_key="SHA256:abc")
    (new,) = chosen(config, hosts=["a"], host_key="accept-new")

    assert (known.host_key, known.accept_new) == ("", False)
    assert (pinned.host_key, pinned.accept_new) == ("SHA256:abc", False)
    assert (new.host_key, new.accept_new) == ("", True)


def test_jumps(config: SshConfig) -> None:
    """A chain of ~/.ssh/config is nested, the nearest to us innermost; what leads back to itself is left
    out. What the scenario says replaces it; a password is for the host alone."""
    (far,) = chosen(config, hosts=["far"], password="${secret:pw}", key="/k")
    assert far.jump is not None and far.jump.jump is not None
    assert (far.jump.name, far.jump.user, far.jump.key) == ("gate-2", "gate", "/k")
    assert (far.jump.jump.address, far.jump.jump.user, far.jump.jump.port) == ("gate-1", "ops", 2022)
    assert far.jump.jump.jump is None
    assert far.password == "${secret:pw}"
    assert far.jump.password == ""

    (said,) = chosen(config, hosts=["far"], jump="me@other:23")
    assert said.jump is not None
    assert (said.jump.name, said.jump.address, said.jump.user) == ("other:23", "other", "me")
    with pytest.raises(EngineError, match="names no host"):
        chosen(config, hosts=["a"], jump="-oProxyCommand=x")


def test_what_is_not_served_is_said(config: SshConfig, tmp_path: Path) -> None:
    """A ProxyCommand, and a file that cannot be read, are errors with what to do."""
    with pytest.raises(EngineError, match="ProxyCommand, which is not served"):
        chosen(config, hosts=["odd"])
    assert chosen(config, hosts=["notso"])
    (tmp_path / "broken").write_text("Host\n")
    with pytest.raises(EngineError, match="broken cannot be read"):
        chosen(SshConfig(tmp_path / "broken"), hosts=["a"])
    assert chosen(SshConfig(tmp_path / "none"), hosts=["a"])


def test_an_inventory(config: SshConfig, tmp_path: Path) -> None:
    """Its hosts, sorted; a group of them; its variables between the scenario and ~/.ssh/config; a
    relative key begins where the inventory is."""
    file = tmp_path / "hosts.ini"
    file.write_text("[db]\ndb-2 ansible_user=dba ansible_ssh_private_key_file=k\ndb-1 ansible_host=10.0.0.1\n[x]\ny\n")

    one, two = chosen(config, hosts_file=str(file), group="db")
    assert (one.name, one.address, one.user) == ("db-1", "10.0.0.1", "of_config")
    assert (two.name, two.address, two.user) == ("db-2", "db-2.example", "dba")
    assert (one.key, two.key) == ("", str(tmp_path / "k"))
    assert [host.user for host in chosen(config, hosts_file=str(file), user="ops")] == ["ops"] * 3
    with pytest.raises(DocumentError, match="no group 'dbs'"):
        chosen(config, hosts_file=str(file), group="dbs")


def test_two_hosts_of_one_name(config: SshConfig) -> None:
    """A name means one host."""
    with pytest.raises(PlanError, match="Two different hosts are called a"):
        chosen(config, hosts=["a", "ops@a"])
    assert len(chosen(config, hosts=["a", "a"])) == 1


def test_engines(config: SshConfig) -> None:
    """The host of a Docker engine, in a scenario and in DOCKER_HOST."""
    login = msgspec.convert({"host": "ops@db-1", "host_key": "SHA256:x"}, EngineHost)
    host = hosts.of_an_engine(login, config)
    assert (host.name, host.address, host.user, host.port) == ("db-1", "db-1.example", "ops", 2200)
    host = hosts.at("ssh://me@dock:2022", config)
    assert (host.name, host.address, host.user, host.port) == ("dock:2022", "dock", "me", 2022)
    for url in ("ssh://", "ssh://me:pw@dock", "ssh://dock/run/docker.sock", "ssh://dock:0", "ssh://-o"):
        with pytest.raises(EngineError, match=r"Say ssh://user@host"):
            hosts.at(url, config)


class _Api(http.server.BaseHTTPRequestHandler):
    answer: tuple[int, bytes] = (200, b"[]")
    token = ""

    def do_GET(self) -> None:
        """Answer to whoever has the token."""
        status, body = self.answer if self.headers["Authorization"] == "t0ken" else (401, b"t0ken")
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[tuple[type[_Api], str]]:
    """An API on loopback, and its URL."""
    kind = type("Api", (_Api,), {})
    server = http.server.HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kind, f"http://127.0.0.1:{server.server_port}/hosts"
    server.shutdown()
    thread.join()
    server.server_close()


def listed(config: SshConfig, url: str, monkeypatch: pytest.MonkeyPatch, **said: Any) -> tuple[Host, ...]:
    """The hosts that an API lists to who has its token."""
    monkeypatch.setenv("T", "t0ken")
    source = {"http": url, "headers": {"Authorization": "${secret:t}"}}
    secrets = Secrets({"t": SecretSource(env="T")})
    return chosen(config, secrets, hosts_from=source, **said)


def test_an_api_lists_hosts(
    config: SshConfig, api: tuple[type[_Api], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, and objects with what is not the same for all; what else they say is passed over."""
    kind, url = api
    items = ["db-1", {"name": "x", "address": "10.0.0.1", "port": 2222, "user": "u", "zone": 3}]
    kind.answer = (200, json.dumps(items).encode())

    one, two = listed(config, url, monkeypatch)
    assert (one.name, one.address) == ("db-1", "db-1.example")
    assert (two.name, two.address, two.port, two.user) == ("x", "10.0.0.1", 2222, "u")
    assert [host.user for host in listed(config, url, monkeypatch, user="ops")] == ["ops", "ops"]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"{}", "Expected `array`"),
        (200, b"<html>", "JSON is malformed"),
        (200, b'["-x"]', "'-x' cannot be the name"),
        (200, b'[{"name": "a", "address": "-x"}]', "cannot be the address of a"),
        (200, b'[{"name": "a", "port": 0}]', "is no port"),
        (200, b'[{"address": "a"}]', "missing required field"),
        (200, b"[" + b" " * (1 << 20) + b"]", "more than 1 MiB"),
        (200, json.dumps([f"h{n}" for n in range(10_001)]).encode(), "more than 10000"),
        (302, b"", "the answer is 302"),
        (500, b"", "the answer is 500"),
    ],
)
def test_an_answer_that_is_no_list(  # noqa: PLR0913
    config: SshConfig,
    api: tuple[type[_Api], str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    why: str,
) -> None:
    """An error that says what came, whatever came; redirects are not followed."""
    kind, url = api
    kind.answer = (status, body)
    with pytest.raises(EngineError, match=why):
        listed(config, url, monkeypatch)


def test_an_api_that_is_not_there(config: SshConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and a secret that is missing, are errors for people."""
    with pytest.raises(EngineError, match="does not list the hosts: connection refused"):
        listed(config, "http://127.0.0.1:1/", monkeypatch)
    monkeypatch.delenv("T")
    source = {"http": "http://127.0.0.1:1/", "headers": {"A": "${secret:t}"}}
    with pytest.raises(BreakfixError, match="needs T"):
        chosen(config, Secrets({"t": SecretSource(env="T")}), hosts_from=source)
