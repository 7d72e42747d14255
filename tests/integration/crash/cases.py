"""The faults of the catalogue, one case each, on a target of its own."""

import textwrap
from typing import Final, Literal

from msgspec import Struct

Kind = Literal["container", "process", "host", "engine"]


class Case(Struct, frozen=True, kw_only=True):
    """One scenario. `kind` says what its target is: a container, a process, a host, or a container of an
    engine on a host. FOLDER in the steps is a folder of the host's that nobody else uses, VICTIM the name of a
    process there, and START what starts that process."""

    name: str
    steps: str
    kind: Kind = "container"
    top: str = ""
    """Keys of the top level besides."""

    def scenario(self, target: str, top: str = "") -> str:
        """As YAML; `target` says which one it is, `top` are keys of the top level besides."""
        head = f"""\
            version: 1
            name: crash
            targets:
              app: {{{target}}}
            probes:
              up: {{{_PROBES[self.kind]}, target: app, every: 50ms, timeout: 5s}}
            limits: {{deadline: 60s}}
            teardown: [{{run: [touch, torn-down]}}]
            """
        steps = textwrap.indent(self.steps, "  ")
        return f"{textwrap.dedent(head)}{top}{self.top}steps:\n{steps}"


_PROBES: Final[dict[Kind, str]] = {
    "container": "docker.state: {}",
    "engine": "docker.state: {}",
    "process": "process.running: {}",
    "host": "host.command: {argv: ['true']}",
}
PROCESS: Final = 'process: {command: [sh, -c, "sleep 600 & wait"]}'


def _fault(
    action: str, words: str = "", *, lasting: bool = True, kind: Kind = "container", like: str = ""
) -> Case:
    """The fault alone, held for a moment where it lasts, then a look at its target."""
    hold = ", hold: 200ms" if lasting else ""
    steps = (
        f"- {{id: break, inject: {action}, target: app{words}{hold}}}\n"
        "- {id: look, verify: up, within: 20s, depends_on: [{step: break, is: finished}]}\n"
    )
    return Case(name=f"{action} {like}".strip(), steps=steps, kind=kind)


_EXEC = ", with: {argv: [touch, /tmp/broken], undo: [rm, -f, /tmp/broken], check: [test, -e, /tmp/broken]}"
_REPAIRED = """\
- {id: break, inject: docker.pause, target: app}
- {id: mend, remediate: docker.unpause, target: app, depends_on: [break]}
- {id: look, verify: up, within: 20s, depends_on: [mend]}
"""
_TWO = """\
- {id: starve, inject: docker.limit_cpu, target: app, with: {cpus: 0.5}}
- {id: freeze, inject: docker.pause, target: app, depends_on: [starve], hold: 200ms}
- {id: look, verify: up, within: 20s, depends_on: [{step: freeze, is: finished}]}
"""

_WATCHED = """\
steady: [{probe: up, for: 100ms}]
observe: [up]
guards: [{id: too_long, probe: up, max_outage: 30s}]
"""

CASES: Final = (
    _fault("docker.kill", lasting=False),
    _fault("docker.kill", ", with: {via: host_pid}", lasting=False, like="by the host"),
    _fault("docker.stop", ", with: {grace: 0s}", lasting=False),
    _fault("docker.pause"),
    _fault("docker.limit_cpu", ", with: {cpus: 0.5}"),
    _fault("docker.limit_memory", ", with: {memory: 64MiB}"),
    _fault("docker.limit_pids", ", with: {pids_count: 50}"),
    _fault("docker.disconnect"),
    _fault("docker.exec", _EXEC),
    Case(name="two faults on one container", steps=_TWO),
    Case(name="a repair", steps=_REPAIRED),
    Case(name="observers and a guard", steps=_TWO, top=_WATCHED),
    _fault("process.kill", lasting=False, kind="process"),
    _fault("process.pause", kind="process"),
    _fault("process.limit_cpu", ", with: {cpus: 0.5}", kind="process"),
    _fault("process.limit_memory", ", with: {memory: 64MiB}", kind="process"),
)

_SCRIPT = ", with: {run: 'echo there >FOLDER/broken', undo: [rm, -f, FOLDER/broken], check: [test, -e, FOLDER/broken]}"
_MATCH = "match: {name: VICTIM}"
_ROOM = "path: FOLDER, reserve: 1MiB"
_TWO_ON_A_HOST = f"""\
- {{id: fill, inject: disk.fill, target: app, with: {{{_ROOM}, size: 2MiB}}, hold: 3s}}
- {{id: freeze, inject: process.pause, target: app, with: {{{_MATCH}}}, depends_on: [fill], hold: 200ms}}
- {{id: look, verify: up, within: 20s, depends_on: [{{step: freeze, is: finished}}]}}
"""

HOST_CASES: Final = (
    _fault("host.cpu", ", with: {workers: 1, load: 40%}", kind="host"),
    _fault("host.memory", ", with: {size: 16MiB}", kind="host"),
    _fault("host.script", _SCRIPT, kind="host"),
    _fault("disk.fill", f", with: {{{_ROOM}, size: 3MiB}}", kind="host"),
    _fault("disk.inodes", ", with: {path: FOLDER, count: 2500}", kind="host"),
    _fault("disk.io_load", f", with: {{{_ROOM}, size: 1MiB}}", kind="host"),
    _fault("file.corrupt", ", with: {path: FOLDER/file, bytes: 7}", kind="host"),
    _fault("process.pause", f", with: {{{_MATCH}}}", kind="host", like="on a host"),
    _fault("process.kill", f", with: {{{_MATCH}, start: START}}", kind="host", like="on a host"),
    _fault("docker.pause", kind="engine", like="of an engine on a host"),
    Case(name="two faults on one host", steps=_TWO_ON_A_HOST, kind="host"),
)

MACHINE_CASES: Final = (
    _fault("systemd.stop", ", with: {unit: shop}", kind="host"),
    _fault("systemd.kill", ", with: {unit: shop}", kind="host"),
    _fault("clock.skew", ", with: {offset: 1h}", kind="host"),
    _fault("host.reboot", lasting=False, kind="host"),
)
"""What needs a whole machine."""
