"""``breakfix doctor``: what this machine can do for scenarios, and how to get what it cannot."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import click
import msgspec
from msgspec import Struct

from breakfix.engine.cli.output import form_option

EPILOG: Final = """\b
Examples:
  breakfix doctor
  breakfix doctor --format json

Exit codes: 0 where scenarios on process targets can run, 5 where not. What only some scenarios need
(a Docker engine, root) never changes it.
"""
FREE_BYTES_MIN: Final = 100 * 1024 * 1024
"""Journals are small; a disk with less is near to failing for other reasons."""
_WORDS: Final = {"ok": "ok  ", "missing": "no  ", "broken": "FAIL"}


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    state: Literal["ok", "missing", "broken"]
    """missing: some scenarios cannot run; broken: none can."""
    found: str
    fix: str = ""


@click.command(epilog=EPILOG)
@form_option(["text", "json"])
def command(form: str) -> None:
    """Tell what this machine can and cannot do, each with its fix."""
    findings = [finding for look in LOOKS for finding in look()]
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            click.echo(f"{_WORDS[finding.state]}  {finding.subject.ljust(width)}  {finding.found}")
            if finding.fix:
                click.echo(f"{' ' * (width + 8)}Fix: {finding.fix}")
    if any(finding.state == "broken" for finding in findings):
        raise SystemExit(5)


def _python() -> Iterator[Finding]:
    yield Finding(subject="Python", state="ok", found=sys.version.split()[0])


def _system() -> Iterator[Finding]:
    proc = Path("/proc/self/stat").exists()
    yield Finding(
        subject="processes",
        state="ok" if proc else "broken",
        found="/proc is there" if proc else "there is no /proc",
        fix="" if proc else "Run it on Linux, with /proc mounted.",
    )


def _home() -> Iterator[Finding]:
    from breakfix.engine.home import home

    folder = home()
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        yield Finding(
            subject="state folder",
            state="broken",
            found=f"{folder} cannot be written",
            fix="Set BREAKFIX_HOME to a folder that you may write.",
        )
        return
    free_bytes = shutil.disk_usage(above).free
    enough = free_bytes >= FREE_BYTES_MIN
    yield Finding(
        subject="state folder",
        state="ok" if enough else "broken",
        found=f"{folder}, {free_bytes // 1024**2} MiB free",
        fix="" if enough else "Free some space, or set BREAKFIX_HOME to a folder on another disk.",
    )


def _docker() -> Iterator[Finding]:
    from breakfix.engine.errors import BreakfixError
    from breakfix.engine.targets.docker import endpoint
    from breakfix.engine.vehicles.docker_api import ask
    from breakfix.engine.vehicles.docker_host import shares_processes

    try:
        found = endpoint()
        version = ask(found, "/version").get("Version", "of an unknown version")
    except BreakfixError as error:
        yield Finding(
            subject="Docker engine", state="missing", found=error.message, fix=error.hint
        )
        return
    yield Finding(
        subject="Docker engine", state="ok", found=f"{version} at {found.url}, API {found.api}"
    )
    shared = shares_processes(found)
    yield Finding(
        subject="kill from the host",
        state="ok" if shared else "missing",
        found="processes of containers are seen here"
        if shared
        else "docker.kill via host_pid cannot run",
        fix="" if shared else "Run breakfix as root on the host of the engine.",
    )


def _control_groups() -> Iterator[Finding]:
    from breakfix.engine.vehicles.cgroup import available

    version = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    usable = available()
    yield Finding(
        subject="control groups",
        state="ok" if usable else "missing",
        found=f"version {version}"
        + ("" if usable else "; process.limit_cpu and process.limit_memory cannot run"),
        fix=""
        if usable
        else "Run as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes.",
    )


def _privileges() -> Iterator[Finding]:
    root = os.geteuid() == 0
    yield Finding(
        subject="privileges",
        state="ok" if root else "missing",
        found="root" if root else f"user {os.geteuid()}: control groups and host pids may be closed",
        fix="" if root else "Run as root what needs them; process targets and probes need nothing.",
    )


def _tools() -> Iterator[Finding]:
    path = shutil.which("docker")
    yield Finding(
        subject="docker command",
        state="ok" if path else "missing",
        found=path or "not found; the setup of the container scenarios uses it",
        fix="" if path else "Install it (apt-get install docker.io), or let setup call another.",
    )


LOOKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    _python,
    _system,
    _home,
    _privileges,
    _docker,
    _tools,
    _control_groups,
)
