"""The SSH server that the tests use is what they take it for."""

import subprocess

import pytest
from tests.integration.ssh_server import SshServer


@pytest.mark.parametrize("number", [1, 499])
def test_every_address_is_a_host(sshd: SshServer, number: int) -> None:
    """OpenSSH's own client logs in by the key, and the host key is the known one."""
    options = [f"UserKnownHostsFile={sshd.known_hosts}", "StrictHostKeyChecking=yes", "BatchMode=yes"]
    argv = ["ssh", "-F", "none", "-i", str(sshd.key), "-p", str(sshd.port)]
    argv += [word for option in options for word in ("-o", option)]
    argv += [f"{sshd.user}@{sshd.address(number)}", "id -un"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == sshd.user, done.stderr


def test_one_user_may_become_root(sshd: SshServer) -> None:
    """``sudo -n`` works for one of them, and not for the other."""
    for user, code in ((sshd.user, 0), (sshd.plain, 1)):
        argv = ["ssh", "-F", "none", "-i", str(sshd.key), "-p", str(sshd.port), "-o", "BatchMode=yes"]
        argv += ["-o", f"UserKnownHostsFile={sshd.known_hosts}", f"{user}@{sshd.address()}"]
        done = subprocess.run([*argv, "sudo -n true"], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
