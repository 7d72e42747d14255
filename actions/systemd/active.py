"""systemd.active"""

from typing import ClassVar

from breakfix.actions.systemd import PROPERTIES, SYSTEMD, Unit, unit_name
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.host_reading import argv_op, facts_of, look, not_read
from breakfix.engine.ops import Kind


class Active(Probe, frozen=True, kw_only=True):
    """Good while a unit of systemd is active.

    One that is being reloaded is active too; one that is starting, or failed, or not there, is bad, and
    so is a host that cannot be reached. A host without systemd: blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD,)
    result: ClassVar[dict[str, str]] = {
        "active_state": "text: active, reloading, inactive, failed, activating or deactivating",
        "sub_state": "text: such as running, exited, dead, auto-restart",
        "main_pid": "integer: 0 where there is none",
        "restarts": "integer: how often systemd has restarted it by itself",
    }
    examples = ({"unit": "nginx"}, {"unit": "backup.timer"})

    unit: Unit

    async def sample(self, port: Port) -> Observation:
        """Ask systemd once."""
        facts = facts_of(port)
        name, host = unit_name(self.unit), facts.identity.name
        op = argv_op(facts, "systemctl", "show", f"--property={PROPERTIES}", "--", name)
        outcome = await look(port, op)
        if (failed := not_read(outcome, host)) is not None:
            return failed
        lines = (line.partition("=") for line in outcome.text.splitlines())
        said = {key: value for key, _, value in lines}
        if "ActiveState" not in said:
            return Observation(holds=None, detail=f"systemd of {host} gave no state of {name}")
        state, sub = said["ActiveState"], said.get("SubState", "")
        words = f"{name} of {host} is {state} ({sub})"
        if said.get("LoadState") == "not-found":
            words = f"there is no {name} on {host}"
        return Observation(
            holds=state in ("active", "reloading"),
            detail=words,
            result={
                "active_state": state,
                "sub_state": sub,
                "main_pid": int(said.get("MainPID") or 0),
                "restarts": int(said.get("NRestarts") or 0),
            },
        )
