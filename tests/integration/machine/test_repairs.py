"""Repairs and probes on a whole machine, with systemd, as the command line makes them."""

from collections.abc import Callable
from typing import Any

from tests.integration.vm import Machine

Passes = Callable[[str], dict[str, Any]]


def test_a_stopped_unit_is_noticed_and_started(passes: Passes, machine: Machine) -> None:
    """Its journal tells; the repair starts it, and is seen to have ended the fault."""
    record = passes("""
        steps:
          - {id: stop, inject: systemd.stop, target: shop, with: {unit: shop}}
          - {id: told, detect: systemd.journal, target: shop, with: {unit: shop, pattern: "Stopped|Deactivated"}, depends_on: [stop], within: 60s}
          - {id: start, remediate: systemd.start, target: shop, with: {unit: shop}, depends_on: [told], timeout: 60s}
          - {id: works, verify: answers, depends_on: [start], within: 60s}
    """)
    (fault,) = record["faults"]
    assert fault["ended_by"] == "repair", fault


def test_a_unit_is_restarted_and_reloaded(passes: Passes, machine: Machine) -> None:
    """It is another invocation afterwards; a unit without a reload says so, and is left alone."""
    before = machine.read("systemctl", "show", "--property=InvocationID", "shop")
    passes("""
    steps:
      - {id: restart, remediate: systemd.restart, target: shop, with: {unit: shop.service}, timeout: 60s}
      - {id: reload, remediate: systemd.reload, target: shop, with: {unit: shop}, depends_on: [restart], on_failure: continue}
      - {id: up, verify: active, depends_on: [{step: reload, is: finished}], within: 60s}
    """)
    assert machine.read("systemctl", "show", "--property=InvocationID", "shop") != before
