"""The colours of all reports, each for light and for dark, and the CSS that swaps them.

Charts are drawn in the light colours. A style sheet replaces them by attribute, so that one drawing
serves both, and a standalone SVG follows its reader too.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def palette() -> dict[str, tuple[str, str]]:
    """For each role, its light and its dark colour."""
    found: dict[str, Any] = json.loads(data_file("charts/palette.json"))
    return {role: (light, dark) for role, (light, dark) in found.items()}


def light(role: str) -> str:
    """The light colour of a role."""
    return palette()[role][0]


def variables(*, dark: bool) -> str:
    """The colours as CSS variables, such as ``--ink: #1f2428;``."""
    return " ".join(f"--{role}: {pair[dark]};" for role, pair in palette().items())


def chart_css(scope: str) -> str:
    """Rules that put variables where a chart has the light colours."""
    return "\n".join(
        f'{scope} [{attribute}="{pair[0]}"] {{ {attribute}: var(--{role}); }}'
        for role, pair in palette().items()
        for attribute in ("fill", "stroke")
    )


def data_file(name: str) -> str:
    """The text of a file that belongs to the reports."""
    return files("breakfix.reports").joinpath(name).read_text(encoding="utf-8")
