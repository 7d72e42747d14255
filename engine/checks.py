"""The only judge of checks: what a read gave, held against what the check asks for."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from breakfix.engine.ops import Check, Op, Outcome


class Runner(Protocol):
    """Whatever executes ops."""

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op; blocking."""
        ...


class Judgement(Struct, frozen=True, kw_only=True):
    """Whether a check holds for one outcome, the picked value, and both in words."""

    holds: bool
    value: Any
    text: str


class CheckResult(Struct, frozen=True, kw_only=True):
    """What came of waiting for a check: it came to hold at some instant between the two."""

    holds: bool
    value: Any
    after_at_s: float
    before_at_s: float
    error: str = ""


_MISSING = object()


def judge(check: Check, outcome: Outcome) -> Judgement:
    """Pure. A value of an unexpected type, or no answer, is "not met" and never an exception."""
    if not outcome.ok and check.pick != "code":
        return Judgement(holds=False, value=None, text=outcome.error or f"answer {outcome.code}")
    value = _pick(check.pick, outcome)
    holds = _compare(value, check)
    shown = None if value is _MISSING else value
    return Judgement(holds=holds, value=shown, text=f"{check.pick} is {shown!r}")


def wait_for(
    check: Check,
    vehicles: Runner,
    clock: Callable[[], float],
    stop: threading.Event | None = None,
) -> CheckResult:
    """Read every `every_s` until the check held `streak` times in a row, or `within_s` is over."""
    begin_s = clock()
    last_other_s = begin_s
    first_s, count, text = begin_s, 0, ""
    value: Any = None
    while True:
        asked_s = clock()
        outcome = vehicles.run(check.op, stop=stop)
        judgement = judge(check, outcome)
        value, text = judgement.value, judgement.text
        if judgement.holds:
            if count == 0:
                first_s = clock()
            count += 1
            if count >= check.streak:
                return CheckResult(
                    holds=True, value=value, after_at_s=last_other_s, before_at_s=first_s
                )
        else:
            count, last_other_s = 0, asked_s
        if clock() - begin_s >= check.within_s or (stop is not None and stop.is_set()):
            return CheckResult(
                holds=False, value=value, after_at_s=begin_s, before_at_s=clock(), error=text
            )
        time.sleep(max(0.0, min(check.every_s, begin_s + check.within_s - clock())))


def _pick(pick: str, outcome: Outcome) -> Any:
    if pick == "code":
        return outcome.code
    if pick == "text":
        return outcome.text
    if pick.startswith("re:"):
        match = re.search(pick[3:], outcome.text)
        if match is None:
            return _MISSING
        return match[1] if match.re.groups else match[0]
    value = outcome.data
    for part in pick.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value


def _compare(value: Any, check: Check) -> bool:
    if check.is_ == "absent":
        return value is _MISSING
    if value is _MISSING:
        return False
    if check.is_ == "present":
        return True
    if check.is_ == "eq":
        return bool(value == check.value)
    if check.is_ == "ne":
        return bool(value != check.value)
    if check.is_ == "matches":
        return isinstance(value, str) and re.search(str(check.value), value) is not None
    numbers = (int, float)
    if isinstance(value, bool) or not isinstance(value, numbers):
        return False
    if not isinstance(check.value, numbers):
        return False
    results = {
        "lt": value < check.value,
        "le": value <= check.value,
        "gt": value > check.value,
        "ge": value >= check.value,
    }
    return results[check.is_]
