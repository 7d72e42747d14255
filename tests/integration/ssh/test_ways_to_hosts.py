"""The ways to hosts: inventories, ~/.ssh/config, a host in between, and Docker engines on hosts."""

import http.server
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

from breakfix.engine.ops import Identity

PATIENCE_S = 60.0

PLAN = """\
version: 1
name: hosts_are_there
targets:
  db:
    ssh: {login}
    pick: all
steps:
- {{id: up, verify: host.command, target: db, with: {{argv: ["true"]}}, within: 20s}}
"""
ENGINE = """\
version: 1
name: far_container
{engines}
targets:
  app: {{docker: {docker}}}
steps:
- {{id: freeze, inject: docker.pause, target: app, hold: 1s}}
- {{id: frozen, verify: docker.state, target: app, with: {{state: paused}}, depends_on: [freeze], within: 20s}}
- {{id: died, verify: docker.event, target: app, with: {{event: die}}, stays: 1s}}
"""


@pytest.fixture
def home(cli: Cli, sshd: SshServer) -> Path:
    """A home folder in which ~/.ssh/config says all that there is to say of the hosts."""
    folder = cli.folder / "user"
    (folder / ".ssh").mkdir(parents=True)
    (folder / ".ssh" / "config").write_text(
        f"Host *\n  Port {sshd.port}\n  User {sshd.user}\n  IdentityFile {sshd.key}\n"
        f"  UserKnownHostsFile {sshd.known_hosts}\nMatch host db-*\n  HostName 127.9.0.9\n"
    )
    cli.environ["HOME"] = str(folder)
    cli.environ.pop("SSH_AUTH_SOCK", None)
    return folder


def planned(cli: Cli, **login: Any) -> str:
    """The plan of a scenario with these hosts, as text."""
    done = cli.run("plan", cli.write(PLAN.format(login=json.dumps(login))))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_configuration_of_ssh_is_enough(cli: Cli, home: Path, sshd: SshServer) -> None:
    """Address, port, user, key and known hosts come from it."""
    text = planned(cli, hosts=["db-one", "127.9.0.2"])
    assert f"{sshd.user} at 127.9.0.9:{sshd.port}" in text
    assert f"{sshd.user} at 127.9.0.2:{sshd.port}" in text


def test_hosts_of_an_inventory_behind_another_host(cli: Cli, home: Path, sshd: SshServer) -> None:
    """A group of Ansible's, each host reached through one in between; the run says what it has used."""
    (cli.folder / "hosts.ini").write_text(
        "[db]\none ansible_host=127.9.0.4\ntwo ansible_host=127.9.0.5\n[web]\nweb1\n"
    )
    login = {"hosts_file": "hosts.ini", "group": "db", "jump": "127.9.0.7"}
    text = planned(cli, **login)
    assert f"one  {sshd.user} at 127.9.0.4:{sshd.port}" in text
    assert f"two  {sshd.user} at 127.9.0.5:{sshd.port}" in text

    done = cli.run("run", "--yes", cli.folder / "scenario.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    (seen,) = cli.events("hosts_seen")
    for host in seen["hosts"]:
        assert host["jump"]["address"] == "127.9.0.7"
        assert host["jump"]["host_key"] == host["host_key"] == sshd.fingerprint


def test_hosts_that_an_api_lists(cli: Cli, home: Path) -> None:
    """Asked with a secret of the environment, which stands nowhere in plan and journal."""

    class Api(http.server.BaseHTTPRequestHandler):
        """Lists two hosts to who has the token."""

        def do_GET(self) -> None:
            """The list."""
            good = self.headers["Authorization"] == "Bearer s3cr3t-token"
            self.send_response(200 if good else 403)
            self.end_headers()
            items = ["127.9.0.2", {"name": "three", "address": "127.9.0.3"}]
            self.wfile.write(json.dumps(items).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        cli.environ["TOKEN"] = "s3cr3t-token"
        source = {
            "http": f"http://127.0.0.1:{server.server_port}/",
            "headers": {"Authorization": "Bearer {{ secrets.token }}"},
        }
        text = "secrets: {token: {env: TOKEN}}\n" + PLAN.format(
            login=json.dumps({"hosts_from": source})
        )
        file = cli.write(text)
        assert cli.run("validate", file).returncode == 0
        done = cli.run("run", "--yes", file)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [host["name"] for host in cli.events("hosts_seen")[0]["hosts"]] == ["127.9.0.2", "three"]
    (journal,) = (cli.home / "runs").glob("*/journal.ndjson")
    assert "s3cr3t-token" not in journal.read_text()


def test_a_wrong_login_is_said_without_its_password(cli: Cli, home: Path, sshd: SshServer) -> None:
    """The user that it was tried with, and what to do; never what the password is."""
    cli.environ["PW"] = "hunter2-hunter2"
    key = cli.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    text = "secrets: {pw: {env: PW}}\n" + PLAN.format(
        login=json.dumps({"hosts": ["127.9.0.2"], "user": "daemon", "password": "{{ secrets.pw }}",
                          "key": str(key)})
    )  # fmt: skip
    done = cli.run("plan", cli.write(text))
    assert done.returncode == 5, done.stdout
    assert "127.9.0.2" in done.stderr and "daemon" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def app(container: Callable[..., Identity]) -> Iterator[str]:
    """The name of a container."""
    yield container().name


@pytest.mark.docker
def test_a_container_of_an_engine_on_a_host(cli: Cli, home: Path, sshd: SshServer, app: str) -> None:
    """Broken, seen, mended and surveyed through SSH; the journal says how to reach the engine again."""
    engines = "engines: {dock: {ssh: {host: root@127.9.0.6}}}"
    file = cli.write(ENGINE.format(engines=engines, docker=f"{{engine: dock, name: {app}}}"))

    done = cli.run("run", "--yes", file)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 targets as before" in done.stdout
    (seen,) = cli.events("endpoint_seen")
    assert seen["endpoint"]["name"] == "dock"
    assert seen["endpoint"]["url"].startswith("ssh://root@127.9.0.6")
    assert seen["endpoint"]["host"]["host_key"] == sshd.fingerprint
    (hosts,) = cli.events("hosts_seen")
    assert [host["name"] for host in hosts["hosts"]] == ["engine dock"]


@pytest.mark.docker
def test_the_engine_of_docker_host(cli: Cli, home: Path, app: str) -> None:
    """``DOCKER_HOST=ssh://...``, with what ~/.ssh/config says of that host."""
    cli.environ["DOCKER_HOST"] = "ssh://root@127.9.0.6"
    file = cli.write(ENGINE.format(engines="", docker=f"{{name: {app}}}"))
    done = cli.run("run", "--yes", file)
    assert done.returncode == 0, done.stdout + done.stderr
    (seen,) = cli.events("endpoint_seen")
    assert seen["endpoint"]["host"]["user"] == "root"


@pytest.mark.docker
def test_a_dead_engine_leaves_no_far_container_frozen(cli: Cli, home: Path, app: str) -> None:
    """The guardian reaches the Docker engine on its host by the journal alone."""
    engines = "engines: {dock: {ssh: {host: root@127.9.0.6}}}"
    text = ENGINE.format(engines=engines, docker=f"{{engine: dock, name: {app}}}")
    process = cli.start("run", "--yes", cli.write(text.replace("hold: 1s", "hold: 300s")))
    wait_for(lambda: bool(cli.events("fault_active")))
    process.kill()
    process.communicate(timeout=PATIENCE_S)

    wait_for(lambda: bool(cli.events("run_ended")))
    (ended,) = cli.events("run_ended")
    assert (ended["by"], ended.get("residue", False)) == ("guardian", False)
    (over,) = cli.events("fault_ended")
    assert over["ended_by"] == "engine"
    changes = cli.events("surveyed")
    assert changes[0]["targets"] == changes[1]["targets"]


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it is so."""
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.1)
