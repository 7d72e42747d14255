"""What is said of hosts and engines: one case a rule, at its place, without asking anybody."""

from pathlib import Path

import pytest

from breakfix.engine.validate import check
from breakfix.engine.validate.folder import anchored

FINGERPRINT = "SHA256:" + "A" * 43
BASE = """\
version: 1
name: x
secrets:
  pw: {env: PW}
  token: {env: TOKEN}
engines:
  dock3:
    ssh:
      host: ops@dock-3
      passphrase: "{{ secrets.pw }}"
targets:
  db:
    ssh:
      hosts: [db-1, "ops@db-2:2222", "::1"]
      user: ops
      password: "{{ secrets.pw }}"
      jump: gate:22, me@[::2]:22
  all_of_them:
    ssh: {hosts_file: hosts.ini, group: web, key: ~/k, known_hosts: kh}
  listed:
    ssh:
      hosts_from:
        http: http://api/hosts
        headers: {Authorization: "Bearer {{ secrets.token }}"}
  web: {docker: {engine: dock3, labels: {a: b}}, pick: 1}
steps:
- {id: one, verify: docker.state, target: web, within: 1s}
- {id: wait, wait: 1s}
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    """What `validate` says of a file that is an error, without the name of the file."""
    file = tmp_path / "s.yaml"
    file.write_text(text)
    found = check(file, {}).problems
    return [str(one).partition(".yaml:")[2] for one in found if one.severity == "error"]


def test_all_the_ways_to_hosts_are_good(tmp_path: Path) -> None:
    """Nothing is wrong with them, and no inventory has to be there yet."""
    assert problems(tmp_path, BASE) == []


def test_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    """Of keys, known_hosts and inventories; a home folder is written out."""
    file = tmp_path / "s.yaml"
    file.write_text(BASE)
    scenario = check(file, {}).scenario
    assert scenario is not None
    ssh = scenario.targets["all_of_them"].ssh
    assert ssh is not None
    assert ssh.hosts_file == str(tmp_path / "hosts.ini")
    assert ssh.known_hosts == str(tmp_path / "kh")
    assert ssh.key == str(Path.home() / "k")
    assert anchored(scenario, Path("/elsewhere")) == scenario


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("engine: dock3", "engine: dock4", "25:18: there is no engine 'dock4' (did you mean 'dock3'?)"),
        ("host: ops@dock-3", "host: -dock", "9:7: '-dock' cannot be the name or the address of a host"),
        ("db-1, ", "'-oX=y', ", "14:15: '-oX=y' cannot be the name or the address of a host"),
        ("db-1, ", "'db-1:0', ", "14:15: '0' is no port"),
        ("db-1, ", "'::1', ", "14:15: the host '::1' stands twice"),
        ('[db-1, "ops@db-2:2222", "::1"]', "[]", "14:7: no host is listed"),
        ("user: ops\n", "user: '-l'\n", "15:7: '-l' cannot be the name of a user"),
        ("user: ops\n", "group: web\n", "15:7: `group` means nothing without `hosts_file`"),
        ("user: ops\n", "hosts_file: x\n", "13:5: hosts are chosen by one of hosts, hosts_file and hosts_from; this has hosts and hosts_file"),
        ("{hosts_file: hosts.ini, group: web", "{user: u", "19:5: hosts are chosen by one of"),
        ("me@[::2]:22", "$(id)", "17:7: '$(id)' cannot be the name"),
        ('password: "{{ secrets.pw }}"', "password: hunter2", "16:7: a password never stands in a file (write {{ secrets.NAME }}"),
        ('password: "{{ secrets.pw }}"', 'password: "a{{ secrets.pw }}"', "16:7: a password never stands in a file"),
        ('password: "{{ secrets.pw }}"', 'password: "{{ secrets.pww }}"', "16:7: there is no secret 'pww' (did you mean 'pw'?)"),
        ('passphrase: "{{ secrets.pw }}"', "passphrase: hunter2", "10:7: a passphrase never stands in a file"),
        ("secrets.token }}", "secrets.tokn }}", "24:19: there is no secret 'tokn'"),
        ("http://api/hosts", "ftp://api", "23:9: 'ftp://api' is no URL that begins with http"),
        ("key: ~/k", f"host_key: '{FINGERPRINT}'", "19:110: `known_hosts` means nothing where the key of the host is pinned"),
        ("key: ~/k, known_hosts: kh", "host_key: 'SHA256:abc'", "19:46: this is no fingerprint"),
        ("key: ~/k", "key: '{{ secrets.pw }}'", "19:46: a secret can stand only in"),
        ("{hosts_file: hosts.ini,", "{hosts_fil: hosts.ini,", "19:11: unknown key 'hosts_fil' (did you mean 'hosts_file'?)"),
        ("user: ops\n", "port: 0\n", "15:13: expected at least 1, got 0"),
        ("user: ops\n", "host_key: never\n", "15:17: expected text of the form"),
    ],
)  # fmt: skip
def test_what_is_found(tmp_path: Path, old: str, new: str, said: str) -> None:
    """One error, at its place, with what to do; a password is never shown."""
    assert old in BASE
    text = BASE.replace(old, new, 1)
    found = problems(tmp_path, text)
    assert any(line.startswith(said) for line in found), found
    assert not any("hunter2" in line for line in found)


def test_how_many_hosts_are_meant_has_to_be_said(tmp_path: Path) -> None:
    """Of an inventory and a list of an API that is broken; a written list is chosen."""
    for target, told in (("all_of_them", True), ("listed", True), ("db", False)):
        step = f"- {{id: b, inject: docker.pause, target: {target}}}\n"
        found = problems(tmp_path, BASE + step)
        # The action serves no hosts, which is another thing.
        assert any("does not work on" in line and "an ssh target" in line for line in found), found
        assert any("how many of" in line for line in found) == told


def test_what_no_target_uses_is_a_warning(tmp_path: Path) -> None:
    """An engine; a secret that logs in is used."""
    file = tmp_path / "s.yaml"
    file.write_text(BASE.replace("engine: dock3, ", ""))
    told = [one.message for one in check(file, {}).problems]
    assert "the engine 'dock3' is not used" in told
    assert not any("secret" in one for one in told)
