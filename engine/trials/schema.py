"""The JSON Schema of the record of a series, derived from its types."""

from typing import Any

import msgspec

from breakfix.engine.trials.record import SeriesRecord


def series_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published as schemas/series.v1.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "series.v1.json",
        "title": "The record of a series of breakfix trials",
        **msgspec.json.schema(SeriesRecord),
    }
