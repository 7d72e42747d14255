"""What is known of the plan of a run: its sets of targets, and what is expected."""

from typing import Literal

from msgspec import Struct

from breakfix.engine.timeline.facts import During


class _Facts(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class SetFacts(_Facts, frozen=True, kw_only=True):
    """What a named target resolved to."""

    name: str
    share: str
    picked: tuple[str, ...]


class NotWorseFacts(_Facts, frozen=True, kw_only=True):
    """Which earlier runs an expectation is about, and how many times as long it may take."""

    where: dict[str, str]
    runs: int
    margin: float


class ExpectFacts(_Facts, frozen=True, kw_only=True):
    """One expectation, as the scenario wrote it."""

    fault: str | None = None
    detected_within: str | None = None
    mitigated_within: str | None = None
    restored_within: str | None = None
    healed_by: str | None = None
    probe: str | None = None
    max_outage: str | None = None
    availability: str | None = None
    error_share: str | None = None
    latency: dict[str, str] = {}
    """The longest time of a percentile: ``p50``, ``p90``, ``p99``."""
    during: During = "run"
    units: str | None = None
    """So large a share of the fault's units, each on its own."""
    metric: str | None = None
    not_worse_than: NotWorseFacts | None = None
    inconclusive: Literal["pass", "fail"] | None = None


class PlanFacts(_Facts, frozen=True, kw_only=True):
    """What was planned."""

    hash: str
    worst_s: float
    deadline_s: float
    critical_path: tuple[str, ...]
    sets: tuple[SetFacts, ...]
    blast: dict[str, str]
    warnings: tuple[str, ...]
    expect: tuple[ExpectFacts, ...]
