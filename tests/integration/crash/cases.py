"""The faults of the catalogue, one case each, on a target of its own."""

import textwrap
from typing import Final

from msgspec import Struct


class Case(Struct, frozen=True, kw_only=True):
    """One scenario. `container` says whether its target is a container, else it is a process."""

    name: str
    steps: str
    container: bool = True
    top: str = ""
    """Keys of the top level besides."""

    def scenario(self, target: str) -> str:
        """As YAML; `target` is the name of the container."""
        kind = f"docker: {{name: {target}}}" if self.container else _PROCESS
        probe = "docker.state" if self.container else "process.running"
        head = f"""\
            version: 1
            name: crash
            targets:
              app: {{{kind}}}
            probes:
              up: {{{probe}: {{}}, target: app, every: 50ms, timeout: 5s}}
            limits: {{deadline: 60s}}
            teardown: [{{run: [touch, torn-down]}}]
            """
        return textwrap.dedent(head) + self.top + "steps:\n" + textwrap.indent(self.steps, "  ")


_PROCESS = 'process: {command: [sh, -c, "sleep 600 & wait"]}'


def _fault(action: str, words: str = "", *, lasting: bool = True, container: bool = True) -> Case:
    """The fault alone, held for a moment where it lasts, then a look at its target."""
    hold = ", hold: 200ms" if lasting else ""
    steps = (
        f"- {{id: break, inject: {action}, target: app{words}{hold}}}\n"
        "- {id: look, verify: up, within: 20s, depends_on: [{step: break, is: finished}]}\n"
    )
    name = action + (" by the host" if "host_pid" in words else "")
    return Case(name=name, steps=steps, container=container)


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
    _fault("docker.kill", ", with: {via: host_pid}", lasting=False),
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
    _fault("process.kill", lasting=False, container=False),
    _fault("process.pause", container=False),
    _fault("process.limit_cpu", ", with: {cpus: 0.5}", container=False),
    _fault("process.limit_memory", ", with: {memory: 64MiB}", container=False),
)
