"""How busy hosts are, as a table and as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from breakfix.engine.batch import Answer
from breakfix.engine.targets.host_status import HostStatus
from breakfix.engine.values import format_seconds
from breakfix.reports.lines import Piece, table

HEAD: Final = ("HOST", "CPU", "MEMORY", "DISK", "LOAD", "UP")
_HIGH: Final = 0.75
_FULL: Final = 0.9
_GIB: Final = 1 << 30


def lines(shown: Sequence[HostStatus], left: int) -> Iterator[list[Piece]]:
    """A row for each host; shares that are high are marked."""
    yield from table([_row(one) for one in shown], head=HEAD)
    if left:
        yield [(f"  and {left} more", "dim")]


def document(shown: Iterable[HostStatus], answers: Iterable[Answer], *, indent: int | None) -> str:
    """The hosts that answered, and those that did not with the reason."""
    return json.dumps(
        {
            "hosts": [msgspec.to_builtins(one) for one in shown],
            "missing": [
                {"host": one.host, "state": one.state, "why": one.why}
                for one in answers
                if one.state != "succeeded"
            ],
        },
        indent=indent,
    )


def _row(one: HostStatus) -> list[Piece]:
    disk = one.disk
    load = " ".join(f"{value:.2f}" for value in one.load)
    cpu = ("  \u2013", "") if one.cpu_busy is None else _share(one.cpu_busy)
    return [
        (one.host, "bold"),
        (f"{cpu[0]} of {one.cpus}", cpu[1]),
        _share(one.memory_used, f" of {one.memory_bytes / _GIB:.3g} GiB"),
        ("", "") if disk is None else _share(disk.used, f" of {disk.mount}"),
        (load, _tone(one.load[0] / one.cpus)),
        (format_seconds(one.up_s), "dim"),
    ]


def _share(share: float, more: str = "") -> Piece:
    return f"{share * 100:3.0f} %{more}", _tone(share)


def _tone(share: float) -> str:
    return "red" if share >= _FULL else "yellow" if share >= _HIGH else ""
