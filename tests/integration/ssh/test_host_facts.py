"""What is read of a real host, over a real sshd."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.integration.ssh_server import SshServer

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError, EngineUnavailable
from breakfix.engine.targets import host
from breakfix.engine.vehicles.ssh.pool import SshHosts


def connections(*hosts: Host) -> SshHosts:
    """To these hosts, by their names."""
    return SshHosts({one.name: one for one in hosts}, str)


@pytest.fixture
def one(sshd: SshServer) -> Iterator[SshHosts]:
    """Connections to one host, whose user may become root."""
    made = connections(sshd.host(1))
    yield made
    made.close()


def test_the_facts_of_a_host(one: SshHosts, sshd: SshServer) -> None:
    """Who it is and what is there, as the host itself knows it."""
    facts = host.facts(one, "host-001")

    assert facts.identity.kind == "ssh"
    assert facts.identity.endpoint == facts.identity.name == "host-001"
    assert facts.identity.object_id == f"{sshd.fingerprint}@127.9.0.1:{sshd.port}"
    assert facts.identity.incarnation == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (facts.user, facts.uid) == (sshd.user, pwd.getpwnam(sshd.user).pw_uid)
    assert facts.root == ("sudo" if os.geteuid() == 0 else facts.root)
    assert facts.systemd == Path("/run/systemd/system").is_dir()
    assert facts.kernel == os.uname().release
    assert facts.cpus == os.cpu_count()
    assert 0 < facts.memory_available_bytes < facts.memory_bytes
    assert facts.control_port == sshd.port
    again = host.facts(one, "host-001", ("oom",))
    assert abs(again.clock_base_s - facts.clock_base_s) < 1.0
    assert again.allow == ("oom",)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root there is one user")
def test_who_cannot_become_root_is_told(sshd: SshServer) -> None:
    """A user that sudo does not know, and one that is root already."""
    ssh = connections(sshd.host(1, user=sshd.plain), structs.replace(sshd.host(2), user="root"))
    try:
        assert host.facts(ssh, "host-001").root == ""
        facts = host.facts(ssh, "host-002")
        assert (facts.root, facts.uid) == ("login", 0)
    finally:
        ssh.close()


def test_many_at_once(sshd: SshServer) -> None:
    """Their facts come in the order in which they were asked for, each with its own identity."""
    ssh = connections(*(sshd.host(number) for number in range(1, 61)))
    names = [f"host-{number:03}" for number in range(60, 0, -1)]
    try:
        identities = host.identities(ssh, names)
        facts = host.facts_of_all(ssh, names)
    finally:
        ssh.close()
    assert [one.identity.name for one in facts] == names
    assert [one.identity.object_id for one in facts] == [one.object_id for one in identities]
    assert len({one.object_id for one in identities}) == 60


def test_every_host_that_cannot_be_used_is_named(sshd: SshServer) -> None:
    """One error for all of them, each with its reason; a single one speaks for itself."""
    nobody = structs.replace(sshd.host(2), name="nobody-there", port=1)
    other = structs.replace(sshd.host(3), name="another-key", host_key="SHA256:" + "A" * 43)
    ssh = connections(sshd.host(1), nobody, other)
    try:
        with pytest.raises(EngineError) as caught:
            host.facts_of_all(ssh, ["host-001", "nobody-there", "another-key"])
        with pytest.raises(EngineUnavailable):
            host.facts_of_all(ssh, ["host-001", "nobody-there"])
    finally:
        ssh.close()
    first, *lines = str(caught.value).splitlines()
    assert first == "2 of 3 hosts cannot be used:"
    assert "nobody-there" in lines[0]
    assert "another-key" in lines[1] and "has changed" in lines[1]
