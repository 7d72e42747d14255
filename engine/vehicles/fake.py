"""A vehicle without a world behind it, for tests of actions and of what ends faults.

It executes `FileOp` on a dictionary: writing sets, deleting removes, reading gives the content as JSON
where it is some. So a fault is a file that is there, and its gone check is that it is not.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from breakfix.engine.ops import FileOp, Op, Outcome


class FakeVehicles:
    """Keeps `files`, and in `sent` every op in order. `refuse` names paths whose ops fail; `on_run`
    is called before each op, so that a test can change the world at that moment."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.sent: list[Op] = []
        self.refuse: set[str] = set()
        self.on_run: Callable[[Op], None] = lambda op: None

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op."""
        self.on_run(op)
        self.sent.append(op)
        assert isinstance(op, FileOp), "a fake vehicle knows files only"
        if op.path in self.refuse and op.changes == "yes":
            return Outcome(ok=False, code=1, error=f"{op.path} is refused")
        if op.delete:
            self.files.pop(op.path, None)
        elif op.content is not None:
            self.files[op.path] = op.content
        else:
            return Outcome(
                ok=True, code=0, data={"there": op.path in self.files, **self._json(op.path)}
            )
        return Outcome(ok=True, code=0)

    def _json(self, path: str) -> dict[str, Any]:
        try:
            found = json.loads(self.files[path])
        except (KeyError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
