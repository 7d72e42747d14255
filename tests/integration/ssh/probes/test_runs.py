"""Whole runs with probes and repairs of hosts: observers, occurrences, what stays and what is put back."""

import json
import shutil
from pathlib import Path

from tests.integration.breakfix_process import Cli
from tests.integration.ssh_server import SshServer

SCENARIO = """\
version: 1
name: on_hosts
targets:
  db:
    ssh: {{hosts: [{hosts}], user: {user}, port: {port}, key: {key}, known_hosts: {known_hosts}}}
  one:
    ssh: {{hosts: [{last}], user: {user}, port: {port}, key: {key}, known_hosts: {known_hosts}}}
probes:
  load_ok: {{host.load: {{max: 10000}}, target: db, every: 300ms, timeout: 5s}}
  room: {{host.disk: {{path: /, free_min: 1kB}}, target: one, every: 300ms, timeout: 5s}}
  same: {{file.checksum: {{path: "{folder}/conf", match_all: true}}, target: db, every: 300ms, timeout: 5s}}
  told: {{file.log: {{path: "{folder}/log", pattern: "is broken"}}, target: one, every: 200ms}}
  mended: {{host.command: {{argv: [grep, -q, good, "{folder}/conf"]}}, target: one, every: 200ms, timeout: 5s}}
observe: [load_ok, room, same]
steps:
- id: break
  inject: host.script
  target: one
  with:
    run: [sh, -c, 'touch "$1/broken" && echo "it is broken" >>"$1/log"', sh, "{folder}"]
    undo: [rm, -f, "{folder}/broken"]
    check: [test, -e, "{folder}/broken"]
- id: noticed
  detect: told
  depends_on: [break]
  within: 20s
- id: mend
  remediate: file.push
  target: one
  with: {{path: "{folder}/conf", content: "good $(id)"}}
  after_run: {after_run}
  depends_on: [noticed]
- id: whole
  verify: mended
  depends_on: [mend]
  within: 20s
"""


def ran(cli: Cli, sshd: SshServer, folder: Path, after_run: str) -> dict[str, object]:
    """The record of a run that has passed."""
    for name, content in (("conf", "bad"), ("log", "")):
        (folder / name).write_text(content)
        shutil.chown(folder / name, sshd.user, sshd.user)
    scenario = SCENARIO.format(
        hosts=", ".join(sshd.address(number) for number in (1, 2, 3)),
        last=sshd.address(4),
        user=sshd.user,
        port=sshd.port,
        key=sshd.key,
        known_hosts=sshd.known_hosts,
        folder=folder,
        after_run=after_run,
    )
    done = cli.run("run", "--yes", cli.write(scenario))
    assert done.returncode == 0, done.stdout + done.stderr
    record = cli.record()
    assert record["verdict"]["verdict"] == "passed", json.dumps(record["verdict"])
    return record


def test_a_repair_is_put_back(cli: Cli, sshd: SshServer, folder: Path) -> None:
    """What was noticed in a file is mended by another; in the end it is as it was, and nothing is kept."""
    record = ran(cli, sshd, folder, "put_back")
    assert (folder / "conf").read_text() == "bad"
    assert sorted(each.name for each in folder.iterdir()) == ["conf", "log"]
    assert not list(Path("/tmp").glob("breakfix-*/*on_hosts*"))
    observers = record["observers"]
    assert isinstance(observers, list)
    assert len(observers) == 3


def test_a_repair_stays(cli: Cli, sshd: SshServer, folder: Path) -> None:
    """Unless it is to be put back."""
    ran(cli, sshd, folder, "keep")
    assert (folder / "conf").read_text() == "good $(id)"
    assert not list(Path("/tmp").glob("breakfix-*/*on_hosts*"))
