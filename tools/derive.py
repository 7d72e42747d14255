"""Writes what is derived from the types and committed: the schemas and the reference of actions.

``python tools/derive.py`` writes; ``--check`` tells what has drifted, and ends with 1 then.
"""

import json
import sys
from pathlib import Path
from typing import Any

from breakfix.engine import catalogue
from breakfix.engine.cli.action_text import as_list, as_markdown
from breakfix.engine.gate import gate_schema
from breakfix.engine.timeline.schema import record_schema
from breakfix.engine.trend.schema import comparison_schema, trend_schema
from breakfix.engine.trials.schema import series_schema
from breakfix.engine.validate.schema import journal_schema, scenario_schema

ROOT = Path(__file__).resolve().parents[1]


def derived() -> dict[str, str]:
    """The content of every derived file, by its path under the root of the repository."""
    scenario = scenario_schema(catalogue.load(catalogue.built_in_names()))
    return {
        "schemas/scenario.v1.json": _json(scenario),
        "schemas/journal.v1.json": _json(journal_schema()),
        "schemas/record.v1.json": _json(record_schema()),
        "schemas/series.v1.json": _json(series_schema()),
        "schemas/trend.v1.json": _json(trend_schema()),
        "schemas/comparison.v1.json": _json(comparison_schema()),
        "schemas/gate.v1.json": _json(gate_schema()),
        "docs/reference/actions.md": _reference(scenario),
    }


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _reference(scenario: dict[str, Any]) -> str:
    specs = sorted(catalogue.declared(scenario).values(), key=lambda spec: spec.name)
    head = "# Actions\n\nWritten by `make derived` from the catalogue; `breakfix actions NAME` tells the same.\n"
    sections = "\n".join(as_markdown(spec) for spec in specs)
    return f"{head}\n```\n{as_list(specs)}\n```\n\n{sections}"


def main() -> int:
    """The exit code."""
    drifted = []
    for name, text in derived().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            drifted.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for name in drifted:
        sys.stdout.write(f"{name}: {'has drifted' if '--check' in sys.argv else 'written'}\n")
    return 1 if drifted and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
