"""Hundreds of hosts at once, some of them dead."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs
from tests.integration.ssh.conftest import Pool
from tests.integration.ssh_server import SshServer

from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.ssh.pool import SshHosts

COUNT = 200
WHERE = ExecOp(via="ssh", argv=("printenv", "SSH_CONNECTION"), timeout_s=120.0)


def test_all_of_them_answer_each_for_itself(sshd: SshServer, pool: Pool) -> None:
    """With the dead ones told apart; then again on the same connections."""
    dead = structs.replace(sshd.host(201), name="dead", port=1)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        silent = structs.replace(sshd.host(202), name="silent", address="127.0.0.1", port=port)
        hosts = pool(*(sshd.host(number) for number in range(1, COUNT + 1)), dead, silent)

        def ask(name: str) -> Outcome:
            timeout_s = 5.0 if name == "silent" else 120.0
            return hosts.run(name, structs.replace(WHERE, timeout_s=timeout_s))

        with ThreadPoolExecutor(50) as threads:
            first = dict(zip(hosts.hosts, threads.map(ask, hosts.hosts), strict=True))
            second = dict(zip(hosts.hosts, threads.map(ask, hosts.hosts), strict=True))
    for number in range(1, COUNT + 1):
        name = f"host-{number:03}"
        assert first[name].text.split()[2] == sshd.address(number), first[name]
        assert second[name].text == first[name].text
    assert "connection refused" in first["dead"].error
    assert "never answers" in first["silent"].error


def test_one_connection_serves_all_callers(sshd: SshServer, pool: Pool) -> None:
    """Also where they all come at once to a host that is not connected yet."""
    hosts = pool(sshd.host(1))
    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(lambda _: hosts.run("host-001", WHERE), range(60)))
    assert len({outcome.text for outcome in outcomes}) == 1, outcomes


def test_closing_ends_all_threads(sshd: SshServer, pool: Pool) -> None:
    """And no connection is made after that."""
    before = set(threading.enumerate())
    hosts: SshHosts = pool(*(sshd.host(number) for number in range(1, 21)))
    with ThreadPoolExecutor(20) as threads:
        assert all(
            outcome.ok for outcome in threads.map(lambda name: hosts.run(name, WHERE), hosts.hosts)
        )
    hosts.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
    outcome = hosts.run("host-001", WHERE)
    assert "are closed" in outcome.error
