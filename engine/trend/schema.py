"""The JSON Schemas of a trend and of a comparison, derived from their types."""

from typing import Any

import msgspec

from breakfix.engine.trend.comparison import Comparison
from breakfix.engine.trend.record import TrendRecord


def trend_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published as schemas/trend.v1.json."""
    return _schema("trend.v1.json", "The record of a trend over breakfix runs", TrendRecord)


def comparison_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published as schemas/comparison.v1.json."""
    return _schema("comparison.v1.json", "Two breakfix runs side by side", Comparison)


def _schema(name: str, title: str, kind: type) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": name,
        "title": title,
        **msgspec.json.schema(kind),
    }
