"""The rows of docs/benchmarks.md, and the machine that they were measured on."""

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024**2


@dataclass(frozen=True)
class Row:
    """One measurement. `met` is None where no goal was set."""

    what: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    goal: str = "-"
    met: bool | None = None


@dataclass
class Part:
    """Measurements of one kind, and how they were made."""

    title: str
    how: str
    rows: list[Row] = field(default_factory=list)


def compared(what: str, ours_s: float, peer_s: float, goal: float, goal_text: str) -> Row:
    """A row on the same work done by both; met where ours/peer is at most `goal`."""
    ratio = ours_s / peer_s
    return Row(
        what, f"{ours_s:.3f} s", f"{peer_s:.3f} s", f"{ratio:.2f}", goal_text, met=ratio <= goal
    )


def document(parts: Sequence[Part], versions: str) -> str:
    """All of docs/benchmarks.md."""
    missed = [row for part in parts for row in part.rows if row.met is False]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}. {machine()}",
        f"{versions}",
        "",
        "Times are medians of interleaved runs of whole processes; memory is the largest resident set.",
        "A ratio is ours divided by the peer's, measured in the same run of the benchmark.",
        "",
        "## Goals that are not met",
        "",
        *([f"- {row.what}: {row.ours}, goal {row.goal}." for row in missed] or ["None."]),
        "",
    ]
    for part in parts:
        lines += [f"## {part.title}", "", part.how, ""]
        lines += ["| what | breakfix | peer | ratio | goal | met |", "| --- | --- | --- | --- | --- | --- |"]
        words = {True: "yes", False: "**no**", None: "-"}
        lines += [
            f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.goal} | {words[row.met]} |"
            for row in part.rows
        ]
        lines.append("")
    return "\n".join(lines)


def machine() -> str:
    """The machine in a sentence."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"Machine: {os.cpu_count()} cores ({models[0] if models else platform.machine()}), "
        f"{memory / 1024**3:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}; "
        f"load before: {os.getloadavg()[0]:.1f}."
    )
