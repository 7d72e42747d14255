"""Getting to a host: whose key it shows, how we log in, and what is said where it does not work."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.integration.ssh.conftest import PATIENCE_S, Pool, Relay, Shell, open_folder
from tests.integration.ssh_server import SshServer, ssh_server

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineUnavailable, PermissionRefused
from breakfix.engine.ops import ExecOp

TRUE = ExecOp(via="ssh", argv=("true",))
PASSWORD = "bfx-secret-1"


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """A new key; its fingerprint."""
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(argv, check=True)
    argv = ["ssh-keygen", "-lf", f"{path}.pub"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[1]


def unpinned(sshd: SshServer, **fields: object) -> Host:
    """A host of which known_hosts must know the key."""
    return structs.replace(sshd.host(1), host_key="", **fields)


# --- whose key ---


def test_known_hosts_are_asked(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """Hashed ones too; the key that is shown is pinned then."""
    hashed = tmp_path / "known_hosts"
    hashed.write_bytes(sshd.known_hosts.read_bytes())
    subprocess.run(["ssh-keygen", "-H", "-f", hashed], capture_output=True, check=True)
    for file in (sshd.known_hosts, hashed):
        hosts = pool(unpinned(sshd, known_hosts=str(file)))
        assert hosts.identify("host-001").host_key == sshd.fingerprint
        assert hosts.hosts["host-001"].host_key == sshd.fingerprint


def test_without_a_file_those_of_the_user_are_asked(
    sshd: SshServer, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """~/.ssh/known_hosts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    hosts = pool(unpinned(sshd))
    assert "is not known" in hosts.run("host-001", TRUE).error
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_bytes(sshd.known_hosts.read_bytes())
    assert pool(unpinned(sshd)).run("host-001", TRUE).ok


def test_an_unknown_host_is_refused(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """With what it shows, before anything of ours is sent to it."""
    hosts = pool(unpinned(sshd, known_hosts=str(tmp_path / "none")))
    outcome = hosts.run("host-001", TRUE)
    assert (outcome.ok, outcome.code, outcome.unknown) == (False, None, False)
    assert f"is not known: it shows {sshd.fingerprint}" in outcome.error
    with pytest.raises(PermissionRefused, match="is not known"):
        hosts.identify("host-001")


def test_a_new_host_is_accepted_once(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """Where that is written; OpenSSH's own client knows it from then on."""
    file = tmp_path / "ssh/known_hosts"
    host = unpinned(sshd, known_hosts=str(file), accept_new=True)
    assert pool(host).run("host-001", TRUE).ok
    assert pool(structs.replace(host, accept_new=False)).run("host-001", TRUE).ok
    assert len(file.read_text().splitlines()) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    name = f"[{host.address}]:{host.port}"
    argv = ["ssh-keygen", "-F", name, "-f", str(file)]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("pinned", [True, False])
def test_a_changed_key_is_refused(
    sshd: SshServer, pool: Pool, tmp_path: Path, pinned: bool
) -> None:
    """With both fingerprints and what to do, also where new hosts are accepted; and nothing is run."""
    other = keygen(tmp_path / "other")
    public = (tmp_path / "other.pub").read_text()
    file = tmp_path / "known_hosts"
    file.write_text(f"[{sshd.address()}]:{sshd.port} {public}")
    host = unpinned(sshd, known_hosts=str(file), accept_new=True)
    hosts = pool(structs.replace(host, host_key=other) if pinned else host)
    outcome = hosts.run("host-001", ExecOp(via="ssh", argv=("touch", str(tmp_path / "run"))))
    assert not outcome.ok
    for part in ("has changed", sshd.fingerprint, other, "in between"):
        assert part in outcome.error
    assert not (tmp_path / "run").exists()
    assert file.read_text().count("\n") == 1


@pytest.fixture(scope="module")
def many_keys() -> Iterator[SshServer]:
    """A server with three keys; its ed25519 key is the one that is shown by default."""
    with open_folder() as folder:
        for kind in ("rsa", "ecdsa"):
            keygen(folder / kind, kind)
        with ssh_server(folder, f"HostKey {folder}/rsa\nHostKey {folder}/ecdsa") as server:
            yield server


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_the_key_that_is_known_is_asked_for(
    many_keys: SshServer, pool: Pool, tmp_path: Path, kind: str
) -> None:
    """Of a host that has more than one; known or pinned."""
    public = many_keys.folder / f"{kind}.pub"
    file = tmp_path / "known_hosts"
    file.write_text(f"[{many_keys.address()}]:{many_keys.port} {public.read_text()}")
    argv = ["ssh-keygen", "-lf", str(public)]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[1]
    hosts = pool(unpinned(many_keys, known_hosts=str(file)))
    assert hosts.identify("host-001").host_key == printed
    pinned = structs.replace(many_keys.host(1), host_key=printed)
    assert pool(pinned).run("host-001", TRUE).ok
    wrong = structs.replace(many_keys.host(1), host_key="SHA256:none")
    assert "has changed" in pool(wrong).run("host-001", TRUE).error


# --- logging in ---


def test_a_refused_key(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """With its path and the user; it is not tried again at once."""
    keygen(tmp_path / "other")
    hosts = pool(structs.replace(sshd.host(1), key=str(tmp_path / "other")))
    outcome = hosts.run("host-001", TRUE)
    assert f"does not let us in: it refuses the key {tmp_path}/other" in outcome.error
    assert sshd.user in outcome.error
    assert "it is tried again in" in hosts.run("host-001", TRUE).error
    with pytest.raises(PermissionRefused, match="does not let us in"):
        hosts.identify("host-001")


def test_a_key_with_a_passphrase(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """By reference; without it, or with a wrong one, that is said, and what it is never."""
    key = tmp_path / "id"
    key.write_bytes(sshd.key.read_bytes())
    key.chmod(0o600)
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSWORD, "-f", str(key)]
    subprocess.run(argv, check=True)
    host = structs.replace(sshd.host(1), key=str(key))
    assert "is encrypted, and no passphrase is given" in pool(host).run("host-001", TRUE).error
    host = structs.replace(host, passphrase="${secret:p}")
    assert pool(host, secrets={"${secret:p}": PASSWORD}).run("host-001", TRUE).ok
    wrong = pool(host, secrets={"${secret:p}": "bfx-wrong"}).run("host-001", TRUE).error
    assert "its passphrase is another one" in wrong
    assert "bfx-wrong" not in wrong


def test_a_key_that_is_none(sshd: SshServer, pool: Pool, tmp_path: Path) -> None:
    """Or not there at all."""
    (tmp_path / "text").write_text("hello\n")
    for name, problem in (("text", "none that can be read"), ("no", "no such file|No such file")):
        host = structs.replace(sshd.host(1), key=str(tmp_path / name))
        error = pool(host).run("host-001", TRUE).error
        assert any(part in error for part in problem.split("|")), error


@pytest.fixture
def password(sshd: SshServer) -> Iterator[str]:
    """One of the users has a password."""
    subprocess.run(["chpasswd"], input=f"{sshd.plain}:{PASSWORD}", text=True, check=True)
    yield PASSWORD
    subprocess.run(["usermod", "--password", "*", sshd.plain], check=True)


def test_a_password(
    sshd: SshServer, pool: Pool, password: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By reference; a wrong one is said to be wrong, and never what it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host = structs.replace(sshd.host(1, user=sshd.plain), key="", password="${secret:p}")
    assert pool(host, secrets={"${secret:p}": password}).run("host-001", TRUE).ok
    wrong = pool(host, secrets={"${secret:p}": "bfx-wrong"}).run("host-001", TRUE)
    assert "it refuses the password" in wrong.error
    assert "bfx-wrong" not in wrong.error


def test_keys_of_the_user(
    sshd: SshServer, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From ~/.ssh; with none, that is said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host = structs.replace(sshd.host(1), key="")
    error = pool(host).run("host-001", TRUE).error
    assert "nothing to log in" in error
    assert "no agent runs" in error
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_bytes(sshd.key.read_bytes())
    assert pool(host).run("host-001", TRUE).ok


def test_keys_of_an_agent(
    sshd: SshServer, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is refused does not keep the next one from being tried; an agent that is gone is none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = f"/tmp/bfx-test-{os.urandom(4).hex()}.agent"
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    keygen(tmp_path / "other", "rsa")
    host = structs.replace(sshd.host(1), key="")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            end_s = time.monotonic() + PATIENCE_S
            while not Path(path).exists():
                assert time.monotonic() < end_s
                time.sleep(0.02)
            for key in (tmp_path / "other", sshd.key):
                subprocess.run(["ssh-add", "-q", key], check=True)
            outcome = pool(host).run("host-001", TRUE)
            assert outcome.ok, outcome
        finally:
            agent.terminate()
    assert "no agent" in pool(host).run("host-001", TRUE).error


# --- not reached ---


def test_a_name_that_does_not_resolve(sshd: SshServer, pool: Pool) -> None:
    """Said as it is."""
    hosts = pool(structs.replace(sshd.host(1), address="no-such-host.invalid"))
    outcome = hosts.run("host-001", TRUE)
    assert "does not resolve: no-such-host.invalid" in outcome.error
    with pytest.raises(EngineUnavailable, match="does not resolve"):
        hosts.identify("host-001")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def test_a_silent_host(sshd: SshServer, pool: Pool, silent: int) -> None:
    """It is told apart from a dead one, and holds up nobody else."""
    dead = structs.replace(sshd.host(1), name="dead", address="127.0.0.1", port=silent)
    hosts = pool(dead, sshd.host(2))
    errors: list[str] = []
    thread = threading.Thread(
        target=lambda: errors.append(
            hosts.run("dead", ExecOp(via="ssh", argv=("true",), timeout_s=3.0)).error
        )
    )
    thread.start()
    for _ in range(20):
        assert hosts.run("host-002", TRUE).ok
    thread.join()
    assert "accepts a connection and never answers" in errors[0]
    # Answered at once from then on, most of the time.
    op = ExecOp(via="ssh", argv=("true",), timeout_s=3.0)
    assert any("it is tried again" in hosts.run("dead", op).error for _ in range(5))


def test_stop_ends_the_waiting_for_a_silent_host(sshd: SshServer, pool: Pool, silent: int) -> None:
    """Nothing was sent."""
    hosts = pool(structs.replace(sshd.host(1), address="127.0.0.1", port=silent))
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    outcome = hosts.run("host-001", ExecOp(via="ssh", argv=("true",), timeout_s=600.0), stop)
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "stopped before it began" in outcome.error


def test_what_does_not_speak_ssh(sshd: SshServer, pool: Pool) -> None:
    """Another service at that port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                with accepted:
                    accepted.sendall(b"220 mail.example ESMTP\r\n" * 200)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        hosts = pool(structs.replace(sshd.host(1), address="127.0.0.1", port=port))
        error = hosts.run("host-001", TRUE).error
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "does not speak SSH" in error or "closes the connection" in error


def test_the_breaker_opens_and_closes(sshd: SshServer, pool: Pool, relay: Relay) -> None:
    """A host that refuses is answered for at once, tried again after a moment, and used when it is back."""
    relay.close()
    host = structs.replace(sshd.host(1), name="far", address="127.0.0.1", port=relay.port)
    hosts = pool(host)
    first = hosts.run("far", TRUE).error
    assert "connection refused" in first
    assert "tried again" in hosts.run("far", TRUE).error
    relay.open()
    end_s = time.monotonic() + PATIENCE_S
    while not hosts.run("far", TRUE).ok:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    assert hosts.run("far", TRUE).ok


def test_a_lost_connection_is_made_again(sshd: SshServer, pool: Pool, relay: Relay) -> None:
    """By the next command; and one serves all of them."""
    host = structs.replace(sshd.host(1), name="far", address="127.0.0.1", port=relay.port)
    shell = Shell(pool(host), "far")
    first = shell("printenv", "SSH_CONNECTION").text
    assert shell("printenv", "SSH_CONNECTION").text == first
    assert relay.connections == 1
    relay.close()
    relay.open()
    second = shell("printenv", "SSH_CONNECTION")
    assert second.ok, second
    assert second.text != first


# --- jump hosts ---


def test_a_host_behind_others(sshd: SshServer, pool: Pool, relay: Relay) -> None:
    """Two of them in a row; what is behind one shares its connection, and all keys are pinned."""
    outer = Host(
        name="outer", address="127.0.0.1", port=relay.port, user=sshd.user, key=str(sshd.key),
        host_key=sshd.fingerprint,
    )  # fmt: skip
    inner = structs.replace(sshd.host(5), name="inner", jump=outer)
    behind = [
        unpinned(sshd, name=f"b{number}", address=sshd.address(number), jump=inner,
                 known_hosts=str(sshd.known_hosts))
        for number in (6, 7, 8)
    ]  # fmt: skip
    hosts = pool(outer, inner, *behind)
    for number, host in zip((6, 7, 8), behind, strict=True):
        outcome = Shell(hosts, host.name)("printenv", "SSH_CONNECTION")
        assert outcome.text.split()[2] == sshd.address(number), outcome
    assert Shell(hosts, "outer")("true").ok
    assert relay.connections == 1
    pinned = hosts.identify("b6")
    assert pinned.host_key == sshd.fingerprint
    assert pinned.jump is not None
    assert pinned.jump.host_key == sshd.fingerprint


def test_much_goes_through_a_jump_host(sshd: SshServer, pool: Pool) -> None:
    """Both ways, exactly."""
    host = structs.replace(sshd.host(2), jump=sshd.host(3))
    shell = Shell(pool(host), "host-002")
    given = "0123456789abcdef" * (1 << 16)
    outcome = shell("cat", stdin=given, output_bytes_max=len(given), timeout_s=120.0)
    assert outcome.text == given
    outcome = shell("head", "-c", "5000000", "/dev/zero", timeout_s=120.0)
    assert (outcome.code, outcome.cut) == (0, True)


def test_a_jump_host_that_fails(sshd: SshServer, pool: Pool, relay: Relay) -> None:
    """It is named; and so is what is behind one that works."""
    outer = structs.replace(sshd.host(4), name="outer", address="127.0.0.1", port=relay.port)
    host = structs.replace(sshd.host(2), jump=outer)
    nowhere = structs.replace(sshd.host(3), port=1, jump=outer)
    hosts = pool(host, nowhere)
    assert hosts.run("host-002", TRUE).ok
    assert "cannot be reached through outer" in hosts.run("host-003", TRUE).error
    assert hosts.run("host-002", TRUE).ok
    relay.close()
    error = pool(host).run("host-002", TRUE).error
    assert "host-002 is behind another host: outer (127.0.0.1" in error
