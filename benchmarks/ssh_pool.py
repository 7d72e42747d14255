"""One command on many hosts, again and again on open connections, in one process: by breakfix's vehicle, or by
a bare pool of threads over paramiko. ``python -m benchmarks.ssh_pool ours|bare FLEET TIMES`` prints JSON: the
seconds of each time, and the CPU seconds of all of it."""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

AT_ONCE = 50


def ours(fleet: dict[str, Any]) -> Callable[[], None]:
    """As `breakfix exec` does it."""
    from breakfix.engine.batch import Answer, Batch
    from breakfix.engine.endpoints import Host
    from breakfix.engine.ops import ExecOp
    from breakfix.engine.vehicles.ssh.pool import SshHosts

    hosts = {
        name: Host(
            name=name,
            address=address,
            user=fleet["user"],
            port=fleet["port"],
            key=fleet["key"],
            known_hosts=fleet["known_hosts"],
        )
        for name, address in fleet["hosts"].items()
    }
    ssh = SshHosts(hosts, str)
    op = ExecOp(via="ssh", argv=("/bin/true",), timeout_s=60)

    def ask() -> None:
        answers: list[Answer] = []
        Batch(ssh, lambda name: op, concurrency=AT_ONCE).run(list(hosts), answers.append)
        _require([answer.code for answer in answers if answer.state != "unreachable"], fleet)

    return ask


def bare(fleet: dict[str, Any]) -> Callable[[], None]:
    """As somebody would write it in an afternoon: a connection and a thread a host, host keys looked up."""
    import paramiko

    keys = paramiko.HostKeys(fleet["known_hosts"])
    key = paramiko.Ed25519Key.from_private_key_file(fleet["key"])
    clients: dict[str, paramiko.SSHClient] = {}

    def one(name: str) -> int:
        client = clients.get(name)
        if client is None:
            client = clients[name] = paramiko.SSHClient()
            # Read once, not for each host.
            client._host_keys = keys  # type: ignore[attr-defined]
            client.connect(
                fleet["hosts"][name],
                port=fleet["port"],
                username=fleet["user"],
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
            )
        _, stdout, stderr = client.exec_command("/bin/true")
        stdout.read()
        stderr.read()
        return stdout.channel.recv_exit_status()

    pool = ThreadPoolExecutor(AT_ONCE)

    def ask() -> None:
        _require(list(pool.map(one, fleet["hosts"])), fleet)

    return ask


def _require(codes: list[int | None], fleet: dict[str, Any]) -> None:
    if codes.count(0) != len(fleet["hosts"]):
        raise SystemExit(f"Only {codes.count(0)} of {len(fleet['hosts'])} hosts said yes.")


def main() -> None:
    """Ask so many times, and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=["ours", "bare"])
    parser.add_argument("fleet", type=Path)
    parser.add_argument("times", type=int)
    options = parser.parse_args()
    ask = {"ours": ours, "bare": bare}[options.who](json.loads(options.fleet.read_text()))
    took_s = []
    for _ in range(options.times):
        began_s = time.perf_counter()
        ask()
        took_s.append(time.perf_counter() - began_s)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    json.dump({"took_s": took_s, "cpu_s": usage.ru_utime + usage.ru_stime}, sys.stdout)
    sys.stdout.flush()
    # Hundreds of connections would be closed one by one.
    os._exit(0)


if __name__ == "__main__":
    main()
