"""Three faults of different kinds on the virtual machine, and how a test sees them there."""

import time
from typing import Any, Final

from tests.integration.vm import RIGHT_WITHIN_S, Machine

FAULTS: Final = """
    limits: {{deadline: 8m, per_target: 3}}
    steps:
      - {{id: stop, inject: systemd.stop, target: shop, with: {{unit: shop}}, hold: {hold}}}
      - {{id: fill, inject: disk.fill, target: shop, hold: {hold}, with: {{path: /data, share: 90%, reserve: 1MiB}}}}
      - {{id: skew, inject: clock.skew, target: shop, hold: {hold}, with: {{offset: 1h}}}}
"""
LOOK: Final = """
printf '%s %s %s' "$(systemctl is-active shop systemd-timesyncd | tr '\\n' ' ')" \
  "$(df --output=pcent /data | tail -n 1)" "$(date +%s)"
"""


def look(machine: Machine) -> tuple[list[str], float, float]:
    """The states of the shop and of what keeps the clock right, the share of /data that is used, and how far the
    clock is ahead, in seconds."""
    shop, sync, used, clock_s = machine.read("sh", "-c", LOOK).split()
    return [shop, sync], float(used.rstrip("%")) / 100, float(clock_s) - time.time()


def is_broken(machine: Machine) -> bool:
    """Whether all three faults are there."""
    states, used, ahead_s = look(machine)
    return states == ["inactive"] * 2 and used > 0.85 and abs(ahead_s - 3600) < RIGHT_WITHIN_S


def is_whole(machine: Machine) -> bool:
    """Whether none of them is there."""
    states, used, ahead_s = look(machine)
    return states == ["active"] * 2 and used < 0.1 and abs(ahead_s) < RIGHT_WITHIN_S


def fault_of(record: dict[str, Any], step: str) -> dict[str, Any]:
    """The one fault of a step."""
    (found,) = (one for one in record["faults"] if one["step"] == step)
    return dict(found)
