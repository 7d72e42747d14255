"""Problems as the places that show code want them, so that each stands on its line of the file.

GitHub: workflow commands (docs.github.com, "Workflow commands for GitHub Actions"). GitLab: the Code
Quality report (docs.gitlab.com, "Code Quality report format"). Everywhere else: ``file:line:column: text``.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from msgspec import structs

from breakfix.engine.model import Problem
from breakfix.reports.lines import plain

_GITHUB_MAX: Final = 50
_SEVERITY: Final = {"error": "major", "warning": "minor"}


def lines(problems: Iterable[Problem], root: Path | None = None) -> str:
    """A line for each, as compilers write them."""
    return "".join(f"{plain(str(_under(problem, root)))}\n" for problem in problems)


def github(problems: Iterable[Problem], root: Path | None = None) -> str:
    """A workflow command for each. GitHub shows the first ten errors and ten warnings of a step, and fifty
    of a job; more than that are not told."""
    found = []
    for problem in itertools.islice(problems, _GITHUB_MAX):
        one = _under(problem, root)
        where = {
            "file": one.file,
            "line": str(one.line),
            "col": str(one.column),
            "title": "breakfix",
        }
        properties = ",".join(f"{name}={_property(value)}" for name, value in where.items())
        found.append(f"::{one.severity} {properties}::{_data(_text(one))}\n")
    return "".join(found)


def gitlab(problems: Iterable[Problem], root: Path | None = None) -> str:
    """A Code Quality report. A fingerprint is of the place and the kind, not of measured values, so that
    the same problem is known again in the next pipeline."""
    found = []
    seen: dict[tuple[str, str, str], int] = {}
    for problem in problems:
        one = _under(problem, root)
        kind = (one.file, one.path, one.message.partition(":")[0])
        seen[kind] = seen.get(kind, 0) + 1
        known_by = "\n".join([*kind, str(seen[kind])])
        found.append(
            {
                "description": plain(_text(one)),
                "check_name": "breakfix",
                "fingerprint": hashlib.sha256(known_by.encode()).hexdigest(),
                "severity": _SEVERITY[one.severity],
                "location": {"path": one.file, "lines": {"begin": one.line}},
            }
        )
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


FORMATS: Final[dict[str, Callable[[Iterable[Problem], Path | None], str]]] = {
    "lines": lines,
    "github": github,
    "gitlab": gitlab,
}
"""Every form that `breakfix report --format` knows beside those of whole reports."""


def _under(problem: Problem, root: Path | None) -> Problem:
    """The problem with its file as the repository knows it: relative to its root."""
    if root is None:
        return problem
    try:
        inside = Path(problem.file).resolve().relative_to(root.resolve())
    except (OSError, ValueError):
        return problem
    return structs.replace(problem, file=inside.as_posix())


def _text(problem: Problem) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message


def _data(text: str) -> str:
    """A message of a workflow command: nothing in it ends the command or begins another."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
