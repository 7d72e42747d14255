"""What came of one unit."""

from typing import Any

from msgspec import Struct

from breakfix.engine.events import StepState


class UnitResult(Struct, frozen=True, kw_only=True):
    """The last state of a unit, why, and what later steps may use as ``steps.ID.result``."""

    state: StepState
    reason: str = ""
    values: dict[str, Any] = {}
